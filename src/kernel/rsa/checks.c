#include "checks.h"
#include "primorial.h"
#include "small_ifma.h"

#include <stdlib.h>

enum { TINY_BITS = 1024 };

struct fani_rsa_checker {
    fani_isa isa;
    unsigned digit_bits; /* 0: there are no tables yet */
    uint16_t primes[FANI_RSA_SMALL_PRIMES];
    fani_rsa_ifma_table *ifma;   /* for AVX-512, and then no pairs; or NULL */
    fani_rsa_small_table *pairs; /* for anything else */
    fani_rsa_small_kernel *kernel;
    uint64_t *digits; /* of FANI_RSA_SMALL_NUMBERS numbers */
    size_t capacity;
    fani_rsa_primorial *primorial; /* to split by; NULL until then */
    mpz_t a, b, rest;              /* scratch */
};

static fan_status make_pairs(fani_rsa_checker *checker)
{
    checker->pairs = malloc(sizeof *checker->pairs);
    if (!checker->pairs)
        return FAN_E_MEMORY;
    fani_rsa_small_table_make(checker->pairs, checker->primes);
    checker->kernel = fani_rsa_small_scalar;
#ifdef __x86_64__
    if (checker->isa == FANI_ISA_AVX2)
        checker->kernel = fani_rsa_small_avx2;
#endif
    checker->digit_bits = FANI_RSA_SMALL_DIGIT_BITS;
    return FAN_OK;
}

static fan_status make_tables(fani_rsa_checker *checker)
{
    fani_rsa_small_primes(checker->primes);
#ifdef __x86_64__
    if (checker->isa == FANI_ISA_AVX512) {
        checker->ifma = malloc(sizeof *checker->ifma);
        if (!checker->ifma)
            return FAN_E_MEMORY;
        fani_rsa_ifma_table_make(checker->ifma, checker->primes);
        checker->digit_bits = FANI_RSA_IFMA_DIGIT_BITS;
        return FAN_OK;
    }
#endif
    return make_pairs(checker);
}

fani_rsa_checker *fani_rsa_checker_new(fani_isa isa)
{
    fani_rsa_checker *checker = calloc(1, sizeof *checker);
    if (!checker)
        return NULL;
    checker->isa = isa;
    mpz_inits(checker->a, checker->b, checker->rest, NULL);
    return checker;
}

void fani_rsa_checker_free(fani_rsa_checker *checker)
{
    if (!checker)
        return;
    mpz_clears(checker->a, checker->b, checker->rest, NULL);
    fani_rsa_primorial_free(checker->primorial);
    free(checker->digits);
    free(checker->ifma);
    free(checker->pairs);
    free(checker);
}

bool fani_rsa_exponent_is_weak(const unsigned char *bytes, size_t size)
{
    while (size && *bytes == 0) {
        bytes++;
        size--;
    }
    return !size || bytes[size - 1] % 2 == 0 || (size == 1 && *bytes == 1);
}

/* ---- Small factors --------------------------------------------------------------------------- */

static void cut_digits(mpz_srcptr n, unsigned bits, uint64_t *digits, size_t count)
{
    size_t limbs = mpz_size(n);
    for (size_t i = 0; i < count; i++) {
        size_t bit = i * bits, limb = bit / 64, shift = bit % 64;
        uint64_t digit = limb < limbs ? mpz_getlimbn(n, (mp_size_t)limb) >> shift : 0;
        if (shift > 64 - bits && limb + 1 < limbs)
            digit |= mpz_getlimbn(n, (mp_size_t)limb + 1) << (64 - shift);
        digits[i] = digit & (((uint64_t)1 << bits) - 1);
    }
}

static fan_status make_room(fani_rsa_checker *c, size_t digits)
{
    if (digits <= c->capacity)
        return FAN_OK;
    uint64_t *room = reallocarray(c->digits, digits, sizeof *room);
    if (!room)
        return FAN_E_MEMORY;
    c->digits = room;
    c->capacity = digits;
    return FAN_OK;
}

static void find_divisors(const fani_rsa_checker *c, size_t digits,
                          bool found[static FANI_RSA_SMALL_NUMBERS])
{
#ifdef __x86_64__
    if (c->ifma) {
        fani_rsa_small_ifma_avx512(c->ifma, c->digits, digits, found);
        return;
    }
#endif
    c->kernel(c->pairs, c->digits, digits, found);
}

