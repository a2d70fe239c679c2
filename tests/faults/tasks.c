/* Tasks that do harm. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fanfold/gang.h"
#include "faults.h"

static _Atomic uint32_t *map_marks(const char *path, size_t *count)
{
    struct stat stat;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &stat) == 0)
        at = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (at == MAP_FAILED)
        return NULL;
    *count = (size_t)stat.st_size / sizeof(uint32_t);
    return at;
}

/* ---- Harm ---------------------------------------------------------------------------------- */

static unsigned (*volatile deeper)(unsigned);

/* Not a tail call, and every frame is written to. */
static unsigned dive(unsigned depth)
{
    volatile unsigned char room[4096];
    room[depth % sizeof room] = (unsigned char)depth;
    return deeper(depth + 1) + room[0];
}

static void overflow_stack(void)
{
    /* Soon, and whatever limit the tests were started with. */
    setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, 1 << 20});
    deeper = dive;
    (void)deeper(0);
}

static void write_nowhere(void)
{
    volatile char *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *nowhere = 1;
}

/* Takes memory, touches and keeps it; false where there is no more. */
static bool take_memory(size_t size)
{
    enum { STEP = 1 << 16 };
    static char *volatile kept;
    for (size_t taken = 0; taken < size; taken += STEP) {
        char *bytes = malloc(STEP);
        if (!bytes)
            return false;
        memset(bytes, 1, STEP);
        memcpy(bytes, (const void *)&kept, sizeof kept); /* a list: the leak checker finds it */
        kept = bytes;
    }
    return true;
}

static void loop_for_ever(void)
{
    static volatile unsigned turns;
    (void)nice(19); /* the tests run beside others */
    for (;;)
        turns++;
}

static void do_harm(fault_kind kind)
{
    static const int deadly[] = {SIGSEGV, SIGABRT, SIGBUS};
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a planned crash leaves no core file */
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], SIG_DFL); /* past a sanitizer's handlers */
    switch (kind) {
    case FAULT_EXIT:
        exit(FAULT_EXIT_CODE);
    case FAULT_QUICK_EXIT:
        _exit(FAULT_EXIT_CODE);
    case FAULT_SEGV:
        write_nowhere();
        break;
    case FAULT_ABORT:
        abort();
    case FAULT_OVERFLOW:
        overflow_stack();
        break;
    case FAULT_LOOP:
        loop_for_ever();
        break;
    case FAULT_STOP:
        raise(SIGSTOP);
        break;
    case FAULT_HOG:
        if (!take_memory(FAULT_HOG_BYTES))
            abort();
        break;
    case FAULT_ERROR:
        break;
    }
}

/* What is to happen when the worker packs a reply that it can't read. */
static struct {
    fault_kind kind;
    _Atomic uint32_t *mark;
    unsigned char *page;
} later;

static void harm_later(int signal)
{
    (void)signal;
    atomic_fetch_add(later.mark, 1);
    mprotect(later.page, 4096, PROT_READ | PROT_WRITE); /* for what comes back: it then goes on */
    do_harm(later.kind);
}

/* The next look at this reply does harm: the first to look is the worker, after run. */
static void plan_harm(fault_kind kind, _Atomic uint32_t *mark, unsigned char *reply)
{
    struct sigaction action = {.sa_handler = harm_later};
    sigemptyset(&action.sa_mask);
    if (later.page)
        return; /* one in a batch is enough */
    uintptr_t page = ((uintptr_t)reply + 4095) & ~(uintptr_t)4095;
    later.kind = kind;
    later.mark = mark;
    later.page = (unsigned char *)page;
    sigaction(SIGSEGV, &action, NULL);
    mprotect(later.page, 4096, PROT_NONE);
}

/* ---- task_fault ---------------------------------------------------------------------------- */

typedef struct fault_state {
    _Atomic uint32_t *marks;
    size_t count;
} fault_state;

static fan_status start_fault(fan_run *run)
{
    char path[128] = "";
    fan_items args = fan_run_args(run);
    fault_state *state = calloc(1, sizeof *state);
    if (!state || args.size >= sizeof path) {
        free(state);
        return FAN_E_ARGUMENT;
    }
    memcpy(path, args.bytes, args.size);
    state->marks = map_marks(path, &state->count);
    if (!state->marks) {
        free(state);
        return FAN_E_SYSTEM;
    }
    fan_run_set_state(run, state);
    return FAN_OK;
}

static void stop_fault(void *value)
{
    fault_state *state = value;
    munmap((void *)state->marks, state->count * sizeof(uint32_t));
    free(state);
}

void fault_fill(uint64_t index, unsigned char reply[FAULT_REPLY])
{
    for (size_t k = 0; k < FAULT_REPLY; k++)
        reply[k] = (unsigned char)(index * 31 + k % 251);
}

