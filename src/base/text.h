/* Doubles as text and back, the same in every locale. */
#ifndef FANI_TEXT_H
#define FANI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Room for any double as text with its NUL. */
#define FANI_DOUBLE_TEXT_SIZE 40

/* Writes the first of %.15g, %.16g and %.17g that reads back as the same double, with a point
 * whatever the locale says, and returns its length. Infinities are "inf" and "-inf", a NaN is
 * "nan". Any thread. */
size_t fani_double_text(double value, char text[static FANI_DOUBLE_TEXT_SIZE]);

/* Reads the number at the very start of `text` (NUL-terminated) as strtod does in the C locale:
 * decimal or hexadecimal, correctly rounded, also "inf" and "nan"; no white space before it.
 * *end (never NULL) is set behind it. False, and nothing stored, where no number starts. Too large
 * a number gives an infinity, too small a one 0 or a subnormal. Any thread. */
bool fani_double_parse(const char *text, double *value, const char **end);

#endif
