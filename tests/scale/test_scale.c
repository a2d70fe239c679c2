/* The simulation of bench/scale against closed forms: what it says of worlds that can be worked out
 * by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "events.h"
#include "loads.h"
#include "schedules.h"
#include "shim.h"
#include "simulation.h"

static scale_system ideal_system(uint32_t ranks, scale_shape shape)
{
    return (scale_system){.ranks = ranks,
                          .workers = 1,
                          .ranks_a_host = 8,
                          .shape = shape,
                          .spare_core = true,
                          .costs = scale_costs_none()};
}

static scale_workload items(scale_law law, double mean_ns, uint64_t count)
{
    return (scale_workload){.law = law, .mean_ns = mean_ns, .seed = 7, .count = count};
}

static scale_result simulated(const scale_system *system, const scale_workload *work)
{
    scale_result result = {0};
    EXPECT_I64(FAN_OK, scale_simulate(system, work, NULL, &result));
    return result;
}

static scale_schedules scheduled(const scale_workload *work, uint32_t workers)
{
    scale_schedules made = {0};
    EXPECT_TRUE(scale_schedules_make(work, workers, &made));
    return made;
}

static bool near(double value, double expected, double part)
{
    return fabs(value - expected) <= part * fabs(expected);
}

/* ---- Closed forms --------------------------------------------------------------------------- */

FAN_TEST(scale, equal_items_without_costs_take_full_rounds)
{
    static const uint64_t counts[] = {1, 99, 100, 101, 1000, 1037};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int shape = SCALE_FLAT; shape <= SCALE_LEADERS; shape++) {
            scale_system system = ideal_system(100, (scale_shape)shape);
            scale_workload work = items(SCALE_CONSTANT, 1e6, counts[i]);
            double rounds = ceil((double)counts[i] / 100);
            EXPECT_TRUE(near(simulated(&system, &work).makespan_ns, rounds * 1e6, 1e-9));
        }
}

FAN_TEST(scale, one_rank_takes_the_sum)
{
    for (int law = 0; law < SCALE_LAWS; law++) {
        scale_system system = ideal_system(1, SCALE_FLAT);
        scale_workload work = items((scale_law)law, 1e5, 5000);
        scale_result r = simulated(&system, &work);
        EXPECT_TRUE(near(r.makespan_ns, r.sum_ns, 1e-9));
        EXPECT_U64(0, r.messages);
        EXPECT_U64(5000, r.rank0_items);
    }
}

/* Items so long that nobody gets one in advance: then the executor is a list scheduler. */
FAN_TEST(scale, without_costs_it_is_the_greedy_schedule)
{
    static const scale_law laws[] = {SCALE_CONSTANT, SCALE_UNIFORM, SCALE_PARETO};
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        scale_system system = ideal_system(37, SCALE_FLAT);
        scale_workload work = items(laws[i], 1e10, 1000);
        double greedy = scheduled(&work, 37).greedy_ns;
        EXPECT_TRUE(near(simulated(&system, &work).makespan_ns, greedy, 1e-9));
    }
}

FAN_TEST(scale, short_items_saturate_rank_0)
{
    scale_system system = ideal_system(1000, SCALE_FLAT);
    scale_workload work = items(SCALE_CONSTANT, 1e5, 40000);
    system.batch = 1;
    system.costs.cut = 300;
    system.costs.send = 200;
    system.costs.receive = 100;
    system.costs.end = 400;
    scale_result r = simulated(&system, &work);
    uint64_t remote = r.items - r.rank0_items;
    EXPECT_U64(2 * remote, r.messages);
    double worked = (double)remote * 1000 + (double)r.rank0_items * 300;
    EXPECT_TRUE(r.makespan_ns >= worked);
    EXPECT_TRUE(near(r.makespan_ns, worked, 0.03));
    EXPECT_TRUE(r.dispatcher_busy > 0.97);
}

FAN_TEST(scale, dispatch_takes_its_time_from_rank_0s_worker)
{
    scale_system system = ideal_system(1, SCALE_FLAT);
    scale_workload work = items(SCALE_CONSTANT, 1e6, 200);
    system.batch = 1;
    system.costs.cut = 1e6;
    EXPECT_TRUE(near(simulated(&system, &work).makespan_ns, 201e6, 0.02));
    system.spare_core = false;
    EXPECT_TRUE(near(simulated(&system, &work).makespan_ns, 400e6, 0.03));
}

