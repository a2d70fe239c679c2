/* Opening, which is collective: the ranks agree on everything, success included; and freeing. */
#include <stdlib.h>
#include <string.h>

#include "agree.h"
#include "base/error.h"
#include "check.h"
#include "fanfold/machine.h"
#include "hosts.h"
#include "instance.h"
#include "task/registry.h"
#include "testing.h"

enum { HEARTBEAT_MS_MIN = 100, HEARTBEAT_MS_MAX = 86400000 };

/* ---- Options ------------------------------------------------------------------------------- */

/* *mpi comes with the defaults of what a caller's older struct lacks. */
static fan_status read_options(const fan_executor_options *options, fan_mpi_options *mpi,
                               fan_error *error)
{
    const fan_mpi_options *given = options->plugin_options;
    if (!given)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "plugin_options must point to a fan_mpi_options with a communicator");
    size_t size = given->size_of_this;
    if (size < offsetof(fan_mpi_options, progress) || size > 4096)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "size_of_this of fan_mpi_options is %zu; it must be "
                              "sizeof(fan_mpi_options), which is %zu",
                              size, sizeof *given);
    memcpy(mpi, given, size < sizeof *mpi ? size : sizeof *mpi);
    if (mpi->communicator == MPI_COMM_NULL)
        return fani_error_set(error, FAN_E_ARGUMENT, "the communicator is MPI_COMM_NULL");
    return FAN_OK;
}

static fan_status check_heartbeat(uint32_t ms, fan_error *error)
{
    if (ms && ms != FAN_MPI_NO_HEARTBEAT && (ms < HEARTBEAT_MS_MIN || ms > HEARTBEAT_MS_MAX))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "heartbeat_ms is %u; it may be %d to %d, or FAN_MPI_NO_HEARTBEAT", ms,
                              HEARTBEAT_MS_MIN, HEARTBEAT_MS_MAX);
    return FAN_OK;
}

static const char *level_name(int level)
{
    switch (level) {
    case MPI_THREAD_SINGLE:
        return "MPI_THREAD_SINGLE";
    case MPI_THREAD_FUNNELED:
        return "MPI_THREAD_FUNNELED";
    case MPI_THREAD_SERIALIZED:
        return "MPI_THREAD_SERIALIZED";
    default:
        return "MPI_THREAD_MULTIPLE";
    }
}

static fan_status check_level(fani_mpi *self, const fan_mpi_options *mpi, fan_error *error)
{
    int level = MPI_THREAD_SINGLE;
    fan_status status = fani_mpi_check(MPI_Query_thread(&level), "MPI_Query_thread", error);
    if (status)
        return status;
    self->pumped = mpi->progress == FAN_MPI_PROGRESS_THREAD;
    self->main_only = level < MPI_THREAD_SERIALIZED;
    int needed = self->pumped ? MPI_THREAD_MULTIPLE : MPI_THREAD_FUNNELED;
    if (level < needed)
        return fani_error_set(error, FAN_E_UNAVAILABLE,
                              "%s needs %s, but MPI provides %s: ask for it by MPI_Init_thread",
                              self->pumped ? "a progress thread" : "this executor",
                              level_name(needed), level_name(level));
    if (mpi->progress != FAN_MPI_PROGRESS_THREAD && mpi->progress != FAN_MPI_PROGRESS_CALLS)
        return fani_error_set(error, FAN_E_ARGUMENT, "progress is %d; it may be 0 or 1",
                              (int)mpi->progress);
    return FAN_OK;
}

/* ---- A rank's own preparations ------------------------------------------------------------- */

/* This rank's part of its host's cores: ranks that are bound to cores of their own have those, the
 * others share what they may all use. */
static unsigned part_of_cores(const fani_host *host)
{
    fan_machine_info machine;
    fan_machine(&machine);
    unsigned cores = host->cores;
    if (machine.quota > 0 && machine.quota < cores)
        cores = machine.quota < 1 ? 1 : (unsigned)machine.quota;
    unsigned part = cores / host->ranks;
    if (part > machine.cores_usable)
        part = machine.cores_usable;
    return part ? part : 1;
}

