/* What the reader and the writer of a state (weak_known_file.h) have in common. */
#ifndef FANI_WEAK_KNOWN_FORMAT_H
#define FANI_WEAK_KNOWN_FORMAT_H

#include "job/weak_known_file.h"

#define FANI_KNOWN_MAGIC "FANKNOWN"
#define FANI_KNOWN_ORDER UINT64_C(0x0102030405060708)
#define FANI_KNOWN_PADDED(size) (((size) + 7) / 8 * 8)
#define FANI_KNOWN_NEXT ".next" /* behind the name of a state that is to take its place */

typedef struct fani_known_foot {
    uint64_t check[FANI_KNOWN_SECTIONS];
    uint64_t all;
} fani_known_foot;

/* The check of the head and the sections' checks; never 0, which means no state. */
uint64_t fani_known_check(const fani_known_head *head, const fani_known_foot *foot);

#endif