FAN_TEST(scale, fixed_batches_count_exactly)
{
    scale_system system = ideal_system(10, SCALE_FLAT);
    scale_workload work = items(SCALE_EXPONENTIAL, 1e5, 1001);
    system.batch = 10;
    EXPECT_U64(101, simulated(&system, &work).batches);
}

/* In order and with room for five items at once, five ranks of ten have work. */
FAN_TEST(scale, a_short_queue_starves_ranks)
{
    for (int completed = 0; completed < 2; completed++) {
        scale_system system = ideal_system(10, SCALE_FLAT);
        scale_workload work = items(SCALE_CONSTANT, 1e6, 100);
        system.queue_items = 5;
        system.completed = completed;
        EXPECT_TRUE(near(simulated(&system, &work).makespan_ns, 20e6, 1e-9));
    }
}

/* Two items of 10 ms on two ranks: the second is sent when the first step has cut both, and its
 * answer is seen at once, since rank 0's worker ends at the same time and rings. */
FAN_TEST(scale, an_idle_rank_notices_late)
{
    scale_system system = ideal_system(2, SCALE_FLAT);
    scale_workload work = items(SCALE_CONSTANT, 10e6, 2);
    system.costs.latency_local = 1000;
    system.costs.sleep_first = system.costs.sleep_most = 5e6;
    system.costs.sleep_long = 5e6;
    double late = simulated(&system, &work).makespan_ns;
    EXPECT_TRUE(near(late, 20e6, 1e-3)); /* 5 ms to begin, 10, seen at the sleep that ends at 20 */
}

/* ---- Bounds --------------------------------------------------------------------------------- */

FAN_TEST(scale, greedy_keeps_grahams_bound)
{
    for (int law = 0; law < SCALE_LAWS; law++)
        for (uint32_t m = 1; m <= 64; m *= 4) {
            scale_workload work = items((scale_law)law, 1e6, 300);
            scale_schedules made = scheduled(&work, m);
            double slack = made.bound_ns * 1e-9;
            EXPECT_TRUE(made.greedy_ns >= made.bound_ns - slack);
            EXPECT_TRUE(made.greedy_ns <= (2 - 1.0 / m) * made.bound_ns + slack);
            EXPECT_TRUE(made.block_ns >= made.bound_ns - slack);
            EXPECT_TRUE(made.cyclic_ns >= made.bound_ns - slack);
        }
}

FAN_TEST(scale, no_world_beats_the_bound)
{
    for (int shape = 0; shape < SCALE_SHAPES; shape++)
        for (int law = 0; law < SCALE_LAWS; law++) {
            scale_system system = ideal_system(50, (scale_shape)shape);
            scale_workload work = items((scale_law)law, 1e5, 3000);
            double bound = scheduled(&work, 50).bound_ns;
            EXPECT_TRUE(simulated(&system, &work).makespan_ns >= bound * (1 - 1e-9));
            system.spare_core = false;
            system.costs = scale_costs_default();
            EXPECT_TRUE(simulated(&system, &work).makespan_ns >= bound);
        }
}

/* ---- Every item once ------------------------------------------------------------------------ */

enum { COUNTED = 5000 };

typedef struct counts {
    unsigned char of[COUNTED];
    double last_ns;
} counts;

static void count(void *user, uint64_t first, uint32_t many, uint32_t peer, double end_ns)
{
    counts *c = user;
    (void)peer;
    for (uint32_t i = 0; i < many && first + i < COUNTED; i++)
        c->of[first + i]++;
    c->last_ns = fmax(c->last_ns, end_ns);
}

static void expect_once(const scale_system *system, const scale_workload *work)
{
    counts c = {0};
    const scale_observer observer = {.ran = count, .user = &c};
    scale_result r = {0};
    unsigned wrong = 0;
    EXPECT_I64(FAN_OK, scale_simulate(system, work, &observer, &r));
    for (size_t i = 0; i < COUNTED; i++)
        wrong += c.of[i] != 1;
    EXPECT_U64(0, wrong);
    EXPECT_U64(COUNTED, r.items);
    EXPECT_TRUE(r.makespan_ns >= c.last_ns);
    EXPECT_TRUE(r.pieces >= r.batches);
}