/* "serial" inside a rank is one thread: the thread that drives MPI must not be busy with tasks. */
static const char *inner_kind(const char *local, bool *one_worker)
{
    *one_worker = local && !strcmp(local, "serial");
    if (!local || *one_worker || !strcmp(local, "threads"))
        return "threads";
    return strcmp(local, "processes") ? NULL : "processes";
}

/* How many workers a rank begins with, and may be resized to. */
static void count_workers(const fan_executor_options *options, const fani_host *host,
                          bool one_worker, fani_hello *mine)
{
    mine->workers = mine->workers_max = 1;
    if (one_worker)
        return;
    mine->workers = options->workers ? options->workers : part_of_cores(host);
    if (options->workers_max && mine->workers > options->workers_max)
        mine->workers = options->workers_max;
    mine->workers_max = options->workers_max ? options->workers_max : mine->workers;
}

static fan_status open_inner(fani_mpi *self, const fan_executor_options *options,
                             const fan_mpi_options *mpi, const fani_host *host, fani_hello *mine,
                             fan_error *error)
{
    bool one_worker;
    const char *kind = inner_kind(mpi->local, &one_worker);
    if (!kind)
        return fani_error_set(error, FAN_E_UNKNOWN_EXECUTOR,
                              "there is no executor \"%s\" inside a rank: expected threads, "
                              "processes or serial",
                              mpi->local);
    count_workers(options, host, one_worker, mine);
    const fan_executor_options inner = {
        .kind = kind,
        .workers = mine->workers,
        .workers_max = mine->workers_max,
        .reply_limit = options->reply_limit,
        .crash_limit = options->crash_limit,
        .worker_program = options->worker_program,
        .worker_memory = options->worker_memory,
        .heartbeat_ms = options->heartbeat_ms,
    };
    fan_status status = fan_executor_open(&inner, &self->inner, error);
    if (!status)
        self->inner_front = fani_executor_front(self->inner);
    return status;
}

static unsigned char *place(void *user, int peer, int tag, size_t size)
{
    (void)peer;
    return tag == FANI_TAG_SHARE_BYTES ? fani_mpi_share_place(user, size) : NULL;
}

static void heard(void *user, int peer)
{
    fani_mpi_heard(user, peer);
}

static void handle(void *user, fani_message *message)
{
    fani_mpi *self = user;
    fani_mpi_heard(self, message->peer);
    switch (message->tag) {
    case FANI_TAG_ORDERS:
        if (self->relay.leads)
            fani_relay_orders_came(self, message);
        else
            fani_mpi_orders_came(self, message);
        fani_mpi_told(self);
        return;
    case FANI_TAG_ANSWERS:
    case FANI_TAG_CLAIMED:
        if (self->relay.leads) {
            fani_relay_answers_came(self, message);
            return;
        }
        fani_mpi_answers_came(self, message);
        break;
    case FANI_TAG_HOST_ANSWERS:
        fani_mpi_answers_came(self, message);
        break;
    case FANI_TAG_REVOKE:
    case FANI_TAG_RANGE_STOP:
        fani_mpi_revocation_came(self, message);
        return;
    case FANI_TAG_RANGE:
        if (self->relay.leads)
            fani_relay_range_came(self, message);
        fani_claims_range_came(self, message);
        fani_mpi_told(self);
        return;
    case FANI_TAG_ARGS_DROP:
        fani_mpi_args_drop_came(self, message);
        return;
    case FANI_TAG_WORKERS:
        fani_mpi_workers_came(self, message);
        break;
    case FANI_TAG_GANG:
        fani_mpi_gang_came(self, message);
        return;
    case FANI_TAG_CLOSE:
        fani_mpi_close_came(self, message);
        break;
    case FANI_TAG_GOODBYE:
        self->peers[message->peer].answers = false;
        atomic_fetch_add(&self->goodbyes, 1);
        break;
    case FANI_TAG_HEARTBEAT:
        fani_mpi_heartbeat_came(self, message);
        break;
    default:
        fani_mpi_share_came(self, message);
        return;
    }
    free(message);
}

