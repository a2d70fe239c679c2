/* The search for divisors over an executor: the first success by its place wins, and its state. */
#include "base/clock.h"
#include "folder_kit.h"
#include "job/curves.h"
#include "kernel/factor/split.h"
#include "shim/shim.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char composite[] = /* 99 digits, of which curves for 25 digits find nothing */
    "3532461934402770121272604978198464368671197400197625023649303468776121253679423200058547956528"
    "08"
    "8337";

/* ---- Planted successes ------------------------------------------------------------------------
 */

/* What the planted task does, by the number of the unit; threads alone, so that it is shared. */
static struct {
    uint64_t found[4]; /* units that find something: a "divisor" of their number + 2 */
    size_t found_count;
    uint64_t slow, late; /* this unit takes 60 ms; this one runs until it is cancelled */
    uint64_t fails;
    _Atomic uint64_t begun, ended, cancelled;
} plan;

static bool finds(uint64_t index)
{
    for (size_t i = 0; i < plan.found_count; i++)
        if (plan.found[i] == index)
            return true;
    return false;
}

static void wait_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static fan_status planted(fan_run *run, fan_items in)
{
    fan_buffer reply = {0};
    fani_curves_search search = {.at = {.round = (unsigned)in.first}, .method = FAN_METHOD_ECM};
    mpz_t divisor;
    atomic_fetch_add(&plan.begun, 1);
    if (in.count != 1)
        return FAN_E_ARGUMENT;
    if (in.first == plan.slow)
        wait_ms(60);
    for (int i = 0; in.first == plan.late && !fan_run_cancelled(run) && i < 12000; i++)
        wait_ms(10);
    if (fan_run_cancelled(run)) {
        atomic_fetch_add(&plan.cancelled, 1);
        return FAN_E_CANCELLED;
    }
    if (in.first == plan.fails)
        return fan_run_fail(run, 0, "unit %d is planted to fail", (int)in.first);
    mpz_init_set_ui(divisor, in.first + 2);
    fan_status status = fani_curves_reply(&search, finds(in.first) ? divisor : NULL, &reply);
    if (status == FAN_OK)
        status = fan_run_reply(run, 0, reply.bytes, reply.size);
    mpz_clear(divisor);
    fan_buffer_clear(&reply);
    atomic_fetch_add(&plan.ended, 1);
    return status;
}

static const fan_task planted_task = {.name = "test.planted", .version = 1, .run = planted};

static void plant_nothing(void)
{
    memset(&plan, 0, sizeof plan);
    plan.slow = plan.late = plan.fails = UINT64_MAX;
}

typedef struct search_case {
    mpz_t n, divisor;
    fani_curves_search search;
    fani_curves_options options;
    fan_error error;
} search_case;

static void open_case(search_case *c, const char *kind, unsigned workers)
{
    const fan_executor_options options = {.kind = kind, .workers = workers};
    memset(c, 0, sizeof *c);
    mpz_inits(c->n, c->divisor, NULL);
    ASSERT_I64(mpz_set_str(c->n, composite, 10), 0);
    c->options.task = &planted_task;
    c->options.digits = 30;
    c->search.work = UINT64_MAX;
    ASSERT_I64(fan_executor_open(&options, &c->options.executor, NULL), FAN_OK);
}

