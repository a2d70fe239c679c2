#include "tasks.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "contract.h"
#include "gang_task.h"
#include "job/sieve.h"

static uint64_t number_at(const fan_items *in, size_t i)
{
    size_t size;
    const unsigned char *bytes = fan_items_at(in, i, &size);
    uint64_t x = in->first + i;
    if (bytes && size == sizeof x)
        memcpy(&x, bytes, sizeof x);
    return x;
}

static fan_status square(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    if (!y)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        y[i] = number_at(&in, i) * number_at(&in, i);
    return FAN_OK;
}

static fan_status echo(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    return fan_run_reply(run, i, input, size);
}

static fan_status echo_all(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, echo);
}

static fan_status moody(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    uint64_t x;
    char text[32];
    if (size != sizeof x)
        return FAN_E_ARGUMENT;
    memcpy(&x, input, sizeof x);
    if (x % 10 == 3)
        return fan_run_fail(run, i, "bad %llu", (unsigned long long)x);
    if (x % 10 == 4)
        return FAN_OK;
    if (x % 10 == 5)
        return FAN_E_NOT_FINITE;
    int length = snprintf(text, sizeof text, "%llu", (unsigned long long)x);
    return fan_run_reply(run, i, text, (size_t)length);
}

static fan_status moody_all(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, moody);
}

static fan_status refuse(fan_run *run, fan_items in)
{
    (void)run, (void)in;
    return FAN_E_NOT_FINITE;
}

static fan_status grow(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    uint64_t n;
    if (size != sizeof n)
        return FAN_E_ARGUMENT;
    memcpy(&n, input, sizeof n);
    unsigned char *bytes = malloc(n ? n : 1);
    if (!bytes)
        return FAN_E_MEMORY;
    for (uint64_t k = 0; k < n; k++)
        bytes[k] = (unsigned char)(k % 251);
    fan_status status = fan_run_reply(run, i, bytes, n);
    free(bytes);
    return status == FAN_E_TOO_LARGE ? FAN_OK : status;
}

static fan_status grow_all(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, grow);
}

static fan_status wide(fan_run *run, fan_items in)
{
    (void)in;
    return fan_run_reply_array(run, 5000) ? FAN_OK : FAN_E_MEMORY;
}

static fan_status turn(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    (void)input, (void)size;
    fan_status status = fan_run_reply(run, i, "well", 4);
    return status == FAN_OK ? FAN_E_NOT_FINITE : status;
}

static fan_status turn_all(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, turn);
}

static fan_status args_and_item(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    fan_items args = fan_run_args(run);
    unsigned char bytes[256];
    if (args.size + size > sizeof bytes)
        return FAN_E_TOO_LARGE;
    if (args.size)
        memcpy(bytes, args.bytes, args.size);
    if (size)
        memcpy(bytes + args.size, input, size);
    return fan_run_reply(run, i, bytes, args.size + size);
}

static fan_status args_all(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, args_and_item);
}

typedef struct counted_state {
    uint64_t starts, runs;
} counted_state;

static fan_status counted_start(fan_run *run)
{
    counted_state *state = calloc(1, sizeof *state);
    if (!state)
        return FAN_E_MEMORY;
    state->starts = 1;
    fan_run_set_state(run, state);
    return FAN_OK;
}

static fan_status counted_run(fan_run *run, fan_items in)
{
    counted_state *state = fan_run_state(run);
    counted_state *replies = fan_run_reply_array(run, sizeof *replies);
    if (!replies)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        state->runs++;
        replies[i] = *state;
    }
    return FAN_OK;
}

static fan_status shared_sum(fan_run *run, fan_items in)
{
    fan_shared handle;
    fan_items args = fan_run_args(run);
    if (args.size != sizeof handle)
        return FAN_E_ARGUMENT;
    memcpy(&handle, args.bytes, sizeof handle);
    fan_items data = fan_run_shared(run, handle);
    uint64_t *y = fan_run_reply_array(run, sizeof *y), sum = 0;
    if (!data.count || !y)
        return FAN_E_ARGUMENT;
    for (size_t k = 0; k < data.size; k++)
        sum += data.bytes[k];
    for (size_t i = 0; i < in.count; i++)
        y[i] = sum + in.first + i;
    return FAN_OK;
}

