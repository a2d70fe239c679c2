/* The tasks of the MPI tests. */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "contract/gang_task.h"
#include "world.h"

uint64_t mix_value(uint64_t value, uint64_t index)
{
    uint64_t x = value * UINT64_C(0x9E3779B97F4A7C15) + index;
    x = (x ^ (x >> 31)) * UINT64_C(0xBF58476D1CE4E5B9);
    return x ^ (x >> 29);
}

uint64_t digest(const unsigned char *bytes, size_t size)
{
    uint64_t hash = size;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        hash = mix_value(hash, word);
    }
    for (; i < size; i++)
        hash = mix_value(hash, bytes[i]);
    return hash;
}

unsigned char pattern(uint64_t at)
{
    return (unsigned char)(at * 131 + (at >> 8) + 7);
}

static uint64_t word_at(const fan_items *in, size_t i)
{
    size_t size;
    uint64_t word = 0;
    const unsigned char *bytes = fan_items_at(in, i, &size);
    if (bytes && size == sizeof word)
        memcpy(&word, bytes, sizeof word);
    return word;
}

static void sleep_ms(uint64_t ms)
{
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&time, &time)) {
    }
}

static fan_status run_mix(fan_run *run, fan_items in)
{
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        out[i] = mix_value(word_at(&in, i), in.first + i);
    return FAN_OK;
}

static fan_status run_echo(fan_run *run, fan_items in)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < in.count && !status; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(&in, i, &size);
        unsigned char *back = malloc(size + 1);
        if (!back)
            return FAN_E_MEMORY;
        for (size_t b = 0; b < size; b++)
            back[b] = bytes[size - 1 - b];
        status = fan_run_reply(run, i, back, size);
        free(back);
    }
    return status;
}

static fan_status run_digest(fan_run *run, fan_items in)
{
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        size_t size;
        const unsigned char *bytes = fan_items_at(&in, i, &size);
        out[i] = digest(bytes, size);
    }
    return FAN_OK;
}

static fan_status run_grow(fan_run *run, fan_items in)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < in.count && !status; i++) {
        size_t size = (size_t)word_at(&in, i);
        unsigned char *bytes = malloc(size + 1);
        if (!bytes)
            return FAN_E_MEMORY;
        for (size_t b = 0; b < size; b++)
            bytes[b] = pattern(b);
        status = fan_run_reply(run, i, bytes, size);
        free(bytes);
    }
    return status;
}

static fan_status run_picky(fan_run *run, fan_items in)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < in.count && !status; i++) {
        uint64_t value = word_at(&in, i), out = mix_value(value, 0);
        if (value % 7 == 3)
            status =
                fan_run_fail(run, i, "value %llu is not to my taste", (unsigned long long)value);
        else
            status = fan_run_reply(run, i, &out, sizeof out);
    }
    return status;
}

static fan_status run_where(fan_run *run, fan_items in)
{
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        sleep_ms(word_at(&in, i));
        out[i] = (uint64_t)getpid();
    }
    return FAN_OK;
}

static fan_status run_burn(fan_run *run, fan_items in)
{
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        fan_deadline end = fan_deadline_in_ms(word_at(&in, i));
        while (fan_deadline_in_ms(0) < end)
            out[i]++;
    }
    return FAN_OK;
}

static fan_status run_patient(fan_run *run, fan_items in)
{
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++)
        for (uint64_t ms = word_at(&in, i); ms > 0 && !fan_run_cancelled(run); ms--)
            sleep_ms(1);
    return FAN_OK;
}

static fan_status run_mortal(fan_run *run, fan_items in)
{
    fan_items args = fan_run_args(run);
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        uint64_t value = word_at(&in, i);
        if (args.count && value == word_at(&args, 0))
            raise(SIGKILL);
        out[i] = mix_value(value, 0);
    }
    return FAN_OK;
}

/* No tail call, and nothing that could be left out. */
__attribute__((noinline)) static int overflow(volatile char *above, uint64_t depth)
{
    volatile char room[4096];
    room[0] = above ? above[0] : 1;
    return depth ? overflow(room, depth - 1) + room[0] : 0;
}

static void commit_fault(uint64_t fault)
{
    volatile int *nowhere = NULL;
    if (fault == FAULT_SEGV)
        *nowhere = 1; // NOLINT(clang-analyzer-core.NullDereference): that is the fault
    else if (fault == FAULT_ABORT)
        abort();
    else if (fault == FAULT_EXIT)
        exit(0);
    else if (fault == FAULT_EXIT_AT_ONCE)
        _exit(3);
    else
        overflow(NULL, UINT64_MAX);
}

static fan_status run_fault(fan_run *run, fan_items in)
{
    fan_items args = fan_run_args(run);
    uint64_t *out = fan_run_reply_array(run, sizeof *out), wanted[2] = {UINT64_MAX, 0};
    size_t size;
    const unsigned char *bytes = fan_items_at(&args, 0, &size);
    if (!out)
        return FAN_E_MEMORY;
    if (bytes && size == sizeof wanted)
        memcpy(wanted, bytes, size);
    for (size_t i = 0; i < in.count; i++) {
        if (word_at(&in, i) == wanted[0])
            commit_fault(wanted[1]);
        out[i] = mix_value(word_at(&in, i), 0);
    }
    return FAN_OK;
}

