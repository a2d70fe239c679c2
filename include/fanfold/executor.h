/* Executors: fan-out (submit, map), fan-in (fold), shares and futures, over serial, threads,
 * processes and MPI ranks.
 *
 * Threads: every function may be called from any thread of the process that opened the executor,
 * unless it says otherwise; one executor may be used from several threads. With MPI, "collective"
 * means that every rank of the communicator must call it; all else is local to rank 0.
 * A call on a NULL executor answers FAN_E_UNSUPPORTED (fan_run_executor gives NULL where
 * memory is short). */
#ifndef FANFOLD_EXECUTOR_H
#define FANFOLD_EXECUTOR_H

#include "fanfold/task.h"
#include "fanfold/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Time ---------------------------------------------------------------------------------- */

/* A point on the monotonic clock in nanoseconds; FAN_FOREVER never comes, FAN_NOW has passed. */
typedef int64_t fan_deadline;
#define FAN_FOREVER INT64_MAX
#define FAN_NOW INT64_C(0)

/* The deadline `ms` milliseconds from now (saturating). */
FAN_API fan_deadline fan_deadline_in_ms(uint64_t ms);

/* ---- Start --------------------------------------------------------------------------------- */

/* First in main, before MPI_Init and before threads: records the program's tasks (a NULL-terminated
 * list, copied; the tasks live as long as the program, the same on every rank). Returns true in a
 * worker image: it has served, and main returns *code. Later calls change nothing and return false.
 * Fanfold's own tasks are listed by fan_job_tasks (job.h) and must be among `tasks` to be used on
 * processes and ranks. */
FAN_API bool fan_start(int *argc, char ***argv, const fan_task *const tasks[], int *code);

/* ---- Executors ----------------------------------------------------------------------------- */

typedef struct fan_executor_kind fan_executor_kind;

typedef struct fan_executor_options {
    const char *kind; /* "serial", "threads", "processes"; NULL: "threads" */
    unsigned workers; /* 1..4096; 0: the usable cores (fan_machine); serial has 1 */
    const fan_executor_kind
        *plugin; /* an executor from another library (fan_mpi_kind()): kind is then NULL */
    const void *plugin_options; /* what that library documents (fan_mpi_options) */
    size_t queue_items; /* most unfinished items before submit waits, and of a map's items those not
                           yet delivered; 0: 64 for each worker there may be, at most queue_bytes /
                           64, at least 65536 */
    size_t queue_bytes; /* most unfinished input bytes (with what is fed) before submit waits; 0:
                           256 MiB; one item may always be in flight */
    size_t reply_limit; /* largest reply of an item in bytes; 0: 2^31 - 1 - 4096 */
    unsigned crash_limit;       /* how often one item may lose its worker before it is lost; 0: 3 */
    const char *worker_program; /* processes: program of the worker images; NULL: this one (needs
                                   fan_start) */
    unsigned workers_max;       /* upper end of fan_executor_resize, at least workers; 0: workers */
    size_t worker_memory; /* processes: bytes of memory of its own that a worker may use (heap,
                             private mappings, stacks of threads), from 16 MiB; an item that wants
                             more fails with FAN_E_MEMORY's text and the limit, or dies of it. 0:
                             no limit */
    void (*warn)(void *user, const char *text); /* told of what works but should not be so: a done
                                                   callback that took longer than 100 ms; any thread
                                                   */
    void *warn_user;
    fan_trace *trace;      /* who runs what when goes here; NULL: no trace. Borrowed until the
                              executor is closed */
    uint32_t heartbeat_ms; /* processes: how long a worker may be stopped by a signal (SIGSTOP), or
                              idle and not take the item it was given, while this program goes on,
                              until it is killed and replaced: 100 to 86400000; 0: 30000;
                              FAN_NO_HEARTBEAT: for ever. What it had not begun runs elsewhere at no
                              cost (of one that is stopped, without waiting for that); what it had
                              begun has lost its worker (crash_limit). A worker that runs an item is
                              never ended for taking long. Only time counts in which this program
                              was running: stopped and continued as a whole, it loses nothing */
} fan_executor_options;

#define FAN_NO_HEARTBEAT UINT32_MAX

typedef enum fan_close_mode {
    FAN_CLOSE_DRAIN,   /* finish everything that was submitted */
    FAN_CLOSE_ABANDON, /* cancel what has not begun; drop or end what runs */
} fan_close_mode;

