/* Whole numbers that are not written as decimal digits: in hexadecimal (0x1f) and as expressions
 * ("2^61-1", "7#", "(10^18+9)*20!"), computed exactly. Nothing here looks at the locale. */
#ifndef FANI_NUMBER_EXPRESSION_H
#define FANI_NUMBER_EXPRESSION_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "fanfold/status.h"

/* What an expression may cost, and when to stop. */
typedef struct fani_expression_limits {
    size_t digits;                    /* most decimal digits of the result */
    bool minus_allowed;               /* of the result; those between may be negative */
    bool (*cancelled)(void *context); /* asked before each operation; may be NULL */
    void *context;
} fani_expression_limits;

/* Why a text is no number. */
typedef struct fani_expression_flaw {
    size_t at;      /* where, in bytes; the text's size where something is missing at its end */
    char text[128]; /* what is wrong, to stand behind the text itself ("divides by zero"); empty
                       where it is no expression at all */
} fani_expression_flaw;

/* *value (initialized) = what the whole of a text of `size` bytes stands for, in which nothing is
 * blank. From what binds most to what binds least, as in PARI/GP: numbers in decimal or with 0x,
 * and parentheses; n! (factorial) and n# (the product of all primes up to n); x^y, from the right;
 * a sign (-2^2 is -4); x*y and x/y, which must leave no remainder; x+y and x-y. What would be
 * longer than the limit, or on the way longer than twice that, is refused before it is computed; so
 * is what would keep more than eight times that (10000 digits at least) in values that wait for
 * those right of them, as parentheses make them.
 * Errors, *value undefined: FAN_E_SYNTAX (with *flaw), FAN_E_CANCELLED, FAN_E_MEMORY. GMP ends the
 * process when memory runs out. Any thread; recursion is bounded (about 100 kB of stack). */
fan_status fani_expression_value(const unsigned char *text, size_t size,
                                 const fani_expression_limits *limits, mpz_ptr value,
                                 fani_expression_flaw *flaw);

#endif
