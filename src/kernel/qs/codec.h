/* Bytes that travel and are kept: of a number with its parameters, and of many relations. */
#ifndef FANI_QS_CODEC_H
#define FANI_QS_CODEC_H

#include "qs.h"

enum {
    FANI_QS_CODE_NUMBERS = 8,
    /* fani_qs_encode never writes more. */
    FANI_QS_CODE_BYTES_MAX = 4 * FANI_QS_CODE_NUMBERS + (FANI_QS_BITS_MAX + 7) / 8,
};

/* All that a fani_qs is made of: n, its parameters, FANI_QS_VERSION. Writes it and returns its
 * length. */
size_t fani_qs_encode(const fani_qs *qs, uint8_t out[FANI_QS_CODE_BYTES_MAX]);

/* Makes *qs of it; the caller frees it. FAN_E_PROTOCOL: these are not such bytes, or those of
 * another version. Else as fani_qs_make. */
fan_status fani_qs_decode(const uint8_t *bytes, size_t size, fani_qs **qs);

/* Writes and reads relations one after the other. What they share with the one before is not made
 * anew, so those of one leading coefficient had better follow each other. One thread at a time. */
typedef struct fani_qs_coder fani_qs_coder;

/* The caller frees *coder before qs. FAN_E_MEMORY. */
fan_status fani_qs_coder_make(const fani_qs *qs, fani_qs_coder **coder);

/* Accepts NULL. */
void fani_qs_coder_free(fani_qs_coder *coder);

/* As fani_qs_relation_write but for the index of the leading coefficient, which is left out. */
size_t fani_qs_coder_write(fani_qs_coder *coder, const fani_qs_relation *r, uint8_t *out);

/* As fani_qs_relation_read, of what fani_qs_coder_write has written of leading coefficient `a`. */
fan_status fani_qs_coder_read(fani_qs_coder *coder, uint64_t a, const uint8_t *bytes, size_t size,
                              uint32_t *factors, fani_qs_relation *r, size_t *used);

/* The same without the proof: all is in range and in order, but X^2 need not be what it says. For
 * what was read before. */
fan_status fani_qs_coder_parse(fani_qs_coder *coder, uint64_t a, const uint8_t *bytes, size_t size,
                               uint32_t *factors, fani_qs_relation *r, size_t *used);

#endif