enum {
    FAN_CAP_ISOLATES = 1,      /* a crash costs one item, not the program */
    FAN_CAP_KILLS = 2,         /* a running item can be ended */
    FAN_CAP_SHARES_MEMORY = 4, /* tasks run in the caller's address space */
    FAN_CAP_SPANS_HOSTS = 8,
};

typedef struct fan_executor_stats {
    unsigned workers;         /* workers in all, all ranks included */
    unsigned ranks;           /* 1 without MPI */
    uint64_t items_submitted; /* items accepted */
    uint64_t items_done;      /* items with an outcome */
    uint64_t batches;         /* batches posted, repeats included */
    uint64_t workers_lost;    /* workers that died and were replaced */
    uint64_t shares_sent; /* copies of shared data made or sent: one per share and host at most */
    uint64_t run_ns;      /* time inside tasks, summed over workers */
    uint64_t slow_callbacks; /* done callbacks that took longer than 100 ms */
} fan_executor_stats;

/* Opens an executor. *executor is NULL on error. Errors: FAN_E_UNKNOWN_EXECUTOR, FAN_E_ARGUMENT,
 * FAN_E_NOT_STARTED, FAN_E_UNAVAILABLE, FAN_E_SYSTEM, FAN_E_MEMORY; all with a text. Collective for
 * MPI, else local. Several executors may be open at once. */
FAN_API fan_status fan_executor_open_sized(const fan_executor_options *options, size_t options_size,
                                           fan_executor **executor, fan_error *error);
static inline fan_status fan_executor_open(const fan_executor_options *options,
                                           fan_executor **executor, fan_error *error)
{
    return fan_executor_open_sized(options, sizeof *options, executor, error);
}

/* Closes an executor and frees it; NULL is accepted. New submits are refused at once. Futures stay
 * valid. Errors: FAN_E_BUSY when work is still running at the deadline: the executor is then still
 * valid and may be closed again; FAN_E_ARGUMENT from a worker or a callback. On MPI rank 0's close
 * ends the other ranks' fan_serve; there, close only frees. */
FAN_API fan_status fan_executor_close(fan_executor *executor, fan_close_mode mode,
                                      fan_deadline deadline);

/* The FAN_CAP_ bits of this opened executor (0 for NULL). */
FAN_API unsigned fan_executor_capabilities(const fan_executor *executor);

/* The kind's name ("threads"); lives as long as the program. */
FAN_API const char *fan_executor_name(const fan_executor *executor);

/* The name of the host that a rank runs on, valid until the executor is closed. NULL: it is not
 * known here (ranks other than 0, and all executors but mpi, whose workers are on this host), or
 * there is no such rank. */
FAN_API const char *fan_executor_host(const fan_executor *executor, unsigned rank);

/* Counters so far. */
FAN_API fan_status fan_executor_get_stats_sized(fan_executor *executor, fan_executor_stats *stats,
                                                size_t stats_size);
static inline fan_status fan_executor_get_stats(fan_executor *executor, fan_executor_stats *stats)
{
    return fan_executor_get_stats_sized(executor, stats, sizeof *stats);
}

/* The built-in kinds by number from 0; NULL past the last. `summary` (may be NULL) gets one line.
 */
FAN_API const char *fan_executor_kind_name(size_t i, const char **summary);

/* Whether a built-in kind can run here; error says why not. No side effects. */
FAN_API fan_status fan_executor_probe(const char *kind, fan_error *error);

/* Changes the number of workers to 1..workers_max (or fewer: at least 1), while work goes on.
 * Workers beyond it end after what they run. On MPI workers and workers_max were given for each
 * rank, and this is the number of all ranks together, as in the statistics, spread evenly; one that
 * is left without workers does what it has and gets nothing more. Errors: FAN_E_ARGUMENT (out of
 * range), FAN_E_UNSUPPORTED (serial has 1 and no other number), FAN_E_BUSY (a gang runs),
 * FAN_E_MEMORY, FAN_E_SYSTEM; FAN_E_LOST, FAN_E_MPI: other ranks can't be reached. */
FAN_API fan_status fan_executor_resize(fan_executor *executor, unsigned workers);

/* *fd becomes readable whenever an item has come to its outcome: for poll, epoll and event loops.
 * Read its 8 bytes (an eventfd, not blocking) before looking at futures. It belongs to the executor
 * and ends with it and its last future. FAN_E_UNSUPPORTED where nothing runs outside of Fanfold's
 * calls (serial, mpi without a progress thread); FAN_E_SYSTEM. */
