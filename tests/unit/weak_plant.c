#include "weak_plant.h"

#include <stdlib.h>
#include <string.h>

#include "shim.h"

/* ---- Making ---------------------------------------------------------------------------------- */

static void random_prime(weak_plant *plant, mpz_ptr prime, mp_bitcnt_t bits)
{
    mpz_urandomb(prime, plant->random, bits);
    mpz_setbit(prime, bits - 1);
    mpz_setbit(prime, bits - 2);
    mpz_nextprime(prime, prime);
}

/* Adds a key with a modulus of 1. */
static weak_planted *add(weak_plant *plant, const char *name)
{
    weak_planted *key = &plant->keys[plant->count];
    if (plant->count == WEAK_PLANT_MAX) {
        shim_fail(__FILE__, __LINE__, "too many keys");
        return key - 1;
    }
    snprintf(key->id, sizeof key->id, "%s %zu", name, plant->count++);
    mpz_init_set_ui(key->modulus, 1);
    key->exponent = 65537;
    key->roca = false;
    return key;
}

static weak_planted *add_product(weak_plant *plant, const char *name, mpz_srcptr p, mpz_srcptr q)
{
    weak_planted *key = add(plant, name);
    mpz_mul(key->modulus, p, q);
    return key;
}

/* With two primes that no other key has, of 520 bits. */
static weak_planted *add_sound(weak_plant *plant, const char *name)
{
    weak_planted *key = add(plant, name);
    mpz_t p;
    mpz_init(p);
    random_prime(plant, key->modulus, 520);
    random_prime(plant, p, 520);
    mpz_mul(key->modulus, key->modulus, p);
    mpz_clear(p);
    return key;
}

static weak_planted *add_copy(weak_plant *plant, const char *name, const weak_planted *of)
{
    weak_planted *key = add(plant, name);
    mpz_set(key->modulus, of->modulus);
    return key;
}

static void plant_shared(weak_plant *plant)
{
    mpz_t p[8];
    for (size_t i = 0; i < 8; i++) {
        mpz_init(p[i]);
        random_prime(plant, p[i], 520);
    }
    const weak_planted *pair = add_product(plant, "pair", p[0], p[1]);
    add_sound(plant, "sound");
    mpz_nextprime(p[1], p[1]);
    add_product(plant, "pair", p[0], p[1]);
    add_copy(plant, "copy of one that shares", pair);
    for (unsigned i = 0; i < 12; i++) {
        random_prime(plant, p[7], 520);
        add_product(plant, "star", p[2], p[7]);
    }
    add_product(plant, "triangle", p[3], p[4]);
    add_product(plant, "triangle", p[3], p[5]);
    add_product(plant, "triangle", p[4], p[5]);
    weak_planted *left = add_product(plant, "composite", p[6], p[7]);
    weak_planted *right = add_product(plant, "composite", p[6], p[7]);
    random_prime(plant, p[0], 100);
    random_prime(plant, p[1], 100);
    mpz_mul(left->modulus, left->modulus, p[0]); /* p[7] is the last star's: it splits the gcd */
    mpz_mul(right->modulus, right->modulus, p[1]);
    random_prime(plant, p[6], 300);
    random_prime(plant, p[7], 300);
    left = add_product(plant, "whole composite", p[6], p[7]);
    right = add_product(plant, "whole composite", p[6], p[7]);
    random_prime(plant, p[0], 600);
    random_prime(plant, p[1], 600);
    mpz_mul(left->modulus, left->modulus, p[0]);
    mpz_mul(right->modulus, right->modulus, p[1]);
    random_prime(plant, p[0], 600);
    add_product(plant, "lonely square", p[0], p[0]);
    random_prime(plant, p[0], 600);
    random_prime(plant, p[1], 600);
    add_product(plant, "square", p[0], p[0]);
    add_product(plant, "of the square", p[0], p[1]);
    weak_planted *cube = add_product(plant, "cube", p[1], p[1]);
    mpz_mul(cube->modulus, cube->modulus, p[1]);
    for (size_t i = 0; i < 8; i++)
        mpz_clear(p[i]);
}

/* A prime k * M + (65537^a mod M), M the product of the first 71 primes: for keys of 1024 bits. */
static void roca_prime(weak_plant *plant, mpz_ptr prime)
{
    mpz_t m, k;
    mpz_inits(m, k, NULL);
    mpz_primorial_ui(m, 353);
    do {
        mpz_urandomb(k, plant->random, 60);
        mpz_set_ui(prime, 65537);
        mpz_powm(prime, prime, k, m);
        mpz_urandomb(k, plant->random, 512 - mpz_sizeinbase(m, 2));
        mpz_setbit(k, 512 - mpz_sizeinbase(m, 2));
        mpz_addmul(prime, k, m);
    } while (!mpz_probab_prime_p(prime, 20));
    mpz_clears(m, k, NULL);
}