static fan_status text_all(fan_run *run, fan_items in)
{
    char text[32];
    for (size_t i = 0; i < in.count; i++) {
        int length = snprintf(text, sizeof text, "[%llu]", (unsigned long long)(in.first + i));
        fan_status status = fan_run_reply(run, i, text, (size_t)length);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

static fan_status concat(fan_run *run, fan_items in)
{
    for (size_t i = 0; i < in.count; i++) {
        const unsigned char *left, *right;
        size_t left_size, right_size;
        if (!fan_items_pair(&in, i, &left, &left_size, &right, &right_size))
            return FAN_E_PROTOCOL;
        unsigned char *both = malloc(left_size + right_size + 1);
        if (!both)
            return FAN_E_MEMORY;
        memcpy(both, left, left_size);
        memcpy(both + left_size, right, right_size);
        fan_status status = fan_run_reply(run, i, both, left_size + right_size);
        free(both);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

static fan_status fraction(fan_run *run, fan_items in)
{
    double *y = fan_run_reply_array(run, sizeof *y);
    if (!y)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        y[i] = 1.0 / (double)(in.first + i + 1);
    return FAN_OK;
}

static fan_status add(fan_run *run, fan_items in)
{
    double *y = fan_run_reply_array(run, sizeof *y);
    if (!y)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        const unsigned char *left, *right;
        size_t left_size, right_size;
        double a, b;
        if (!fan_items_pair(&in, i, &left, &left_size, &right, &right_size) ||
            left_size != sizeof a || right_size != sizeof b)
            return FAN_E_PROTOCOL;
        memcpy(&a, left, sizeof a);
        memcpy(&b, right, sizeof b);
        y[i] = a + b;
    }
    return FAN_OK;
}

static void sleep_us(uint64_t us)
{
    struct timespec pause = {.tv_sec = (time_t)(us / 1000000),
                             .tv_nsec = (long)(us % 1000000) * 1000};
    while (nanosleep(&pause, &pause) != 0)
        continue;
}

static fan_status wait_cancelled(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    uint64_t ms;
    if (size != sizeof ms)
        return FAN_E_ARGUMENT;
    memcpy(&ms, input, sizeof ms);
    for (uint64_t k = 0; k < ms; k++) {
        if (fan_run_cancelled(run))
            return fan_run_fail(run, i, "cancelled");
        sleep_us(1000);
    }
    return fan_run_reply(run, i, "done", 4);
}

static fan_status obey(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    uint64_t ms;
    if (size != sizeof ms)
        return FAN_E_ARGUMENT;
    memcpy(&ms, input, sizeof ms);
    for (uint64_t k = 0; k < ms; k++) {
        if (fan_run_cancelled(run))
            return FAN_E_CANCELLED;
        sleep_us(1000);
    }
    return fan_run_reply(run, i, "done", 4);
}

static fan_status obey_all(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, obey);
}

static fan_status wait_all(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, wait_cancelled);
}

/* Until a file is there; only a hang lasts as long as it waits. */
static fan_status gate(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    char path[256] = "";
    if (size >= sizeof path)
        return FAN_E_ARGUMENT;
    memcpy(path, input, size);
    for (int k = 0; k < 60000 && access(path, F_OK) != 0; k++)
        sleep_us(5000);
    return fan_run_reply(run, i, "open", 4);
}

static fan_status gate_all(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, gate);
}

void gate_make(gate_file *gate)
{
    strcpy(gate->path, "/tmp/fan-gate-XXXXXX");
    int fd = mkstemp(gate->path);
    EXPECT_TRUE(fd >= 0 && close(fd) == 0 && unlink(gate->path) == 0);
}

fan_future *gate_submit(const gate_file *gate, fan_executor *executor)
{
    fan_future *future = NULL;
    EXPECT_I64(fan_submit(executor, &task_gate, gate->path, strlen(gate->path), NULL, &future),
               FAN_OK);
    return future;
}

