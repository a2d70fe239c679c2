/* Staging: threads that wait for files, disks and servers so that cores never do. A bounded queue,
 * a pool of I/O threads with results for later, and pipelines of stages with workers of their own.
 *
 * Threads: every function may be called from any thread unless it says otherwise. No signal handler
 * is installed, and I/O threads take none of the program's signals: all are blocked in them, so
 * that a write to a closed pipe answers EPIPE there. Who sleeps uses no CPU. */
#ifndef FANFOLD_STAGE_H
#define FANFOLD_STAGE_H

#include "fanfold/executor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Queues -------------------------------------------------------------------------------- */

/* A bounded queue of pointers, for many threads on both sides. What was accepted is delivered
 * exactly once, also after the queue was closed. What the pointers point to stays the callers'. */
typedef struct fan_queue fan_queue;

typedef enum fan_queue_order {
    FAN_QUEUE_FIFO,     /* the oldest first */
    FAN_QUEUE_LIFO,     /* the youngest first */
    FAN_QUEUE_PRIORITY, /* the highest priority first, of equals the oldest */
} fan_queue_order;

typedef struct fan_queue_options {
    fan_queue_order order;
    size_t limit; /* most items that wait in it, up to 2^32 - 1; 0: 1024 */
} fan_queue_options;

/* Makes an empty queue; `options` may be NULL. *queue is NULL on error. Errors: FAN_E_ARGUMENT,
 * FAN_E_MEMORY. */
FAN_API fan_status fan_queue_new_sized(const fan_queue_options *options, size_t options_size,
                                       fan_queue **queue);
static inline fan_status fan_queue_new(const fan_queue_options *options, fan_queue **queue)
{
    return fan_queue_new_sized(options, sizeof *options, queue);
}

/* Frees a queue that no thread is inside of any more; items still in it are forgotten. NULL is
 * accepted. */
FAN_API void fan_queue_free(fan_queue *queue);

/* Adds an item (any pointer, NULL too), waiting for room until the deadline: FAN_NOW only tries.
 * `priority` counts where the order says so. Errors: FAN_E_TIMEOUT (it is full), FAN_E_CLOSED,
 * FAN_E_MEMORY: the item was not taken. */
FAN_API fan_status fan_queue_put(fan_queue *queue, void *item, int priority, fan_deadline deadline);

/* Takes the next item, waiting for one until the deadline: FAN_NOW only tries. Errors:
 * FAN_E_TIMEOUT (it is empty), FAN_E_CLOSED (it is closed and empty): *item is untouched. */
FAN_API fan_status fan_queue_get(fan_queue *queue, fan_deadline deadline, void **item);

/* Says that one item that was got is dealt with. FAN_E_ARGUMENT: there is none that was got and not
 * yet said of. */
FAN_API fan_status fan_queue_done(fan_queue *queue);

/* Waits until every item that was accepted is dealt with: got, and fan_queue_done called for it.
 * FAN_E_TIMEOUT. */
FAN_API fan_status fan_queue_join(fan_queue *queue, fan_deadline deadline);

/* No more items: wakes everyone who waits to put one, and once the queue is empty everyone who
 * waits to get one. A second call changes nothing. */
FAN_API void fan_queue_close(fan_queue *queue);

/* Items that wait in it at the moment. */
FAN_API size_t fan_queue_size(fan_queue *queue);

/* ---- Pools --------------------------------------------------------------------------------- */

/* I/O threads, apart from the workers of executors: made when there is more to do than there are
 * idle ones, up to a limit, used again and again, ended by close. */
typedef struct fan_pool fan_pool;

typedef struct fan_pool_options {
    unsigned threads;   /* most threads, 1..4096; 0: 16 */
    size_t queue_calls; /* most calls that wait for a thread before submit waits, up to 2^32 - 1; 0:
                           1024 */
} fan_pool_options;

typedef struct fan_pool_stats {
    unsigned threads; /* there are */
    unsigned idle;    /* of these have nothing to do */
    size_t waiting;   /* calls that have not begun */
    uint64_t done;    /* calls that have ended, cancelled ones too */
} fan_pool_stats;

/* Opens a pool; it has no thread yet. `options` may be NULL. *pool is NULL on error. Errors, with a
 * text: FAN_E_ARGUMENT, FAN_E_MEMORY. */
FAN_API fan_status fan_pool_open_sized(const fan_pool_options *options, size_t options_size,
                                       fan_pool **pool, fan_error *error);
static inline fan_status fan_pool_open(const fan_pool_options *options, fan_pool **pool,
                                       fan_error *error)
{
    return fan_pool_open_sized(options, sizeof *options, pool, error);
}

