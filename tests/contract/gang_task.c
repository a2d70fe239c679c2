#include "gang_task.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static unsigned char pattern(uint64_t i, uint64_t seed)
{
    return (unsigned char)((i * 7 + seed * 31) % 251);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

double gang_value(uint64_t rank)
{
    return 1.0 / (3.0 + (double)rank);
}

void gang_combine(void *left, const void *right, size_t size, void *user)
{
    (void)user;
    for (size_t i = 0; i < size / sizeof(double); i++) {
        double a, b;
        memcpy(&a, (unsigned char *)left + i * sizeof a, sizeof a);
        memcpy(&b, (const unsigned char *)right + i * sizeof b, sizeof b);
        a = a * 1.25 + b / 3.0;
        memcpy((unsigned char *)left + i * sizeof a, &a, sizeof a);
    }
}

static fan_status who(fan_run *run, uint64_t number)
{
    gang_who me = {.rank = fan_gang_rank(run), .size = fan_gang_size(run), .number = number};
    return fan_run_reply(run, 0, &me, sizeof me);
}

/* Member 0 makes the token; it comes back with a rank more at its end from each member. */
static fan_status ring(fan_run *run, uint64_t number, fan_buffer *message)
{
    size_t rank = fan_gang_rank(run), size = fan_gang_size(run);
    size_t next = (rank + 1) % size, previous = (rank + size - 1) % size;
    fan_status status = FAN_OK;
    if (rank != 0)
        status = fan_gang_receive(run, previous, message);
    if (status != FAN_OK)
        return status;
    size_t have = rank == 0 ? number : message->size;
    unsigned char *token = malloc(have + 1);
    if (!token)
        return FAN_E_MEMORY;
    if (rank && have)
        memcpy(token, message->bytes, have);
    for (size_t i = 0; i < have && rank == 0; i++)
        token[i] = pattern(i, 1);
    token[have] = (unsigned char)rank;
    if (size > 1)
        status = fan_gang_send(run, next, token, have + 1);
    free(token);
    if (status == FAN_OK && rank == 0 && size > 1)
        status = fan_gang_receive(run, previous, message);
    uint64_t right = 0;
    for (size_t i = 0; i < message->size; i++)
        right += message->bytes[i] == (i < number ? pattern(i, 1) : i - number);
    if (status == FAN_OK)
        status = fan_run_reply(run, 0, &right, sizeof right);
    return status;
}

static fan_status sums(fan_run *run, uint64_t number)
{
    double value = gang_value(fan_gang_rank(run));
    for (uint64_t i = 0; i < number; i++) {
        value = gang_value(fan_gang_rank(run));
        fan_status status = fan_gang_all_reduce(run, &value, sizeof value, gang_combine, NULL);
        if (status != FAN_OK)
            return status;
    }
    return fan_run_reply(run, 0, &value, sizeof value);
}

static fan_status large_sum(fan_run *run, uint64_t number)
{
    double *values = fan_run_reply_array(run, number * sizeof *values);
    if (!values)
        return FAN_E_MEMORY;
    for (uint64_t i = 0; i < number; i++)
        values[i] = gang_value(fan_gang_rank(run) + i);
    return fan_gang_all_reduce(run, values, number * sizeof *values, gang_combine, NULL);
}

static fan_status broadcasts(fan_run *run, uint64_t number, fan_buffer *message)
{
    uint64_t right = 0;
    for (size_t root = 0; root < fan_gang_size(run); root++) {
        if (root == fan_gang_rank(run)) {
            unsigned char *bytes = realloc(message->bytes, number ? number : 1);
            if (!bytes)
                return FAN_E_MEMORY;
            *message = (fan_buffer){.bytes = bytes, .size = number, .capacity = number};
            for (size_t i = 0; i < number; i++)
                bytes[i] = pattern(i, root);
        }
        fan_status status = fan_gang_broadcast(run, root, message);
        if (status != FAN_OK)
            return status;
        bool same = message->size == number;
        for (size_t i = 0; same && i < number; i++)
            same = message->bytes[i] == pattern(i, root);
        right += same;
    }
    return fan_run_reply(run, 0, &right, sizeof right);
}

static fan_status meet(fan_run *run)
{
    gang_times times;
    sleep_ms((long)fan_gang_rank(run) * 10);
    times.before = now();
    fan_status status = fan_gang_barrier(run);
    times.after = now();
    return status == FAN_OK ? fan_run_reply(run, 0, &times, sizeof times) : status;
}

static fan_status poll_cancelled(fan_run *run)
{
    for (int i = 0; i < 30000; i++) {
        if (fan_run_cancelled(run))
            return FAN_E_CANCELLED;
        sleep_ms(2);
    }
    return fan_run_reply(run, 0, "late", 4);
}

static fan_status one_is_bad(fan_run *run, const gang_input *input, fan_buffer *message)
{
    if (fan_gang_rank(run) == input->number) {
        sleep_ms(5); /* so that others wait already */
        if (input->play != GANG_CRASH)
            return fan_run_fail(run, 0, "bad luck");
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    if (input->play == GANG_FAIL_POLL)
        return poll_cancelled(run);
    return fan_gang_receive(run, input->number, message);
}

static fan_status early(fan_run *run, uint64_t number, fan_buffer *message)
{
    if (fan_gang_rank(run) == number) {
        for (size_t to = 0; to < fan_gang_size(run); to++)
            if (to != number && fan_gang_send(run, to, "last", 4) != FAN_OK)
                return FAN_E_FAILED;
        return fan_run_reply(run, 0, "early", 5);
    }
    sleep_ms(20); /* what was sent outlives its sender's run */
    fan_status status = fan_gang_receive(run, number, message);
    if (status != FAN_OK || message->size != 4)
        return fan_run_fail(run, 0, "the last message is lost");
    return fan_gang_receive(run, number, message);
}

static fan_status crowd(fan_run *run, uint64_t number, fan_buffer *message)
{
    size_t rank = fan_gang_rank(run), size = fan_gang_size(run);
    unsigned char *bytes = calloc(1, number ? number : 1);
    if (!bytes)
        return FAN_E_MEMORY;
    fan_status status = fan_gang_send(run, (rank + 1) % size, bytes, number);
    free(bytes);
    if (status == FAN_OK)
        status = fan_gang_receive(run, (rank + size - 1) % size, message);
    return status == FAN_OK ? fan_run_reply(run, 0, "through", 7) : status;
}

static fan_status mixed(fan_run *run, uint64_t number)
{
    fan_status status = FAN_OK;
    if (fan_gang_rank(run) == 0)
        status = fan_gang_send(run, fan_gang_size(run) - 1, "stray", number);
    if (status == FAN_OK)
        status = fan_gang_barrier(run);
    return status == FAN_OK ? fan_run_reply(run, 0, NULL, 0) : status;
}

/* The lower rank of each pair speaks first; sizes differ from message to message. */
static fan_status talk(fan_run *run, uint64_t number, fan_buffer *message)
{
    size_t rank = fan_gang_rank(run), size = fan_gang_size(run);
    unsigned char bytes[4096];
    uint64_t sum = 0;
    for (uint64_t i = 0; i < number; i++) {
        for (size_t step = 0; step < size; step++) {
            size_t other = (step + size - rank) % size; /* so that all pairs meet in some step */
            if (other == rank)
                continue;
            for (int turn = 0; turn < 2; turn++) {
                size_t length = (size_t)(i * 37 % sizeof bytes);
                fan_status status;
                if ((turn == 0) == (rank < other)) {
                    for (size_t k = 0; k < length; k++)
                        bytes[k] = pattern(k, rank + i);
                    status = fan_gang_send(run, other, bytes, length);
                } else {
                    status = fan_gang_receive(run, other, message);
                    for (size_t k = 0; status == FAN_OK && k < message->size; k++)
                        sum +=
                            message->size == length && message->bytes[k] == pattern(k, other + i);
                }
                if (status != FAN_OK)
                    return status;
            }
        }
    }
    return fan_run_reply(run, 0, &sum, sizeof sum);
}

static fan_status nest(fan_run *run)
{
    const gang_input input = {.play = GANG_WHO};
    gang_who reply;
    int64_t status = fan_gang(fan_run_executor(run), &task_gang, 1, &input, sizeof input,
                              fan_sink_array(&reply, sizeof reply, 1), NULL);
    return fan_run_reply(run, 0, &status, sizeof status);
}

static fan_status play(fan_run *run, const gang_input *input, fan_buffer *message)
{
    size_t rank = fan_gang_rank(run), size = fan_gang_size(run);
    switch ((gang_play)input->play) {
    case GANG_WHO:
        return who(run, input->number);
    case GANG_RING:
        return ring(run, input->number, message);
    case GANG_SUM:
        return sums(run, input->number);
    case GANG_LARGE_SUM:
        return large_sum(run, input->number);
    case GANG_BROADCAST:
        return broadcasts(run, input->number, message);
    case GANG_BARRIER:
        return meet(run);
    case GANG_FAIL:
    case GANG_FAIL_POLL:
    case GANG_CRASH:
        return one_is_bad(run, input, message);
    case GANG_EARLY:
        return early(run, input->number, message);
    case GANG_CIRCLE:
        return fan_gang_receive(run, (rank + 1) % size, message);
    case GANG_CROWD:
        return crowd(run, input->number, message);
    case GANG_BARRIER_OR:
        return rank == input->number ? fan_gang_receive(run, rank, message) : fan_gang_barrier(run);
    case GANG_POLL:
        return poll_cancelled(run);
    case GANG_MIXED:
        return mixed(run, input->number);
    case GANG_TALK:
        return talk(run, input->number, message);
    case GANG_NEST:
        return nest(run);
    }
    return FAN_E_ARGUMENT;
}

static fan_status run_gang(fan_run *run, fan_items in)
{
    gang_input input;
    fan_buffer message = {0};
    if (in.size != sizeof input || in.first != fan_gang_rank(run))
        return FAN_E_ARGUMENT;
    memcpy(&input, in.bytes, sizeof input);
    fan_status status = play(run, &input, &message);
    fan_buffer_clear(&message);
    return status;
}

const fan_task task_gang = {.name = "gang", .version = 1, .run = run_gang};