/* Everything that can fail on one rank alone, before the ranks agree. */
static fan_status prepare(fani_mpi *self, const fan_executor_options *options,
                          const fan_mpi_options *mpi, const fani_host *host, fani_hello *mine,
                          fan_error *error)
{
    fan_status status = check_level(self, mpi, error);
    if (!status)
        status = check_heartbeat(mpi->heartbeat_ms, error);
    if (!status && (unsigned)mpi->leaders > FAN_MPI_LEADERS_OFF)
        status = fani_error_set(error, FAN_E_ARGUMENT, "leaders is %d; it may be 0, 1 or 2",
                                (int)mpi->leaders);
    if (status)
        return status;
    if (self->size > 1 && !fani_registry_started())
        return fani_error_set(error, FAN_E_NOT_STARTED,
                              "fan_start was not called: the ranks know each other's tasks by it");
    self->peers = calloc((size_t)self->size, sizeof *self->peers);
    if (self->rank == 0)
        self->who = calloc((size_t)self->size, sizeof *self->who);
    if (self->rank == 0)
        self->targets = calloc((size_t)self->size, sizeof *self->targets);
    if (!self->peers || (self->rank == 0 && (!self->who || !self->targets)) ||
        !fani_relay_init(&self->relay, host->ranks))
        return fani_error_set(error, FAN_E_MEMORY, "no memory for %d ranks", self->size);
    status = open_inner(self, options, mpi, host, mine, error);
    if (!status && self->pumped)
        status = fani_mpi_pump_start(self, error);
    return status;
}

/* Makes an instance that holds nothing but its locks. */
static fani_mpi *make(fani_front *front, MPI_Comm comm, int rank, int size, fan_error *error)
{
    fani_mpi *self = calloc(1, sizeof *self);
    const fani_link_user user = {.place = place, .handle = handle, .heard = heard, .user = self};
    if (!self) {
        fani_error_set(error, FAN_E_MEMORY, "no memory for an executor");
        return NULL;
    }
    self->front = front;
    self->comm = comm;
    self->rank = rank;
    self->size = size;
    self->finished_end = &self->finished;
    fan_status status = fani_link_init(&self->link, comm, &user, error);
    if (!status) {
        status = fani_bell_init(&self->bell, error);
        if (status)
            fani_link_destroy(&self->link);
    }
    if (status) {
        free(self);
        return NULL;
    }
    /* With default attributes these can't fail on Linux. */
    pthread_mutex_init(&self->drive, NULL);
    pthread_mutex_init(&self->packing, NULL);
    pthread_mutex_init(&self->answering, NULL);
    pthread_mutex_init(&self->ranges.lock, NULL);
    self->claims.segment = FANI_SEGMENT_NONE;
    return self;
}

/* ---- Open ---------------------------------------------------------------------------------- */