/* Closes a pool and frees it; NULL is accepted. New calls are refused at once. DRAIN runs what
 * waits, ABANDON cancels it and tells what runs by fan_call_cancelled. Calls stay valid until they
 * are released. Errors: FAN_E_BUSY: at the deadline something still runs: the pool is still valid
 * and may be closed again; or a pipeline, files or a store are still open on it: it says so at
 * once, and the pool goes on as before; FAN_E_ARGUMENT on one of its own threads. */
FAN_API fan_status fan_pool_close(fan_pool *pool, fan_close_mode mode, fan_deadline deadline);

FAN_API fan_status fan_pool_get_stats_sized(fan_pool *pool, fan_pool_stats *stats,
                                            size_t stats_size);
static inline fan_status fan_pool_get_stats(fan_pool *pool, fan_pool_stats *stats)
{
    return fan_pool_get_stats_sized(pool, stats, sizeof *stats);
}

/* A function's run on a pool, and its result later: what a future is on an executor. */
typedef struct fan_call fan_call;

/* Runs on an I/O thread. What it returns is the call's result; where that is not FAN_OK it may say
 * more in *error, which is empty before and never NULL. */
typedef fan_status (*fan_call_function)(fan_call *call, void *user, fan_error *error);

typedef struct fan_call_options {
    int priority; /* higher ones begin first, of equals the oldest */
    bool no_wait; /* a full queue answers FAN_E_BUSY instead of waiting */
} fan_call_options;

/* Has `function` called once on a thread of the pool; `user` is borrowed until then. *call, to be
 * released by the caller, is NULL on error; `call` itself may be NULL where nobody will ask. A full
 * queue makes it wait, but never on a thread of the pool or in a done callback (FAN_E_BUSY).
 * `options` may be NULL. Errors: FAN_E_BUSY, FAN_E_CLOSED, FAN_E_MEMORY, FAN_E_SYSTEM (the system
 * gives the pool not a single thread), FAN_E_ARGUMENT. */
FAN_API fan_status fan_pool_submit_sized(fan_pool *pool, fan_call_function function, void *user,
                                         const fan_call_options *options, size_t options_size,
                                         fan_call **call);
static inline fan_status fan_pool_submit(fan_pool *pool, fan_call_function function, void *user,
                                         const fan_call_options *options, fan_call **call)
{
    return fan_pool_submit_sized(pool, function, user, options, sizeof *options, call);
}

/* Waits until the call has ended: *result (may be NULL) is then what the function returned, or
 * FAN_E_CANCELLED where it never ran, and *error (may be NULL) says why where that is not FAN_OK.
 * FAN_E_TIMEOUT at the deadline; FAN_NOW polls. On a thread of the same pool a call that has not
 * begun is run there and then (without a deadline), so that calls which wait for others can't use
 * up the threads. FAN_E_ARGUMENT in a done callback, but for polls. */
FAN_API fan_status fan_call_result(fan_call *call, fan_deadline deadline, fan_status *result,
                                   fan_error *error);

/* Whether it has ended. */
FAN_API bool fan_call_done(fan_call *call);

/* Takes back a call that has not begun: its result is then FAN_E_CANCELLED. One that runs is told
 * by fan_call_cancelled, and the answer is FAN_E_BUSY, as for one that has ended. */
FAN_API fan_status fan_call_cancel(fan_call *call);

/* Whether nobody wants the result any more. Long functions poll it and return FAN_E_CANCELLED. */
FAN_API bool fan_call_cancelled(const fan_call *call);

/* Calls `function` once, when the call has ended (at once if it has), on whichever thread ends it.
 * It may submit and release, never wait or close. One per call: a second answers FAN_E_ARGUMENT. */
FAN_API fan_status fan_call_on_done(fan_call *call, void (*function)(fan_call *call, void *user),
                                    void *user);

/* Gives the call back; it still runs. NULL is accepted. */
FAN_API void fan_call_release(fan_call *call);

/* Waits until any (its place in *which) or all of `count` calls have ended. Errors: FAN_E_TIMEOUT,
 * FAN_E_ARGUMENT (count 0, or calls of different pools for wait_any; in a done callback). */
FAN_API fan_status fan_call_wait_any(fan_call *const calls[], size_t count, fan_deadline deadline,
                                     size_t *which);
FAN_API fan_status fan_call_wait_all(fan_call *const calls[], size_t count, fan_deadline deadline);

/* ---- Pipelines ----------------------------------------------------------------------------- */