void gate_open(const gate_file *gate)
{
    int fd = open(gate->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_TRUE(fd >= 0 && close(fd) == 0);
}

void gate_forget(const gate_file *gate)
{
    (void)unlink(gate->path);
}

static fan_status crash(fan_run *run, fan_items in)
{
    crash_order order;
    fan_items args = fan_run_args(run);
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    if (!y || args.size != sizeof order)
        return FAN_E_ARGUMENT;
    memcpy(&order, args.bytes, sizeof order);
    for (size_t i = 0; i < in.count; i++) {
        y[i] = in.first + i;
        if (y[i] != order.index)
            continue;
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a planned crash leaves no core file */
        if (order.how >= 1000)
            exit(order.how - 1000);
        signal(order.how, SIG_DFL); /* past a sanitizer's handlers */
        raise(order.how);
    }
    return FAN_OK;
}

static fan_status pid_of(fan_run *run, fan_items in)
{
    uint64_t us = 0;
    fan_items args = fan_run_args(run);
    int64_t *y = fan_run_reply_array(run, sizeof *y);
    if (!y)
        return FAN_E_MEMORY;
    if (args.size == sizeof us)
        memcpy(&us, args.bytes, sizeof us);
    for (size_t i = 0; i < in.count; i++) {
        sleep_us(us);
        y[i] = getpid();
    }
    return FAN_OK;
}

const fan_task task_square = {.name = "square", .version = 1, .run = square};
const fan_task task_echo = {.name = "echo", .version = 1, .run = echo_all};
const fan_task task_moody = {.name = "moody", .version = 1, .run = moody_all};
const fan_task task_refuse = {.name = "refuse", .version = 1, .run = refuse};
const fan_task task_grow = {.name = "grow", .version = 1, .run = grow_all};
const fan_task task_wide = {.name = "wide", .version = 1, .run = wide};
const fan_task task_turn = {.name = "turn", .version = 1, .run = turn_all};
const fan_task task_obey = {.name = "obey", .version = 1, .run = obey_all};
const fan_task task_args = {.name = "args", .version = 1, .run = args_all};
const fan_task task_counted = {
    .name = "counted", .version = 1, .run = counted_run, .start = counted_start, .stop = free};
const fan_task task_shared = {.name = "shared", .version = 1, .run = shared_sum};
const fan_task task_text = {.name = "text", .version = 1, .run = text_all};
const fan_task task_concat = {.name = "concat", .version = 1, .run = concat};
const fan_task task_fraction = {.name = "fraction", .version = 1, .run = fraction};
const fan_task task_add = {.name = "add", .version = 1, .run = add};
const fan_task task_wait = {.name = "wait", .version = 1, .run = wait_all};
const fan_task task_gate = {.name = "gate", .version = 1, .run = gate_all};
const fan_task task_crash = {.name = "crash", .version = 1, .run = crash};
const fan_task task_pid = {.name = "pid", .version = 1, .run = pid_of};
const fan_task task_unknown = {.name = "unknown", .version = 1, .run = square};

/* ---- Children ------------------------------------------------------------------------------ */

static fan_status add_whole(fan_run *run, fan_items in)
{
    uint64_t *sums = fan_run_reply_array(run, sizeof *sums);
    for (size_t i = 0; sums && i < in.count; i++) {
        const unsigned char *left, *right;
        size_t left_size, right_size;
        uint64_t a, b;
        if (!fan_items_pair(&in, i, &left, &left_size, &right, &right_size) ||
            left_size != sizeof a || right_size != sizeof b)
            return FAN_E_ARGUMENT;
        memcpy(&a, left, sizeof a);
        memcpy(&b, right, sizeof b);
        sums[i] = a + b;
    }
    return sums ? FAN_OK : FAN_E_MEMORY;
}

static const fan_task task_add_whole = {.name = "add-whole", .version = 1, .run = add_whole};

static fan_status sum_squares(fan_run *run, uint64_t n, uint64_t *sum)
{
    fan_buffer result = {0};
    fan_fold_plan plan = {.leaf_items = 3, .combine = &task_add_whole};
    fan_status status =
        fan_fold(fan_run_executor(run), &task_square, fan_source_range(0, n), &plan, &result, NULL);
    *sum = 0;
    if (status == FAN_OK && result.size == sizeof *sum)
        memcpy(sum, result.bytes, sizeof *sum);
    fan_buffer_clear(&result);
    return status;
}

static fan_status inner_nest(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    fan_status status = y ? FAN_OK : FAN_E_MEMORY;
    for (size_t i = 0; i < in.count && status == FAN_OK; i++)
        status = sum_squares(run, number_at(&in, i), &y[i]);
    return status;
}

static const fan_task task_inner_nest = {.name = "inner-nest", .version = 1, .run = inner_nest};

static fan_status nest_one(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    fan_future *future;
    fan_outcome outcome;
    fan_status status =
        fan_submit(fan_run_executor(run), &task_inner_nest, input, size, NULL, &future);
    if (status != FAN_OK)
        return status;
    status = fan_future_result(future, FAN_FOREVER, &outcome);
    if (status == FAN_OK && outcome.kind != FAN_OUTCOME_OK)
        status = fan_run_fail(run, i, "child: %s", outcome.text);
    else if (status == FAN_OK)
        status = fan_run_reply(run, i, outcome.bytes, outcome.size);
    fan_future_release(future);
    return status;
}

static fan_status nest(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, nest_one);
}

