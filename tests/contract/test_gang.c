/* Gangs: members that run at once and talk. */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "contract.h"
#include "gang_task.h"
#include "tasks.h"

enum { MEMBERS_MAX = 16, TEXT_SIZE = 600 };

/* What became of a gang. */
typedef struct ends {
    fan_status status;
    fan_error error;
    size_t members, seen;
    fan_outcome_kind kinds[MEMBERS_MAX];
    char texts[MEMBERS_MAX][TEXT_SIZE];
    unsigned char *replies[MEMBERS_MAX];
    size_t sizes[MEMBERS_MAX];
} ends;

static fan_status keep(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    ends *e = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        size_t at = e->seen++;
        EXPECT_U64(o->index, at);
        if (at >= MEMBERS_MAX)
            continue;
        e->kinds[at] = o->kind;
        snprintf(e->texts[at], TEXT_SIZE, "%s", o->text);
        e->replies[at] = malloc(o->size + 1);
        e->sizes[at] = o->size;
        if (e->replies[at] && o->size)
            memcpy(e->replies[at], o->bytes, o->size);
    }
    return FAN_OK;
}

static void forget(ends *e)
{
    for (size_t i = 0; i < MEMBERS_MAX; i++)
        free(e->replies[i]);
    *e = (ends){0};
}

static void run(fan_executor *executor, size_t members, gang_play play, uint64_t number, ends *e)
{
    gang_input input = {.play = play, .number = number};
    forget(e);
    e->members = members;
    e->status = fan_gang(executor, &task_gang, members, &input, sizeof input,
                         fan_sink_callback(keep, e), &e->error);
}

/* Every member answered with `size` bytes. */
static bool all_replied(const ends *e, size_t size)
{
    bool all = e->status == FAN_OK && e->seen == e->members;
    if (e->status != FAN_OK)
        shim_fail(__FILE__, __LINE__, "%s: %s", fan_status_name(e->status), e->error.text);
    for (size_t i = 0; all && i < e->seen; i++) {
        all = e->kinds[i] == FAN_OUTCOME_OK && e->sizes[i] == size;
        if (!all)
            shim_fail(__FILE__, __LINE__, "member %zu of %zu: %s, %zu bytes, %s", i, e->members,
                      fan_outcome_name(e->kinds[i]), e->sizes[i], e->texts[i]);
    }
    EXPECT_TRUE(all);
    return all;
}

static uint64_t number_of(const ends *e, size_t member)
{
    uint64_t y;
    memcpy(&y, e->replies[member], sizeof y);
    return y;
}

/* ---- Each case ----------------------------------------------------------------------------- */

typedef struct gang_case {
    void (*body)(fan_executor *executor, size_t most, ends *e);
    size_t least;        /* members that it takes */
    unsigned capability; /* that it takes */
    const char *skipped; /* why it was not run */
} gang_case;

static void gangs(fan_executor *executor, void *context)
{
    gang_case *c = context;
    ends e = {0};
    fan_executor_stats stats;
    fan_executor_get_stats(executor, &stats);
    size_t most = stats.workers < 5 ? stats.workers : 5;
    run(executor, 1, GANG_WHO, 1, &e);
    if (e.status == FAN_E_UNSUPPORTED) {
        EXPECT_CONTAINS(e.error.text, "gang");
        c->skipped = "has no gangs";
    } else if (most < c->least) {
        c->skipped = "has too few workers";
    } else if (~fan_executor_capabilities(executor) & c->capability) {
        c->skipped = "does not isolate its items";
    } else {
        c->body(executor, most, &e);
    }
    forget(&e);
}

static void with_gang_case(const contract_target *target, gang_case c)
{
    contract_with(target, (fan_executor_options){.workers = 5}, gangs, &c);
    if (c.skipped)
        SKIP("%s %s", target->name, c.skipped);
}

static void with_gangs(const contract_target *target, size_t least,
                       void (*body)(fan_executor *, size_t, ends *))
{
    with_gang_case(target, (gang_case){.body = body, .least = least});
}

/* ---- What members do ----------------------------------------------------------------------- */

static void know_each_other(fan_executor *executor, size_t most, ends *e)
{
    for (size_t size = 1; size <= most; size++) {
        run(executor, size, GANG_WHO, 77 + size, e);
        if (!all_replied(e, sizeof(gang_who)))
            return;
        for (size_t i = 0; i < size; i++) {
            gang_who who;
            memcpy(&who, e->replies[i], sizeof who);
            EXPECT_U64(who.rank, i);
            EXPECT_U64(who.size, size);
            EXPECT_U64(who.number, 77 + size);
        }
    }
}