static void learn(fani_mpi *self, const fani_hello *hellos, fani_opened *opened)
{
    bool all_isolate = true, all_kill = true, none_isolates = true;
    uint64_t workers = 0, workers_max = 0;
    for (int r = 0; r < self->size; r++) {
        self->peers[r].workers = hellos[r].workers;
        self->peers[r].leader = hellos[r].leader;
        self->peers[r].workers_max = hellos[r].workers_max;
        workers += hellos[r].workers;
        workers_max += hellos[r].workers_max;
        none_isolates = none_isolates && !(hellos[r].capabilities & FAN_CAP_ISOLATES);
        all_isolate = all_isolate && (hellos[r].capabilities & FAN_CAP_ISOLATES);
        all_kill = all_kill && (hellos[r].capabilities & FAN_CAP_KILLS);
    }
    fani_relay_arrange(self, hellos[0].leaders);
    self->all_workers = (unsigned)workers;
    atomic_store(&self->own_workers, self->peers[self->rank].workers);
    self->isolates = fan_executor_capabilities(self->inner) & FAN_CAP_ISOLATES;
    *opened = (fani_opened){
        .workers = (unsigned)workers,
        .workers_max = (unsigned)workers_max,
        .ranks = (unsigned)self->size,
        .capabilities = FAN_CAP_SPANS_HOSTS | (all_isolate ? FAN_CAP_ISOLATES : 0) |
                        (all_kill ? FAN_CAP_KILLS : 0),
        .depth = (unsigned)workers * 256,
        .submits = self->rank == 0,
        .divides_ranges = none_isolates, /* see fani_claims_open */
        .hosts = self->who ? self->who[0].host : NULL,
        .hosts_stride = sizeof *self->who,
    };
}

static fan_status duplicate(MPI_Comm given, MPI_Comm *comm, int *rank, int *size, fan_error *error)
{
    int between_groups = 0;
    fan_status status =
        fani_mpi_check(MPI_Comm_test_inter(given, &between_groups), "MPI_Comm_test_inter", error);
    if (!status && between_groups)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "the communicator is an intercommunicator: MPI_Intercomm_merge makes "
                              "one of its two groups");
    if (!status)
        status = fani_mpi_check(MPI_Comm_dup(given, comm), "MPI_Comm_dup", error);
    if (status)
        return status;
    status = fani_mpi_check(MPI_Comm_set_errhandler(*comm, MPI_ERRORS_RETURN),
                            "MPI_Comm_set_errhandler", error);
    if (!status)
        status = fani_mpi_check(MPI_Comm_rank(*comm, rank), "MPI_Comm_rank", error);
    if (!status)
        status = fani_mpi_check(MPI_Comm_size(*comm, size), "MPI_Comm_size", error);
    return status;
}

static const struct fani_mpi_testing *testing_of(const fan_mpi_options *mpi)
{
    static const struct fani_mpi_testing nothing;
    return mpi->testing ? mpi->testing : &nothing;
}

/* Rank 0 gets to know everyone; the ranks have agreed that they can work together. */
static fan_status introduce(fani_mpi *self, const fani_host *host, const char *host_name,
                            const fan_executor_options *options, fan_error *error)
{
    fani_mpi_who mine;
    fani_mpi_who_am_i(&mine, host, options->workers, host_name);
    fan_status status = fani_mpi_who_gather(self->comm, &mine, self->who, error);
    if (!status && self->rank == 0)
        self->warning = fani_mpi_who_warning(self->who, self->size);
    return status;
}

/* Every rank comes here and makes the same collective calls, whatever has failed on it so far;
 * self is NULL where there was no memory for it, which *error says. */
static fan_status open_on(fani_mpi *self, MPI_Comm comm, int rank, int size,
                          const fan_executor_options *options, const fan_mpi_options *mpi,
                          fani_opened *opened, fan_error *error)
{
    const struct fani_mpi_testing *testing = testing_of(mpi);
    fani_host host = {.leader = rank, .ranks = 1, .cores = 1};
    fani_hello mine = {.tasks = fani_registry_hash(), .status = FAN_E_MEMORY}, *hellos = NULL;
    fan_error of_hosts = {0};
    fan_status status = fani_hosts_find(comm, rank, testing->host, &host, &of_hosts);
    mine.leader = host.leader;
    if (self && status)
        *error = of_hosts;
    else if (self)
        status = prepare(self, options, mpi, &host, &mine, error);
    if (self) {
        mine.status = (int32_t)status;
        mine.capabilities = fan_executor_capabilities(self->inner);
        mine.leaders = mpi->leaders != FAN_MPI_LEADERS_OFF;
        self->link.traffic = testing->traffic;
        if (testing->message_limit)
            self->link.limit = testing->message_limit;
    }
    status = fani_agree_hello(comm, rank, size, &mine, &hellos, error);
    if (!status)
        status = introduce(self, &host, testing->host, options, error);
    if (!status)
        learn(self, hellos, opened);
    free(hellos);
    /* Worker processes can't claim: they map nothing of the ranks'. All ranks agree here. */
    if (!status && opened->divides_ranges)
        opened->divides_ranges =
            fani_claims_open(self) && (self->rank != 0 || fani_ranges_open(self));
    return status;
}

