/* The bytes in which lists of integers travel as task inputs, shares and replies.
 *
 * Each integer: its length in bytes (8 bytes, least significant first), then its bytes, most
 * significant first, without leading zeros (so 0 has length 0). A list is its integers one after
 * another: lists are joined by joining their bytes, and equal lists have equal bytes. */
#ifndef FANI_GCD_WEAK_CODEC_H
#define FANI_GCD_WEAK_CODEC_H

#include "trees.h"

/* The size in bytes of the encoded list. */
size_t fani_weak_encoded_size(mpz_srcptr values, size_t count);

/* Writes exactly fani_weak_encoded_size bytes. The integers must not be negative. */
void fani_weak_encode(mpz_srcptr values, size_t count, unsigned char *out);

/* value (initialized by the caller) = the number whose bytes these are, most significant first. As
 * mpz_import, but fast. */
void fani_weak_import(mpz_ptr value, const unsigned char *bytes, size_t length);

/* Appends the integers of `size` bytes to a list. FAN_E_PROTOCOL for bytes that fani_weak_encode
 * can't have made, FAN_E_MEMORY; the list then keeps what it had before. Any thread. */
fan_status fani_weak_decode(const void *bytes, size_t size, fani_mpzs *list, fan_error *error);

#endif