/* Items that pass stage after stage, each stage with workers of its own: three that fetch, four
 * that compute, five that store. In front of each stage a few items wait, and a stage begins no
 * item that the next one would have no place for, so that a slow stage holds back those before it,
 * and in the end whoever puts items in. Every item that was put in comes out exactly once, with one
 * outcome: an item that fails in a stage comes out from there and stops no other. */
typedef struct fan_pipeline fan_pipeline;

/* What a stage's function is told of the item that it works on. */
typedef struct fan_step {
    void *user;      /* of the stage */
    uint64_t index;  /* of the item: how many were put in before it */
    unsigned stage;  /* from 0 */
    unsigned worker; /* of the stage, from 0: no other step runs with this number at the same time,
                        so it finds what a worker keeps, such as a connection */
    const fan_pipeline *pipeline;
    void *place; /* Fanfold's */
} fan_step;

/* One stage. run works on one item and may put another pointer in its place; it runs on an I/O
 * thread, several at once. Where it returns another status than FAN_OK (and says more in *error,
 * empty before and never NULL) the item has failed. */
typedef struct fan_stage {
    const char *name; /* for messages; NULL: its number. Borrowed like the rest until close */
    fan_status (*run)(const fan_step *step, void **item, fan_error *error);
    void *user;
    unsigned workers;        /* items in work at the same time, at most 4096; 0: 1 */
    unsigned limit;          /* most items that wait before the stage; 0: as many as workers */
    const void *reserved[2]; /* NULL: room for fields to come */
} fan_stage;

/* An item that comes out. */
typedef struct fan_passed {
    uint64_t index;
    void *item;            /* as the last stage that it was in has left it */
    fan_outcome_kind kind; /* OK, FAILED (a stage's function said so) or CANCELLED (the pipeline was
                              stopped before it was through) */
    fan_status status;     /* what the stage's function returned; FAN_E_CANCELLED */
    unsigned stage;        /* where that was; where it is OK, the number of stages */
    const char *stage_name; /* of that stage; "" where it is OK */
    const fan_error *error; /* why, valid as long as the call; NULL where it is OK */
} fan_passed;

typedef struct fan_pipeline_options {
    fan_order order; /* of what comes out: of the index (the default), or as completed */
    size_t window;   /* most items inside, from put until they have come out, up to 2^20; 0: as many
                        as all stages hold and have room for, twice that where the order is of the
                        index */
    fan_pool *pool;  /* runs the stages, borrowed until close; NULL: one of its own, with a thread
                        for each worker and one for `out`. One with fewer threads makes it slower,
                        and nothing else, as long as nothing that runs on it sleeps for something
                        else that it has to run: a step or `out` that puts into another pipeline,
                        waits for one, gets from it, or asks fan_files or a store, holds a thread
                        meanwhile, and when all are held so, they wait until their deadlines. Give
                        what they wait for another pool, or put with FAN_NOW */
    fan_status (*out)(void *user, const fan_passed *passed,
                      fan_error *error); /* takes what comes out, one call at a time, on I/O
                                            threads, and on threads that stop or close the
                                            pipeline. Another status than FAN_OK stops the
                                            pipeline, and it is not called again. NULL:
                                            fan_pipeline_get takes it */
    void *out_user;
    void (*drop)(void *user, void *item); /* told of items that were put in and that neither `out`
                                             nor fan_pipeline_get will give, one call at a time;
                                             may be NULL */
    void *drop_user;
} fan_pipeline_options;

typedef struct fan_pipeline_stats {
    uint64_t put; /* items that were put in */
    uint64_t ok;  /* these three: items that have passed or left the stages */
    uint64_t failed;
    uint64_t cancelled;
    uint64_t inside; /* items that have not come out */
} fan_pipeline_stats;

/* Opens a pipeline of 1..64 stages (copied). `options` may be NULL. *pipeline is NULL on error.
 * Errors, with a text: FAN_E_ARGUMENT, FAN_E_MEMORY, FAN_E_CLOSED (the pool), FAN_E_SYSTEM (the
 * system gives the pool not a single thread). */
FAN_API fan_status fan_pipeline_open_sized(const fan_stage *stages, size_t count,
                                           const fan_pipeline_options *options, size_t options_size,
                                           fan_pipeline **pipeline, fan_error *error);
static inline fan_status fan_pipeline_open(const fan_stage *stages, size_t count,
                                           const fan_pipeline_options *options,
                                           fan_pipeline **pipeline, fan_error *error)
{
    return fan_pipeline_open_sized(stages, count, options, sizeof *options, pipeline, error);
}

