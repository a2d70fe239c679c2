/* Whole numbers as decimal text and back, eight digits at a time. Nothing here looks at the locale.
 */
#ifndef FANI_DECIMAL_H
#define FANI_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any u64 in decimal, and for what is written behind it; there is no NUL in it. */
#define FANI_U64_DIGITS 24
/* Writes a number in decimal, without NUL; returns the length, at most 20. Up to three bytes behind
 * it may be written too. Any thread. */
size_t fani_u64_text(uint64_t value, char *text);

/* How many of the first bytes of a text are digits. Any thread. */
size_t fani_digits_count(const unsigned char *text, size_t size);

/* The value of a text of digits alone; false where it is 2^64 or more. Any thread. */
bool fani_digits_u64(const unsigned char *digits, size_t size, uint64_t *value);

/* The value of a token as most are: digits alone, the first of them no 0, below 2^64. False for all
 * else, "0" among it: that is for who looks closer; *value may then be anything. Any thread. */
bool fani_plain_u64(const unsigned char *token, size_t size, uint64_t *value);

#endif