static void plant_alone(weak_plant *plant)
{
    static const long exponents[] = {0, 1, 2, 3, 65536, -1};
    mpz_t p, q;
    mpz_inits(p, q, NULL);
    for (unsigned i = 0; i < 3; i++) {
        weak_planted *key = add_sound(plant, "small");
        mpz_mul_ui(key->modulus, key->modulus, i == 0 ? 2 : i == 1 ? 9ul * 65521 : 65519);
    }
    random_prime(plant, p, 700);
    mpz_nextprime(q, p);
    add_product(plant, "close", p, q);
    random_prime(plant, p, 511);
    random_prime(plant, q, 511);
    add_product(plant, "tiny", p, q);
    for (unsigned i = 0; i < sizeof exponents / sizeof *exponents; i++)
        add_sound(plant, "exponent")->exponent = exponents[i];
    for (unsigned i = 0; i < 2; i++) {
        roca_prime(plant, p);
        roca_prime(plant, q);
        add_product(plant, "roca", p, q)->roca = true;
    }
    mpz_clears(p, q, NULL);
}

/* Of 1 bit up to the largest that are read. */
static void plant_sizes(weak_plant *plant)
{
    static const mp_bitcnt_t bits[] = {2, 3, 4, 5, 8, 16, 17, 32, 63, 64, 65, 200, 4097, 65536};
    mpz_set_ui(add(plant, "zero")->modulus, 0);
    mpz_set_ui(add(plant, "one")->modulus, 1);
    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++) {
        weak_planted *key = add(plant, "size");
        mpz_urandomb(key->modulus, plant->random, bits[i]);
        mpz_setbit(key->modulus, bits[i] - 1);
    }
}

void weak_plant_make(weak_plant *plant, unsigned long seed)
{
    *plant = (weak_plant){0};
    gmp_randinit_default(plant->random);
    gmp_randseed_ui(plant->random, seed);
    const weak_planted *sound = add_sound(plant, "sound");
    plant_shared(plant);
    plant_alone(plant);
    plant_sizes(plant);
    add_copy(plant, "copy", sound);
    add_copy(plant, "copy", sound);
    add_sound(plant, "a comma, and \"quotes\"");
    /* In another order each time. */
    for (size_t i = plant->count - 1; i > 0; i--) {
        size_t j = gmp_urandomm_ui(plant->random, i + 1);
        weak_planted kept = plant->keys[i];
        plant->keys[i] = plant->keys[j];
        plant->keys[j] = kept;
    }
}

void weak_plant_free(weak_plant *plant)
{
    for (size_t i = 0; i < plant->count; i++)
        mpz_clear(plant->keys[i].modulus);
    gmp_randclear(plant->random);
}

void weak_plant_write(const weak_plant *plant, FILE *out)
{
    fprintf(out, "id,modulus,exponent\n");
    for (size_t i = 0; i < plant->count; i++) {
        const weak_planted *key = &plant->keys[i];
        fputc('"', out);
        for (const char *c = key->id; *c; c++)
            fprintf(out, *c == '"' ? "\"\"" : "%c", *c);
        gmp_fprintf(out, "\",%s%Zx,", i % 3 ? "" : "0x", key->modulus);
        if (key->exponent >= 0)
            fprintf(out, "%lx", (unsigned long)key->exponent);
        fputc('\n', out);
    }
}

/* ---- Expecting ------------------------------------------------------------------------------- */

static bool is_valid(const weak_planted *key)
{
    return mpz_cmp_ui(key->modulus, 1) > 0;
}

/* A list of integers without order. */
typedef struct numbers {
    mpz_t at[4 * WEAK_PLANT_MAX];
    size_t count;
} numbers;

static void push(numbers *list, mpz_srcptr value)
{
    if (mpz_cmp_ui(value, 1) > 0)
        mpz_init_set(list->at[list->count++], value);
}

static void drop(numbers *list, size_t i)
{
    mpz_swap(list->at[i], list->at[--list->count]);
    mpz_clear(list->at[list->count]);
}

static void clear(numbers *list)
{
    while (list->count)
        drop(list, 0);
}