/* Puts an item in, waiting for room until the deadline: FAN_NOW only tries. It never waits inside
 * of a stage or of `out` of the same pipeline. Errors: FAN_E_TIMEOUT (no room), FAN_E_CLOSED (it
 * was ended), FAN_E_CANCELLED (it was stopped): the item was not taken. */
FAN_API fan_status fan_pipeline_put(fan_pipeline *pipeline, void *item, fan_deadline deadline);

/* No more items will be put in. */
FAN_API void fan_pipeline_end(fan_pipeline *pipeline);

/* What comes out next, waiting for it until the deadline; *passed holds until the next call.
 * Errors: FAN_E_TIMEOUT; FAN_E_CLOSED: the pipeline was ended or stopped, and all has come out;
 * FAN_E_ARGUMENT: it has an `out`. One thread at a time. */
FAN_API fan_status fan_pipeline_get(fan_pipeline *pipeline, fan_deadline deadline,
                                    fan_passed *passed);

/* Nothing more is put in and no stage begins another item: those that wait come out as CANCELLED,
 * those in work when they are through, and fan_step_cancelled tells them to hurry. */
FAN_API void fan_pipeline_stop(fan_pipeline *pipeline);

/* Whether the pipeline was stopped. Long steps poll it and return FAN_E_CANCELLED. */
FAN_API bool fan_step_cancelled(const fan_step *step);

/* Has `function` called when the pipeline is stopped while the step runs, at once where it has
 * been: for what can't poll, such as a wait for a child process. It is called once, on whichever
 * thread stops, and no longer than the step lasts; it is short, and calls nothing of the pipeline.
 * A second one takes the first one's place; NULL takes it away, and when this returns it is not
 * running. */
FAN_API void fan_step_on_stop(const fan_step *step, void (*function)(void *user), void *user);

/* Waits until all that was put in has come out. FAN_E_TIMEOUT; where `out` has failed its status,
 * with what it said in *error; FAN_E_ARGUMENT inside of a stage or `out` of the pipeline. */
FAN_API fan_status fan_pipeline_wait(fan_pipeline *pipeline, fan_deadline deadline,
                                     fan_error *error);

FAN_API fan_status fan_pipeline_get_stats_sized(fan_pipeline *pipeline, fan_pipeline_stats *stats,
                                                size_t stats_size);
static inline fan_status fan_pipeline_get_stats(fan_pipeline *pipeline, fan_pipeline_stats *stats)
{
    return fan_pipeline_get_stats_sized(pipeline, stats, sizeof *stats);
}

/* Closes a pipeline and frees it; NULL is accepted. DRAIN ends it and lets all items through,
 * ABANDON stops it. What nobody gets any more goes to `drop`. Threads that are in put, get, wait or
 * stop come back first; none may begin such a call any more. Errors: FAN_E_BUSY: a step or such a
 * call still runs at the deadline: it is still valid and may be closed again; FAN_E_ARGUMENT inside
 * of a stage or `out` of the pipeline. */
FAN_API fan_status fan_pipeline_close(fan_pipeline *pipeline, fan_close_mode mode,
                                      fan_deadline deadline);

/* ---- A stage that is an executor ----------------------------------------------------------- */

/* What such a stage does with an item: its bytes go to a task, the reply comes back. */
typedef struct fan_stage_task {
    fan_executor *executor; /* open for as long as the pipeline */
    const fan_task *task;
    const fan_submit_options *submit; /* borrowed; NULL: the defaults. Without after and feed */
    /* Gives the bytes of an item that the task gets, valid until reply is called. */
    fan_status (*input)(void *user, void *item, const void **bytes, size_t *size, fan_error *error);
    /* Takes the outcome, which is OK, and may put another pointer in the item's place. */
    fan_status (*reply)(void *user, void **item, const fan_outcome *outcome, fan_error *error);
    void *user;
    const void *reserved[2]; /* NULL: room for fields to come */
} fan_stage_task;

/* A stage whose items run as a task on an executor, at most `workers` at the same time (of a few
 * more than the executor has workers, none is idle while replies are taken). An item whose outcome
 * is not OK has failed with its text: FAN_E_FAILED, FAN_E_LOST, FAN_E_TIMEOUT or FAN_E_CANCELLED.
 * Where the pipeline is stopped, items that run are ended as by fan_future_kill. `with` is borrowed
 * as long as the pipeline is open. An executor that works inside calls only (serial) is run by the
 * stage's own threads; over MPI these make MPI calls, so it must have been opened with a progress
 * thread or initialized with MPI_THREAD_SERIALIZED at least. */