FAN_API fan_status fan_executor_fd(fan_executor *executor, int *fd);

/* ---- Outcomes ------------------------------------------------------------------------------ */

typedef enum fan_outcome_kind {
    FAN_OUTCOME_OK,
    FAN_OUTCOME_FAILED,
    FAN_OUTCOME_LOST,
    FAN_OUTCOME_TIMED_OUT,
    FAN_OUTCOME_CANCELLED,
} fan_outcome_kind;

/* What an item wrote to its standard output and error while it ran, where the executor captures it
 * (processes): also an item that was lost or timed out, then of its last run. Items of a task that
 * uses fan_run_each are told apart; what another task writes goes with the first item of its batch.
 * At most 1 MiB of each, then a note that the rest was cut off. Each text ends with a NUL that its
 * size does not count. What a program that a task has started writes after the item has ended goes
 * with a later item. */
typedef struct fan_captured {
    const char *out, *err;
    size_t out_size, err_size;
} fan_captured;

/* What became of one item. `bytes` is the reply, `text` the reason ("" for OK), both valid as long
 * as the call that gave the outcome says. */
typedef struct fan_outcome {
    uint64_t index;
    fan_outcome_kind kind;
    uint32_t attempt; /* from 1; 0: cancelled before it was handed out */
    const unsigned char *bytes;
    size_t size;
    const char *text;
    const fan_captured *captured; /* NULL: it wrote nothing, or nothing is captured here */
    uint64_t run_ns; /* how long its last run took, with all that ran in its batch; 0: not known */
    uint32_t run_items; /* items of that batch: 1: it ran alone */
    uint32_t reserved;  /* 0: room for fields to come */
    const char *worker; /* fan_map_options.timed: who ran it last, as "HOST/WORKER", over ranks
                           "HOST/RANK.WORKER"; "" where it never ran. Else NULL */
    int64_t began_ns; /* fan_map_options.timed: when that run began, in ns since 1970 by this host's
                         clock (of other hosts' workers: at most an answer's way late); 0: it never
                         ran, or it is not known. Else 0 */
} fan_outcome;

/* "ok", "failed", "lost", "timed out", "cancelled". */
FAN_API const char *fan_outcome_name(fan_outcome_kind kind);

/* ---- Submit and futures -------------------------------------------------------------------- */

typedef struct fan_future fan_future;

typedef struct fan_submit_options {
    const void *args; /* copied; the same for every item that shares a worker's state */
    size_t args_size;
    bool no_wait;        /* a full queue answers FAN_E_BUSY instead of waiting */
    uint32_t timeout_ms; /* what one run of the item may take, counted from its beginning without
                            the time in which this program was stopped; 0: no limit. The outcome is
                            then TIMED_OUT. Where the executor can end it (FAN_CAP_KILLS) it is
                            ended; else fan_run_cancelled tells it, and what it still answers is
                            dropped */
    uint32_t retries;    /* how often a failed or timed-out item runs again */
    int priority;        /* higher ones begin first, of equals the oldest. What a worker has been
                            given already stays before them: nothing on serial and threads, about 1 ms
                            of short items on processes (of items of 2 to 200 us a higher one began
                            after 0.7 to 1.5 ms in the median), about 0.1 ms with MPI, two items at
                            least. To call that back for each would cost more than the items */
    uint32_t backoff_ms; /* the pause before the first retry, doubled for each other one up to 30 s;
                            0: 10 ms */
    fan_future *const *after; /* it begins when these futures of the same executor are done; where
                                 one of them is not OK it is cancelled, and its text says so */
    size_t after_count;
    bool feed; /* its input is the reply of after[0], the only one; then input is NULL, size 0 */
} fan_submit_options;

/* Sends one item of `size` bytes (copied; NULL with 0 for none). Its index is 0. *future (to be
 * released by the caller) is NULL on error. A full queue makes it wait; from a done callback it
 * never waits (FAN_E_BUSY). `options` may be NULL. Errors: FAN_E_UNKNOWN_TASK (processes and ranks:
 * the task was not given to fan_start), FAN_E_CLOSED, FAN_E_BUSY, FAN_E_TOO_LARGE, FAN_E_MEMORY,
 * FAN_E_RANK, FAN_E_ARGUMENT, FAN_E_UNSUPPORTED. */
FAN_API fan_status fan_submit_sized(fan_executor *executor, const fan_task *task, const void *input,
                                    size_t size, const fan_submit_options *options,
                                    size_t options_size, fan_future **future);
