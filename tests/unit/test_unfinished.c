/* Factorizations that are left and gone on with, and the search in pieces. */
#include "kernel/factor/split.h"
#include "kernel/factor/unfinished.h"
#include "kernel/qs/split.h"
#include "shim/shim.h"

#include <stdlib.h>
#include <string.h>

enum { LEAVE_BITS = 120, PIECE = 3000000 };

/* Composites with parts of many kinds: primes of 14 to 45 digits, squares among them. */
static const char *const numbers[] = {
    /* 2^2 * 3 * p21 * p22 */
    "12000000000000000000468000000000000000004428000",
    /* p15^2 * p20 * p31 */
    "100000000000007900000000000155970000000000001"
    "00000000000000000003999999999999999999999999999",
    "1000000000000000000000000000057000000000000000000000000004000000000000000000000000000228",
    "3532461934402770121272604978198464368671197400197625023649303468776121253679423200058547956528"
    "0"
    "88337",
    "1234567890123456789012345678901234567890123456789012345678901",
    "115792089237316195423570985008687907853269984665640564039457584007913129639937", /* F8 */
};
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

static const fan_factor_options usual = {.digits = 20};

static void setup(size_t i, mpz_ptr n, fan_factorization **f, fan_factorization **g)
{
    ASSERT_I64(mpz_set_str(n, numbers[i], 10), 0);
    ASSERT_I64(fan_factorization_create(f), FAN_OK);
    ASSERT_I64(fan_factorization_create(g), FAN_OK);
}

static void expect_same(const fan_factorization *f, const fan_factorization *g)
{
    ASSERT_U64(fan_factorization_count(f), fan_factorization_count(g));
    for (size_t i = 0; i < fan_factorization_count(f); i++) {
        EXPECT_TRUE(mpz_cmp(fan_factorization_value(f, i), fan_factorization_value(g, i)) == 0);
        EXPECT_U64(fan_factorization_exponent(f, i), fan_factorization_exponent(g, i));
        EXPECT_I64(fan_factorization_kind(f, i), fan_factorization_kind(g, i));
        EXPECT_I64(fan_factorization_proof(f, i), fan_factorization_proof(g, i));
        EXPECT_I64(fan_factorization_method(f, i), fan_factorization_method(g, i));
    }
}

typedef struct piece {
    fani_progress from, to;
    uint64_t work;
} piece;

/* Cuts the whole search of entry i, and runs the pieces from the last to the first: the last one
 * that is seen to find something is the first by its place. */
static bool search_backwards(fan_factorization *f, size_t i, const fani_effort *effort)
{
    enum { MOST = 4000 };
    piece *pieces = calloc(MOST, sizeof *pieces);
    size_t count = 0;
    mpz_t divisor, best;
    fani_effort winner = {0};
    mpz_inits(divisor, best, NULL);
    if (!pieces)
        abort();
    piece p = {.from = f->entries[i].at, .to = f->entries[i].at, .work = f->work};
    for (uint64_t work = f->work;
         count < MOST && fani_split_cut(f->entries[i].value, effort, PIECE, &p.to, &work);) {
        pieces[count++] = p;
        p.from = p.to;
        p.work = work;
    }
    EXPECT_TRUE(count < MOST);
    while (count-- > 0) {
        fani_effort now = *effort;
        now.at = pieces[count].from;
        now.work = pieces[count].work;
        fan_status status =
            fani_split_stretch(f->entries[i].value, &now, &pieces[count].to, divisor);
        EXPECT_TRUE(status == FAN_OK || status == FAN_E_EFFORT);
        if (status == FAN_OK && mpz_cmp_ui(divisor, 1) != 0) {
            mpz_set(best, divisor);
            winner = now;
        }
    }
    bool found = mpz_cmp_ui(best, 0) != 0;
    if (found) {
        f->work = winner.work;
        EXPECT_I64(fani_unfinished_split(f, i, best, winner.method, winner.at), FAN_OK);
    }
    mpz_clears(divisor, best, NULL);
    free(pieces);
    return found;
}

/* By way of its bytes. */
static void reread(fan_factorization *f)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    ASSERT_I64(fani_unfinished_write(f, &bytes, &size), FAN_OK);
    EXPECT_I64(fani_unfinished_read(bytes, size, f), FAN_OK);
    free(bytes);
}

static void go_on_elsewhere(fan_factorization *f, const fan_factor_options *options)
{
    fani_effort effort;
    mpz_t divisor;
    mpz_init(divisor);
    ASSERT_I64(fani_effort_of(options, &effort, NULL), FAN_OK);
    for (size_t i; (i = fani_unfinished_next(f)) != SIZE_MAX;) {
        mpz_srcptr n = f->entries[i].value;
        effort.at = f->entries[i].at;
        if (!search_backwards(f, i, &effort)) {
            if (fani_split_ends_in_sieve(n, &effort)) {
                fani_progress at = f->entries[i].at;
                for (uint64_t work = f->work; fani_split_cut(n, &effort, PIECE, &at, &work);)
                    ;
                ASSERT_I64(fani_qs_split(n, &effort, effort.isa, divisor), FAN_OK);
                ASSERT_I64(fani_unfinished_split(f, i, divisor, FAN_METHOD_SIQS, at), FAN_OK);
            } else {
                fani_unfinished_give_up(f, i);
            }
        }
        reread(f);
        fani_factor_go_on(f, options, fani_qs_split, LEAVE_BITS, NULL);
    }
    mpz_clear(divisor);
}