FAN_API fan_stage fan_stage_on_executor(const char *name, unsigned workers, fan_stage_task *with);

/* ---- Files as items ------------------------------------------------------------------------ */

/* Whole files, each of them an item, in a fixed order: I/O threads read some of them ahead. Of one
 * thread at a time. */
typedef struct fan_files fan_files;

/* A file that was read, or why it was not. */
typedef struct fan_file {
    uint64_t index; /* how many came before it, those that could not be read among them */
    const char *name;
    const unsigned char *bytes; /* aligned for any type */
    size_t size;
    uint64_t stored_size;   /* bytes of the file, before they were unpacked */
    uint64_t stored_hash;   /* XXH3 (64 bits) of these */
    const fan_error *error; /* NULL: all of it was read. Else bytes is NULL */
} fan_file;

typedef struct fan_files_options {
    fan_pool *pool;       /* reads, borrowed until close; NULL: one of its own */
    unsigned ahead_files; /* files that are read at the same time or wait for
                             fan_files_next, 1..4096; 0: 16 */
    size_t ahead_bytes;   /* most bytes read ahead, but for the file that comes next and a piece of
                             each other one. 0: 64 MiB */
    size_t file_max;      /* largest file, as it is given; 0: 1 GiB */
    bool keep_packed;     /* gzip and zstd data, which the first bytes tell, is given as it is */
    unsigned tries;       /* these three for http(s). How often in a row a file is tried to be
                             fetched where no byte more comes; 0: 5 */
    uint32_t backoff_ms;  /* before the second try, doubled for each other one up to 30 s; 0: 250 */
    uint32_t stall_ms;    /* a try without a byte for so long has failed; 0: 30000 */
    bool (*stop)(void *user); /* asked about every 100 ms while a file is waited for: true ends the
                                 wait with FAN_E_CANCELLED; may be NULL */
    void *stop_user;
    void (*bad)(void *user,
                const fan_file *file); /* fan_files_source: told of a file that can't be
                                          read, whose index is then left out, on the
                                          map's thread. NULL: such a file ends the map */
    void *bad_user;
} fan_files_options;

/* Opens an empty list of files. `options` may be NULL. *files is NULL on error. Errors, with a
 * text: FAN_E_ARGUMENT, FAN_E_MEMORY, FAN_E_SYSTEM, FAN_E_CLOSED (the pool). */
FAN_API fan_status fan_files_open_sized(const fan_files_options *options, size_t options_size,
                                        fan_files **files, fan_error *error);
static inline fan_status fan_files_open(const fan_files_options *options, fan_files **files,
                                        fan_error *error)
{
    return fan_files_open_sized(options, sizeof *options, files, error);
}

/* These add to the list, before the first file is asked for; nothing is looked at until its turn
 * has come. FAN_E_MEMORY, FAN_E_ARGUMENT (too late).
 *
 * add: a file; "-" is standard input; http:// and https:// are fetched (docs/staging.md). A folder
 * stands for the files below it, sorted by the bytes of their names in each folder; links in it to
 * files are followed, links to folders and what is neither file nor folder are passed over.
 * add_glob: the files whose names match the pattern (as in the shell: * ? [...]), sorted likewise;
 * folders count as with add. That none matches is an error of its own, as of a file.
 * add_manifest: the files that a list names (docs/staging.md), each with the size and the hash that
 * it must have, where the list says so. Names in it are relative to its folder; it is a plain file,
 * no pipe. In these two "-" is a file like any other, given as "./-". */
FAN_API fan_status fan_files_add(fan_files *files, const char *path);
FAN_API fan_status fan_files_add_glob(fan_files *files, const char *pattern);
FAN_API fan_status fan_files_add_manifest(fan_files *files, const char *path);

/* The next file, waiting for it until the deadline; *file holds until the next call. Errors:
 * FAN_E_CLOSED (after the last one), FAN_E_TIMEOUT, FAN_E_CANCELLED (`stop`), FAN_E_MEMORY (what
 * comes next can't even be named: it may be left out, and the next call goes on behind it). A file
 * that can't be read is no error of the call: it is told in *file (FAN_E_INPUT, FAN_E_SYNTAX of a
 * line of a manifest, FAN_E_TOO_LARGE, FAN_E_MEMORY, FAN_E_UNAVAILABLE where what fetches it is not
 * there), and the next call goes on. */
FAN_API fan_status fan_files_next(fan_files *files, fan_deadline deadline, fan_file *file);

/* The files as items of a map: their bytes are the inputs, their indices those of fan_file. */
FAN_API fan_source fan_files_source(fan_files *files);