/* One step of splitting: two numbers with a common factor become that and what is left of both. */
static bool refine(numbers *base)
{
    bool split = false;
    mpz_t gcd, rest;
    mpz_inits(gcd, rest, NULL);
    for (size_t i = 0; i < base->count && !split; i++) {
        for (size_t j = i + 1; j < base->count && !split; j++) {
            mpz_gcd(gcd, base->at[i], base->at[j]);
            if (mpz_cmp_ui(gcd, 1) == 0)
                continue;
            split = true;
            mpz_divexact(rest, base->at[j], gcd);
            mpz_divexact(base->at[i], base->at[i], gcd);
            drop(base, j);
            push(base, rest);
            push(base, gcd);
            if (mpz_cmp_ui(base->at[i], 1) == 0)
                drop(base, i);
        }
    }
    mpz_clears(gcd, rest, NULL);
    return split;
}

/* Numbers without common factors that all moduli are products of: by trying all pairs again and
 * again. */
static void coprime_base(const weak_plant *plant, numbers *base)
{
    for (size_t i = 0; i < plant->count; i++)
        if (is_valid(&plant->keys[i]))
            push(base, plant->keys[i].modulus);
    while (refine(base))
        continue;
}

static int compare(const void *left, const void *right)
{
    return mpz_cmp(*(const mpz_t *)left, *(const mpz_t *)right);
}

static void sort(numbers *list)
{
    qsort(list->at, list->count, sizeof list->at[0], compare);
}

/* Prints factors in order, or "-" where there are fewer than two. */
static void print_factors(numbers *factors, FILE *out)
{
    sort(factors);
    if (factors->count < 2)
        fprintf(out, "-");
    for (size_t i = 0; factors->count > 1 && i < factors->count; i++)
        gmp_fprintf(out, "%s%Zx", i ? "," : "", factors->at[i]);
}

static void split_by(numbers *factors, mpz_srcptr n, const numbers *base)
{
    mpz_t rest;
    mpz_init_set(rest, n);
    for (size_t i = 0; i < base->count; i++) {
        while (mpz_divisible_p(rest, base->at[i])) {
            push(factors, base->at[i]);
            mpz_divexact(rest, rest, base->at[i]);
        }
    }
    mpz_clear(rest);
}

/* What is weak in a key alone, one step after the other, and its split. */
typedef struct alone {
    bool small, square, close, tiny, exponent, roca;
    numbers found;
} alone;

static void find_small(mpz_srcptr n, mpz_ptr rest, alone *a)
{
    for (unsigned long p = 2; p < 65536; p++) {
        a->small |= mpz_divisible_ui_p(n, p) && mpz_cmp_ui(n, p) > 0;
        while (mpz_divisible_ui_p(rest, p) && mpz_cmp_ui(n, p) > 0) {
            mpz_divexact_ui(rest, rest, p);
            mpz_t prime;
            mpz_init_set_ui(prime, p);
            push(&a->found, prime);
            mpz_clear(prime);
        }
    }
}

static void find_close(mpz_srcptr n, mpz_ptr rest, alone *a)
{
    mpz_t x, y, sum;
    mpz_inits(x, y, sum, NULL);
    mpz_sqrt(x, n);
    mpz_mul(y, x, x);
    if (mpz_cmp(y, n) < 0)
        mpz_add_ui(x, x, 1);
    for (unsigned step = 0; step < 64 && !a->close; step++, mpz_add_ui(x, x, 1)) {
        mpz_mul(y, x, x);
        mpz_sub(y, y, n);
        if (mpz_sgn(y) <= 0 || !mpz_perfect_square_p(y))
            continue;
        mpz_sqrt(y, y);
        mpz_sub(sum, x, y);
        a->close = mpz_cmp_ui(sum, 1) > 0;
        mpz_gcd(sum, sum, rest);
        if (a->close && mpz_cmp_ui(sum, 1) > 0 && mpz_cmp(sum, rest) < 0) {
            push(&a->found, sum);
            mpz_divexact(rest, rest, sum);
        }
    }
    mpz_clears(x, y, sum, NULL);
}

static void look_at(const weak_planted *key, alone *a)
{
    mpz_t rest;
    mpz_init_set(rest, key->modulus);
    memset(a, 0, sizeof *a);
    find_small(key->modulus, rest, a);
    a->square = mpz_perfect_square_p(key->modulus);
    if (a->square && mpz_cmp_ui(rest, 1) > 0) {
        mpz_sqrt(rest, rest);
        push(&a->found, rest);
    } else {
        find_close(key->modulus, rest, a);
    }
    push(&a->found, rest);
    a->tiny = mpz_sizeinbase(key->modulus, 2) < 1024;
    a->exponent = key->exponent == 1 || (key->exponent >= 0 && key->exponent % 2 == 0);
    a->roca = key->roca;
    mpz_clear(rest);
}