FAN_TEST(scale, every_item_runs_once)
{
    static const uint32_t batches[] = {0, 1, 7, 65536};
    for (int shape = 0; shape < SCALE_SHAPES; shape++)
        for (int law = 0; law < SCALE_LAWS; law++)
            for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
                scale_system system = ideal_system(100, (scale_shape)shape);
                scale_workload work = items((scale_law)law, law % 2 ? 1e4 : 1e6, COUNTED);
                system.costs = scale_costs_default();
                system.spare_core = b % 2;
                system.completed = law % 2;
                system.workers = 1 + (uint32_t)law % 3;
                system.batch = batches[b];
                expect_once(&system, &work);
                system.queue_items = 64; /* fewer than there are workers */
                expect_once(&system, &work);
            }
}

FAN_TEST(scale, the_same_again)
{
    for (int shape = 0; shape < SCALE_SHAPES; shape++) {
        scale_system system = ideal_system(200, (scale_shape)shape);
        scale_workload work = items(SCALE_LOGNORMAL, 1e5, 20000);
        system.costs = scale_costs_default();
        scale_result a = simulated(&system, &work), b = simulated(&system, &work);
        EXPECT_TRUE(a.makespan_ns == b.makespan_ns && a.sum_ns == b.sum_ns);
        EXPECT_U64(a.messages, b.messages);
        EXPECT_U64(a.events, b.events);
        work.seed++;
        EXPECT_TRUE(simulated(&system, &work).makespan_ns != a.makespan_ns);
    }
}

FAN_TEST(scale, refuses_what_makes_no_world)
{
    scale_system system = ideal_system(0, SCALE_FLAT);
    scale_workload work = items(SCALE_CONSTANT, 1, 1);
    scale_result r;
    EXPECT_I64(FAN_E_ARGUMENT, scale_simulate(&system, &work, NULL, &r));
    system.ranks = 1;
    system.workers = 4097;
    EXPECT_I64(FAN_E_ARGUMENT, scale_simulate(&system, &work, NULL, &r));
}

/* ---- What it takes: policy -------------------------------------------------------------------
 */

/* Hierarchy must pay where it should: a flat world of short items is bound by rank 0. */
FAN_TEST(scale, leaders_that_split_relieve_rank_0)
{
    scale_workload work = items(SCALE_EXPONENTIAL, 1e6, 100000);
    double efficiency[SCALE_SHAPES];
    for (int shape = 0; shape < SCALE_SHAPES; shape++) {
        scale_system system = ideal_system(1000, (scale_shape)shape);
        system.ranks_a_host = 50;
        system.costs = scale_costs_default();
        efficiency[shape] = simulated(&system, &work).efficiency;
    }
    EXPECT_TRUE(efficiency[SCALE_LEADERS] > efficiency[SCALE_FLAT]);
    EXPECT_TRUE(efficiency[SCALE_SPLIT] > efficiency[SCALE_LEADERS]);
}

FAN_TEST(scale, short_items_travel_together)
{
    scale_system system = ideal_system(10, SCALE_FLAT);
    scale_workload work = items(SCALE_CONSTANT, 1000, 1000000);
    system.costs = scale_costs_default();
    scale_result r = simulated(&system, &work);
    double each = (double)r.items / (double)r.batches;
    EXPECT_TRUE(each > 80 && each <= 101); /* 10 us of work for each worker, less at the ends */
}

/* Of 10 us: up to four in a message of 40 us, where as many wait. */
FAN_TEST(scale, short_batches_share_messages)
{
    scale_system system = ideal_system(10, SCALE_FLAT);
    scale_workload work = items(SCALE_CONSTANT, 1e4, 20000);
    system.costs = scale_costs_default();
    system.batch = 1;
    scale_result r = simulated(&system, &work);
    uint64_t remote = r.items - r.rank0_items;
    EXPECT_TRUE(remote > 10000 && r.messages < remote);
    EXPECT_TRUE(r.messages >= 2 * remote / 4);
}

