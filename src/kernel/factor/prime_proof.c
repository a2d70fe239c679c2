#include "prime_proof.h"

#include "small_primes.h"
#include "split.h"

enum {
    PRIMES_MAX = 64, /* a number of 252 bits has fewer distinct primes */
    PARTS_MAX = 16,
    BASES = 60, /* prime bases tried for each factor: one more fails with a chance of 1 / q */
};

/* A factor of n - 1, and how far the search for its divisors has come. */
typedef struct piece {
    mpz_t value;
    fani_progress at;
} piece;

/* The factors of n - 1 that are proven primes, and parts of the rest that may still give some. */
typedef struct proof {
    mpz_srcptr n;
    mpz_t minus_1;
    mpz_t factored;
    mpz_t prime[PRIMES_MAX];
    unsigned count;
    piece part[PARTS_MAX];
    unsigned parts;
    fan_status status; /* FAN_E_MEMORY: what could not be tried */
} proof;

/* Whether factored^3 > n. */
static bool is_enough(const proof *p)
{
    if (3 * mpz_sizeinbase(p->factored, 2) < mpz_sizeinbase(p->n, 2))
        return false;
    mpz_t cube;
    mpz_init(cube);
    mpz_pow_ui(cube, p->factored, 3);
    bool enough = mpz_cmp(cube, p->n) > 0;
    mpz_clear(cube);
    return enough;
}

/* Adds a proven prime q of n - 1 with its whole power, and takes it out of `part`, which is a part
 * of n - 1 that has it. Equal primes in other parts are found there again; that adds to F. */
static void add_prime(proof *p, mpz_srcptr q, mpz_ptr part)
{
    mpz_t power;
    mpz_init(power);
    mp_bitcnt_t times = mpz_remove(part, part, q);
    mpz_pow_ui(power, q, times);
    mpz_mul(p->factored, p->factored, power);
    mpz_clear(power);
    for (unsigned i = 0; i < p->count; i++) {
        if (mpz_cmp(p->prime[i], q) == 0)
            return;
    }
    mpz_init_set(p->prime[p->count++], q);
}

static void divide_by_small(proof *p, mpz_ptr part)
{
    mpz_t q;
    mpz_init_set_ui(q, 2);
    add_prime(p, q, part);
    for (unsigned i = 0; i < FANI_SMALL_PRIMES; i++) {
        if (mpz_divisible_ui_p(part, fani_small_primes[i].prime)) {
            mpz_set_ui(q, fani_small_primes[i].prime);
            add_prime(p, q, part);
        }
    }
    mpz_clear(q);
}

static void add_word(proof *p, mpz_ptr part)
{
    fan_factors_u64 factors;
    if (fan_factor_u64(mpz_getlimbn(part, 0), &factors) != FAN_OK)
        return;
    mpz_t q;
    mpz_init(q);
    for (unsigned i = 0; i < factors.count; i++) {
        mpz_set_ui(q, factors.prime[i]);
        add_prime(p, q, part);
    }
    mpz_clear(q);
}

static void drop_part(proof *p)
{
    mpz_clear(p->part[--p->parts].value);
}

/* Splits the composite part on top in two by curves, or drops it. */
static void split_part(proof *p, fani_effort *effort)
{
    /* A round for each 12 bits: about what FLINT's proof would take. */
    unsigned last = (unsigned)mpz_sizeinbase(p->n, 2) / 12 - 4;
    piece *top = &p->part[p->parts - 1];
    mpz_t divisor;
    mpz_init_set_ui(divisor, 1);
    effort->at = top->at;
    if (p->parts < PARTS_MAX)
        p->status = fani_split_by_curves(top->value, effort, last, false, divisor);
    if (p->status == FAN_OK && mpz_cmp_ui(divisor, 1) != 0) {
        mpz_divexact(top->value, top->value, divisor);
        top->at = effort->at;
        top[1].at = effort->at;
        mpz_init_set(p->part[p->parts++].value, divisor);
    } else {
        drop_part(p);
    }
    mpz_clear(divisor);
}