/* How a key stands to the others. */
typedef struct among {
    bool shared, duplicate;
    mpz_t gcd;
    size_t partners[WEAK_PLANT_MAX], partner_count;
} among;

static void compare_all(const weak_plant *plant, size_t key, among *m)
{
    mpz_srcptr n = plant->keys[key].modulus;
    mpz_t gcd;
    mpz_init(gcd);
    *m = (among){0};
    mpz_init_set_ui(m->gcd, 1);
    for (size_t i = 0; i < plant->count; i++) {
        const weak_planted *other = &plant->keys[i];
        if (i == key || !is_valid(other))
            continue;
        mpz_gcd(gcd, n, other->modulus);
        if (mpz_cmp_ui(gcd, 1) > 0)
            m->partners[m->partner_count++] = i;
        m->duplicate |= mpz_cmp(n, other->modulus) == 0;
        m->shared |= mpz_cmp_ui(gcd, 1) > 0 && mpz_cmp(n, other->modulus) != 0;
        mpz_mul(m->gcd, m->gcd, other->modulus);
    }
    mpz_gcd(m->gcd, m->gcd, n);
    mpz_clear(gcd);
}

static void print_weakness(const among *m, const alone *a, FILE *out)
{
    const struct {
        bool is;
        const char *name;
    } all[] = {{m->shared, "shared"},      {m->duplicate, "duplicate"},
               {a->small, "small-factor"}, {a->square, "square"},
               {a->close, "close"},        {a->tiny, "tiny"},
               {a->exponent, "exponent"},  {a->roca, "roca"}};
    const char *comma = "";
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].is)
            fprintf(out, "%s%s", comma, all[i].name);
        comma = all[i].is ? "," : comma;
    }
}

static void print_partners(const weak_plant *plant, const among *m, FILE *out)
{
    if (!m->partner_count)
        fprintf(out, "-");
    for (size_t i = 0; i < m->partner_count && i < 8; i++) {
        fprintf(out, "%s", i ? "," : "");
        for (const char *c = plant->keys[m->partners[i]].id; *c; c++)
            fprintf(out, *c == ',' ? "\\%c" : "%c", *c);
    }
    if (m->partner_count > 8)
        fprintf(out, ",+%zu", m->partner_count - 8);
}

static void print_key(const weak_plant *plant, size_t i, const numbers *base, const char *source,
                      FILE *out)
{
    const weak_planted *key = &plant->keys[i];
    static alone a;
    static among m;
    numbers *factors = calloc(1, sizeof *factors);
    size_t bits = mpz_sgn(key->modulus) ? mpz_sizeinbase(key->modulus, 2) : 0;
    if (!is_valid(key)) {
        gmp_fprintf(out, "%s\t%zu\t%s\t%zu\tinvalid\t-\t-\t-\t-\t%Zx\n", source, i + 2, key->id,
                    bits, key->modulus);
        free(factors);
        return;
    }
    look_at(key, &a);
    compare_all(plant, i, &m);
    if (m.shared || m.duplicate || a.small || a.square || a.close || a.tiny || a.exponent ||
        a.roca) {
        fprintf(out, "%s\t%zu\t%s\t%zu\t", source, i + 2, key->id, bits);
        print_weakness(&m, &a, out);
        gmp_fprintf(out, "\t%Zx\t", m.gcd);
        if (m.shared)
            split_by(factors, key->modulus, base);
        print_factors(factors, out);
        fprintf(out, "\t");
        print_factors(&a.found, out);
        fprintf(out, "\t");
        print_partners(plant, &m, out);
        gmp_fprintf(out, "\t%Zx\n", key->modulus);
    }
    mpz_clear(m.gcd);
    clear(&a.found);
    clear(factors);
    free(factors);
}

void weak_plant_expect(const weak_plant *plant, const char *source, FILE *out)
{
    numbers *base = calloc(1, sizeof *base);
    coprime_base(plant, base);
    fprintf(out, "source\tline\tid\tbits\tweakness\tgcd\tfactors\tfound_factors\tshares_with\t"
                 "modulus\n");
    for (size_t i = 0; i < plant->count; i++)
        print_key(plant, i, base, source, out);
    clear(base);
    free(base);
}