/* True where an error is to be answered. */
static bool harm_at(fault_stage stage, const fault_order *order, _Atomic uint32_t *mark)
{
    if (order->stage != stage)
        return false;
    atomic_fetch_add(mark, 1);
    do_harm(order->kind);
    return order->kind == FAULT_ERROR;
}

static fan_status run_fault(fan_run *run, fan_items in)
{
    fault_state *state = fan_run_state(run);
    unsigned char *replies = fan_run_reply_array(run, FAULT_REPLY);
    bool error = false;
    for (size_t i = 0; replies && i < in.count; i++) {
        size_t size;
        fault_order order;
        const unsigned char *input = fan_items_at(&in, i, &size);
        unsigned char *reply = replies + i * FAULT_REPLY;
        if (size != sizeof order)
            return FAN_E_ARGUMENT;
        memcpy(&order, input, sizeof order);
        if (order.mark >= state->count)
            return FAN_E_ARGUMENT;
        _Atomic uint32_t *mark = &state->marks[order.mark];
        bool fails = harm_at(FAULT_DECODE, &order, mark) || harm_at(FAULT_RUN, &order, mark);
        fault_fill(in.first + i, reply);
        if (harm_at(FAULT_ENCODE, &order, mark) || fails)
            fan_run_fail(run, i, "as ordered");
        if (order.stage == FAULT_RETURN && order.kind == FAULT_ERROR)
            error = harm_at(FAULT_RETURN, &order, mark);
        else if (order.stage == FAULT_RETURN)
            plan_harm(order.kind, mark, reply);
    }
    return error ? FAN_E_NOT_FINITE : replies ? FAN_OK : FAN_E_MEMORY;
}

/* ---- task_fault_state ------------------------------------------------------------------------ */

static fan_status state_harm(const fan_items *args, uint32_t stage)
{
    fault_order order;
    char path[128] = "";
    size_t count;
    if (args->size < sizeof order || args->size - sizeof order >= sizeof path)
        return FAN_E_ARGUMENT;
    memcpy(&order, args->bytes, sizeof order);
    memcpy(path, args->bytes + sizeof order, args->size - sizeof order);
    if (order.stage != stage)
        return FAN_OK;
    _Atomic uint32_t *marks = map_marks(path, &count);
    if (!marks)
        return FAN_E_SYSTEM;
    atomic_fetch_add(&marks[order.mark], 1);
    munmap((void *)marks, count * sizeof(uint32_t));
    do_harm(order.kind);
    return order.kind == FAULT_ERROR ? FAN_E_NOT_FINITE : FAN_OK;
}

static fan_status start_state(fan_run *run)
{
    fan_items args = fan_run_args(run);
    fan_items *copy = malloc(sizeof *copy + args.size);
    if (!copy)
        return FAN_E_MEMORY;
    memcpy(copy + 1, args.bytes, args.size);
    *copy = (fan_items){.bytes = (unsigned char *)(copy + 1), .size = args.size, .count = 1};
    fan_run_set_state(run, copy);
    return state_harm(&args, 0);
}

static void stop_state(void *state)
{
    (void)state_harm(state, 1);
    free(state);
}

static fan_status run_state(fan_run *run, fan_items in)
{
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    for (size_t i = 0; y && i < in.count; i++)
        y[i] = in.first + i;
    return y ? FAN_OK : FAN_E_MEMORY;
}

/* ---- task_grandchild ------------------------------------------------------------------------- */

static fan_status start_grandchild(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    pid_t pid = fork();
    if (pid == 0) { /* the worst kind: it keeps the executor's files */
        close(1);
        close(2); /* which whoever runs the tests waits for */
        sleep(20);
        _exit(0);
    }
    if (pid < 0)
        return FAN_E_SYSTEM;
    int64_t reply = pid;
    fan_status status = fan_run_reply(run, i, &reply, sizeof reply);
    if (size == 5 && !memcmp(input, "crash", 5))
        do_harm(FAULT_SEGV);
    return status;
}

static fan_status run_grandchild(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, start_grandchild);
}

/* ---- task_hog -------------------------------------------------------------------------------- */

static fan_status take(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    uint64_t wanted = 0;
    if (size != sizeof wanted)
        return FAN_E_ARGUMENT;
    memcpy(&wanted, input, sizeof wanted);
    if (take_memory(wanted))
        return fan_run_reply(run, i, &wanted, sizeof wanted);
    if (wanted % 2)
        do_harm(FAULT_ABORT);
    return FAN_E_MEMORY;
}

static fan_status run_hog(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, take);
}

/* ---- task_talk --------------------------------------------------------------------------------
 */