/* Stops reading and frees; NULL is accepted. FAN_E_BUSY: at the deadline a call of the system that
 * reads has not come back: the list may be closed again, and nothing else. */
FAN_API fan_status fan_files_close(fan_files *files, fan_deadline deadline);

/* ---- Replies as files ------------------------------------------------------------------------ */

/* Replies written behind a map by I/O threads: a file for each item, or files that each hold many
 * (shards). A file appears whole and synced, or not at all, and takes the place of one that had its
 * name. Of one thread at a time. */
typedef struct fan_store fan_store;

typedef enum fan_packing {
    FAN_PACKING_NONE,
    FAN_PACKING_GZIP, /* names end in .gz */
    FAN_PACKING_ZSTD, /* names end in .zst */
} fan_packing;

typedef struct fan_store_options {
    const char *folder; /* where the files go; made where it is missing, its parents are not */
    const char
        *prefix; /* a name is the prefix, a number of at least five digits, and the suffix; */
    const char *suffix; /* NULL: none. The number is the index of the item, or of shards 0, 1, 2 */
    fan_status (*name)(void *user, const fan_outcome *outcome, char name[256],
                       fan_error *error); /* names the file of an item instead, without the ending
                                             of compression; not for shards. No '/', not "." or
                                             "..", not the manifest's: FAN_E_ARGUMENT ends the map.
                                             May be NULL */
    void *name_user;
    uint64_t shard_items; /* most items of a shard; these two 0: a file for each item */
    uint64_t shard_bytes; /* a shard with so many bytes (before compression) takes no more items */
    const char *item_end; /* follows each reply, such as a line end; NULL: nothing */
    const char *manifest; /* a list of all files, written last: its name in the folder. It says
                             sizes and hashes (docs/staging.md). NULL: none */
    fan_packing packing;
    int level;   /* of the compression, 1..9 for gzip, 1..19 for zstd; 0: its default */
    bool secret; /* files, and a folder that is made, are for their owner alone: modes 0600, 0700 */
    fan_pool *pool;        /* compresses and writes, borrowed until close; NULL: one of its own */
    unsigned behind_files; /* files under way, 1..4096; 0: 16 */
    size_t behind_bytes;   /* most bytes that wait to be written, an item more at the most; 0: 64
                              MiB */
    void (*bad)(void *user, const fan_outcome *outcome); /* told of an item whose outcome is not OK:
                                                            it gets no file and is in no shard.
                                                            NULL: such an item ends the map */
    void *bad_user;
    unsigned members; /* stores that write to this folder at the same time, as those of ranks do, at
                         most 100000; 0: this one alone. fan_store_join makes one of them */
    unsigned member;  /* which of them this one is, from 0: it stands behind the prefix, in five
                         digits and a '-'. Names of a function must differ among all of them */
} fan_store_options;

/* Opens a store. The texts in `options` are copied. *store is NULL on error. Errors, with a text:
 * FAN_E_ARGUMENT, FAN_E_OUTPUT (the folder), FAN_E_MEMORY, FAN_E_SYSTEM, FAN_E_CLOSED (the pool).
 */
FAN_API fan_status fan_store_open_sized(const fan_store_options *options, size_t options_size,
                                        fan_store **store, fan_error *error);
static inline fan_status fan_store_open(const fan_store_options *options, fan_store **store,
                                        fan_error *error)
{
    return fan_store_open_sized(options, sizeof *options, store, error);
}

/* What members of one folder have written becomes one: a manifest of all their files, in the order
 * of members, in the place of theirs. To be called once all of them have finished well, in any
 * process that sees the folder (rank 0, behind a barrier), with the options that they had: folder,
 * manifest, members and secret count. Every file must be there, with its size. An older manifest of
 * the folder was removed when the first of them was opened: so where there is one, all is there.
 * Errors: FAN_E_ARGUMENT, FAN_E_INPUT (a member's manifest, or a file that it lists, with file and
 * errno), FAN_E_OUTPUT, FAN_E_MEMORY; nothing has changed then, and it can be called again. */
FAN_API fan_status fan_store_join_sized(const fan_store_options *options, size_t options_size,
                                        fan_error *error);
static inline fan_status fan_store_join(const fan_store_options *options, fan_error *error)
{
    return fan_store_join_sized(options, sizeof *options, error);
}

/* Outcomes to the store; a map in the order of indices gives the same shards every time. After an
 * error of writing, which may be of an earlier item, every put answers that error. */
FAN_API fan_sink fan_store_sink(fan_store *store);

/* Ends the last shard, waits until everything is written, writes the manifest. FAN_OK: all files
 * are there. Else the first error: files that were whole by then stay, others are not there, nor is
 * the manifest. To be called once, after the last put. */
