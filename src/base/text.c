#include "text.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MIN = 15, DIGITS_MAX = 17 };

/* A finite number as d.ddd times ten to the exponent; no zeros at the end of the digits. */
typedef struct decimal {
    char digits[DIGITS_MAX + 1];
    int count;
    int exponent;
} decimal;

/* printf writes the locale's radix character, of any length: only the digits are taken from it. */
static decimal decimal_of(double magnitude, int precision)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", precision - 1, magnitude);
    decimal d = {.count = 0};
    const char *at = text;
    for (; *at && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9' && d.count < DIGITS_MAX)
            d.digits[d.count++] = *at;
    }
    d.exponent = *at ? (int)strtol(at + 1, NULL, 10) : 0;
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.count--;
    d.digits[d.count] = '\0';
    return d;
}

/* Lays the digits out as %g with this precision does. */
static void lay_out(const decimal *d, int precision, const char *sign, char *text)
{
    static const char zeros[] = "00000000000000000";
    const int whole = d->exponent + 1;
    if (d->exponent < -4 || d->exponent >= precision)
        snprintf(text, FANI_DOUBLE_TEXT_SIZE, "%s%c%s%se%+03d", sign, d->digits[0],
                 d->count > 1 ? "." : "", d->digits + 1, d->exponent);
    else if (d->exponent < 0)
        snprintf(text, FANI_DOUBLE_TEXT_SIZE, "%s0.%.*s%s", sign, -whole, zeros, d->digits);
    else if (d->count <= whole)
        snprintf(text, FANI_DOUBLE_TEXT_SIZE, "%s%s%.*s", sign, d->digits, whole - d->count, zeros);
    else
        snprintf(text, FANI_DOUBLE_TEXT_SIZE, "%s%.*s.%s", sign, whole, d->digits,
                 d->digits + whole);
}

size_t fani_double_text(double value, char text[static FANI_DOUBLE_TEXT_SIZE])
{
    const char *sign = signbit(value) ? "-" : "";
    if (isnan(value)) {
        snprintf(text, FANI_DOUBLE_TEXT_SIZE, "nan");
    } else if (isinf(value)) {
        snprintf(text, FANI_DOUBLE_TEXT_SIZE, "%sinf", sign);
    } else {
        double back = NAN;
        const char *end;
        for (int precision = DIGITS_MIN; precision <= DIGITS_MAX && back != value; precision++) {
            const decimal d = decimal_of(fabs(value), precision);
            lay_out(&d, precision, sign, text);
            fani_double_parse(text, &back, &end);
        }
    }
    return strlen(text);
}

bool fani_double_parse(const char *text, double *value, const char **end)
{
    if (isspace((unsigned char)*text))
        return false;
    /* glibc hands out its one built-in object for "C": this neither allocates nor fails. */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale)
        return false;
    char *behind;
    const double read = strtod_l(text, &behind, c_locale);
    freelocale(c_locale);
    if (behind == text)
        return false;
    *value = read;
    *end = behind;
    return true;
}