/* Takes the part on top one step further. One that can't be split or proven prime is dropped: the
 * others may be enough. */
static void resolve_part(proof *p, fani_effort *effort)
{
    mpz_ptr top = p->part[p->parts - 1].value;
    if (mpz_size(top) > 1 && mpz_probab_prime_p(top, 24) == 0) {
        split_part(p, effort);
        return;
    }
    if (mpz_size(top) > 1) {
        fani_verdict verdict;
        p->status = fani_judge_mpz(top, &verdict);
        if (p->status == FAN_OK && verdict.proof != FAN_PROOF_NONE) {
            mpz_t q;
            mpz_init_set(q, top);
            add_prime(p, q, top);
            mpz_clear(q);
        }
    } else if (mpz_cmp_ui(top, 1) > 0) {
        add_word(p, top);
    }
    drop_part(p);
}

/* Whether a base shows that each prime of n has the whole power of q in its order. `scratch` is for
 * the powers. */
static bool has_witness(const proof *p, mpz_srcptr q, mpz_t scratch[3])
{
    mpz_divexact(scratch[0], p->minus_1, q);
    for (unsigned i = 0; i < BASES; i++) {
        mpz_set_ui(scratch[1], i == 0 ? 2 : fani_small_primes[i - 1].prime);
        mpz_powm(scratch[2], scratch[1], scratch[0], p->n);
        mpz_powm(scratch[1], scratch[2], q, p->n);
        if (mpz_cmp_ui(scratch[1], 1) != 0)
            return false; /* composite */
        if (mpz_cmp_ui(scratch[2], 1) == 0)
            continue;
        mpz_sub_ui(scratch[2], scratch[2], 1);
        mpz_gcd(scratch[2], scratch[2], p->n);
        return mpz_cmp_ui(scratch[2], 1) == 0;
    }
    return false;
}

/* n = c F^2 + d F + 1 in base F > n^(1/3): n, all of whose primes are 1 mod F, is a product of two
 * such exactly when d^2 - 4c is a square; it is too short for that when c is 0. */
static bool is_no_product(const proof *p, mpz_t scratch[3])
{
    mpz_divexact(scratch[0], p->minus_1, p->factored);
    mpz_fdiv_qr(scratch[0], scratch[1], scratch[0], p->factored);
    if (mpz_sgn(scratch[0]) == 0)
        return true;
    mpz_mul(scratch[1], scratch[1], scratch[1]);
    mpz_mul_2exp(scratch[0], scratch[0], 2);
    mpz_sub(scratch[1], scratch[1], scratch[0]);
    return mpz_sgn(scratch[1]) < 0 || !mpz_perfect_square_p(scratch[1]);
}

static bool is_proven(const proof *p)
{
    mpz_t scratch[3];
    bool proven = true;
    for (unsigned i = 0; i < 3; i++)
        mpz_init(scratch[i]);
    for (unsigned i = 0; i < p->count && proven; i++)
        proven = has_witness(p, p->prime[i], scratch);
    proven = proven && is_no_product(p, scratch);
    for (unsigned i = 0; i < 3; i++)
        mpz_clear(scratch[i]);
    return proven;
}

fan_status fani_prove_by_n_minus_1(mpz_srcptr n, bool *proven)
{
    proof p = {.n = n};
    fani_effort effort = {.isa = fani_isa_wanted()};
    mpz_init(p.minus_1);
    mpz_init_set_ui(p.factored, 1);
    mpz_sub_ui(p.minus_1, n, 1);
    mpz_init_set(p.part[p.parts++].value, p.minus_1);
    divide_by_small(&p, p.part[0].value);
    while (p.status == FAN_OK && p.parts > 0 && !is_enough(&p))
        resolve_part(&p, &effort);
    *proven = p.status == FAN_OK && is_enough(&p) && is_proven(&p);
    while (p.parts > 0)
        drop_part(&p);
    while (p.count > 0)
        mpz_clear(p.prime[--p.count]);
    mpz_clears(p.minus_1, p.factored, NULL);
    return p.status;
}