static inline fan_status fan_submit(fan_executor *executor, const fan_task *task, const void *input,
                                    size_t size, const fan_submit_options *options,
                                    fan_future **future)
{
    return fan_submit_sized(executor, task, input, size, options, sizeof *options, future);
}

/* Waits for the outcome. *outcome stays valid until the future is released. FAN_OK whatever the
 * outcome's kind; FAN_E_TIMEOUT at the deadline (FAN_NOW polls). Not from a done callback. */
FAN_API fan_status fan_future_result(fan_future *future, fan_deadline deadline,
                                     fan_outcome *outcome);

/* Whether it has an outcome; moves executors on that work only inside calls. */
FAN_API bool fan_future_done(fan_future *future);

/* Takes back an item that still waits in the queue: its outcome is then CANCELLED. FAN_E_BUSY when
 * it was handed out (executors take a few items ahead of their workers), runs or is done. */
FAN_API fan_status fan_future_cancel(fan_future *future);

/* Ends an item: one that waits is cancelled; one that runs is ended where the executor can do that
 * (FAN_CAP_KILLS; its worker is replaced), else fan_run_cancelled tells it. The outcome, CANCELLED
 * unless it came to another before, may take a moment. FAN_E_BUSY: it is done already. */
FAN_API fan_status fan_future_kill(fan_future *future);

/* Calls `function` once, when the outcome is there (at once if it is there already), on whichever
 * thread completes it. It may submit and release, never wait or close. One per future: a second
 * answers FAN_E_ARGUMENT. */
FAN_API fan_status fan_future_on_done(fan_future *future,
                                      void (*function)(fan_future *future, void *user), void *user);

/* Gives the future back; the item still runs. NULL is accepted. */
FAN_API void fan_future_release(fan_future *future);

/* Waits until any (its place in *which) or all of `count` futures have an outcome. Errors:
 * FAN_E_TIMEOUT, FAN_E_ARGUMENT (count 0, or futures of different executors for wait_any). */
FAN_API fan_status fan_wait_any(fan_future *const futures[], size_t count, fan_deadline deadline,
                                size_t *which);
FAN_API fan_status fan_wait_all(fan_future *const futures[], size_t count, fan_deadline deadline);

/* ---- Sources and sinks --------------------------------------------------------------------- */

/* Where a map's items come from. pull gives the next items: between 1 and max_items of them, or 0
 * at the end, about max_bytes at most (one item may exceed it). What *items points to stays valid
 * until the next pull. Items are counted on from `first`; where the source is `numbered`, pull sets
 * items->first itself: at least the index after the last one given before, so that indices may be
 * left out between two pulls. FAN_E_BUSY: nothing at the moment, ask again (outcomes that are ready
 * are given meanwhile). Another status ends the map with it. Called only on the map caller's
 * thread. Make one with fan_source_*. */
typedef struct fan_source {
    fan_status (*pull)(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error);
    void *user;
    uint64_t first;    /* index of the first item */
    uint64_t count;    /* items in all, UINT64_MAX where not known */
    const void *array; /* these three serve fan_source_array and fan_source_range */
    size_t item_size;
    bool numbered;           /* pull says where its items stand; not for a fold */
    const void *reserved[1]; /* NULL: room for fields to come */
} fan_source;

/* `count` items of `size` bytes each, borrowed until the map ends. Indices from 0. */
FAN_API fan_source fan_source_array(const void *items, size_t size, uint64_t count);

/* The indices first .. first + count - 1; items have no bytes. */
FAN_API fan_source fan_source_range(uint64_t first, uint64_t count);

/* Items from a function; count is UINT64_MAX where not known. Indices from 0. */
FAN_API fan_source fan_source_callback(fan_status (*pull)(void *user, size_t max_items,
                                                          size_t max_bytes, fan_items *items,
                                                          fan_error *error),
                                       void *user, uint64_t count);

/* Where outcomes go. put gets `count` outcomes, valid during the call; a status other than FAN_OK
 * ends the map with it. Called only on the map caller's thread. */
typedef struct fan_sink {
    fan_status (*put)(void *user, const fan_outcome *outcomes, size_t count, fan_error *error);
    void *user;
    void *array; /* these three serve fan_sink_array */
    size_t item_size;
    uint64_t count;
    const void *reserved[2]; /* NULL: room for fields to come */
} fan_sink;

/* Replies of exactly `size` bytes into the array's places, the first index of the source into place
 * 0; `count` places. An item that is not OK or has another size ends the map with FAN_E_FAILED or
 * FAN_E_TOO_LARGE. */