CONTRACT(gang_members_know_rank_size_and_input)
{
    with_gangs(target, 1, know_each_other);
}

static void pass_tokens(fan_executor *executor, size_t most, ends *e)
{
    static const uint64_t sizes[] = {0,
                                     1,
                                     1000,
                                     FAN_GANG_MAILBOX_BYTES - 17,
                                     FAN_GANG_MAILBOX_BYTES,
                                     3 * FAN_GANG_MAILBOX_BYTES + 1};
    for (size_t size = 2; size <= most; size++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            run(executor, size, GANG_RING, sizes[i], e);
            if (!all_replied(e, sizeof(uint64_t)))
                return;
            for (size_t k = 0; k < size; k++)
                EXPECT_U64(number_of(e, k), sizes[i] + (k ? k : size));
        }
}

CONTRACT(gang_ring_passes_messages_larger_than_the_mailbox)
{
    with_gangs(target, 2, pass_tokens);
}

/* The tree that gang.h promises, on one core. */
static double serial_sum(size_t size)
{
    double values[MEMBERS_MAX] = {0};
    for (size_t i = 0; i < size; i++)
        values[i] = gang_value(i);
    for (size_t distance = 1; distance < size; distance *= 2)
        for (size_t i = 0; i + distance < size; i += 2 * distance)
            gang_combine(&values[i], &values[i + distance], sizeof(double), NULL);
    return values[0];
}

static bool same_bits(const unsigned char *bytes, double value)
{
    uint64_t a, b;
    memcpy(&a, bytes, sizeof a);
    memcpy(&b, &value, sizeof b);
    return a == b;
}

static void reduce(fan_executor *executor, size_t most, ends *e)
{
    for (size_t size = 1; size <= most; size++) {
        double expected = serial_sum(size);
        run(executor, size, GANG_SUM, 20, e);
        if (!all_replied(e, sizeof expected))
            return;
        for (size_t i = 0; i < size; i++)
            EXPECT_TRUE(same_bits(e->replies[i], expected));
    }
    run(executor, most, GANG_LARGE_SUM, 20000, e);
    if (!all_replied(e, 20000 * sizeof(double)))
        return;
    double expected = serial_sum(most), first;
    memcpy(&first, e->replies[0], sizeof first);
    EXPECT_TRUE(first == expected);
    for (size_t i = 1; i < most; i++)
        EXPECT_TRUE(memcmp(e->replies[i], e->replies[0], e->sizes[0]) == 0);
}

CONTRACT(gang_all_reduce_has_the_bits_of_its_tree)
{
    with_gangs(target, 1, reduce);
}

static void broadcast(fan_executor *executor, size_t most, ends *e)
{
    static const uint64_t sizes[] = {0, 5, 200000};
    for (size_t size = 1; size <= most; size++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            run(executor, size, GANG_BROADCAST, sizes[i], e);
            if (!all_replied(e, sizeof(uint64_t)))
                return;
            for (size_t k = 0; k < size; k++)
                EXPECT_U64(number_of(e, k), size);
        }
}

CONTRACT(gang_broadcast_reaches_all_from_any_root)
{
    with_gangs(target, 1, broadcast);
}

static void meet(fan_executor *executor, size_t most, ends *e)
{
    int64_t last_before = INT64_MIN, first_after = INT64_MAX;
    run(executor, most, GANG_BARRIER, 0, e);
    if (!all_replied(e, sizeof(gang_times)))
        return;
    for (size_t i = 0; i < most; i++) {
        gang_times times;
        memcpy(&times, e->replies[i], sizeof times);
        last_before = times.before > last_before ? times.before : last_before;
        first_after = times.after < first_after ? times.after : first_after;
    }
    EXPECT_TRUE(last_before <= first_after);
}

CONTRACT(gang_barrier_lets_nobody_through_early)
{
    with_gangs(target, 2, meet);
}

static uint64_t talked(size_t size, uint64_t number)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < number; i++)
        sum += i * 37 % 4096 * (size - 1);
    return sum;
}

static void talk(fan_executor *executor, size_t most, ends *e)
{
    run(executor, most, GANG_TALK, 200, e);
    if (all_replied(e, sizeof(uint64_t)))
        for (size_t i = 0; i < most; i++)
            EXPECT_U64(number_of(e, i), talked(most, 200));
}