/* Of at most FANI_RSA_SMALL_NUMBERS moduli. A number that is a small prime itself has no factor. */
static fan_status find_small(fani_rsa_checker *c, mpz_srcptr moduli, size_t count,
                             unsigned *weakness)
{
    bool found[FANI_RSA_SMALL_NUMBERS];
    size_t bits = 1;
    if (!c->digit_bits && make_tables(c) != FAN_OK)
        return FAN_E_MEMORY;
    for (size_t k = 0; k < count; k++)
        bits = mpz_sizeinbase(moduli + k, 2) > bits ? mpz_sizeinbase(moduli + k, 2) : bits;
    size_t digits = (bits + c->digit_bits - 1) / c->digit_bits;
    if (make_room(c, FANI_RSA_SMALL_NUMBERS * digits))
        return FAN_E_MEMORY;
    for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++) /* missing ones are like the first one */
        cut_digits(moduli + (k < count ? k : 0), c->digit_bits, c->digits + k * digits, digits);
    find_divisors(c, digits, found);
    for (size_t k = 0; k < count; k++)
        if ((found[k] || mpz_even_p(moduli + k)) && (mpz_cmp_ui(moduli + k, UINT16_MAX) > 0 ||
                                                     fani_rsa_small_divisor(c->primes, moduli + k)))
            weakness[k] |= FAN_WEAKKEYS_SMALL_FACTOR;
    return FAN_OK;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static unsigned check_alone(fani_rsa_checker *c, mpz_srcptr n, unsigned checks)
{
    unsigned weakness = 0;
    if ((checks & FAN_WEAKKEYS_SQUARE) && mpz_perfect_square_p(n))
        weakness |= FAN_WEAKKEYS_SQUARE;
    if ((checks & FAN_WEAKKEYS_CLOSE) && fani_rsa_fermat(n, c->a, c->b))
        weakness |= FAN_WEAKKEYS_CLOSE;
    if ((checks & FAN_WEAKKEYS_TINY) && mpz_sizeinbase(n, 2) < TINY_BITS)
        weakness |= FAN_WEAKKEYS_TINY;
    if ((checks & FAN_WEAKKEYS_ROCA) && fani_rsa_is_roca(n))
        weakness |= FAN_WEAKKEYS_ROCA;
    return weakness;
}

fan_status fani_rsa_check(fani_rsa_checker *checker, mpz_srcptr moduli, size_t count,
                          unsigned checks, unsigned *weakness)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count; i++)
        weakness[i] = mpz_cmp_ui(moduli + i, 2) < 0 ? 0 : check_alone(checker, moduli + i, checks);
    for (size_t i = 0; status == FAN_OK && i < count && (checks & FAN_WEAKKEYS_SMALL_FACTOR);
         i += FANI_RSA_SMALL_NUMBERS) {
        size_t left = count - i < FANI_RSA_SMALL_NUMBERS ? count - i : FANI_RSA_SMALL_NUMBERS;
        status = find_small(checker, moduli + i, left, weakness + i);
    }
    for (size_t i = 0; i < count; i++)
        if (mpz_cmp_ui(moduli + i, 2) < 0)
            weakness[i] = 0;
    return status;
}

/* ---- Factors --------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    return mpz_cmp((mpz_srcptr)left, (mpz_srcptr)right);
}

/* Moves the small primes of `rest` to the list. */
static fan_status split_small(fani_rsa_checker *c, fani_mpzs *factors)
{
    fani_mpzs divisors = {0};
    if (!c->primorial && !(c->primorial = fani_rsa_primorial_new()))
        return FAN_E_MEMORY;
    fan_status status = fani_rsa_primorial_divisors(c->primorial, c->rest, &divisors);
    for (size_t i = 0; status == FAN_OK && i < divisors.count; i++) {
        mp_bitcnt_t power = mpz_remove(c->rest, c->rest, divisors.values + i);
        for (; status == FAN_OK && power > 0; power--)
            status = fani_mpzs_push(factors, divisors.values + i);
    }
    fani_mpzs_free(&divisors);
    return status;
}

/* Splits `rest`, whose small primes are gone, by what its square root or Fermat's method on the
 * whole modulus gives; `a` and `b` are scratch. */
static fan_status split_rest(fani_rsa_checker *c, mpz_srcptr modulus, unsigned weakness,
                             fani_mpzs *factors)
{
    fan_status status = FAN_OK;
    if (mpz_cmp_ui(c->rest, 1) == 0)
        return FAN_OK;
    if ((weakness & FAN_WEAKKEYS_SQUARE) && mpz_perfect_square_p(c->rest)) {
        mpz_sqrt(c->rest, c->rest);
        status = fani_mpzs_push(factors, c->rest);
    } else if ((weakness & FAN_WEAKKEYS_CLOSE) && fani_rsa_fermat(modulus, c->a, c->b)) {
        mpz_add(c->a, c->a, c->b);
        mpz_gcd(c->a, c->a, c->rest);
        if (mpz_cmp_ui(c->a, 1) > 0 && mpz_cmp(c->a, c->rest) < 0) {
            mpz_divexact(c->rest, c->rest, c->a);
            status = fani_mpzs_push(factors, c->a);
        }
    }
    return status == FAN_OK ? fani_mpzs_push(factors, c->rest) : status;
}

fan_status fani_rsa_split(fani_rsa_checker *checker, mpz_srcptr modulus, unsigned weakness,
                          fani_mpzs *factors)
{
    unsigned splitting = FAN_WEAKKEYS_SMALL_FACTOR | FAN_WEAKKEYS_SQUARE | FAN_WEAKKEYS_CLOSE;
    size_t before = factors->count;
    fan_status status = FAN_OK;
    if (!(weakness & splitting))
        return FAN_OK;
    mpz_set(checker->rest, modulus);
    if (weakness & FAN_WEAKKEYS_SMALL_FACTOR)
        status = split_small(checker, factors);
    if (status == FAN_OK)
        status = split_rest(checker, modulus, weakness, factors);
    if (status == FAN_OK)
        qsort(factors->values + before, factors->count - before, sizeof *factors->values, compare);
    return status;
}
