/* The sieve of one large number: the same relations and the same divisor on every executor, for any
 * workers and batches, and when workers die. */
#include <signal.h>
#include <unistd.h>

#include "contract.h"
#include "job/sieve.h"
#include "job/sieve_task.h"
#include "kernel/qs/split.h"
#include "kernel/qs/unit.h"
#include "tasks.h"

/* (10^22 + 9) (2 * 10^22 + 3), which are primes. */
static const char *const number = "200000000000000000000210000000000000000000027";

/* ---- Units ----------------------------------------------------------------------------------- */

enum { UNITS = 24, BYTES_MAX = 1 << 16 };

/* The replies of the first units, as one thread has them. */
typedef struct expected {
    fani_qs *qs;
    fani_qs_coder *coder;
    uint8_t (*bytes)[BYTES_MAX];
    size_t size[UNITS];
    size_t unit; /* at work */
    uint64_t seen, wrong;
} expected;

static fan_status write_down(void *context, const fani_qs_relation *r)
{
    expected *e = context;
    size_t *size = &e->size[e->unit];
    *size += fani_qs_coder_write(e->coder, r, e->bytes[e->unit] + *size);
    return *size < BYTES_MAX - FANI_QS_RELATION_BYTES_MAX ? FAN_OK : FAN_E_TOO_LARGE;
}

static void expected_begin(expected *e)
{
    fani_qs_worker *worker = NULL;
    mpz_t n;
    static uint8_t bytes[UNITS][BYTES_MAX];
    *e = (expected){.bytes = bytes};
    mpz_init_set_str(n, number, 10);
    EXPECT_I64(fani_qs_make(n, NULL, &e->qs), FAN_OK);
    EXPECT_I64(fani_qs_worker_make(e->qs, FANI_ISA_SCALAR, &worker), FAN_OK);
    EXPECT_I64(fani_qs_coder_make(e->qs, &e->coder), FAN_OK);
    const fani_qs_hooks hooks = {.emit = write_down, .context = e};
    for (e->unit = 0; e->unit < UNITS; e->unit++) {
        fani_qs_unit u = fani_qs_unit_at(e->qs, e->unit);
        EXPECT_I64(fani_qs_collect_some(worker, u.a, u.from, u.to, &hooks), FAN_OK);
    }
    fani_qs_worker_free(worker);
    mpz_clear(n);
}

static void expected_end(expected *e)
{
    fani_qs_coder_free(e->coder);
    fani_qs_free(e->qs);
}

static fan_status compare(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    expected *e = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        e->seen++;
        e->wrong += o->kind != FAN_OUTCOME_OK || o->index >= UNITS ||
                    o->size != e->size[o->index] ||
                    (o->size && memcmp(o->bytes, e->bytes[o->index], o->size) != 0);
    }
    return FAN_OK;
}

static void map_units(fan_executor *executor, void *context)
{
    static const size_t batches[] = {1, 7, 0, UNITS};
    expected *e = context;
    uint8_t args[FANI_SIEVE_ARGS_BYTES_MAX];
    for (fani_isa isa = FANI_ISA_SCALAR; isa <= FANI_ISA_AVX512; isa++) {
        size_t size = fani_sieve_args(e->qs, isa, args);
        const fan_map_options options = {.args = args,
                                         .args_size = size,
                                         .batch = batches[(size_t)isa % 4],
                                         .order = FAN_ORDER_COMPLETED};
        e->seen = e->wrong = 0;
        fan_status status = fan_map(executor, &fani_task_sieve, fan_source_range(0, UNITS),
                                    fan_sink_callback(compare, e), &options, NULL);
        EXPECT_STR(fan_status_name(status), "FAN_OK");
        EXPECT_U64(e->seen, UNITS);
        EXPECT_U64(e->wrong, 0);
    }
}

CONTRACT(sieve_units_have_the_same_relations_everywhere)
{
    expected e;
    expected_begin(&e);
    for (unsigned workers = 1; workers <= 3; workers++)
        contract_with(target, (fan_executor_options){.workers = workers}, map_units, &e);
    expected_end(&e);
}