FAN_TEST(scale, batches_may_grow_with_the_world)
{
    scale_system system = ideal_system(100, SCALE_FLAT);
    scale_workload work = items(SCALE_CONSTANT, 1e4, 10000000);
    system.costs = scale_costs_default();
    system.queue_items = 100000000;
    scale_result as_it_is = simulated(&system, &work);
    system.least_ns = 1e5;
    scale_result larger = simulated(&system, &work);
    /* They grow by themselves: more would gain little. */
    EXPECT_TRUE(as_it_is.items / as_it_is.batches > 80);
    EXPECT_TRUE(larger.items / larger.batches > 4 * as_it_is.items / as_it_is.batches);
    EXPECT_TRUE(as_it_is.efficiency > 0.93 && larger.efficiency > 0.95);
}

/* ---- Parts ---------------------------------------------------------------------------------- */

/* idle.c, sleep by sleep. */
static double notice_slowly(const scale_costs *c, double since, double at)
{
    double begun = since + c->spin, wake = begun, sleep = c->sleep_first;
    while (at > begun && wake < at) {
        double now = sleep;
        if (wake - begun > c->long_idle)
            now = c->sleep_long;
        else
            sleep = fmin(sleep * 2, c->sleep_most);
        wake += now + c->slack;
    }
    return at > begun ? wake : at;
}

FAN_TEST(scale, an_idle_thread_looks_when_idle_c_would)
{
    scale_costs c = scale_costs_default();
    for (int i = 0; i < 7500; i++) {
        double at = 33e3 * i;

        double seen = scale_notice(&c, 0, at), slowly = notice_slowly(&c, 0, at);
        EXPECT_TRUE(seen >= at);
        if (at < 95e6) /* later the sums may go the other way by a sleep */
            EXPECT_TRUE(near(seen, slowly, 1e-9));
        else
            EXPECT_TRUE(seen - at <= c.sleep_long + c.slack);
    }
}

FAN_TEST(scale, durations_have_their_mean)
{
    for (int law = 0; law < SCALE_LAWS; law++) {
        scale_workload work = items((scale_law)law, 1000, 200000);
        double sum = 0;
        for (uint64_t i = 0; i < work.count; i++) {
            double ns = scale_duration(&work, i);
            EXPECT_TRUE(ns > 0);
            sum += ns;
        }
        EXPECT_TRUE(near(sum / (double)work.count, 1000, 0.05));
    }
}