static fan_status say(fan_run *run, uint64_t index, const unsigned char *input, size_t size)
{
    uint64_t how = 0;
    char command[64];
    (void)run;
    if (size != sizeof how)
        return FAN_E_ARGUMENT;
    memcpy(&how, input, sizeof how);
    if (how == TALK || how == TALK_AND_CRASH) {
        printf("out %llu", (unsigned long long)index);
        fprintf(stderr, "err %llu", (unsigned long long)index);
    }
    if (how == TALK_AND_CRASH) {
        fflush(stdout);
        do_harm(FAULT_ABORT);
    }
    for (int i = 0; how == TALK_MUCH && i < 2 << 20; i += 64)
        fputs("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", stdout);
    snprintf(command, sizeof command, "echo child %llu", (unsigned long long)index);
    if (how == TALK_BY_CHILD && system(command) != 0)
        return FAN_E_SYSTEM;
    return FAN_OK;
}

static fan_status talk(fan_run *run, size_t i, const unsigned char *input, size_t size)
{
    uint64_t index;
    memcpy(&index, input + sizeof index, sizeof index);
    fan_status status = say(run, index, input, size / 2);
    return status == FAN_OK ? fan_run_reply(run, i, "", 0) : status;
}

static fan_status run_talk(fan_run *run, fan_items in)
{
    return fan_run_each(run, in, talk);
}

static fan_status run_talk_whole(fan_run *run, fan_items in)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < in.count && status == FAN_OK; i++) {
        size_t size;
        const unsigned char *input = fan_items_at(&in, i, &size);
        status = talk(run, i, input, size);
    }
    return status;
}

static fan_status run_pid(fan_run *run, fan_items in)
{
    int64_t *pids = fan_run_reply_array(run, sizeof *pids);
    for (size_t i = 0; pids && i < in.count; i++)
        pids[i] = fan_run_cancelled(run) ? 0 : getpid();
    return pids ? FAN_OK : FAN_E_MEMORY;
}

/* ---- task_obedient --------------------------------------------------------------------------- */

static fan_status run_obedient(fan_run *run, fan_items in)
{
    fault_state *state = fan_run_state(run);
    uint64_t *y = fan_run_reply_array(run, sizeof *y);
    if (!y || !in.count)
        return FAN_E_MEMORY;
    atomic_fetch_add(&state->marks[0], 1);
    for (int ms = 0; ms < 30000; ms++) {
        if (fan_run_cancelled(run)) {
            atomic_fetch_add(&state->marks[1], 1);
            return FAN_E_CANCELLED;
        }
        usleep(1000);
    }
    return FAN_OK;
}

/* ---- task_patient ---------------------------------------------------------------------------- */

static fan_status run_patient(fan_run *run, fan_items in)
{
    fault_state *state = fan_run_state(run);
    int64_t *y = fan_run_reply_array(run, sizeof *y);
    if (!y || in.count != 1)
        return FAN_E_MEMORY;
    *y = getpid();
    atomic_store(&state->marks[PATIENT_PID], (uint32_t)*y);
    atomic_fetch_add(&state->marks[PATIENT_BEGUN], 1);
    for (int ms = 0; ms < 240000 && !atomic_load(&state->marks[PATIENT_TOLD]); ms++) {
        if (fan_run_cancelled(run))
            return FAN_E_CANCELLED;
        usleep(1000);
        atomic_fetch_add(&state->marks[PATIENT_ALIVE], 1);
    }
    return FAN_OK;
}

static fan_status run_meet(fan_run *run, fan_items in)
{
    int64_t *y = fan_run_reply_array(run, sizeof *y);
    if (!y || in.count != 1)
        return FAN_E_MEMORY;
    *y = getpid();
    return fan_gang_barrier(run);
}

const fan_task task_fault = {
    .name = "fault", .version = 1, .run = run_fault, .start = start_fault, .stop = stop_fault};
const fan_task task_fault_state = {.name = "fault_state",
                                   .version = 1,
                                   .run = run_state,
                                   .start = start_state,
                                   .stop = stop_state};
const fan_task task_grandchild = {.name = "grandchild", .version = 1, .run = run_grandchild};

const fan_task task_talk = {.name = "talk", .version = 1, .run = run_talk};
const fan_task task_talk_whole = {.name = "talk_whole", .version = 1, .run = run_talk_whole};
const fan_task task_pid = {.name = "pid", .version = 1, .run = run_pid};
const fan_task task_hog = {.name = "hog", .version = 1, .run = run_hog};
const fan_task task_obedient = {.name = "obedient",
                                .version = 1,
                                .run = run_obedient,
                                .start = start_fault,
                                .stop = stop_fault};

const fan_task task_patient = {
    .name = "patient", .version = 1, .run = run_patient, .start = start_fault, .stop = stop_fault};
const fan_task task_meet = {.name = "meet", .version = 1, .run = run_meet};

const fan_task *const fault_tasks[] = {
    &task_fault, &task_fault_state, &task_grandchild, &task_obedient, &task_hog, &task_pid,
    &task_talk,  &task_talk_whole,  &task_patient,    &task_meet,     NULL};
