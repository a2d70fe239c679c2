/* The parts of a sieve that is spread out: the bytes of a number and of its relations, units,
 * the window, and the team. */
#include <stdatomic.h>
#include <stdlib.h>

#include "job/sieve_team.h"
#include "job/sieve_window.h"
#include "kernel/qs/codec.h"
#include "kernel/qs/unit.h"
#include "shim/shim.h"
#include "sieve_kit.h"

static fani_qs *make_digits(unsigned digits)
{
    fani_qs *qs = NULL;
    mpz_t n;
    mpz_init(n);
    kit_semiprime(digits, 2, n);
    EXPECT_I64(fani_qs_make(n, NULL, &qs), FAN_OK);
    mpz_clear(n);
    return qs;
}

/* ---- The number ------------------------------------------------------------------------------ */

static void expect_same_sieve(const fani_qs *one, const fani_qs *other)
{
    fani_qs_params p = fani_qs_parameters(one), q = fani_qs_parameters(other);
    EXPECT_I64(mpz_cmp(fani_qs_number(one), fani_qs_number(other)), 0);
    EXPECT_I64(memcmp(&p, &q, sizeof p), 0);
    EXPECT_U64(fani_qs_a_count(one), fani_qs_a_count(other));
    EXPECT_U64(fani_qs_large_end(one), fani_qs_large_end(other));
    for (uint32_t c = 1; c < fani_qs_columns(one); c++)
        EXPECT_U64(fani_qs_prime(one, c), fani_qs_prime(other, c));
}

FAN_TEST(sieve_codec, a_number_comes_back)
{
    for (unsigned digits = 25; digits <= 60; digits += 5) {
        uint8_t code[FANI_QS_CODE_BYTES_MAX];
        fani_qs *qs = make_digits(digits), *back = NULL;
        size_t size = fani_qs_encode(qs, code);
        EXPECT_TRUE(size <= sizeof code);
        EXPECT_I64(fani_qs_decode(code, size, &back), FAN_OK);
        expect_same_sieve(qs, back);
        fani_qs_free(back);
        fani_qs_free(qs);
    }
}

FAN_TEST(sieve_codec, parameters_that_are_not_the_tables_come_back)
{
    uint8_t code[FANI_QS_CODE_BYTES_MAX];
    fani_qs *qs = NULL, *back = NULL;
    mpz_t n;
    mpz_init(n);
    mpz_ui_pow_ui(n, 3, 252); /* 400 bits, the longest */
    mpz_add_ui(n, n, 2);
    fani_qs_params params = fani_qs_params_for(400);
    params.base = 5000;
    params.pair = 47;
    EXPECT_I64(fani_qs_make(n, &params, &qs), FAN_OK);
    size_t size = fani_qs_encode(qs, code);
    EXPECT_U64(size, sizeof code);
    EXPECT_I64(fani_qs_decode(code, size, &back), FAN_OK);
    expect_same_sieve(qs, back);
    fani_qs_free(back);
    fani_qs_free(qs);
    mpz_clear(n);
}

FAN_TEST(sieve_codec, other_bytes_are_refused)
{
    uint8_t code[FANI_QS_CODE_BYTES_MAX];
    fani_qs *qs = make_digits(40), *back = NULL;
    size_t size = fani_qs_encode(qs, code);
    for (size_t cut = 0; cut <= (size_t)4 * FANI_QS_CODE_NUMBERS; cut++)
        EXPECT_I64(fani_qs_decode(code, cut, &back), FAN_E_PROTOCOL);
    EXPECT_I64(fani_qs_decode(code, sizeof code + 1, &back), FAN_E_PROTOCOL);
    code[0] ^= 1; /* the version */
    EXPECT_I64(fani_qs_decode(code, size, &back), FAN_E_PROTOCOL);
    code[0] ^= 1;
    code[8] = 200; /* blocks */
    EXPECT_I64(fani_qs_decode(code, size, &back), FAN_E_ARGUMENT);
    EXPECT_TRUE(back == NULL);
    fani_qs_free(qs);
}

/* ---- Relations ------------------------------------------------------------------------------- */

typedef struct packed {
    fani_qs_coder *coder;
    uint8_t bytes[1 << 16];
    size_t size;
    uint64_t sum, count; /* of what went in */
} packed;

static uint64_t digest(const fani_qs_relation *r)
{
    uint64_t sum = r->a * 3 + r->b * UINT64_C(1000003) + (uint32_t)r->x * UINT64_C(7777777) +
                   r->large[0] * UINT64_C(31) + r->large[1] * UINT64_C(37);
    for (uint32_t i = 0; i < r->count; i++)
        sum = sum * UINT64_C(0x9e3779b97f4a7c15) + r->factor[i];
    return sum;
}