FAN_TEST(scale, laws_are_read_or_refused)
{
    scale_law law = SCALE_CONSTANT;
    double shape = -1;
    EXPECT_TRUE(scale_law_read("pareto:1.5", &law, &shape));
    EXPECT_I64(SCALE_PARETO, law);
    EXPECT_TRUE(shape == 1.5);
    EXPECT_TRUE(scale_law_read("uniform", &law, &shape) && shape == 0);
    static const char *const bad[] = {"",          "par",          "pareto:",   "pareto:1",
                                      "pareto:2x", "lognormal:-1", "uniform:2", "lognormal:11"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EXPECT_TRUE(!scale_law_read(bad[i], &law, &shape));
}

FAN_TEST(scale, events_come_in_order)
{
    scale_events events = {0};
    scale_event event;
    uint64_t state = 1;
    for (uint32_t i = 0; i < 5000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        EXPECT_TRUE(scale_events_add(
            &events, (scale_event){.at = (double)(state >> 33 & 1023), .items = i}));
    }
    double last = -1;
    uint64_t order = 0;
    unsigned wrong = 0;
    for (unsigned i = 0; i < 5000; i++) {
        EXPECT_TRUE(scale_events_take(&events, &event));
        wrong += event.at < last || (event.at == last && event.order < order);
        last = event.at;
        order = event.order;
    }
    EXPECT_U64(0, wrong);
    EXPECT_TRUE(!scale_events_take(&events, &event));
    scale_events_clear(&events);
}

/* As dispatch.c looks for it: of equals the last. */
static uint32_t least_slowly(const scale_loads *loads)
{
    uint32_t best = loads->peers - 1;
    for (uint32_t p = loads->peers - 1; p-- > 0;)
        if ((uint64_t)loads->out[p] * loads->slots[best] <
            (uint64_t)loads->out[best] * loads->slots[p])
            best = p;
    return best;
}

FAN_TEST(scale, the_least_loaded_is_found)
{
    enum { PEERS = 13 };
    static const uint32_t slots[PEERS] = {1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 4, 4, 1};
    scale_loads loads;
    uint64_t state = 5;
    unsigned wrong = 0;
    EXPECT_TRUE(scale_loads_init(&loads, PEERS, slots));
    for (int i = 0; i < 3000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t p = (uint32_t)(state >> 33) % PEERS;
        scale_loads_change(&loads, p, loads.out[p] && state >> 62 ? -1 : 1);
        wrong += scale_loads_least(&loads) != least_slowly(&loads);
    }
    EXPECT_U64(0, wrong);
    scale_loads_clear(&loads);
}

/* ---- Costs ---------------------------------------------------------------------------------- */

static fan_status read_text(const char *text, scale_costs *costs, fan_error *error)
{
    char path[] = "/tmp/fan-scale-XXXXXX";
    int fd = mkstemp(path);
    EXPECT_TRUE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    fan_status status = scale_costs_read(costs, path, error);
    unlink(path);
    return status;
}

FAN_TEST(scale, costs_come_from_a_run_of_dispatch)
{
    scale_costs costs = scale_costs_default();
    fan_error error = {0};
    EXPECT_I64(FAN_OK, read_text("# a machine\n"
                                 "table\tpath\ton\tworkers\titems\twall ns\tspread %\n"
                                 "ns per empty item\tmap\tthreads\t2\t9\t4.0\t1\n"
                                 "ns per empty item\tmap\tmpi\t2\t9\t20.0\t1\n"
                                 "ns per empty item\tmap, batch 1\tmpi\t2\t9\t420.0\t1\n"
                                 "table\tpath\ton\tworkers\twall 1 us\n"
                                 "efficiency\tmap\tmpi\t2\t0.5\n",
                                 &costs, &error));
    EXPECT_TRUE(near(costs.cut + costs.send + costs.receive + costs.end, 400, 1e-9));
    EXPECT_TRUE(costs.per_item == 20 && costs.cut == costs.receive);
    EXPECT_I64(FAN_OK, read_text("table\tsort\tpath\ton\tworkers\twall ns\n" /* another order */
                                 "dispatch\tchunks chosen\tmap\tmpi\t2\t10\n"
                                 "dispatch\tchunk 1\tmap, batch 1\tmpi\t2\t210\n",
                                 &costs, &error));
    EXPECT_TRUE(near(costs.cut + costs.send + costs.receive + costs.end, 200, 1e-9));
    EXPECT_TRUE(costs.per_item == 10);
}

FAN_TEST(scale, bad_costs_are_refused_by_name_and_line)
{
    scale_costs costs = scale_costs_default();
    fan_error error = {0};
    EXPECT_I64(FAN_E_SYNTAX, read_text("# mine\n\nsend=5\nwake = 7\n", &costs, &error));
    EXPECT_U64(4, error.line);
    EXPECT_TRUE(strstr(error.text, "wake") != NULL);
    EXPECT_TRUE(costs.send == 700);
    EXPECT_I64(FAN_OK, read_text("send=5\n", &costs, &error));
    EXPECT_TRUE(costs.send == 5);
    EXPECT_I64(FAN_E_SYNTAX, read_text("send=-5\n", &costs, &error));
    EXPECT_I64(FAN_E_SYNTAX, read_text("table\twall ns\nx\ty\n", &costs, &error));
    EXPECT_TRUE(strstr(error.text, "mpirun") != NULL);
    EXPECT_I64(FAN_E_INPUT, scale_costs_read(&costs, "/nowhere/costs", &error));
    EXPECT_I64(FAN_E_ARGUMENT, scale_costs_set(&costs, "send=5x", &error));
    EXPECT_I64(FAN_E_ARGUMENT, scale_costs_set(&costs, "fee=5", &error));
}