const fan_task task_nest = {.name = "nest", .version = 1, .run = nest};

static fan_status leave_behind(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y), x = 1;
    if (!y)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        fan_future *future;
        y[i] = number_at(&in, i);
        if (fan_submit(fan_run_executor(run), &task_square, &x, sizeof x, NULL, &future) != FAN_OK)
            return FAN_E_FAILED;
        fan_future_release(future);
    }
    return FAN_OK;
}

const fan_task task_leave_behind = {.name = "leave-behind", .version = 1, .run = leave_behind};

/* ---- Runs that leave a mark ---------------------------------------------------------------- */

/* Appends to a file; its size afterwards, or -1. */
static long append(const char *path, const void *bytes, size_t size)
{
    struct stat info;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fstat(fd, &info) == 0;
    if (fd >= 0)
        close(fd);
    return good ? (long)info.st_size : -1;
}

static fan_status third_time(fan_run *run, fan_items in)
{
    fan_items args = fan_run_args(run);
    for (size_t i = 0; i < in.count; i++) {
        char path[256];
        uint64_t x = number_at(&in, i);
        snprintf(path, sizeof path, "%.*s.%llu", (int)args.size, (const char *)args.bytes,
                 (unsigned long long)x);
        long runs = append(path, "x", 1);
        if (runs < 3)
            fan_run_fail(run, i, "run %ld", runs);
        else
            fan_run_reply(run, i, &runs, sizeof runs);
    }
    return FAN_OK;
}

const fan_task task_third_time = {.name = "third-time", .version = 1, .run = third_time};

static fan_status log_run(fan_run *run, fan_items in)
{
    fan_items args = fan_run_args(run);
    char path[256];
    snprintf(path, sizeof path, "%.*s", (int)args.size, (const char *)args.bytes);
    for (size_t i = 0; i < in.count; i++) {
        uint64_t x = number_at(&in, i);
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        if (append(path, &x, sizeof x) < 0)
            return FAN_E_SYSTEM;
        fan_run_reply(run, i, &x, sizeof x);
    }
    return FAN_OK;
}

const fan_task task_log = {.name = "log", .version = 1, .run = log_run};

const fan_task *const contract_tasks[] = {
    &task_square,     &task_echo,   &task_moody,    &task_refuse,
    &task_grow,       &task_args,   &task_counted,  &task_shared,
    &task_text,       &task_concat, &task_fraction, &task_add,
    &task_wait,       &task_crash,  &task_pid,      &task_wide,
    &task_turn,       &task_obey,   &task_nest,     &task_leave_behind,
    &task_third_time, &task_log,    &task_gate,     &task_gang,
    &fani_task_sieve, NULL,
};
