/* A worker image: a program of its own that runs batches from a ring until its socket ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "control.h"
#include "memory.h"
#include "pool.h"
#include "region.h"
#include "task/registry.h"
#include "task/wire.h"
#include "task/worker.h"

enum {
    CODE_USAGE = 2,       /* started by hand, or by another build */
    CODE_PROTOCOL = 70,   /* what the program sent makes no sense, or no memory to begin */
    SPINS = 40,           /* looks at the ring before sleeping */
    SPINS_UNHEARD = 10,   /* and before calling the pump: who waits may take the replies unasked */
    PAUSES = 8,           /* between them: who looks all the time hinders who writes */
    PAUSES_MAX = 64,      /* before the first one, where requests follow each other closely */
    STRIDE_MAX = 16,      /* batches to a look at the clock */
    STRIDE_NS = 2000,     /* and at least a look in so long */
    KEEP_BYTES = 1 << 20, /* memory for replies that is kept for the next batch */
};

typedef struct shared_data {
    struct shared_data *next;
    uint64_t id;
    const unsigned char *bytes;
    size_t size;
} shared_data;

/* What batches refer to: see region.h. */
typedef struct context {
    bool known;
    const fan_task *task;
    char *refusal;        /* where the task is unknown: what to answer */
    unsigned char *bytes; /* of the arguments */
    fan_items args;
    size_t reply_limit;
} context;

/* To look at the clock takes as long as a short batch. Of batches that are short and follow each
 * other at once, several share a look. */
typedef struct pace {
    int64_t since;    /* the last look; 0: none in this streak */
    unsigned batches; /* that ended since */
    unsigned stride;  /* of them one look */
    uint64_t each_ns; /* what one took when last measured */
} pace;

typedef struct image {
    fani_processes_region *region;
    fani_processes_ring requests, replies;
    fani_processes_inbox inbox;
    uint64_t controls; /* taken so far, WAKE not counted */
    shared_data *shares;
    fani_worker *worker;
    fani_replies answers;
    fani_processes_streams streams;
    char memory_text[96]; /* what FAN_E_MEMORY means here */
    bool unheard;         /* replies were given since the bell last rang */
    unsigned pauses;      /* before the first look at an empty ring */
    context contexts[FANI_PROCESSES_CONTEXTS];
    pace streak;
} image;

/* ---- Start --------------------------------------------------------------------------------- */

/* Signals to the whole group (Ctrl-C, a batch system's warning) are for the program to judge: it
 * may want running items to finish. A handler, unlike ignoring, is not inherited by what a task
 * starts. */
static void leave_to_program(int signal)
{
    (void)signal;
}

static void leave_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = leave_to_program, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)sigaction(signals[i], &action, NULL);
}

/* "3:4:5", exactly: the numbers are fixed, so that no other argument passes. */
static bool is_own_argument(const char *argument)
{
    char expected[32];
    snprintf(expected, sizeof expected, "%d:%d:%d", FANI_PROCESSES_FD_REGION,
             FANI_PROCESSES_FD_SOCKET, FANI_PROCESSES_FD_BELL);
    for (const char *e = expected;; e++, argument++) {
        if (*e != *argument)
            return false;
        if (!*e)
            return true;
    }
}

/* The program's death must be this image's: by signal where its pump thread ends, else by the end
 * of the socket. A program that died before prctl has a new parent in its place. */
static bool bind_to_program(const fani_processes_region *region)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == region->parent;
}

/* OMP_PROC_BIND and the like pinned this image while it was loaded; all would sit on one core. */
static void take_cores(const fani_processes_region *region)
{
    if (region->has_mask)
        (void)sched_setaffinity(0, sizeof region->mask, &region->mask);
}

static void capture(void *user, fani_replies *replies, size_t i)
{
    image *self = user;
    fani_processes_streams_take(&self->streams, replies, i);
}

/* A limit of what is its own, not of what it shares: the rings don't count. */
static bool limit_memory(const fani_processes_region *region)
{
    const struct rlimit limit = {.rlim_cur = region->memory_limit,
                                 .rlim_max = region->memory_limit};
    return !region->memory_limit || setrlimit(RLIMIT_DATA, &limit) == 0;
}