FAN_API fan_status fan_store_finish(fan_store *store, fan_error *error);

typedef struct fan_store_stats {
    uint64_t files;        /* that are there */
    uint64_t items;        /* in them */
    uint64_t bytes;        /* of these, before compression */
    uint64_t stored_bytes; /* of the files */
} fan_store_stats;
FAN_API fan_status fan_store_get_stats_sized(fan_store *store, fan_store_stats *stats,
                                             size_t stats_size);
static inline fan_status fan_store_get_stats(fan_store *store, fan_store_stats *stats)
{
    return fan_store_get_stats_sized(store, stats, sizeof *stats);
}

/* Frees; what was not finished is not written. NULL is accepted. It waits for writes that run. */
FAN_API void fan_store_free(fan_store *store);

/* ---- Files copied near ------------------------------------------------------------------------
 */

/* Files of any place copied into a folder by I/O threads, in bounded memory: each appears whole and
 * synced, or not at all. One that is there already and has the right bytes is kept; what a clock
 * or a size says of it is never enough. Nothing outside of the folder is written, whatever names
 * and links say. Of one thread at a time. */
typedef struct fan_copier fan_copier;

typedef struct fan_copier_options {
    const char *folder;   /* where the files go; made where it is missing, its parents are not */
    const char *manifest; /* a list of all that was copied, written last: its name in the folder.
                             NULL: none */
    bool unpack; /* gzip and zstd data, which the first bytes tell; .gz and .zst go off the names */
    bool secret; /* files and folders that are made are for their owner alone: 0600, 0700; a file
                    that is there and open to others is replaced */
    bool verify; /* each copy is read again before it counts */
    fan_pool *pool;  /* copies, borrowed until close; NULL: one of its own */
    unsigned copies; /* files under way, 1..4096; 0: 16 */
    unsigned tries;  /* these three for http(s), as in fan_files_options */
    uint32_t backoff_ms;
    uint32_t stall_ms;
    bool (*stop)(void *user); /* asked about every 100 ms while a copy is waited for: true ends the
                                 wait with FAN_E_CANCELLED; may be NULL */
    void *stop_user;
} fan_copier_options;

/* A file that was copied, or why it was not. */
typedef struct fan_copied {
    uint64_t index;       /* how many came before it */
    const char *source;   /* its path or URL; where it could not even be named, of what named it */
    const char *name;     /* of the copy, below the folder; "" where it has none */
    uint64_t size, hash;  /* of the copy; the hash is XXH3 (64 bits) */
    uint64_t stored_size; /* these two of the file that was copied, before it was unpacked */
    uint64_t stored_hash;
    bool kept;              /* the copy was there already */
    const fan_error *error; /* NULL: it is there. Else sizes and hashes say nothing */
} fan_copied;

/* Opens a copier without files. The texts in `options` are copied. *copier is NULL on error.
 * Errors, with a text: FAN_E_ARGUMENT, FAN_E_OUTPUT (the folder), FAN_E_MEMORY, FAN_E_SYSTEM,
 * FAN_E_CLOSED (the pool). */
FAN_API fan_status fan_copier_open_sized(const fan_copier_options *options, size_t options_size,
                                         fan_copier **copier, fan_error *error);
static inline fan_status fan_copier_open(const fan_copier_options *options, fan_copier **copier,
                                         fan_error *error)
{
    return fan_copier_open_sized(options, sizeof *options, copier, error);
}

/* These add files, as their likes of fan_files; more may be added until finish. A file gets its own
 * name, one of a folder the folder's name and what it has below that, one of a manifest the name
 * that it has there, one that is fetched the last part of its URL. Only plain files are copied:
 * a FIFO, a device or standard input is refused, and so are names of manifests that are absolute
 * or have ".." in them, also where a link would lead them out of the manifest's folder. The
 * copier's own folder is passed over where it lies in another one. FAN_E_MEMORY, FAN_E_ARGUMENT
 * (too late).
 *
 * add_source: as a command line has it: "@FILE" is a manifest; what is no file or folder and has *,
 * ? or [ in it is a pattern; the rest is a path or a URL. */
FAN_API fan_status fan_copier_add(fan_copier *copier, const char *path);
FAN_API fan_status fan_copier_add_glob(fan_copier *copier, const char *pattern);
FAN_API fan_status fan_copier_add_manifest(fan_copier *copier, const char *path);
FAN_API fan_status fan_copier_add_source(fan_copier *copier, const char *text);

