/* Relations of the quadratic sieve of large numbers: each holds, each instruction set finds the
 * same, each index has an a of its own, and their bytes say all. */
#include "kernel/qs/internal.h"
#include "shim/shim.h"

#include <stdlib.h>
#include <string.h>

/* Semiprimes of 30, 45, 60 and 75 digits. */
static const char *const numbers[] = {
    "523462317464364291573624801433",
    "316227766016837933199889354451000000000001713",
    "274176255407896269946382378353019132041885693915619360480387",
    "100000000000000000000000000000000000169000000000000000000000000000000007030",
};

enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

static void set_number(mpz_ptr n, unsigned which)
{
    mpz_set_str(n, numbers[which], 10);
    mpz_setbit(n, 0);
}

/* Keeps relations' bytes, one after the other. */
typedef struct kept {
    const fani_qs *qs;
    uint8_t *bytes;
    size_t used, room;
    uint64_t count, bad;
    uint64_t left; /* relations until the collection is ended */
} kept;

static fan_status keep(void *context, const fani_qs_relation *r)
{
    kept *k = context;
    if (k->left == 0)
        return FAN_E_EFFORT;
    k->left--;
    k->count++;
    if (!fani_qs_check(k->qs, r))
        k->bad++;
    if (k->used + FANI_QS_RELATION_BYTES_MAX > k->room) {
        k->room = 2 * (k->used + FANI_QS_RELATION_BYTES_MAX);
        k->bytes = realloc(k->bytes, k->room);
    }
    size_t length = fani_qs_relation_write(k->qs, r, k->bytes + k->used);
    if (length > FANI_QS_RELATION_BYTES_MAX)
        k->bad++;
    k->used += length;
    return FAN_OK;
}

/* All relations of some a's, up to so many. */
static kept collect(const fani_qs *qs, fani_isa isa, uint64_t from, uint64_t to, uint64_t most)
{
    kept k = {.qs = qs, .left = most};
    fani_qs_worker *worker;
    if (fani_qs_worker_make(qs, isa, &worker) != FAN_OK)
        return k;
    const fani_qs_hooks hooks = {.emit = keep, .context = &k};
    for (uint64_t a = from; a < to && k.left > 0; a++) {
        fan_status status = fani_qs_collect(worker, a, &hooks);
        EXPECT_TRUE(status == FAN_OK || (status == FAN_E_EFFORT && k.left == 0));
    }
    fani_qs_worker_free(worker);
    return k;
}

static void expect_relations(mpz_srcptr n, const fani_qs_params *params, uint64_t most)
{
    fani_qs *qs;
    ASSERT_I64(fani_qs_make(n, params, &qs), FAN_OK);
    kept first = collect(qs, FANI_ISA_SCALAR, 0, 3, most);
    EXPECT_TRUE(first.count > 0);
    EXPECT_U64(first.bad, 0);
    for (fani_isa isa = FANI_ISA_AVX2; isa <= fani_isa_machine(); isa++) {
        kept other = collect(qs, isa, 0, 3, most);
        EXPECT_U64(other.count, first.count);
        EXPECT_TRUE(other.used == first.used &&
                    memcmp(other.bytes, first.bytes, first.used) == 0);
        free(other.bytes);
    }
    free(first.bytes);
    fani_qs_free(qs);
}

FAN_TEST(qs, relations_hold_and_are_the_same_everywhere)
{
    mpz_t n;
    mpz_init(n);
    for (unsigned i = 0; i < NUMBERS; i++) {
        set_number(n, i);
        expect_relations(n, NULL, 150);
    }
    mpz_clear(n);
}

FAN_TEST(qs, two_large_primes)
{
    const fani_qs_params params = {.base = 9000, .blocks = 7, .large = 200, .small = 200,
                                   .slack = 60, .pair = 54, .a_prime = 1500};
    mpz_t n;
    mpz_init(n);
    set_number(n, 2);
    expect_relations(n, &params, 2000);
    mpz_clear(n);
}