static void begin(fani_mpi *self, const fan_mpi_options *mpi)
{
    self->options = (fan_mpi_options){
        .heartbeat_ms = mpi->heartbeat_ms, .on_broken = mpi->on_broken, .user = mpi->user};
    fani_mpi_watch_begin(self);
    if (self->pumped)
        fani_mpi_promise(self);
    atomic_store(&self->pump_may_run, true);
    fani_bell_ring(&self->bell);
}

fan_status fani_mpi_open(fani_front *front, const fan_executor_options *options,
                         fani_opened *opened, void **made, fan_error *given_error)
{
    fan_error own_error = {0}, *error = given_error ? given_error : &own_error;
    fan_mpi_options mpi = {.communicator = MPI_COMM_NULL};
    MPI_Comm comm = MPI_COMM_NULL;
    fani_mpi *self = NULL;
    int rank = 0, size = 0;
    fan_status status = fani_mpi_ops.probe(error);
    if (!status)
        status = read_options(options, &mpi, error);
    if (!status)
        status = duplicate(mpi.communicator, &comm, &rank, &size, error);
    if (status)
        return status;
    status = fani_agree_build(comm, rank, size, testing_of(&mpi)->build, error);
    if (!status) {
        self = make(front, comm, rank, size, error);
        status = open_on(self, comm, rank, size, options, &mpi, opened, error);
    }
    if (!status) {
        *made = self;
        begin(self, &mpi);
    } else if (self) {
        fani_mpi_free(self, FAN_FOREVER);
    } else {
        (void)MPI_Comm_free(&comm); /* the error to report is the first one */
    }
    return status;
}

/* ---- Free ---------------------------------------------------------------------------------- */

fan_status fani_mpi_free(fani_mpi *self, fan_deadline deadline)
{
    if (!self)
        return FAN_OK;
    if (self->inner) {
        fan_status status = fan_executor_close(self->inner, FAN_CLOSE_DRAIN, deadline);
        if (status)
            return status;
        self->inner = NULL;
    }
    fani_mpi_pump_end(self);
    fani_mpi_shares_clear(self);
    fani_mpi_gang_clear(self);
    bool broken = fani_link_broken(&self->link, NULL) != FAN_OK;
    fani_link_destroy(&self->link);
    /* Messages may be under way on a broken link, which must not turn up on a communicator that
     * gets the number of this one: it is left alone. Nothing can be done about a failure to free
     * it, and nothing of ours depends on it. */
    if (!broken)
        (void)MPI_Comm_free(&self->comm);
    fani_bell_destroy(&self->bell);
    pthread_mutex_destroy(&self->drive);
    pthread_mutex_destroy(&self->packing);
    pthread_mutex_destroy(&self->answering);
    fani_ranges_close(self);
    fani_claims_close(self);
    pthread_mutex_destroy(&self->ranges.lock);
    for (int r = 0; self->peers && r < self->size; r++)
        fani_tickets_clear(&self->peers[r].tickets);
    fani_mpi_args_clear(self);
    for (fani_message *message; (message = fani_answers_local(self));)
        free(message);
    while (self->early) {
        fani_message *message = self->early;
        self->early = message->next;
        free(message);
    }
    fani_relay_destroy(&self->relay);
    free(self->peers);
    free(self->targets);
    free(self->who);
    free(self->warning);
    free(self);
    return FAN_OK;
}
