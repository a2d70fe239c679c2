#include "stage/number_expression.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

enum {
    DEPTH_MAX = 100,    /* parentheses and exponents within each other */
    ROOM = 2,           /* values on the way may be so many times as long: (10^n-1)/9 */
    KEPT = 8,           /* all that wait for what is right of them may be so many times as long, */
    KEPT_LEAST = 10000, /* or may have so many digits in all */
};

typedef struct parser {
    const unsigned char *text;
    size_t size, at;
    unsigned depth;
    const fani_expression_limits *limits;
    size_t digits;   /* most that a value may have now, */
    double bits_max; /* and the binary logarithm of the first that is too long */
    size_t kept;     /* bits of all values that wait */
    fani_expression_flaw *flaw;
} parser;

static fan_status parse_sum(parser *p, mpz_ptr value);
static fan_status parse_signed(parser *p, mpz_ptr value);

/* ---- What is refused ------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static fan_status refuse(parser *p, size_t at,
                                                               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->flaw->text, sizeof p->flaw->text, format, arguments);
    va_end(arguments);
    p->flaw->at = at;
    return FAN_E_SYNTAX;
}

/* Something else was expected here. */
static fan_status refuse_here(parser *p)
{
    p->flaw->at = p->at;
    p->flaw->text[0] = '\0';
    return FAN_E_SYNTAX;
}

static fan_status refuse_length(parser *p, size_t at)
{
    return refuse(p, at,
                  "has more than %zu digits: expected a shorter number, or a larger max-digits",
                  p->limits->digits);
}

/* ---- How long values are --------------------------------------------------------------------- */

/* log2 |value|, of one that is not 0. */
static double log2_of(mpz_srcptr value)
{
    long exponent;
    double fraction = mpz_get_d_2exp(&exponent, value);
    return log2(fabs(fraction)) + (double)exponent;
}

/* Whether something of so many bits is surely too long. One bit more is given for what doubles
 * lose: such a value is computed, and then looked at. */
static bool is_too_long(const parser *p, double bits)
{
    return bits > p->bits_max + 1;
}

/* Whether a value that is there has more digits than allowed. */
static bool has_too_many_digits(const parser *p, mpz_srcptr value)
{
    const double lost = 1e-6;
    double bits = (double)mpz_sizeinbase(value, 2);
    if (bits <= p->bits_max - lost)
        return false;
    if (bits > p->bits_max + lost + 1)
        return true;
    mpz_t bound;
    mpz_init(bound);
    mpz_ui_pow_ui(bound, 10, p->digits);
    bool more = mpz_cmpabs(value, bound) >= 0;
    mpz_clear(bound);
    return more;
}

static void set_limit(parser *p, size_t digits)
{
    p->digits = digits;
    p->bits_max = (double)digits * (M_LN10 / M_LN2);
}

static fan_status check(parser *p, size_t at, mpz_srcptr value)
{
    return has_too_many_digits(p, value) ? refuse_length(p, at) : FAN_OK;
}

static size_t kept_digits(const parser *p)
{
    size_t digits = KEPT * p->limits->digits;
    return digits > KEPT_LEAST ? digits : KEPT_LEAST;
}

/* Goes on behind the operator at `at` while a value waits: to `parse` what is right of it. The
 * value lets go of memory that it does not need, so that all that wait have what they count. */
static fan_status parse_beside(parser *p, size_t at, mpz_ptr waiting,
                               fan_status (*parse)(parser *, mpz_ptr), mpz_ptr right)
{
    size_t bits = mpz_sizeinbase(waiting, 2);
    if ((double)(p->kept + bits) > (double)kept_digits(p) * (M_LN10 / M_LN2))
        return refuse(p, at,
                      "keeps more than %zu digits in all while it goes on here: "
                      "expected something simpler",
                      kept_digits(p));
    mpz_realloc2(waiting, bits);
    p->kept += bits;
    fan_status status = parse(p, right);
    p->kept -= bits;
    return status;
}

/* ---- Operations ------------------------------------------------------------------------------ */

/* Before the operation whose sign stands at `at`. */
static fan_status may_go_on(const parser *p)
{
    const fani_expression_limits *l = p->limits;
    return l->cancelled && l->cancelled(l->context) ? FAN_E_CANCELLED : FAN_OK;
}