static void map_without_number(fan_executor *executor, void *context)
{
    static const uint8_t nothing[40] = {0};
    fan_summary summary = {0};
    fan_status status = fan_map(
        executor, &fani_task_sieve, fan_source_range(0, 3), fan_sink_callback(compare, context),
        &(fan_map_options){.args = nothing, .args_size = sizeof nothing}, &summary);
    EXPECT_STR(fan_status_name(status), "FAN_OK");
    EXPECT_U64(summary.failed, 3);
}

CONTRACT(sieve_units_of_no_number_fail)
{
    expected e = {0};
    contract_with(target, (fan_executor_options){.workers = 1}, map_without_number, &e);
}

/* ---- The divisor ----------------------------------------------------------------------------- */

typedef struct search {
    mpz_t n, divisor;
    fani_sieve_progress first, last; /* when solving began: by the first executor, by this one */
    bool isolates;
    pid_t victim;
} search;

static void search_begin(search *s)
{
    const fani_effort effort = {0};
    *s = (search){0};
    mpz_init_set_str(s->n, number, 10);
    mpz_init(s->divisor);
    EXPECT_I64(fani_qs_split(s->n, &effort, FANI_ISA_SCALAR, s->divisor), FAN_OK);
}

static void search_end(search *s)
{
    mpz_clears(s->n, s->divisor, NULL);
}

static void note(void *user, const fani_sieve_progress *progress)
{
    search *s = user;
    if (progress->stage == FANI_SIEVE_SOLVE)
        s->last = *progress;
}

static fan_status shoot(void *user, fan_error *error)
{
    search *s = user;
    (void)error;
    if (s->victim)
        EXPECT_I64(kill(s->victim, SIGKILL), 0);
    s->victim = 0;
    return FAN_OK;
}

static void find(fan_executor *executor, void *context)
{
    search *s = context;
    fan_error error = {0};
    mpz_t found;
    mpz_init(found);
    const fani_sieve_options options = {
        .executor = executor, .isa = fani_isa_wanted(), .progress = note, .tick = shoot, .user = s};
    EXPECT_STR(fan_status_name(fani_sieve_over(s->n, &options, found, &error)), "FAN_OK");
    EXPECT_STR(error.text, "");
    EXPECT_I64(mpz_cmp(found, s->divisor), 0);
    if (!s->first.relations)
        s->first = s->last;
    EXPECT_TRUE(s->last.relations > 0);
    EXPECT_U64(s->last.relations, s->first.relations);
    EXPECT_U64(s->last.cycles, s->first.cycles);
    mpz_clear(found);
}

CONTRACT(sieve_finds_the_same_for_any_workers)
{
    search s;
    search_begin(&s);
    for (unsigned workers = 1; workers <= 3; workers++)
        contract_with(target, (fan_executor_options){.workers = workers}, find, &s);
    search_end(&s);
}

/* Who works dies at the first tick, which comes while units are under way. */
static void find_and_shoot(fan_executor *executor, void *context)
{
    search *s = context;
    int64_t pid = 0;
    s->isolates = fan_executor_capabilities(executor) & FAN_CAP_ISOLATES;
    if (!s->isolates)
        return;
    fan_status status = fan_map(executor, &task_pid, fan_source_range(0, 1),
                                fan_sink_array(&pid, sizeof pid, 1), NULL, NULL);
    EXPECT_STR(fan_status_name(status), "FAN_OK");
    s->victim = (pid_t)pid;
    EXPECT_TRUE(s->victim > 0 && s->victim != getpid());
    find(executor, context);
    EXPECT_I64(s->victim, 0);
    fan_executor_stats stats = {0};
    EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    EXPECT_TRUE(stats.workers_lost > 0);
}

CONTRACT(sieve_goes_on_when_a_worker_dies)
{
    search s;
    search_begin(&s);
    contract_with(target, (fan_executor_options){.workers = 2}, find_and_shoot, &s);
    search_end(&s);
    if (!s.isolates)
        SKIP("%s does not isolate its items", target->name);
}
