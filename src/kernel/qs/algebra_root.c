/* The square root of a product of relations, and what it divides. */
#include "algebra_internal.h"
#include "internal.h"

#include <stdlib.h>

/* Numbers are multiplied in words first. */
typedef struct product {
    mpz_srcptr n;
    mpz_t value;
    uint64_t word;
} product;

static void multiply_word(product *p)
{
    mpz_mul_ui(p->value, p->value, p->word);
    mpz_mod(p->value, p->value, p->n);
    p->word = 1;
}

static void multiply(product *p, uint32_t factor)
{
    uint64_t word;
    if (__builtin_mul_overflow(p->word, factor, &word)) {
        multiply_word(p);
        word = factor;
    }
    p->word = word;
}

/* Times the square root of factor^exponent. */
static void multiply_root(product *p, uint32_t factor, uint32_t exponent, mpz_ptr scratch)
{
    enum { SMALL = 8 };
    if (exponent / 2 > SMALL) {
        mpz_set_ui(scratch, factor);
        mpz_powm_ui(scratch, scratch, exponent / 2, p->n);
        mpz_mul(p->value, p->value, scratch);
        mpz_mod(p->value, p->value, p->n);
        return;
    }
    for (uint32_t i = 0; i < exponent / 2; i++)
        multiply(p, factor);
}

/* x = the product of the roots; the exponents of all columns, then of all large primes. False where
 * a relation is of no polynomial that there is. */
static bool multiply_relations(const fani_qs *qs, const fani_qs_set *set, const uint32_t *record,
                               uint32_t count, mpz_ptr x, uint32_t *exponent)
{
    uint32_t factor[FANI_QS_FACTORS_MAX];
    bool exists = true;
    uint64_t a = UINT64_MAX; /* what `leading` is for */
    fani_qs_leading leading;
    mpz_t root;
    mpz_init(root);
    fani_qs_leading_init(&leading);
    for (uint32_t i = 0; i < count && exists; i++) {
        fani_qs_relation relation;
        fani_qs_set_get(set, record[i], factor, &relation);
        exists = fani_qs_is_in_range(qs, &relation);
        if (!exists)
            break;
        if (relation.a != a)
            fani_qs_leading_set(&leading, qs, relation.a);
        a = relation.a;
        fani_qs_leading_root(&leading, qs, &relation, root);
        mpz_mul(x, x, root);
        mpz_mod(x, x, fani_qs_number(qs));
        for (uint32_t k = 0; k < relation.count; k++)
            exponent[factor[k]]++;
        for (unsigned k = 0; k < 2; k++)
            exponent[set->columns + set->record[record[i]].vertex[k]]++;
    }
    fani_qs_leading_clear(&leading);
    mpz_clear(root);
    return exists;
}

/* y = the root of the primes' product, the sign aside. Were an exponent odd, or the sign negative,
 * then y^2 would not be x^2. */
static void multiply_primes(const fani_qs *qs, const fani_qs_set *set, const uint32_t *exponent,
                            product *y)
{
    mpz_t scratch;
    mpz_init(scratch);
    for (uint32_t c = 1; c < set->columns; c++) {
        if (exponent[c] > 1)
            multiply_root(y, fani_qs_prime(qs, c), exponent[c], scratch);
    }
    exponent += set->columns;
    for (uint32_t v = FANI_QS_VERTEX_ONE + 1; v < set->vertex_count; v++)
        multiply_root(y, set->vertex[v].prime, exponent[v], scratch);
    multiply_word(y);
    mpz_clear(scratch);
}

/* x^2 = y^2 mod n: what x - y has in common with n, where that is neither 1 nor n. False where the
 * squares differ. */
static bool divide(mpz_srcptr n, mpz_srcptr x, mpz_srcptr y, mpz_ptr divisor)
{
    mpz_t sum, difference;
    mpz_inits(sum, difference, NULL);
    mpz_add(sum, x, y);
    mpz_sub(difference, x, y);
    mpz_gcd(divisor, difference, n);
    mpz_mul(difference, difference, sum);
    bool same = mpz_divisible_p(difference, n) != 0;
    if (!same || mpz_cmp(divisor, n) == 0)
        mpz_set_ui(divisor, 1);
    mpz_clears(sum, difference, NULL);
    return same;
}

fan_status fani_qs_extract(const fani_qs *qs, const fani_qs_set *set, const uint32_t *record,
                           uint32_t count, mpz_ptr divisor, bool *is_square)
{
    mpz_srcptr n = fani_qs_number(qs);
    uint32_t *exponent = calloc(set->columns + set->vertex_count, sizeof *exponent);
    product y = {.n = n, .word = 1};
    mpz_t x;
    mpz_set_ui(divisor, 1);
    *is_square = false;
    if (!exponent)
        return FAN_E_MEMORY;
    mpz_init_set_ui(x, 1);
    mpz_init_set_ui(y.value, 1);
    if (multiply_relations(qs, set, record, count, x, exponent)) {
        multiply_primes(qs, set, exponent, &y);
        *is_square = divide(n, x, y.value, divisor);
    }
    free(exponent);
    mpz_clears(x, y.value, NULL);
    return FAN_OK;
}