static fan_status pack(void *context, const fani_qs_relation *r)
{
    packed *p = context;
    p->size += fani_qs_coder_write(p->coder, r, p->bytes + p->size);
    p->sum += digest(r);
    p->count++;
    return p->size < sizeof p->bytes - FANI_QS_RELATION_BYTES_MAX ? FAN_OK : FAN_E_TOO_LARGE;
}

/* All relations of a, as long as they are well; false where one is not. */
static bool unpack(packed *p, fani_qs_coder *coder, uint64_t a, bool proof, uint64_t *sum)
{
    uint32_t factors[FANI_QS_FACTORS_MAX];
    fani_qs_relation r;
    size_t used;
    *sum = 0;
    for (size_t at = 0; at < p->size; at += used) {
        fan_status status =
            proof ? fani_qs_coder_read(coder, a, p->bytes + at, p->size - at, factors, &r, &used)
                  : fani_qs_coder_parse(coder, a, p->bytes + at, p->size - at, factors, &r, &used);
        if (status != FAN_OK)
            return false;
        *sum += digest(&r);
    }
    return true;
}

FAN_TEST(sieve_codec, relations_come_back_and_only_true_ones)
{
    fani_qs *qs = make_digits(45);
    fani_qs_worker *worker = NULL;
    fani_qs_coder *reader = NULL;
    packed *p = calloc(1, sizeof *p);
    uint64_t sum;
    EXPECT_I64(fani_qs_worker_make(qs, fani_isa_wanted(), &worker), FAN_OK);
    EXPECT_I64(fani_qs_coder_make(qs, &p->coder), FAN_OK);
    EXPECT_I64(fani_qs_coder_make(qs, &reader), FAN_OK);
    const fani_qs_hooks hooks = {.emit = pack, .context = p};
    for (uint64_t a = 5; a < 8; a++) {
        p->size = p->sum = p->count = 0;
        EXPECT_I64(fani_qs_collect(worker, a, &hooks), FAN_OK);
        EXPECT_TRUE(p->count > 20);
        EXPECT_TRUE(unpack(p, reader, a, true, &sum));
        EXPECT_U64(sum, p->sum);
        EXPECT_TRUE(unpack(p, reader, a, false, &sum));
        EXPECT_U64(sum, p->sum);
        EXPECT_TRUE(!unpack(p, reader, a + 1, true, &sum)); /* they are of another one */
        EXPECT_TRUE(!unpack(p, reader, fani_qs_a_count(qs), true, &sum));
    }
    for (size_t bit = 0; bit < p->size * 8; bit += p->size / 20 * 8 / 10 + 1) {
        p->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT_TRUE(!unpack(p, reader, 7, true, &sum));
        p->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    fani_qs_coder_free(reader);
    fani_qs_coder_free(p->coder);
    fani_qs_worker_free(worker);
    fani_qs_free(qs);
    free(p);
}

/* ---- Units ----------------------------------------------------------------------------------- */

FAN_TEST(sieve_units, cover_every_polynomial_once)
{
    for (unsigned digits = 25; digits <= 100; digits += 15) {
        fani_qs *qs = make_digits(digits);
        uint32_t all = fani_qs_b_count(qs), each = fani_qs_units_of_each(qs), next = 0;
        uint64_t count = fani_qs_unit_count(qs), a = count / each / 2;
        EXPECT_U64(count, fani_qs_a_count(qs) * each);
        for (uint32_t i = 0; i < each; i++) {
            fani_qs_unit unit = fani_qs_unit_at(qs, a * each + i);
            EXPECT_U64(unit.a, a);
            EXPECT_U64(unit.from, next);
            EXPECT_U64(unit.to - unit.from, fani_qs_unit_polynomials(qs));
            next = unit.to;
        }
        EXPECT_U64(next, all);
        EXPECT_U64(fani_qs_unit_at(qs, count - 1).a, fani_qs_a_count(qs) - 1);
        fani_qs_free(qs);
    }
}

/* With the longest base one polynomial takes milliseconds. */
FAN_TEST(sieve_units, are_shorter_where_polynomials_take_longer)
{
    fani_qs *qs = NULL;
    mpz_t n;
    mpz_init(n);
    kit_semiprime(100, 1, n);
    fani_qs_params params = fani_qs_params_for((unsigned)mpz_sizeinbase(n, 2));
    EXPECT_I64(fani_qs_make(n, &params, &qs), FAN_OK);
    uint32_t usual = fani_qs_unit_polynomials(qs);
    EXPECT_TRUE(usual < fani_qs_b_count(qs));
    fani_qs_free(qs);
    params.blocks = FANI_QS_BLOCKS_MAX;
    EXPECT_I64(fani_qs_make(n, &params, &qs), FAN_OK);
    EXPECT_TRUE(fani_qs_unit_polynomials(qs) < usual);
    fani_qs_free(qs);
    mpz_clear(n);
}

/* ---- The window ------------------------------------------------------------------------------ */

static uint32_t next_random(uint32_t *x)
{
    *x = *x * 1664525 + 1013904223;
    return *x >> 8;
}

/* Takes what is there and looks whether it is what was put. */
static void take_all(fani_sieve_window *window, uint64_t *expected)
{
    unsigned char *bytes;
    size_t size;
    while (fani_sieve_window_take(window, &bytes, &size)) {
        uint64_t unit = ++*expected - 1;
        EXPECT_U64(window->next, *expected);
        EXPECT_U64(size, unit % 7);
        for (size_t i = 0; i < size; i++)
            EXPECT_U64(bytes[i], (unsigned char)(unit + i));
        free(bytes);
    }
}

static void put_unit(fani_sieve_window *window, uint64_t unit)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < unit % 7; i++)
        bytes[i] = (unsigned char)(unit + i);
    EXPECT_TRUE(!fani_sieve_window_has(window, unit));
    EXPECT_I64(fani_sieve_window_put(window, unit, bytes, unit % 7), FAN_OK);
    EXPECT_TRUE(fani_sieve_window_has(window, unit));
}