FAN_API fan_sink fan_sink_array(void *array, size_t size, uint64_t count);

/* Outcomes to a function. */
FAN_API fan_sink fan_sink_callback(fan_status (*put)(void *user, const fan_outcome *outcomes,
                                                     size_t count, fan_error *error),
                                   void *user);

/* ---- Map ----------------------------------------------------------------------------------- */

typedef enum fan_order {
    FAN_ORDER_INDEX,     /* outcomes in the order of their indices */
    FAN_ORDER_COMPLETED, /* outcomes as they come */
} fan_order;

typedef struct fan_map_options {
    const void *args; /* copied */
    size_t args_size;
    fan_order order;
    size_t batch; /* items a message, at most queue_items and 65536; 0: chosen by Fanfold. Changes
                     nothing but speed */
    bool (*stop)(void *user); /* polled about every 100 ms and between batches: true ends the map
                                 early with FAN_E_CANCELLED, unless all had been handed out and ends
                                 well. Stays true */
    void *stop_user;
    uint32_t timeout_ms; /* these four: as in fan_submit_options. With a timeout, executors that
                            can't end an item run batches of one */
    uint32_t retries;
    int priority;
    uint32_t backoff_ms;
    bool (*hurry)(void *user); /* with stop_user. Once stop was true, nothing more is handed out,
                                  and outcomes of what runs are still given (in index order: up to
                                  the first item that is missing) until this, polled likewise, is
                                  true too. NULL: it is at once */
    bool timed; /* outcomes say who ran the item, when, and exactly how long; batches then have one
                   item where `batch` does not say more */
} fan_map_options;

typedef struct fan_summary {
    uint64_t items; /* outcomes given */
    uint64_t ok;
    uint64_t failed;
    uint64_t lost;
    uint64_t timed_out;
    uint64_t cancelled;
    uint64_t batches;
    uint64_t run_ns; /* time inside the task, summed over workers */
    fan_error error; /* why the map ended early, where it did */
} fan_summary;

/* Runs `task` over every item of `source`; every outcome goes to `sink` exactly once. Memory is
 * bounded by the executor's queue limits. FAN_OK when every item has an outcome (whatever kind);
 * else the status of the source, the sink or the stop that ended it: outcomes not yet given are
 * dropped, and nothing of it runs any more when map returns (on executors that can't end a running
 * item it waits for it). `options` and `summary` may be NULL. Not from a done callback. */
FAN_API fan_status fan_map_sized(fan_executor *executor, const fan_task *task, fan_source source,
                                 fan_sink sink, const fan_map_options *options, size_t options_size,
                                 fan_summary *summary, size_t summary_size);
static inline fan_status fan_map(fan_executor *executor, const fan_task *task, fan_source source,
                                 fan_sink sink, const fan_map_options *options,
                                 fan_summary *summary)
{
    return fan_map_sized(executor, task, source, sink, options, sizeof *options, summary,
                         sizeof *summary);
}

/* The pull form. begin starts; next gives one outcome, valid until the next call on this map, and
 * FAN_E_CLOSED after the last and only then (FAN_E_CANCELLED: the executor was closed); end frees
 * (before the last outcome too: the rest is dropped). One thread at a time. */
typedef struct fan_mapping fan_mapping;
FAN_API fan_status fan_map_begin_sized(fan_executor *executor, const fan_task *task,
                                       fan_source source, const fan_map_options *options,
                                       size_t options_size, fan_mapping **mapping,
                                       fan_error *error);
static inline fan_status fan_map_begin(fan_executor *executor, const fan_task *task,
                                       fan_source source, const fan_map_options *options,
                                       fan_mapping **mapping, fan_error *error)
{
    return fan_map_begin_sized(executor, task, source, options, sizeof *options, mapping, error);
}
FAN_API fan_status fan_map_next(fan_mapping *mapping, fan_deadline deadline, fan_outcome *outcome,
                                fan_error *error);
FAN_API void fan_map_end(fan_mapping *mapping, fan_summary *summary, size_t summary_size);

/* ---- Fold ---------------------------------------------------------------------------------- */

/* Bytes with an owner; start with zeroes, end with fan_buffer_clear. */
typedef struct fan_buffer {
    unsigned char *bytes;
    size_t size;
    size_t capacity;
} fan_buffer;
FAN_API void fan_buffer_clear(fan_buffer *buffer);