/* What a task starts must not hold the descriptors. */
static bool hide_descriptors(void)
{
    for (int fd = FANI_PROCESSES_FD_REGION; fd <= FANI_PROCESSES_FD_BELL; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
            return false;
    return true;
}

/* ---- Shares -------------------------------------------------------------------------------- */

static fan_items find_shared(void *user, uint64_t id)
{
    const image *self = user;
    for (const shared_data *share = self->shares; share; share = share->next)
        if (share->id == id)
            return (fan_items){.bytes = share->bytes, .size = share->size, .count = 1};
    return (fan_items){0};
}

static void drop_share(image *self, uint64_t id)
{
    for (shared_data **link = &self->shares; *link; link = &(*link)->next) {
        shared_data *share = *link;
        if (share->id != id)
            continue;
        *link = share->next;
        fani_processes_memory_unmap(share->bytes, share->size);
        free(share);
        return;
    }
}

static int map_share(const fani_processes_control *control, int fd, const unsigned char **bytes)
{
    unsigned char *written = NULL;
    if (control->kind != FANI_PROCESSES_GANG)
        return fani_processes_memory_map_frozen(fd, control->size, false, bytes);
    int error = fani_processes_memory_map(fd, control->size, false, &written);
    *bytes = written;
    return error;
}

/* Takes over the descriptor. Without memory for it this worker is of no use: false. */
static bool take_share(image *self, const fani_processes_control *control, int fd)
{
    shared_data *share = malloc(sizeof *share);
    if (!share || fd < 0 || map_share(control, fd, &share->bytes) != 0) {
        free(share);
        fani_processes_fd_close(&fd);
        return false;
    }
    fani_processes_fd_close(&fd);
    share->id = control->id;
    share->size = control->size;
    share->next = self->shares;
    self->shares = share;
    return true;
}

/* ---- The socket ---------------------------------------------------------------------------- */

/* Takes one message. Answers 0 or an errno: EPIPE at the end, EAGAIN where none waits. */
static int take_control(image *self, bool wait)
{
    fani_processes_control control;
    int fd;
    int error = fani_processes_control_receive(FANI_PROCESSES_FD_SOCKET, &control, &fd, wait);
    if (error)
        return error;
    if (control.kind == FANI_PROCESSES_WAKE)
        return 0;
    self->controls++;
    switch (control.kind) {
    case FANI_PROCESSES_MEMORY:
        return fani_processes_inbox_put(&self->inbox, &control, fd) ? 0 : EPROTO;
    case FANI_PROCESSES_SHARE:
    case FANI_PROCESSES_GANG:
        return take_share(self, &control, fd) ? 0 : ENOMEM;
    case FANI_PROCESSES_DROP:
        drop_share(self, control.id);
        return 0;
    default:
        fani_processes_fd_close(&fd);
        return EPROTO;
    }
}

/* Sleeps until the program says something, unless `ready` holds once the flag is up: whoever makes
 * it hold looks at the flag after that. */
static int doze(image *self, bool (*ready)(image *self, size_t size), size_t size)
{
    int error = 0;
    atomic_exchange(&self->region->asleep, 1); /* orders the looks behind it: see publish */
    if (!ready(self, size))
        error = take_control(self, true);
    else if (atomic_exchange(&self->region->asleep, 0) == 0)
        while (!error) /* somebody has sent a WAKE for nothing: they must not pile up */
            error = take_control(self, false);
    atomic_store(&self->region->asleep, 0);
    return error == EAGAIN ? 0 : error;
}

static bool request_waits(image *self, size_t size)
{
    (void)size;
    return fani_processes_ring_waiting(&self->requests);
}

/* Wakes the pump where it sleeps, or who does its work. */
static void call_pump(image *self)
{
    uint64_t one = 1, at = atomic_exchange(&self->region->ring_at, FANI_PROCESSES_NEVER);
    self->unheard = false;
    if (at == FANI_PROCESSES_NEVER)
        return;
    if (at & FANI_PROCESSES_CALL) {
        atomic_fetch_add(&self->region->calls, 1);
        if (fani_futex_wake(&self->region->calls, 1))
            return;
    }
    while (write(FANI_PROCESSES_FD_BELL, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* Calls the pump for replies that it may not know of, where it sleeps and wants that now. The look
 * may come too early, by the time it takes to publish one: the next one makes that good, or a nap
 * of the pump. */
static void ring_bell(image *self)
{
    if (self->unheard &&
        self->requests.at > atomic_load_explicit(&self->region->ring_at, memory_order_relaxed))
        call_pump(self);
}

/* The same where there is no more to do, so that every reply must be heard of. `at_last`: it can't
 * wait any longer. */
static void ring_last_bell(image *self, bool at_last)
{
    if (!self->unheard ||
        (!at_last && (atomic_load_explicit(&self->region->ring_at, memory_order_relaxed) &
                      FANI_PROCESSES_PATIENT)))
        return;
    self->unheard = !fani_processes_ring_drained(&self->replies);
    if (self->unheard)
        call_pump(self);
}

/* A request has come to an empty ring. Where several come in the time that is waited, it is better
 * to wait longer: each look takes a line away from who writes. One alone is not to wait. */
static void learn_pauses(image *self)
{
    bool several = self->requests.far - self->requests.at > FANI_PROCESSES_LINE;
    if (several && self->pauses < PAUSES_MAX)
        self->pauses *= 2;
    else if (!several && self->pauses > PAUSES)
        self->pauses /= 2;
}

/* The next request. Answers 0 or an errno: EPIPE at the end. */
static int next_request(image *self, fani_processes_message *message)
{
    for (;;) {
        for (int i = 0; i < SPINS; i++) {
            if (fani_processes_ring_peek(&self->requests, message) != FAN_OK)
                return EPROTO;
            if (message->frame) {
                if (i == 1)
                    learn_pauses(self);
                return 0;
            }
            if (i == 0) {
                fani_processes_ring_release(&self->requests);
                self->streak.since = 0;
            }
            if (i == SPINS_UNHEARD || i == SPINS - 1)
                ring_last_bell(self, i == SPINS - 1);
            /* Where there are more threads than cores, who should write waits for this core. */
            if (i % 2)
                sched_yield();
            for (unsigned k = i ? PAUSES : self->pauses; k > 0; k--)
                fani_cpu_relax();
        }
        int error = doze(self, request_waits, 0);
        if (error)
            return error;
    }
}

/* ---- Replies ------------------------------------------------------------------------------- */

static bool room_waits(image *self, size_t size)
{
    return fani_processes_ring_reserve(&self->replies, size) || self->replies.broken;
}

/* Room for a reply; the program gives it back as it reads. Answers 0 or an errno. */
static int wait_for_room(image *self, size_t size, fani_processes_frame **frame)
{
    while (!(*frame = fani_processes_ring_reserve(&self->replies, size))) {
        call_pump(self);
        int error = self->replies.broken ? EPROTO : doze(self, room_waits, size);
        if (error)
            return error;
    }
    return 0;
}

/* A batch on its way through the image. */
typedef struct errand {
    uint64_t posting;
    unsigned flags;
    const fan_task *task;
    const fan_items *args;
    fan_items wire_args; /* where args points for a wire message */
    size_t reply_limit;
    fan_items items;
    uint64_t run_ns;
    int64_t begun_ns;
} errand;

static void publish_reply(image *self, fani_processes_frame *frame, fani_processes_reply_kind kind,
                          const errand *job)
{
    frame->kind = (uint8_t)kind;
    frame->flags = 0;
    frame->context = 0;
    frame->run_ns = job->run_ns;
    frame->posting = job->posting;
    frame->begun_ns = job->begun_ns;
    fani_processes_ring_publish(&self->replies);
    self->unheard = true;
}

static int reply_bytes(image *self, fani_processes_reply_kind kind, const errand *job,
                       const void *bytes, size_t size)
{
    fani_processes_frame *frame;
    int error = wait_for_room(self, size, &frame);
    if (error)
        return error;
    if (size)
        memcpy(frame + 1, bytes, size);
    publish_reply(self, frame, kind, job);
    return 0;
}

static int refuse(image *self, const errand *job, const char *text)
{
    return reply_bytes(self, FANI_PROCESSES_REFUSED, job, text, strlen(text) + 1);
}

/* With captured streams there are many small pieces. Answers 0 or an errno. */
static int pack_mapped(const image *self, const errand *job, size_t size, int fd)
{
    unsigned char *bytes = NULL;
    int error = fani_processes_memory_map(fd, size, true, &bytes);
    if (error)
        return error;
    fani_wire_replies_write(&self->answers, job->posting, job->run_ns, bytes);
    fani_processes_memory_unmap(bytes, size);
    return 0;
}

/* Replies in memory of their own. Answers 0 or an errno. */
static int pack_replies(const image *self, const errand *job, size_t size, int *fd)
{
    uint64_t head[FANI_WIRE_HEAD_WORDS];
    fani_wire_piece pieces[FANI_WIRE_PIECES];
    size_t count =
        fani_wire_replies_pieces(&self->answers, job->posting, job->run_ns, head, pieces);
    int error = fani_processes_memory_new(size, !count, fd);
    if (error)
        return error;
    for (size_t i = 0; i < count && !error; i++)
        error = fani_processes_memory_write(*fd, pieces[i].offset, pieces[i].bytes, pieces[i].size);
    /* What an item has made unreadable is to crash this worker: then it costs that item alone. */
    if (!count || error == EFAULT)
        error = pack_mapped(self, job, size, *fd);
    if (!error)
        error = fani_processes_memory_freeze(*fd);
    if (error)
        fani_processes_fd_close(fd);
    return error;
}

static int reply_outside(image *self, const errand *job, size_t size)
{
    const fani_processes_control control = {
        .kind = FANI_PROCESSES_MEMORY, .id = job->posting, .size = size};
    int fd = -1;
    int error = pack_replies(self, job, size, &fd);
    if (error) {
        char text[160];
        snprintf(text, sizeof text, "no memory for replies of %zu bytes: %s", size,
                 strerrordesc_np(error));
        return refuse(self, job, text);
    }
    error = fani_processes_control_send(FANI_PROCESSES_FD_SOCKET, &control, fd, true);
    fani_processes_fd_close(&fd);
    return error ? error : reply_bytes(self, FANI_PROCESSES_ANSWER_OUTSIDE, job, NULL, 0);
}

static int reply_wire(image *self, const errand *job)
{
    fani_processes_frame *frame;
    size_t size = fani_wire_replies_size(&self->answers);
    if (size > FANI_PROCESSES_INLINE_BYTES)
        return reply_outside(self, job, size);
    int error = wait_for_room(self, size, &frame);
    if (error)
        return error;
    fani_wire_replies_write(&self->answers, job->posting, job->run_ns,
                            (unsigned char *)(frame + 1));
    publish_reply(self, frame, FANI_PROCESSES_ANSWER, job);
    return 0;
}

/* Mostly every item has a reply and all have one size. */
static int reply(image *self, const errand *job)
{
    const fani_replies *answers = &self->answers;
    const fani_slot *slot = answers->slots;
    size_t total = answers->item_size * answers->count;
    if (answers->captures)
        return reply_wire(self, job);
    if (answers->array && !slot && answers->count && total <= FANI_PROCESSES_INLINE_BYTES)
        return reply_bytes(self, FANI_PROCESSES_ARRAY, job, answers->bytes.data, total);
    if (!answers->array && slot && answers->count == 1 && slot->state == FANI_SLOT_REPLY &&
        !slot->attempts && slot->size <= FANI_PROCESSES_INLINE_BYTES)
        return reply_bytes(self, FANI_PROCESSES_ARRAY, job, answers->bytes.data + slot->offset,
                           slot->size);
    return reply_wire(self, job);
}

/* ---- Time ---------------------------------------------------------------------------------- */

static void begin_time(pace *streak, errand *job)
{
    if (!streak->since || (job->flags & FANI_PROCESSES_EXACT))
        *streak =
            (pace){.since = fani_clock_ns(), .stride = streak->stride, .each_ns = streak->each_ns};
    job->begun_ns = streak->since + (int64_t)(streak->batches * streak->each_ns);
}

/* The batches of a streak have their usual time until the clock is looked at: the last one gets
 * what is left, so that the sum is right. */
static void end_time(image *self, errand *job)
{
    pace *streak = &self->streak;
    bool last = !fani_processes_ring_more(&self->requests);
    streak->batches++;
    job->run_ns = streak->each_ns;
    if (!last && streak->batches < streak->stride && !(job->flags & FANI_PROCESSES_EXACT))
        return;
    int64_t now = fani_clock_ns();
    uint64_t all = (uint64_t)(now - streak->since);
    uint64_t told = streak->each_ns * (streak->batches - 1);
    job->run_ns = all > told ? all - told : 0;
    streak->each_ns = all / streak->batches;
    streak->stride = streak->each_ns > STRIDE_NS / STRIDE_MAX
                         ? (unsigned)(STRIDE_NS / (streak->each_ns + 1))
                         : STRIDE_MAX;
    streak->batches = 0;
    streak->since = now;
}

/* ---- Contexts ------------------------------------------------------------------------------ */

static char *unknown_task(const fani_wire_batch *batch)
{
    char *text = NULL;
    int size = batch->task_name_size < 200 ? (int)batch->task_name_size : 200;
    if (asprintf(&text, "the worker program does not know the task \"%.*s\"", size,
                 batch->task_name) < 0)
        return NULL;
    return text;
}

static void clear_context(context *c)
{
    free(c->refusal);
    free(c->bytes);
    *c = (context){0};
}

/* Remembers what a message says. FAN_E_PROTOCOL; FAN_E_MEMORY */
static fan_status fill_context(context *c, const fani_processes_message *message)
{
    fani_wire_batch batch;
    clear_context(c);
    fan_status status = fani_wire_batch_read(message->bytes, message->size, &batch);
    if (status != FAN_OK)
        return status;
    c->task = fani_registry_find(batch.task_name, batch.task_name_size);
    c->refusal = c->task ? NULL : unknown_task(&batch);
    c->args = batch.args;
    c->reply_limit = (size_t)batch.reply_limit;
    if (batch.args.size) {
        c->bytes = aligned_alloc(64, (batch.args.size + 63) / 64 * 64);
        if (!c->bytes)
            return FAN_E_MEMORY;
        memcpy(c->bytes, batch.args.bytes, batch.args.size);
        c->args.bytes = c->bytes;
    }
    c->known = true;
    return c->task || c->refusal ? FAN_OK : FAN_E_MEMORY;
}

/* A worker without memory for that is of no use. Answers 0 or an errno. */
static int take_context(image *self, const fani_processes_message *message)
{
    if (message->context >= FANI_PROCESSES_CONTEXTS)
        return EPROTO;
    switch (fill_context(&self->contexts[message->context], message)) {
    case FAN_OK:
        return 0;
    case FAN_E_MEMORY:
        return ENOMEM;
    default:
        return EPROTO;
    }
}

/* ---- Batches ------------------------------------------------------------------------------- */

/* Runs a batch and answers it. Answers 0 or an errno. */
static int run(image *self, errand *job)
{
    begin_time(&self->streak, job);
    fan_status status = fani_worker_run_untimed(self->worker, job->task, &job->items, job->args,
                                                job->reply_limit, &self->answers);
    end_time(self, job);
    bool starved =
        self->region->memory_limit && (status == FAN_E_MEMORY || fani_worker_starved(self->worker));
    if (starved && job->items.count > 1)
        return ENOMEM; /* its end tells that one of them is too much: they run again in halves */
    int error = status == FAN_OK
                    ? reply(self, job)
                    : refuse(self, job, starved ? self->memory_text : fan_status_text(status));
    if (starved && !error)
        error = EPIPE; /* what it left behind is not for the next: a fresh image goes on */
    if (self->answers.bytes.capacity > KEEP_BYTES || self->answers.text.capacity > KEEP_BYTES)
        fani_replies_clear(&self->answers);
    return error;
}

static int run_wire(image *self, errand *job, const unsigned char *bytes, size_t size)
{
    fani_wire_batch batch;
    if (fani_wire_batch_read(bytes, size, &batch) != FAN_OK)
        return EPROTO;
    job->flags |= FANI_PROCESSES_EXACT; /* reading it took time */
    job->task = fani_registry_find(batch.task_name, batch.task_name_size);
    job->wire_args = batch.args;
    job->args = &job->wire_args;
    job->reply_limit = (size_t)batch.reply_limit;
    job->items = batch.items;
    if (job->task)
        return run(self, job);
    char *text = unknown_task(&batch);
    int error = text ? refuse(self, job, text) : ENOMEM;
    free(text);
    return error;
}

/* As run_wire, for a message in memory of its own; one that is not `mine` any more is only put
 * away. */
static int run_outside(image *self, errand *job, bool mine)
{
    const unsigned char *bytes = NULL;
    size_t size = 0;
    int fd = -1;
    if (!fani_processes_inbox_take(&self->inbox, job->posting, &fd, &size))
        return EPROTO;
    int error = !mine    ? 0
                : fd < 0 ? EMFILE
                         : fani_processes_memory_map_frozen(fd, size, true, &bytes);
    fani_processes_fd_close(&fd);
    if (!mine || error == EPROTO)
        return error;
    if (error) {
        char text[160];
        snprintf(text, sizeof text, "a worker can't map a message of %zu bytes: %s", size,
                 strerrordesc_np(error));
        return refuse(self, job, text);
    }
    error = run_wire(self, job, bytes, size);
    fani_processes_memory_unmap(bytes, size);
    return error;
}

/* Finds the items of a short message. False: it makes no sense. */
static bool read_items(const fani_processes_message *message, fan_items *items)
{
    fani_processes_count count;
    uint64_t total;
    items->first = message->frame->first;
    if (message->kind == FANI_PROCESSES_ITEM) {
        items->bytes = message->bytes;
        items->size = message->size;
        items->count = 1;
        return true;
    }
    if (message->size < sizeof count)
        return false;
    memcpy(&count, message->bytes, sizeof count);
    items->count = (size_t)count.count;
    items->size = (size_t)count.size;
    if (message->kind == FANI_PROCESSES_RANGE)
        return message->size == sizeof count;
    items->bytes = message->bytes + sizeof count;
    return !__builtin_mul_overflow(count.count, count.size, &total) &&
           total == message->size - sizeof count;
}

static int run_short(image *self, errand *job, const fani_processes_message *message)
{
    if (message->context >= FANI_PROCESSES_CONTEXTS || !read_items(message, &job->items))
        return EPROTO;
    const context *c = &self->contexts[message->context];
    if (!c->known)
        return EPROTO;
    if (!c->task)
        return refuse(self, job, c->refusal);
    job->task = c->task;
    job->args = &c->args;
    job->reply_limit = c->reply_limit;
    return run(self, job);
}

static int run_message(image *self, const fani_processes_message *message, bool mine)
{
    errand job = {.posting = message->posting, .flags = message->flags};
    switch (message->kind) {
    case FANI_PROCESSES_WIRE_OUTSIDE:
        return run_outside(self, &job, mine);
    case FANI_PROCESSES_CONTEXT:
        return take_context(self, message);
    case FANI_PROCESSES_WIRE:
        return mine ? run_wire(self, &job, message->bytes, message->size) : 0;
    case FANI_PROCESSES_ITEM:
    case FANI_PROCESSES_ITEMS:
    case FANI_PROCESSES_RANGE:
        return mine ? run_short(self, &job, message) : 0;
    default:
        return EPROTO;
    }
}

/* Names the batch that runs from here on, then looks whether the program has asked for an end: of
 * this one, or of one before that was answered meanwhile. See revoke.c. Answers 0 or an errno. */
static int announce(image *self, uint64_t posting)
{
    fani_processes_region *region = self->region;
    struct pollfd program = {.fd = FANI_PROCESSES_FD_SOCKET, .events = POLLRDHUP};
    uint64_t condemned;
    while ((condemned = atomic_load(&region->condemned)) && condemned != posting)
        if (poll(&program, 1, 1) > 0)
            return EPIPE;
    if (condemned)
        atomic_store(&region->cancelled, true);
    return 0;
}

static int serve_one(image *self, fani_processes_message *message)
{
    if (message->flags & FANI_PROCESSES_EXACT)
        atomic_store(&self->region->begun_ns, fani_clock_ns());
    atomic_store(&self->region->running, message->posting); /* before it is claimed: see announce */
    /* Claimed before anything else, so that whatever it does to this worker is known as its. */
    bool mine = fani_processes_ring_begin(message);
    int error = mine ? announce(self, message->posting) : 0;
    while (!error && (int32_t)(message->frame->controls - (uint32_t)self->controls) > 0)
        error = take_control(self, true);
    if (!error)
        error = run_message(self, message, mine);
    fani_processes_ring_pass(&self->requests);
    fani_processes_ring_release_some(&self->requests);
    ring_bell(self);
    return error;
}

static int serve(image *self)
{
    const fani_processes_control ready = {.kind = FANI_PROCESSES_READY};
    int error = fani_processes_control_send(FANI_PROCESSES_FD_SOCKET, &ready, -1, true);
    while (!error) {
        fani_processes_message message;
        error = next_request(self, &message);
        if (!error)
            error = serve_one(self, &message);
    }
    return error == EPIPE ? 0 : CODE_PROTOCOL;
}

static int serve_region(fani_processes_region *region)
{
    image self = {.region = region,
                  .pauses = PAUSES,
                  .requests = fani_processes_region_requests(region),
                  .replies = fani_processes_region_replies(region)};
    snprintf(self.memory_text, sizeof self.memory_text,
             "out of memory: a worker may use %llu MiB (worker_memory)",
             (unsigned long long)region->memory_limit >> 20);
    if (fani_processes_streams_attach(&self.streams) != 0)
        return CODE_PROTOCOL;
    fani_nest nest = {.shared = find_shared, .user = &self};
    const fani_worker_host host = {.shared = find_shared,
                                   .user = &self,
                                   .capture = capture,
                                   .current_item = &region->current_item,
                                   .cancelled = &region->cancelled,
                                   .memory_text = region->memory_limit ? self.memory_text : NULL,
                                   .nested = fani_nest_executor,
                                   .settle = fani_nest_settle,
                                   .nest = &nest};
    self.worker = fani_worker_new(&host);
    int code = self.worker ? serve(&self) : CODE_PROTOCOL;
    fani_worker_free(self.worker);
    fani_nest_end(&nest);
    while (self.shares)
        drop_share(&self, self.shares->id);
    fani_processes_inbox_clear(&self.inbox);
    fani_processes_streams_clear(&self.streams);
    fani_replies_clear(&self.answers);
    for (unsigned i = 0; i < FANI_PROCESSES_CONTEXTS; i++)
        clear_context(&self.contexts[i]);
    return code;
}

int fani_processes_serve(const char *argument)
{
    fani_processes_region *region;
    if (!is_own_argument(argument) ||
        fani_processes_region_attach(FANI_PROCESSES_FD_REGION, &region) != 0) {
        (void)fputs("--fanfold-worker is how Fanfold starts its own workers, and no option\n",
                    stderr);
        return CODE_USAGE;
    }
    int code = CODE_PROTOCOL;
    atomic_store(&region->pid, getpid());
    leave_signals();
    take_cores(region);
    (void)prctl(PR_SET_NAME, "fan-worker");
    if (hide_descriptors() && limit_memory(region) && bind_to_program(region))
        code = serve_region(region);
    fani_processes_region_free(region);
    return code;
}
