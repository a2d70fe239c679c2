/* What the fuzz targets share: a check that ends the process, and bytes taken one after another. */
#ifndef FAN_FUZZ_H
#define FAN_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called by libFuzzer with each input; always answers 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold; the input that breaks it is kept. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The input as decisions: what is not there any more is 0. */
typedef struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
} fuzz_bytes;

static inline uint8_t fuzz_byte(fuzz_bytes *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

/* Up to `most` bytes of what is left. */
static inline const uint8_t *fuzz_take(fuzz_bytes *in, size_t most, size_t *size)
{
    const uint8_t *at = in->at;
    *size = most < in->left ? most : in->left;
    in->at += *size;
    in->left -= *size;
    return at;
}

/* A copy in memory of just this size, aligned to 16, so that a byte read beyond it is seen. */
static inline unsigned char *fuzz_copy(const uint8_t *bytes, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    REQUIRE(copy);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

/* Looks at every byte; the result only keeps the compiler from leaving it out. */
static inline unsigned fuzz_touch(const void *bytes, size_t size)
{
    const volatile unsigned char *at = bytes;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += at[i];
    return sum;
}

#endif