static fan_status multiply(parser *p, size_t at, mpz_ptr value, mpz_srcptr right)
{
    if (mpz_sgn(value) && mpz_sgn(right) && is_too_long(p, log2_of(value) + log2_of(right)))
        return refuse_length(p, at);
    mpz_mul(value, value, right);
    return check(p, at, value);
}

static fan_status divide(parser *p, size_t at, mpz_ptr value, mpz_srcptr right)
{
    if (!mpz_sgn(right))
        return refuse(p, at, "divides by zero");
    if (!mpz_divisible_p(value, right))
        return refuse(p, at, "leaves a remainder where it divides");
    mpz_divexact(value, value, right);
    return FAN_OK;
}

static fan_status combine(parser *p, size_t at, mpz_ptr value, mpz_srcptr right)
{
    fan_status status = may_go_on(p);
    if (status != FAN_OK)
        return status;
    switch (p->text[at]) {
    case '*':
        return multiply(p, at, value, right);
    case '/':
        return divide(p, at, value, right);
    case '+':
        mpz_add(value, value, right);
        break;
    default:
        mpz_sub(value, value, right);
        break;
    }
    return check(p, at, value);
}

/* value = value^exponent, and 0^0 is 1. */
static fan_status raise(parser *p, size_t at, mpz_ptr value, mpz_srcptr exponent)
{
    fan_status status = may_go_on(p);
    if (status != FAN_OK)
        return status;
    if (mpz_sgn(exponent) < 0)
        return refuse(p, at, "has an exponent that is negative");
    if (mpz_cmpabs_ui(value, 1) <= 0) { /* an exponent of any size */
        unsigned long same = !mpz_sgn(exponent) ? 0 : mpz_odd_p(exponent) ? 1 : 2;
        mpz_pow_ui(value, value, same);
        return FAN_OK;
    }
    if (!mpz_fits_ulong_p(exponent) ||
        is_too_long(p, log2_of(value) * (double)mpz_get_ui(exponent)))
        return refuse_length(p, at);
    mpz_pow_ui(value, value, mpz_get_ui(exponent));
    return check(p, at, value);
}

/* Less than log2 of n!, by little: n! > (n/e)^n. */
static double factorial_bits(double n)
{
    return n < 1 ? 0 : n * (log2(n) - M_LOG2E);
}

/* Less than log2 of the product of all primes up to n: Rosser and Schoenfeld, "Approximate formulas
 * for some functions of prime numbers", Illinois J. Math. 6, 1962: theta(x) > x (1 - 1 / log x)
 * from 41 on. */
static double primorial_bits(double n)
{
    return n < 41 ? 0 : n * (1 - 1 / log(n)) * M_LOG2E;
}