static void close_case(search_case *c)
{
    EXPECT_I64(fan_executor_close(c->options.executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    mpz_clears(c->n, c->divisor, NULL);
}

static fan_status run_case(search_case *c)
{
    c->search = (fani_curves_search){.work = UINT64_MAX};
    c->error = (fan_error){0};
    return fani_curves_over(c->n, &c->options, &c->search, c->divisor, &c->error);
}

FAN_TEST(curves, the_first_success_by_its_place_wins)
{
    for (unsigned workers = 1; workers <= 5; workers++) {
        search_case c;
        open_case(&c, workers == 1 ? "serial" : "threads", workers);
        for (uint64_t first = 0; first < 9; first += 4) {
            plant_nothing();
            plan.found[0] = first + 3;
            plan.found[1] = plan.slow = first;
            plan.found[2] = first + 1;
            plan.found_count = 3;
            EXPECT_I64(run_case(&c), FAN_OK);
            EXPECT_TRUE(mpz_cmp_ui(c.divisor, first + 2) == 0);
            EXPECT_U64(c.search.at.round, first);
            EXPECT_I64(c.search.method, FAN_METHOD_ECM);
        }
        close_case(&c);
    }
}

FAN_TEST(curves, what_is_behind_the_first_success_is_cancelled)
{
    search_case c;
    open_case(&c, "threads", 3);
    plant_nothing();
    plan.found[0] = plan.slow = 2;
    plan.found_count = 1;
    plan.late = 3;
    EXPECT_I64(run_case(&c), FAN_OK);
    EXPECT_TRUE(mpz_cmp_ui(c.divisor, 4) == 0);
    EXPECT_U64(plan.cancelled, 1);
    close_case(&c);
}

FAN_TEST(curves, where_nothing_is_found_all_is_done)
{
    search_case c;
    open_case(&c, "threads", 2);
    plant_nothing();
    uint64_t units = fani_curves_units(c.n, &c.options, &c.search, UINT64_MAX);
    EXPECT_TRUE(units > 20);
    EXPECT_U64(fani_curves_units(c.n, &c.options, &c.search, 7), 7);
    EXPECT_I64(run_case(&c), FAN_E_EFFORT);
    EXPECT_U64(plan.ended, units);
    EXPECT_U64(fani_curves_units(c.n, &c.options, &c.search, UINT64_MAX), 0);
    close_case(&c);
}

FAN_TEST(curves, a_unit_that_fails_ends_the_search_unless_it_is_behind_a_success)
{
    search_case c;
    open_case(&c, "serial", 1);
    plant_nothing();
    plan.fails = 4;
    EXPECT_I64(run_case(&c), FAN_E_FAILED);
    EXPECT_TRUE(strstr(c.error.text, "unit 4 is planted to fail") != NULL);
    EXPECT_TRUE(mpz_cmp_ui(c.divisor, 0) == 0);
    plan.found[0] = 3;
    plan.found_count = 1;
    EXPECT_I64(run_case(&c), FAN_OK);
    EXPECT_TRUE(mpz_cmp_ui(c.divisor, 5) == 0);
    close_case(&c);
}

/* ---- What ends it -----------------------------------------------------------------------------
 */

static bool stop_after(void *user)
{
    return plan.ended >= *(uint64_t *)user;
}

static fan_status fail_in_tick(void *user, fan_error *error)
{
    (void)user;
    snprintf(error->text, sizeof error->text, "the tick fails");
    return error->status = FAN_E_OUTPUT;
}

FAN_TEST(curves, stop_and_deadline_and_tick_end_it)
{
    search_case c;
    uint64_t after = 3;
    open_case(&c, "threads", 2);
    plant_nothing();
    plan.late = 5;
    c.options.stop = stop_after;
    c.options.user = &after;
    EXPECT_I64(run_case(&c), FAN_E_CANCELLED);
    EXPECT_U64(c.search.work, UINT64_MAX);
    c.options.stop = NULL;
    c.options.deadline = fan_deadline_in_ms(150);
    EXPECT_I64(run_case(&c), FAN_E_TIMEOUT);
    c.options.deadline = 0;
    c.options.tick = fail_in_tick;
    EXPECT_I64(run_case(&c), FAN_E_OUTPUT);
    EXPECT_TRUE(strcmp(c.error.text, "the tick fails") == 0);
    close_case(&c);
}

/* ---- The state --------------------------------------------------------------------------------
 */

FAN_TEST(curves, a_stopped_search_does_no_unit_twice)
{
    search_case c;
    char path[PATH_SIZE];
    folder f = make_folder();
    uint64_t after = 6;
    open_case(&c, "serial", 1);
    plant_nothing();
    uint64_t units = fani_curves_units(c.n, &c.options, &c.search, UINT64_MAX), sum = 0;
    c.options.state = in(&f, "state", path);
    c.options.stop = stop_after;
    c.options.user = &after;
    EXPECT_I64(run_case(&c), FAN_E_CANCELLED);
    EXPECT_TRUE(plan.ended >= 6 && plan.ended < units);
    sum = plan.ended;
    c.options.stop = NULL;
    plan.ended = 0;
    EXPECT_I64(run_case(&c), FAN_E_EFFORT);
    EXPECT_U64(sum + plan.ended, units);
    plan.ended = 0;
    EXPECT_I64(run_case(&c), FAN_E_EFFORT);
    EXPECT_U64(plan.ended, 0);
    EXPECT_I64(fani_curves_forget(path, &c.error), FAN_OK);
    EXPECT_I64(fani_curves_forget(path, &c.error), FAN_OK);
    plan.found[0] = 4;
    plan.found_count = 1;
    EXPECT_I64(run_case(&c), FAN_OK); /* kept, and there at once the second time */
    plan.ended = 0;
    mpz_set_ui(c.divisor, 0);
    EXPECT_I64(run_case(&c), FAN_OK);
    EXPECT_TRUE(mpz_cmp_ui(c.divisor, 6) == 0 && c.search.at.round == 4);
    EXPECT_U64(plan.ended, 0);
    close_case(&c);
    remove_folder(&f);
}

FAN_TEST(curves, the_state_of_another_search_is_refused)
{
    search_case c;
    char path[PATH_SIZE];
    folder f = make_folder();
    open_case(&c, "serial", 1);
    plant_nothing();
    c.options.state = in(&f, "state", path);
    plan.found[0] = 1;
    plan.found_count = 1;
    EXPECT_I64(run_case(&c), FAN_OK);
    mpz_add_ui(c.n, c.n, 2);
    EXPECT_I64(run_case(&c), FAN_E_ARGUMENT);
    EXPECT_TRUE(strstr(c.error.text, composite) != NULL);
    mpz_sub_ui(c.n, c.n, 2);
    c.options.digits = 35;
    EXPECT_I64(run_case(&c), FAN_E_ARGUMENT);
    c.options.digits = 30;
    EXPECT_I64(run_case(&c), FAN_OK);
    make_text(&f, "state", "no journal at all");
    EXPECT_I64(run_case(&c), FAN_E_INPUT);
    close_case(&c);
    remove_folder(&f);
}

/* ---- The real task ----------------------------------------------------------------------------
 */

/* Primes of 17 to 19 digits, which several curves find, and a large one. */
static void make_findable(mpz_ptr n)
{
    static const char *const near[] = {"31415926535897932", "271828182845904523",
                                       "1414213562373095048"};
    mpz_t p;
    mpz_init(p);
    mpz_ui_pow_ui(n, 7, 90);
    mpz_nextprime(n, n);
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        ASSERT_I64(mpz_set_str(p, near[i], 10), 0);
        mpz_nextprime(p, p);
        mpz_mul(n, n, p);
    }
    mpz_clear(p);
}

FAN_TEST(curves, any_number_of_workers_finds_what_one_search_finds)
{
    mpz_t divisor;
    mpz_init(divisor);
    for (unsigned workers = 1; workers <= 3; workers++) {
        search_case c;
        open_case(&c, workers == 1 ? "serial" : "threads", workers);
        make_findable(c.n);
        c.options.task = NULL;
        c.options.pinned = true;
        c.options.isa = FANI_ISA_SCALAR;
        fani_effort effort;
        const fan_factor_options options = {.digits = c.options.digits, .isa = "scalar"};
        ASSERT_I64(fani_effort_of(&options, &effort, NULL), FAN_OK);
        EXPECT_I64(fani_split_stretch(c.n, &effort, NULL, divisor), FAN_OK);
        EXPECT_I64(run_case(&c), FAN_OK);
        EXPECT_TRUE(mpz_cmp(divisor, c.divisor) == 0 && mpz_divisible_p(c.n, divisor));
        EXPECT_U64(c.search.at.level, effort.at.level);
        EXPECT_U64(c.search.at.run, effort.at.run);
        EXPECT_U64(c.search.work, effort.work);
        EXPECT_I64(c.search.method, effort.method);
        close_case(&c);
    }
    mpz_clear(divisor);
}