/* One file whose name, size and hash (as stored) are known: who has them from another host need not
 * trust what this one says. */
typedef struct fan_known_file {
    const char *source; /* a path or a URL */
    const char *name;   /* below the folder, and never changed; NULL: as with add */
    uint64_t size, hash;
    bool has_size, has_hash;
} fan_known_file;
FAN_API fan_status fan_copier_add_known(fan_copier *copier, const fan_known_file *file);

/* The next file in the order of adding, waiting for it until the deadline; *copied holds until the
 * next call. Errors: FAN_E_CLOSED (after the last one that was added), FAN_E_TIMEOUT,
 * FAN_E_CANCELLED (`stop`), FAN_E_MEMORY (what comes next can't even be named). One that can't be
 * copied is told in *copied, and stops no other. Two with one name are an error of the second. */
FAN_API fan_status fan_copier_next(fan_copier *copier, fan_deadline deadline, fan_copied *copied);

/* All was got by next: writes the manifest, which has those that are there. Errors: FAN_E_OUTPUT,
 * FAN_E_BUSY (some were not got), FAN_E_CLOSED (a second call). */
FAN_API fan_status fan_copier_finish(fan_copier *copier, fan_error *error);

/* Stops what runs and frees; NULL is accepted. Files that were not whole are not there. FAN_E_BUSY:
 * at the deadline a call of the system has not come back: it may be closed again. */
FAN_API fan_status fan_copier_close(fan_copier *copier, fan_deadline deadline);

/* ---- Files copied near every rank --------------------------------------------------------------
 */

/* The copies of one set of files on each host that an executor has ranks on. */
typedef struct fan_near fan_near;

typedef struct fan_near_options {
    const char *folder; /* where the files go, on each host. NULL: SLURM_TMPDIR or TMPDIR, where
                           that belongs to this user and nobody else can write there; else a private
                           folder below it, or below /tmp, whose name nobody can guess */
    bool passing; /* always such a private folder, and fan_near_close removes it. One whose program
                     was killed is removed by a later call with `passing` on its host */
    const char *const *sources; /* as fan_copier_add_source */
    size_t source_count;
    const fan_known_file *known; /* files beside these */
    size_t known_count;
    const char *manifest; /* these as in fan_copier_options */
    bool unpack;
    bool secret;
    unsigned copies;
    bool (*stop)(
        void *user); /* asked where no other ranks are; true ends it with FAN_E_CANCELLED */
    void *stop_user;
    /* Told of each file, in order, where no other ranks are (host is NULL); else of those that
     * could not be copied, of the first 16 on each host. May be NULL. */
    void (*told)(void *user, const char *host, const fan_copied *copied);
    void *told_user;
} fan_near_options;

typedef struct fan_near_stats {
    unsigned hosts;
    uint64_t files; /* copies on all hosts that are there; */
    uint64_t kept;  /* of these were there before */
    uint64_t failed;
    uint64_t bytes; /* of those that are there */
} fan_near_stats;

/* Copies the files, once on each host: this process's host first, and for the others what was read
 * here counts, by sizes and hashes that go to them in messages. An executor is needed where it has
 * ranks on other hosts, and must then be open until fan_near_close, and have fan_job_tasks in
 * fan_start; NULL: this host alone. What can't be copied is told, and is no error of the call.
 * *near is NULL on error: FAN_E_ARGUMENT, FAN_E_OUTPUT (folders), FAN_E_CANCELLED (stop),
 * FAN_E_MEMORY, FAN_E_SYSTEM, and those of fan_gang, which it uses. */
FAN_API fan_status fan_near_open_sized(fan_executor *executor, const fan_near_options *options,
                                       size_t options_size, fan_near **near, fan_error *error);
static inline fan_status fan_near_open(fan_executor *executor, const fan_near_options *options,
                                       fan_near **near, fan_error *error)
{
    return fan_near_open_sized(executor, options, sizeof *options, near, error);
}

/* The folder on this host, valid until close. */
FAN_API const char *fan_near_folder(const fan_near *near);

FAN_API fan_status fan_near_get_stats_sized(const fan_near *near, fan_near_stats *stats,
                                            size_t stats_size);
static inline fan_status fan_near_get_stats(const fan_near *near, fan_near_stats *stats)
{
    return fan_near_get_stats_sized(near, stats, sizeof *stats);
}

/* Removes what is to pass, and frees; NULL is accepted. What can't be removed stays. `here`: on
 * this host alone, without a call of the executor; the others remove theirs later (passing). */
FAN_API void fan_near_close(fan_near *near, bool here);

#ifdef __cplusplus
}
#endif
#endif