/* A fold combines the replies of `task` over all items in an order fixed by index: within a leaf of
 * `leaf_items` consecutive items, then among leaves, neighbours of equal height are combined, left
 * with right (a binary counter: push each value with rank 0; while the two on top have the same
 * rank, combine them into rank + 1; at the end combine from the top down). The bytes depend on
 * leaf_items, never on workers or arrival. */
typedef struct fan_fold_plan {
    size_t leaf_items;       /* 0: 1024 */
    const fan_task *combine; /* gets pairs (fan_items_pair), replies one value for each */
    const void *args;        /* for both tasks; copied */
    size_t args_size;
    uint64_t emit_every; /* leaves between calls of emit; 0: never */
    void (*emit)(void *user, uint64_t items, const void *value,
                 size_t size); /* the combined value of the first `items` items */
    void *emit_user;
    bool (*stop)(void *user); /* as in fan_map_options */
    void *stop_user;
    uint32_t timeout_ms; /* these four: as in fan_submit_options, for a leaf as a whole */
    uint32_t retries;
    int priority;
    uint32_t backoff_ms;
    void (*captured)(void *user, uint64_t leaf,
                     const fan_captured *text); /* what a leaf wrote, where that is captured: leaves
                                                   in their order, on the caller's thread */
    void *captured_user;
} fan_fold_plan;

/* Folds. *result (cleared by the caller) gets the value; it is empty for no items. A failed item
 * fails the fold with FAN_E_FAILED and its index and text in error; a leaf that was lost or timed
 * out with FAN_E_LOST or FAN_E_TIMEOUT and its number and text. Errors as fan_map. */
FAN_API fan_status fan_fold_sized(fan_executor *executor, const fan_task *task, fan_source source,
                                  const fan_fold_plan *plan, size_t plan_size, fan_buffer *result,
                                  fan_error *error);
static inline fan_status fan_fold(fan_executor *executor, const fan_task *task, fan_source source,
                                  const fan_fold_plan *plan, fan_buffer *result, fan_error *error)
{
    return fan_fold_sized(executor, task, source, plan, sizeof *plan, result, error);
}

/* ---- Shares and gangs ---------------------------------------------------------------------- */

/* Makes read-only data known to every worker, sent once per host. The bytes are borrowed: on every
 * executor they must stay unchanged until fan_unshare or close (executors that share memory read
 * them in place, and a fold combines on the caller's side of all others). Errors: FAN_E_MEMORY,
 * FAN_E_SYSTEM, FAN_E_RANK, FAN_E_CLOSED. */
FAN_API fan_status fan_share(fan_executor *executor, const void *bytes, size_t size,
                             fan_shared *shared);

/* Forgets shared data; no item that uses it may be unfinished. FAN_E_ARGUMENT: unknown handle. */
FAN_API fan_status fan_unshare(fan_executor *executor, fan_shared shared);

/* Runs `task` on `members` workers at once, which talk to each other by the functions of gang.h.
 * Member k's run gets one item of index k with the `size` bytes of `input` (the same for all; NULL
 * with 0 for none; borrowed until fan_gang returns), and its reply or failure goes to `sink` as
 * item k's outcome, in the order of k, once all have ended. No member runs again after a crash.
 * Returns FAN_OK when all members answered; else, after the outcomes were given, FAN_E_FAILED,
 * FAN_E_LOST, FAN_E_TIMEOUT or FAN_E_CANCELLED with a text that names the member at fault, or the
 * sink's own error. Further errors: FAN_E_ARGUMENT (members is 0 or more than the executor has
 * workers; inside of a task or a callback), FAN_E_UNSUPPORTED, FAN_E_UNKNOWN_TASK, FAN_E_CLOSED,
 * FAN_E_RANK, FAN_E_MEMORY, FAN_E_SYSTEM. One gang at a time runs on an executor, a second call
 * waits for it; items of other calls may run beside it. */
FAN_API fan_status fan_gang(fan_executor *executor, const fan_task *task, size_t members,
                            const void *input, size_t size, fan_sink sink, fan_error *error);

/* As fan_gang, and asks `stop` (NULL: nobody) about every 100 ms, on the calling thread and so not
 * while that runs a member itself (serial): true ends the gang with FAN_E_CANCELLED, as soon as its
 * members look. */
FAN_API fan_status fan_gang_until(fan_executor *executor, const fan_task *task, size_t members,
                                  const void *input, size_t size, bool (*stop)(void *user),
                                  void *stop_user, fan_sink sink, fan_error *error);

#ifdef __cplusplus
}
#endif
#endif