FAN_TEST(sieve_window, any_order_in_by_index_out)
{
    enum { UNITS = 3000, SPREAD = 500 };
    static uint64_t order[UNITS];
    fani_sieve_window window = {0};
    uint64_t expected = 0;
    uint32_t seed = 1;
    for (uint64_t i = 0; i < UNITS; i++)
        order[i] = i;
    for (uint64_t i = 0; i < UNITS; i++) { /* each within SPREAD of its place */
        uint64_t k = i - i % SPREAD + next_random(&seed) % SPREAD, moved = order[i];
        order[i] = order[k];
        order[k] = moved;
    }
    for (uint64_t i = 0; i < UNITS; i++) {
        put_unit(&window, order[i]);
        take_all(&window, &expected);
        EXPECT_U64(window.next + window.count, i + 1);
    }
    EXPECT_U64(expected, UNITS);
    EXPECT_U64(window.bytes, 0);
    EXPECT_I64(fani_sieve_window_put(&window, UNITS + FANI_SIEVE_WINDOW_UNITS, NULL, 0),
               FAN_E_TOO_LARGE);
    put_unit(&window, UNITS + 70000); /* what is left is freed */
    EXPECT_TRUE(!fani_sieve_window_has(&window, UNITS + 70001));
    EXPECT_TRUE(fani_sieve_window_has(&window, 0));
    fani_sieve_window_clear(&window);
}

/* ---- The team -------------------------------------------------------------------------------- */

typedef struct rounds {
    _Atomic unsigned done[FANI_QS_PARTS_MAX];
    uint64_t plain[FANI_QS_PARTS_MAX]; /* each written by who does the part */
} rounds;

static void do_part(void *work, unsigned i)
{
    rounds *r = work;
    atomic_fetch_add(&r->done[i], 1);
    r->plain[i] = r->plain[i] * 3 + i;
}

static void run_rounds(const fani_qs_team *team, unsigned count)
{
    static rounds r;
    unsigned expected[FANI_QS_PARTS_MAX] = {0};
    uint64_t plain[FANI_QS_PARTS_MAX] = {0};
    uint32_t seed = 5;
    memset(&r, 0, sizeof r);
    for (unsigned k = 0; k < count; k++) {
        unsigned parts = 1 + next_random(&seed) % (k % 10 ? 4 : FANI_QS_PARTS_MAX);
        team->run(team->context, parts, do_part, &r);
        for (unsigned i = 0; i < parts; i++) {
            expected[i]++;
            plain[i] = plain[i] * 3 + i;
        }
    }
    for (unsigned i = 0; i < FANI_QS_PARTS_MAX; i++) {
        EXPECT_U64(atomic_load(&r.done[i]), expected[i]);
        EXPECT_U64(r.plain[i], plain[i]);
    }
}

FAN_TEST(sieve_team, each_part_of_a_round_is_done_once)
{
    for (unsigned threads = 2; threads <= 5; threads++) {
        fani_sieve_team *team = fani_sieve_team_open(threads);
        ASSERT_TRUE(team != NULL);
        EXPECT_U64(fani_sieve_team_lent(team)->parts, threads);
        run_rounds(fani_sieve_team_lent(team), 5000);
        fani_sieve_team_close(team);
    }
}

FAN_TEST(sieve_team, none_of_one)
{
    EXPECT_TRUE(fani_sieve_team_open(1) == NULL);
    EXPECT_TRUE(fani_sieve_team_lent(NULL) == NULL);
    fani_sieve_team_close(NULL);
}