CONTRACT(gang_pairs_talk_in_order)
{
    with_gangs(target, 2, talk);
}

/* ---- How gangs end ------------------------------------------------------------------------- */

/* All outcomes are there, the others failed naming the culprit, and the executor goes on. */
static void expect_end(fan_executor *executor, ends *e, fan_status status, size_t culprit,
                       const char *text)
{
    char name[32];
    snprintf(name, sizeof name, "member %zu", culprit);
    EXPECT_I64(e->status, status);
    EXPECT_CONTAINS(e->error.text, name);
    EXPECT_CONTAINS(e->error.text, text);
    EXPECT_U64(e->seen, e->members);
    for (size_t i = 0; i < e->seen; i++) {
        EXPECT_TRUE(e->kinds[i] != FAN_OUTCOME_OK);
        EXPECT_CONTAINS(e->texts[i], text);
        if (i != culprit)
            EXPECT_CONTAINS(e->texts[i], name);
    }
    size_t members = e->members;
    run(executor, members, GANG_SUM, 3, e);
    all_replied(e, sizeof(double));
}

static void fail(fan_executor *executor, size_t most, ends *e)
{
    run(executor, most, GANG_FAIL, most - 1, e);
    expect_end(executor, e, FAN_E_FAILED, most - 1, "bad luck");
    run(executor, most, GANG_FAIL_POLL, 0, e);
    expect_end(executor, e, FAN_E_FAILED, 0, "bad luck");
}

CONTRACT(gang_ends_with_a_member_that_fails)
{
    with_gangs(target, 1, fail);
}

static void crash_one(fan_executor *executor, size_t most, size_t culprit, ends *e)
{
    fan_executor_stats before, after;
    fan_executor_get_stats(executor, &before);
    run(executor, most, GANG_CRASH, culprit, e);
    fan_executor_get_stats(executor, &after);
    EXPECT_U64(after.workers_lost, before.workers_lost + 1); /* it does not run again */
    EXPECT_I64(e->kinds[culprit], FAN_OUTCOME_LOST);
    expect_end(executor, e, FAN_E_LOST, culprit, "SIGSEGV");
}

/* Over ranks the last member is on another one than the caller. */
static void crash(fan_executor *executor, size_t most, ends *e)
{
    crash_one(executor, most, 1, e);
    crash_one(executor, most, most - 1, e);
}

CONTRACT(gang_ends_with_a_member_that_crashes)
{
    with_gang_case(target, (gang_case){.body = crash, .least = 2, .capability = FAN_CAP_ISOLATES});
}

static void leave_early(fan_executor *executor, size_t most, ends *e)
{
    run(executor, most, GANG_EARLY, 1, e);
    EXPECT_I64(e->status, FAN_E_FAILED);
    EXPECT_U64(e->seen, most);
    for (size_t i = 0; i < e->seen; i++) {
        if (i == 1) {
            EXPECT_I64(e->kinds[i], FAN_OUTCOME_OK);
            continue;
        }
        EXPECT_I64(e->kinds[i], FAN_OUTCOME_FAILED);
        EXPECT_CONTAINS(e->texts[i], "member 1, which has returned");
    }
}

CONTRACT(gang_member_that_returned_is_not_waited_for)
{
    with_gangs(target, 2, leave_early);
}

static void expect_deadlock(const ends *e, const char *text)
{
    EXPECT_I64(e->status, FAN_E_FAILED);
    EXPECT_CONTAINS(e->error.text, "deadlock");
    EXPECT_CONTAINS(e->error.text, text);
    EXPECT_U64(e->seen, e->members);
    for (size_t i = 0; i < e->seen; i++) {
        EXPECT_I64(e->kinds[i], FAN_OUTCOME_FAILED);
        EXPECT_CONTAINS(e->texts[i], "deadlock");
    }
}

static void lock_up(fan_executor *executor, size_t most, ends *e)
{
    for (size_t size = 1; size <= most; size++) {
        run(executor, size, GANG_CIRCLE, 0, e);
        expect_deadlock(e, size > 1 ? "0 waits to receive from 1" : "0 waits to receive from 0");
    }
    run(executor, most, GANG_CROWD, 100, e); /* fits: none */
    all_replied(e, 7);
    run(executor, most, GANG_CROWD, UINT64_C(10) * FAN_GANG_MAILBOX_BYTES, e);
    expect_deadlock(e, "0 waits to send to");
    run(executor, most, GANG_BARRIER_OR, 0, e);
    expect_deadlock(e, "0 waits to receive from 0");
}