uint64_t count_launcher_variables(void)
{
    static const char *const prefixes[] = {"OMPI_", "PMIX_", "PMI_"};
    extern char **environ;
    uint64_t count = 0;
    for (char **at = environ; *at; at++)
        for (int i = 0; i < 3; i++)
            count += strncmp(*at, prefixes[i], strlen(prefixes[i])) == 0;
    return count;
}

static fan_status run_launcher(fan_run *run, fan_items in)
{
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    for (size_t i = 0; i < in.count && out; i++)
        out[i] = count_launcher_variables();
    return out ? FAN_OK : FAN_E_MEMORY;
}

static fan_status run_sum(fan_run *run, fan_items in)
{
    fan_items args = fan_run_args(run);
    fan_items shared = fan_run_shared(run, (fan_shared){.id = word_at(&args, 0)});
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    if (shared.count != 1)
        return FAN_E_ARGUMENT;
    size_t size;
    const unsigned char *bytes = fan_items_at(&shared, 0, &size);
    uint64_t sum = digest(bytes, size);
    for (size_t i = 0; i < in.count; i++)
        out[i] = sum + word_at(&in, i);
    return FAN_OK;
}

static fan_status run_combine(fan_run *run, fan_items in)
{
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count; i++) {
        const unsigned char *left, *right;
        size_t left_size, right_size;
        uint64_t a, b;
        if (!fan_items_pair(&in, i, &left, &left_size, &right, &right_size) ||
            left_size != sizeof a || right_size != sizeof b)
            return FAN_E_PROTOCOL;
        memcpy(&a, left, sizeof a);
        memcpy(&b, right, sizeof b);
        out[i] = mix_value(a, b); /* neither associative nor commutative: the tree shows */
    }
    return FAN_OK;
}

bool ragged_fails(uint64_t index)
{
    return index % 50 == 13;
}

size_t ragged_size(uint64_t index, uint64_t salt)
{
    return (size_t)((index * 7 + salt) % 40);
}

static fan_status run_ragged(fan_run *run, fan_items in)
{
    fan_items args = fan_run_args(run);
    fan_status status = FAN_OK;
    for (size_t i = 0; i < in.count && !status; i++) {
        uint64_t index = in.first + i;
        unsigned char bytes[40];
        memset(bytes, pattern(index), sizeof bytes);
        if (ragged_fails(index))
            status = fan_run_fail(run, i, "index %llu fails", (unsigned long long)index);
        else
            status = fan_run_reply(run, i, bytes, ragged_size(index, word_at(&args, 0)));
    }
    return status;
}

static fan_status run_drowsy(fan_run *run, fan_items in)
{
    uint64_t *out = fan_run_reply_array(run, sizeof *out);
    if (!out)
        return FAN_E_MEMORY;
    for (size_t i = 0; i < in.count && !fan_run_cancelled(run); i++)
        sleep_ms(1);
    return FAN_OK;
}

const fan_task task_mix = {.name = "mix", .version = 1, .run = run_mix};
const fan_task task_index = {.name = "index", .version = 1, .run = run_mix};
const fan_task task_echo = {.name = "echo", .version = 1, .run = run_echo};
const fan_task task_digest = {.name = "digest", .version = 1, .run = run_digest};
const fan_task task_grow = {.name = "grow", .version = 1, .run = run_grow};
const fan_task task_picky = {.name = "picky", .version = 1, .run = run_picky};
const fan_task task_where = {.name = "where", .version = 1, .run = run_where};
const fan_task task_burn = {.name = "burn", .version = 1, .run = run_burn};
const fan_task task_patient = {.name = "patient", .version = 1, .run = run_patient};
const fan_task task_mortal = {.name = "mortal", .version = 1, .run = run_mortal};
const fan_task task_fault = {.name = "fault", .version = 1, .run = run_fault};
const fan_task task_launcher = {.name = "launcher", .version = 1, .run = run_launcher};
const fan_task task_sum = {.name = "sum", .version = 1, .run = run_sum};
const fan_task task_combine = {.name = "combine", .version = 1, .run = run_combine};
const fan_task task_ragged = {.name = "ragged", .version = 1, .run = run_ragged};
const fan_task task_drowsy = {.name = "drowsy", .version = 1, .run = run_drowsy};

const fan_task *const world_tasks[WORLD_TASKS + 1] = {
    &task_mix,    &task_index,  &task_echo,     &task_digest,   &task_grow,
    &task_picky,  &task_where,  &task_patient,  &task_mortal,   &task_sum,
    &task_burn,   &task_fault,  &task_launcher, &task_combine,  &task_gang,
    &task_ragged, &task_drowsy, &task_gated,    &task_stubborn, NULL,
};