static void elsewhere_as_at_once(const fan_factor_options *options)
{
    size_t left = 0;
    for (size_t i = 0; i < NUMBERS; i++) {
        fan_factorization *f = NULL, *g = NULL;
        mpz_t n;
        mpz_init(n);
        setup(i, n, &f, &g);
        fan_status whole = fani_factor_mpz(n, options, fani_qs_split, 0, g, NULL);
        fan_status some = fani_factor_mpz(n, options, fani_qs_split, LEAVE_BITS, f, NULL);
        EXPECT_TRUE(fani_unfinished_next(g) == SIZE_MAX);
        EXPECT_TRUE(some != FAN_OK || fani_unfinished_next(f) == SIZE_MAX);
        left += fani_unfinished_next(f) != SIZE_MAX;
        go_on_elsewhere(f, options);
        EXPECT_TRUE(fan_factorization_complete(f) == (whole == FAN_OK));
        expect_same(f, g);
        fan_factorization_destroy(f);
        fan_factorization_destroy(g);
        mpz_clear(n);
    }
    EXPECT_TRUE(left >= 3);
}

FAN_TEST(unfinished, pieces_in_any_order_find_what_the_whole_search_finds)
{
    elsewhere_as_at_once(&usual);
}

FAN_TEST(unfinished, the_same_for_pinned_instructions)
{
    elsewhere_as_at_once(&(fan_factor_options){.digits = 16, .isa = "scalar"});
}

static void leave_something(fan_factorization *f)
{
    mpz_t n, p;
    mpz_inits(n, p, NULL);
    mpz_ui_pow_ui(n, 10, 26);
    mpz_nextprime(n, n);
    mpz_ui_pow_ui(p, 11, 28);
    mpz_nextprime(p, p);
    mpz_mul(n, n, p);
    mpz_mul_ui(n, n, 2 * 2 * 3);
    EXPECT_I64(fani_factor_mpz(n, &usual, fani_qs_split, LEAVE_BITS, f, NULL), FAN_E_EFFORT);
    ASSERT_TRUE(fani_unfinished_next(f) != SIZE_MAX);
    mpz_clears(n, p, NULL);
}

FAN_TEST(unfinished, what_is_no_divisor_is_refused)
{
    fan_factorization *f = NULL;
    mpz_t d;
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    leave_something(f);
    size_t i = fani_unfinished_next(f);
    mpz_init_set_ui(d, 1);
    EXPECT_I64(fani_unfinished_split(f, i, d, FAN_METHOD_ECM, f->entries[i].at), FAN_E_FAILED);
    mpz_set(d, f->entries[i].value);
    EXPECT_I64(fani_unfinished_split(f, i, d, FAN_METHOD_ECM, f->entries[i].at), FAN_E_FAILED);
    mpz_sub_ui(d, d, 2);
    EXPECT_I64(fani_unfinished_split(f, i, d, FAN_METHOD_ECM, f->entries[i].at), FAN_E_FAILED);
    fani_unfinished_give_up(f, i);
    EXPECT_TRUE(fani_unfinished_next(f) == SIZE_MAX);
    EXPECT_I64(fani_factor_go_on(f, &usual, fani_qs_split, LEAVE_BITS, NULL), FAN_E_EFFORT);
    EXPECT_TRUE(fani_unfinished_next(f) == SIZE_MAX);
    mpz_clear(d);
    fan_factorization_destroy(f);
}

FAN_TEST(unfinished, damaged_bytes_are_refused_or_multiply_back)
{
    fan_factorization *f = NULL, *g = NULL;
    unsigned char *bytes = NULL;
    size_t size = 0, refused = 0;
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    ASSERT_I64(fan_factorization_create(&g), FAN_OK);
    leave_something(f);
    ASSERT_I64(fani_unfinished_write(f, &bytes, &size), FAN_OK);
    EXPECT_I64(fani_unfinished_read(bytes, size, g), FAN_OK);
    expect_same(f, g);
    for (size_t i = 0; i < size; i++)
        EXPECT_I64(fani_unfinished_read(bytes, i, g), FAN_E_FAILED);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        fan_status status = fani_unfinished_read(bytes, size, g);
        EXPECT_TRUE(status == FAN_E_FAILED || fani_factorization_multiplies_back(g));
        refused += status == FAN_E_FAILED;
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    EXPECT_TRUE(refused > 4 * size);
    free(bytes);
    fan_factorization_destroy(f);
    fan_factorization_destroy(g);
}