CONTRACT(gang_deadlock_is_found_and_named)
{
    with_gangs(target, 1, lock_up);
}

static void mix(fan_executor *executor, size_t most, ends *e)
{
    (void)most;
    for (uint64_t size = 0; size <= 5; size += 5) {
        run(executor, 2, GANG_MIXED, size, e);
        EXPECT_I64(e->status, FAN_E_FAILED);
        EXPECT_CONTAINS(e->error.text, "member 1 failed: it receives from member 0, but");
        EXPECT_CONTAINS(e->texts[1], "do not agree");
    }
}

CONTRACT(gang_stray_message_is_an_error_where_it_is_met)
{
    with_gangs(target, 2, mix);
}

/* ---- What is left -------------------------------------------------------------------------- */

static size_t entries(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static size_t mappings(void)
{
    size_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    for (int c; file && (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    if (file)
        (void)fclose(file);
    return lines;
}

static void repeat(fan_executor *executor, size_t most, ends *e)
{
    run(executor, most, GANG_SUM, 1, e);
    size_t files = entries("/proc/self/fd"), maps = mappings();
    for (int i = 0; i < 30; i++) {
        run(executor, most, i % 3 ? GANG_SUM : GANG_FAIL, 0, e);
        EXPECT_U64(e->seen, most);
    }
    EXPECT_TRUE(entries("/proc/self/fd") <= files);
    EXPECT_TRUE(mappings() < maps + 10); /* the allocator has some of its own */
}

CONTRACT(gang_leaves_nothing_behind)
{
    with_gangs(target, 1, repeat);
}

/* ---- Arguments ----------------------------------------------------------------------------- */

typedef struct from_callback {
    fan_executor *executor;
    fan_status status;
} from_callback;

static void gang_in_callback(fan_future *future, void *user)
{
    from_callback *c = user;
    (void)future;
    c->status = fan_gang(c->executor, &task_gang, 1, NULL, 0, fan_sink_callback(keep, NULL), NULL);
}

static void argue(fan_executor *executor, size_t most, ends *e)
{
    char numbers[2][32];
    fan_executor_stats stats;
    fan_executor_get_stats(executor, &stats);
    size_t too_many = (size_t)stats.workers + 1;
    snprintf(numbers[0], 32, "is %zu", too_many);
    snprintf(numbers[1], 32, "%u workers", stats.workers);
    (void)most;
    run(executor, 0, GANG_WHO, 0, e);
    EXPECT_I64(e->status, FAN_E_ARGUMENT);
    EXPECT_CONTAINS(e->error.text, "is 0");
    EXPECT_CONTAINS(e->error.text, numbers[1]);
    run(executor, too_many, GANG_WHO, 0, e);
    EXPECT_I64(e->status, FAN_E_ARGUMENT);
    EXPECT_CONTAINS(e->error.text, numbers[0]);
    EXPECT_CONTAINS(e->error.text, numbers[1]);
    EXPECT_U64(e->seen, 0);
    EXPECT_I64(fan_gang(executor, &task_gang, 1, NULL, 8, fan_sink_callback(keep, e), NULL),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_gang(executor, NULL, 1, NULL, 0, fan_sink_callback(keep, e), NULL),
               FAN_E_ARGUMENT);
    EXPECT_I64(fan_gang(NULL, &task_gang, 1, NULL, 0, fan_sink_callback(keep, e), NULL),
               FAN_E_UNSUPPORTED);
    fan_future *future;
    from_callback c = {.executor = executor};
    EXPECT_I64(fan_submit(executor, &task_echo, "x", 1, NULL, &future), FAN_OK);
    EXPECT_I64(fan_wait_all(&future, 1, fan_deadline_in_ms(60000)), FAN_OK);
    EXPECT_I64(fan_future_on_done(future, gang_in_callback, &c), FAN_OK);
    EXPECT_I64(c.status, FAN_E_ARGUMENT);
    fan_future_release(future);
}

static void start_inside(fan_executor *executor, size_t most, ends *e)
{
    gang_input input = {.play = GANG_NEST};
    int64_t status = FAN_OK;
    EXPECT_I64(fan_map(executor, &task_gang, fan_source_array(&input, sizeof input, 1),
                       fan_sink_array(&status, sizeof status, 1), NULL, NULL),
               FAN_OK);
    EXPECT_I64(status, FAN_E_ARGUMENT);
    run(executor, most, GANG_NEST, 0, e);
    if (!all_replied(e, sizeof status))
        return;
    for (size_t i = 0; i < most; i++)
        EXPECT_U64(number_of(e, i), FAN_E_ARGUMENT);
}

CONTRACT(gang_inside_a_task_is_refused)
{
    with_gangs(target, 1, start_inside);
}

static void resize_between(fan_executor *executor, void *context)
{
    ends e = {0};
    fan_executor_stats stats = {0};
    (void)context;
    fan_executor_get_stats(executor, &stats);
    const unsigned most = stats.ranks * 3;
    const unsigned sizes[] = {3, 1, 2, most < MEMBERS_MAX ? most : MEMBERS_MAX};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        if (fan_executor_resize(executor, sizes[k]) == FAN_E_UNSUPPORTED)
            return;
        run(executor, sizes[k], GANG_SUM, 3, &e);
        all_replied(&e, sizeof(double));
        run(executor, sizes[k] + 1, GANG_SUM, 3, &e);
        EXPECT_I64(e.status, FAN_E_ARGUMENT);
    }
    forget(&e);
}

CONTRACT(gang_has_the_workers_that_there_are_now)
{
    contract_with(target, (fan_executor_options){.workers = 1, .workers_max = 3}, resize_between,
                  NULL);
}

CONTRACT(gang_arguments_are_checked)
{
    with_gangs(target, 1, argue);
}

static void alone(fan_executor *executor, void *context)
{
    gang_input input = {.play = GANG_SUM, .number = 2};
    double value = 0;
    (void)context;
    EXPECT_I64(fan_map(executor, &task_gang, fan_source_array(&input, sizeof input, 1),
                       fan_sink_array(&value, sizeof value, 1), NULL, NULL),
               FAN_OK);
    EXPECT_TRUE(value == gang_value(0));
}

CONTRACT(gang_task_works_as_an_ordinary_item)
{
    contract_with(target, (fan_executor_options){.workers = 2}, alone, NULL);
}

/* ---- Beside other work --------------------------------------------------------------------- */

typedef struct neighbour {
    fan_executor *executor;
    _Atomic bool enough;
    fan_deadline give_up;
    bool gave_up;
    _Atomic uint64_t next;
    uint64_t wrong;
} neighbour;

static fan_status check_order(void *user, const fan_outcome *outcomes, size_t count,
                              fan_error *error)
{
    neighbour *n = user;
    (void)error;
    for (size_t i = 0; i < count; i++)
        n->wrong += outcomes[i].index != atomic_fetch_add(&n->next, 1) ||
                    outcomes[i].kind != FAN_OUTCOME_OK;
    return FAN_OK;
}

static bool enough(void *user)
{
    neighbour *n = user;
    n->gave_up = fan_deadline_in_ms(0) > n->give_up;
    return n->gave_up || atomic_load(&n->enough);
}

/* A map that goes on until the gangs are done, and always has more for every worker. */
static void *map_beside(void *user)
{
    neighbour *n = user;
    uint64_t us = 3000;
    EXPECT_I64(
        fan_map(
            n->executor, &task_pid, fan_source_range(0, UINT64_C(1) << 40),
            fan_sink_callback(check_order, n),
            &(fan_map_options){
                .args = &us, .args_size = sizeof us, .batch = 1, .stop = enough, .stop_user = n},
            NULL),
        FAN_E_CANCELLED);
    return NULL;
}

static void beside(fan_executor *executor, size_t most, ends *e)
{
    neighbour n = {.executor = executor, .give_up = fan_deadline_in_ms(120000)};
    pthread_t other;
    EXPECT_I64(pthread_create(&other, NULL, map_beside, &n), 0);
    while (atomic_load(&n.next) == 0 && fan_deadline_in_ms(0) < n.give_up)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    for (int round = 0; round < 3; round++) {
        run(executor, most, GANG_SUM, 20, e);
        if (!all_replied(e, sizeof(double)))
            break;
    }
    atomic_store(&n.enough, true);
    pthread_join(other, NULL);
    EXPECT_TRUE(!n.gave_up);
    EXPECT_TRUE(atomic_load(&n.next) > 0);
    EXPECT_U64(n.wrong, 0);
}

CONTRACT(gang_runs_beside_a_map)
{
    if (!target->any_thread)
        SKIP("%s takes calls from one thread only", target->name);
    with_gangs(target, 1, beside);
}

typedef struct second_gang {
    fan_executor *executor;
    size_t members;
    ends e;
} second_gang;

static void *run_second(void *user)
{
    second_gang *s = user;
    for (int round = 0; round < 5; round++) {
        run(s->executor, s->members, GANG_SUM, 5, &s->e);
        all_replied(&s->e, sizeof(double));
    }
    return NULL;
}

static void two_gangs(fan_executor *executor, size_t most, ends *e)
{
    second_gang s = {.executor = executor, .members = most};
    pthread_t other;
    EXPECT_I64(pthread_create(&other, NULL, run_second, &s), 0);
    for (int round = 0; round < 5; round++) {
        run(executor, most, GANG_SUM, 5, e);
        all_replied(e, sizeof(double));
    }
    pthread_join(other, NULL);
    forget(&s.e);
}

CONTRACT(gang_waits_for_the_one_before)
{
    if (!target->any_thread)
        SKIP("%s takes calls from one thread only", target->name);
    with_gangs(target, 1, two_gangs);
}

static void two_executors(fan_executor *one, fan_executor *two, void *context)
{
    ends e = {0};
    fan_executor_stats stats = {0};
    (void)context;
    fan_executor_get_stats(two, &stats);
    second_gang s = {.executor = two, .members = stats.workers};
    pthread_t other;
    EXPECT_I64(pthread_create(&other, NULL, run_second, &s), 0);
    two_gangs(one, stats.workers, &e);
    pthread_join(other, NULL);
    forget(&s.e);
    forget(&e);
}

CONTRACT(gang_on_each_of_two_executors)
{
    if (!target->any_thread)
        SKIP("%s takes calls from one thread only", target->name);
    contract_with_two(target, (fan_executor_options){.workers = 3}, two_executors, NULL);
}

/* ---- Abandoned ----------------------------------------------------------------------------- */

static void *gang_for_ever(void *user)
{
    second_gang *s = user;
    run(s->executor, s->members, GANG_POLL, 0, &s->e);
    return NULL;
}

static void abandon(fan_executor *executor)
{
    fan_executor_stats stats = {0};
    fan_executor_get_stats(executor, &stats);
    second_gang s = {.executor = executor, .members = stats.workers};
    pthread_t other;
    EXPECT_I64(pthread_create(&other, NULL, gang_for_ever, &s), 0);
    for (int i = 0; i < 120000 && stats.batches < s.members; i++) {
        fan_executor_get_stats(executor, &stats);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (stats.workers > 1)
        EXPECT_I64(fan_executor_resize(executor, 1), FAN_E_BUSY);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_ABANDON, fan_deadline_in_ms(30000)), FAN_OK);
    pthread_join(other, NULL);
    EXPECT_TRUE(s.e.status == FAN_E_CANCELLED || s.e.status == FAN_E_CLOSED);
    for (size_t i = 0; i < s.e.seen; i++)
        EXPECT_TRUE(s.e.kinds[i] != FAN_OUTCOME_OK);
    forget(&s.e);
}

CONTRACT(gang_ends_when_its_executor_is_abandoned)
{
    fan_executor *executor = NULL;
    fan_error error = {0};
    if (!target->any_thread)
        SKIP("%s takes calls from one thread only", target->name);
    fan_executor_options options = {.workers = 3};
    ASSERT_I64(target->open(target, options, 1, &executor, &error), FAN_OK);
    if (executor)
        abandon(executor);
}

static bool at_third_call(void *user)
{
    return ++*(int *)user >= 3;
}

/* Each executor has gangs after it as before. */
static void stop_gang(fan_executor *executor, size_t most, ends *e)
{
    int asked = 0;
    const gang_input input = {.play = GANG_POLL};
    forget(e);
    e->members = most;
    e->status = fan_gang_until(executor, &task_gang, most, &input, sizeof input, at_third_call,
                               &asked, fan_sink_callback(keep, e), &e->error);
    EXPECT_I64(e->status, FAN_E_CANCELLED);
    EXPECT_CONTAINS(e->error.text, "stopped");
    EXPECT_I64(asked, 3);
    EXPECT_U64(e->seen, most);
    for (size_t i = 0; i < e->seen; i++)
        EXPECT_TRUE(e->kinds[i] != FAN_OUTCOME_OK);
    run(executor, most, GANG_WHO, 1, e);
    (void)all_replied(e, sizeof(gang_who));
}

CONTRACT(gang_ends_when_its_caller_wants_it)
{
    with_gangs(target, 2, stop_gang);
}