/* The operator behind a number, '!' or '#'. */
static fan_status apply(parser *p, size_t at, mpz_ptr value)
{
    bool factorial = p->text[at] == '!';
    fan_status status = may_go_on(p);
    if (status != FAN_OK)
        return status;
    if (mpz_sgn(value) < 0)
        return refuse(p, at, "asks for the %s of a negative number",
                      factorial ? "factorial" : "primorial");
    double n = mpz_get_d(value);
    if (!mpz_fits_ulong_p(value) ||
        is_too_long(p, factorial ? factorial_bits(n) : primorial_bits(n)))
        return refuse_length(p, at);
    if (factorial)
        mpz_fac_ui(value, mpz_get_ui(value));
    else
        mpz_primorial_ui(value, mpz_get_ui(value));
    return check(p, at, value);
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static bool is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* *value = the digits from..at; they are digits of the base, and at least one. */
static fan_status take_digits(parser *p, size_t from, int base, mpz_ptr value)
{
    uint64_t small;
    size_t begin = from;
    while (from + 1 < p->at && p->text[from] == '0')
        from++;
    size_t count = p->at - from;
    if (base == 10 && count <= p->digits && fani_digits_u64(p->text + from, count, &small)) {
        mpz_set_ui(value, small);
        return FAN_OK;
    }
    if (is_too_long(p, base == 10 ? (double)(count - 1) * (M_LN10 / M_LN2)
                                  : 4.0 * (double)(count - 1)))
        return refuse_length(p, begin);
    char *digits = malloc(count + 1);
    if (!digits)
        return FAN_E_MEMORY;
    memcpy(digits, p->text + from, count);
    digits[count] = '\0';
    /* Nothing but digits is left, so this can't fail. */
    (void)mpz_set_str(value, digits, base);
    free(digits);
    return check(p, begin, value);
}

static fan_status parse_number(parser *p, mpz_ptr value)
{
    const unsigned char *text = p->text + p->at;
    size_t left = p->size - p->at, from = p->at;
    if (left >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        p->at = from += 2;
        while (p->at < p->size && is_hex(p->text[p->at]))
            p->at++;
        return p->at > from ? take_digits(p, from, 16, value) : refuse_here(p);
    }
    p->at += fani_digits_count(text, left);
    return p->at > from ? take_digits(p, from, 10, value) : refuse_here(p);
}

/* ---- The grammar ----------------------------------------------------------------------------- */

static bool sees(const parser *p, char c)
{
    return p->at < p->size && p->text[p->at] == (unsigned char)c;
}

static bool take(parser *p, char c)
{
    bool there = sees(p, c);
    p->at += there;
    return there;
}

/* Goes down: `parse` what begins here. */
static fan_status parse_inner(parser *p, fan_status (*parse)(parser *, mpz_ptr), mpz_ptr value)
{
    if (p->depth == DEPTH_MAX)
        return refuse(p, p->at, "has more than %d parentheses or exponents in each other",
                      DEPTH_MAX);
    p->depth++;
    fan_status status = parse(p, value);
    p->depth--;
    return status;
}

static fan_status parse_primary(parser *p, mpz_ptr value)
{
    if (!take(p, '('))
        return parse_number(p, value);
    fan_status status = parse_inner(p, parse_sum, value);
    if (status == FAN_OK && !take(p, ')'))
        status = refuse_here(p);
    return status;
}

static fan_status parse_postfix(parser *p, mpz_ptr value)
{
    fan_status status = parse_primary(p, value);
    while (status == FAN_OK && (sees(p, '!') || sees(p, '#'))) {
        size_t at = p->at++;
        if (p->text[at] == '!' && sees(p, '!'))
            return refuse(p, at, "has '!!', which is read in two ways: expected (n!)!");
        status = apply(p, at, value);
    }
    return status;
}

static fan_status parse_exponent(parser *p, mpz_ptr value)
{
    return parse_inner(p, parse_signed, value);
}

static fan_status parse_power(parser *p, mpz_ptr value)
{
    fan_status status = parse_postfix(p, value);
    size_t at = p->at;
    if (status != FAN_OK || !take(p, '^'))
        return status;
    mpz_t exponent;
    mpz_init(exponent);
    status = parse_beside(p, at, value, parse_exponent, exponent);
    if (status == FAN_OK)
        status = raise(p, at, value, exponent);
    mpz_clear(exponent);
    return status;
}

static fan_status parse_signed(parser *p, mpz_ptr value)
{
    bool negative = take(p, '-');
    if (!negative)
        (void)take(p, '+');
    fan_status status = parse_power(p, value);
    if (status == FAN_OK && negative)
        mpz_neg(value, value);
    return status;
}

/* Operands of `parse` with the operators a or b between, from the left. */
static fan_status parse_row(parser *p, char a, char b, fan_status (*parse)(parser *, mpz_ptr),
                            mpz_ptr value)
{
    mpz_t right;
    mpz_init(right);
    fan_status status = parse(p, value);
    while (status == FAN_OK && (sees(p, a) || sees(p, b))) {
        size_t at = p->at++;
        status = parse_beside(p, at, value, parse, right);
        if (status == FAN_OK)
            status = combine(p, at, value, right);
    }
    mpz_clear(right);
    return status;
}

static fan_status parse_product(parser *p, mpz_ptr value)
{
    return parse_row(p, '*', '/', parse_signed, value);
}

static fan_status parse_sum(parser *p, mpz_ptr value)
{
    return parse_row(p, '+', '-', parse_product, value);
}

fan_status fani_expression_value(const unsigned char *text, size_t size,
                                 const fani_expression_limits *limits, mpz_ptr value,
                                 fani_expression_flaw *flaw)
{
    parser p = {.text = text, .size = size, .limits = limits, .flaw = flaw};
    set_limit(&p, ROOM * limits->digits);
    fan_status status = parse_sum(&p, value);
    if (status == FAN_OK && p.at < size)
        status = refuse_here(&p);
    if (status == FAN_OK && mpz_sgn(value) < 0 && !limits->minus_allowed)
        status = refuse(&p, 0, "is negative: expected a whole number that is not negative");
    set_limit(&p, limits->digits);
    if (status == FAN_OK)
        status = check(&p, 0, value);
    return status;
}
