/* A worker image: a program of its own that runs batches from a ring until its socket ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

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
    SPINS = 300,          /* looks at the ring before sleeping */
    KEEP_BYTES = 1 << 20, /* memory for replies that is kept for the next batch */
};

typedef struct shared_data {
    struct shared_data *next;
    uint64_t id;
    const unsigned char *bytes;
    size_t size;
} shared_data;

typedef struct image {
    fani_processes_region *region;
    fani_processes_ring requests, replies;
    fani_processes_inbox inbox;
    uint64_t controls; /* taken so far, WAKE not counted */
    shared_data *shares;
    fani_worker *worker;
    fani_replies answers;
    bool unheard; /* replies were given since the bell last rang */
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
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
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
    atomic_store(&self->region->asleep, 1);
    if (!ready(self, size))
        error = take_control(self, true);
    else if (atomic_exchange(&self->region->asleep, 0) == 0)
        while (!error) /* somebody has sent a WAKE for nothing: they must not pile up */
            error = take_control(self, false);
    atomic_store(&self->region->asleep, 0);
    return error == EAGAIN ? 0 : error;
}

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

static bool request_waits(image *self, size_t size)
{
    (void)size;
    return fani_processes_ring_waiting(&self->requests);
}

/* The next request. Answers 0 or an errno: EPIPE at the end. */
static int next_request(image *self, fani_processes_message *message)
{
    for (;;) {
        for (int i = 0; i < SPINS; i++) {
            if (fani_processes_ring_peek(&self->requests, message) != FAN_OK)
                return EPROTO;
            if (message->frame)
                return 0;
            pause_a_little();
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
        int error = self->replies.broken ? EPROTO : doze(self, room_waits, size);
        if (error)
            return error;
    }
    return 0;
}

/* Rings for replies that the pump does not know of: where it sleeps, or naps and this worker is
 * running out of work. */
static void ring_bell(image *self, bool running_out)
{
    uint64_t one = 1;
    uint32_t rest = atomic_load(&self->region->rest);
    if (!self->unheard || rest == FANI_PROCESSES_AWAKE ||
        (rest == FANI_PROCESSES_NAPPING && !running_out))
        return;
    self->unheard = false;
    if (atomic_exchange(&self->region->rest, FANI_PROCESSES_AWAKE) == FANI_PROCESSES_AWAKE)
        return;
    while (write(FANI_PROCESSES_FD_BELL, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void publish_reply(image *self)
{
    fani_processes_ring_publish(&self->replies);
    self->unheard = true;
}

static int refuse(image *self, uint64_t posting, const char *text)
{
    fani_processes_frame *frame;
    size_t size = strlen(text) + 1;
    int error = wait_for_room(self, size, &frame);
    if (error)
        return error;
    memcpy(frame + 1, text, size);
    frame->kind = FANI_PROCESSES_REFUSED;
    frame->posting = posting;
    publish_reply(self);
    return 0;
}

/* Replies in memory of their own. Answers 0 or an errno. */
static int pack_replies(const image *self, uint64_t posting, uint64_t run_ns, size_t size, int *fd)
{
    unsigned char *bytes = NULL;
    int error = fani_processes_memory_new(size, true, fd);
    if (error)
        return error;
    error = fani_processes_memory_map(*fd, size, true, &bytes);
    if (!error) {
        fani_wire_replies_write(&self->answers, posting, run_ns, bytes);
        fani_processes_memory_unmap(bytes, size);
        error = fani_processes_memory_freeze(*fd);
    }
    if (error)
        fani_processes_fd_close(fd);
    return error;
}

static int reply_outside(image *self, uint64_t posting, uint64_t run_ns, size_t size)
{
    fani_processes_frame *frame;
    const fani_processes_control control = {
        .kind = FANI_PROCESSES_MEMORY, .id = posting, .size = size};
    int fd = -1;
    int error = pack_replies(self, posting, run_ns, size, &fd);
    if (error) {
        char text[160];
        snprintf(text, sizeof text, "no memory for replies of %zu bytes: %s", size,
                 strerrordesc_np(error));
        return refuse(self, posting, text);
    }
    error = fani_processes_control_send(FANI_PROCESSES_FD_SOCKET, &control, fd, true);
    fani_processes_fd_close(&fd);
    if (!error)
        error = wait_for_room(self, 0, &frame);
    if (error)
        return error;
    frame->kind = FANI_PROCESSES_OUTSIDE;
    frame->posting = posting;
    publish_reply(self);
    return 0;
}

static int reply(image *self, uint64_t posting, uint64_t run_ns)
{
    fani_processes_frame *frame;
    size_t size = fani_wire_replies_size(&self->answers);
    if (size > FANI_PROCESSES_INLINE_BYTES)
        return reply_outside(self, posting, run_ns, size);
    int error = wait_for_room(self, size, &frame);
    if (error)
        return error;
    fani_wire_replies_write(&self->answers, posting, run_ns, (unsigned char *)(frame + 1));
    frame->kind = FANI_PROCESSES_INLINE;
    frame->posting = posting;
    publish_reply(self);
    return 0;
}

/* ---- Batches ------------------------------------------------------------------------------- */

static int refuse_unknown(image *self, const fani_wire_batch *batch)
{
    char text[320];
    snprintf(text, sizeof text, "the worker program does not know the task \"%.*s\"",
             batch->task_name_size < 200 ? (int)batch->task_name_size : 200, batch->task_name);
    return refuse(self, batch->posting, text);
}

/* Runs a batch and answers it. Answers 0 or an errno. */
static int run(image *self, const unsigned char *bytes, size_t size)
{
    fani_wire_batch batch;
    uint64_t run_ns = 0;
    if (fani_wire_batch_read(bytes, size, &batch) != FAN_OK)
        return EPROTO;
    const fan_task *task = fani_registry_find(batch.task_name, batch.task_name_size);
    if (!task)
        return refuse_unknown(self, &batch);
    fan_status status = fani_worker_run(self->worker, task, &batch.items, &batch.args,
                                        (size_t)batch.reply_limit, &self->answers, &run_ns);
    int error = status == FAN_OK ? reply(self, batch.posting, run_ns)
                                 : refuse(self, batch.posting, fan_status_text(status));
    if (self->answers.bytes.capacity > KEEP_BYTES || self->answers.text.capacity > KEEP_BYTES)
        fani_replies_clear(&self->answers);
    return error;
}

/* As run, for a message in memory of its own; one that is not `mine` any more is only put away. */
static int run_outside(image *self, uint64_t posting, bool mine)
{
    const unsigned char *bytes = NULL;
    size_t size = 0;
    int fd = -1;
    if (!fani_processes_inbox_take(&self->inbox, posting, &fd, &size))
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
        return refuse(self, posting, text);
    }
    error = run(self, bytes, size);
    fani_processes_memory_unmap(bytes, size);
    return error;
}

static int serve_one(image *self, fani_processes_message *message)
{
    /* Claimed before anything else, so that whatever it does to this worker is known as its. */
    bool mine = fani_processes_ring_begin(message);
    int error = 0;
    while (!error && self->controls < message->controls)
        error = take_control(self, true);
    if (error)
        return error;
    if (self->unheard && fani_processes_ring_last(&self->requests))
        ring_bell(self, true); /* the last one here: time to send more */
    if (message->kind == FANI_PROCESSES_OUTSIDE)
        error = run_outside(self, message->posting, mine);
    else if (mine)
        error = run(self, message->bytes, message->size);
    fani_processes_ring_release(&self->requests);
    if (!error && mine)
        ring_bell(self, !fani_processes_ring_waiting(&self->requests));
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
                  .requests = fani_processes_region_requests(region),
                  .replies = fani_processes_region_replies(region)};
    fani_nest nest = {.shared = find_shared, .user = &self};
    const fani_worker_host host = {.shared = find_shared,
                                   .user = &self,
                                   .current_item = &region->current_item,
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
    fani_replies_clear(&self.answers);
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
    leave_signals();
    take_cores(region);
    (void)prctl(PR_SET_NAME, "fan-worker");
    if (hide_descriptors() && bind_to_program(region))
        code = serve_region(region);
    fani_processes_region_free(region);
    return code;
}
