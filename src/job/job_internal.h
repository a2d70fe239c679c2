/* What a job is inside: its kind, its keys' values, and what its run passes around. */
#ifndef FANI_JOB_INTERNAL_H
#define FANI_JOB_INTERNAL_H

#include "base/isa.h"
#include "base/writer.h"
#include "fanfold/job.h"

/* The keys, in the order of the table in keys.c. */
typedef enum fani_key {
    FANI_KEY_INPUT,
    FANI_KEY_OUTPUT,
    FANI_KEY_FORMAT,
    FANI_KEY_EXECUTOR,
    FANI_KEY_WORKERS,
    FANI_KEY_LOCAL,
    FANI_KEY_WORKER_MEMORY,
    FANI_KEY_TIMEOUT,
    FANI_KEY_RETRIES,
    FANI_KEY_BACKOFF,
    FANI_KEY_MAX_FAILS,
    FANI_KEY_HALT,
    FANI_KEY_BATCH,
    FANI_KEY_NUMBERS,
    FANI_KEY_MAX_DIGITS,
    FANI_KEY_EFFORT,
    FANI_KEY_ISA,
    FANI_KEY_FUNCTION,
    FANI_KEY_LCM,
    FANI_KEY_EXTENDED,
    FANI_KEY_COPRIME,
    FANI_KEY_ALL,
    FANI_KEY_EXPRESSION,
    FANI_KEY_INTEGRAND,
    FANI_KEY_PARAM,
    FANI_KEY_OVER,
    FANI_KEY_RULE,
    FANI_KEY_ORDER,
    FANI_KEY_POINTS,
    FANI_KEY_PARTS,
    FANI_KEY_INTEGRAL_METHOD,
    FANI_KEY_REL,
    FANI_KEY_ABS,
    FANI_KEY_MAX_EVALS,
    FANI_KEY_SEED,
    FANI_KEY_BREAK,
    FANI_KEY_WEIGHT,
    FANI_KEY_RIGOROUS,
    FANI_KEY_SCAN,
    FANI_KEY_ZIP,
    FANI_KEY_TABLE,
    FANI_KEY_PLOT,
    FANI_KEY_BASE,
    FANI_KEY_STRICT,
    FANI_KEY_FAIL_ON_WEAK,
    FANI_KEY_CHECKS,
    FANI_KEY_MEMORY,
    FANI_KEY_SCRATCH,
    FANI_KEY_METHOD,
    FANI_KEY_KNOWN,
    FANI_KEY_RESUME,
    FANI_KEY_RETRY_FAILED,
    FANI_KEY_RESTART,
    FANI_KEY_NO_JOURNAL,
    FANI_KEY_STATE,
    FANI_KEY_REPAIR,
    FANI_KEY_BREAK_LOCK,
    FANI_KEY_SHARD,
    FANI_KEY_UNORDERED,
    FANI_KEY_COMPRESS,
    FANI_KEY_SPLIT,
    FANI_KEY_TIMINGS,
    FANI_KEY_STAGE_IN,
    FANI_KEY_STAGE_OUT,
    FANI_KEY_COMMAND,
    FANI_KEY_VALUES,
    FANI_KEY_NULL,
    FANI_KEY_COLSEP,
    FANI_KEY_SHELL,
    FANI_KEY_STDIN,
    FANI_KEY_TAG,
    FANI_KEY_JOBLOG,
    FANI_KEY_CAPTURE_LIMIT,
    FANI_KEY_KEEP_MPI_ENV,
    FANI_KEY_COUNT,
} fani_key;

typedef enum fani_format {
    FANI_FORMAT_TEXT,
    FANI_FORMAT_TSV,
    FANI_FORMAT_NDJSON,
} fani_format;

typedef struct fani_strings {
    char **at;
    size_t count;
} fani_strings;

/* Where a value stands in the job file. */
typedef struct fani_origin {
    fani_key key;
    size_t index; /* among the key's values */
    uint32_t line, column;
} fani_origin;

enum { FANI_SLICES_MAX = 10000 };

/* The items of a run: shard `number` (from 1) of `count` has those whose index in the whole input
 * is number - 1 modulo count. 1 of 1: all. An item's place among them is its position: what the
 * run's ledger, its map and its reader count. */
typedef struct fani_slice {
    uint64_t number, count;
} fani_slice;

typedef struct fani_job_run fani_job_run;

/* One per job; kinds.c lists them and their tasks. */
typedef struct fani_job_kind {
    const char *name;
    const char *summary;
    bool is_list; /* its items are independent entries of a list (list.h) */
    /* Checks keys together; may be NULL. */
    fan_status (*check)(const fan_job *job, fan_error *error);
    /* Does the work: counts into run->result, writes to run->writer. */
    fan_status (*run)(fani_job_run *run, fan_error *error);
    /* Removes what a later run would have gone on from; may be NULL. Called once an output with a
     * journal is in its place: an earlier end of the process leaves what there is. */
    void (*published)(const fani_job_run *run);
    /* Does what waits for the output to be in its place, of any run, also where an earlier one had
     * done its work; may be NULL. */
    fan_status (*commit)(fani_job_run *run, fan_error *error);
    /* Frees what `run` has left for commit; may be NULL. */
    void (*end)(fani_job_run *run);
} fani_job_kind;

struct fan_job {
    const fani_job_kind *kind;
    fani_strings values[FANI_KEY_COUNT];
    fani_strings arguments;
    char *file; /* NULL: not from a job file */
    fani_origin *origins;
    size_t origin_count;
};

typedef enum fani_halt_reason {
    FANI_HALT_FAIL,
    FANI_HALT_SUCCESS,
    FANI_HALT_DONE,
} fani_halt_reason;

/* When a run is ended because too much of it fails, or enough has come (halt.h). */
typedef struct fani_halt {
    uint64_t allowed; /* UINT64_MAX: any number */
    uint64_t failed, ok;
    bool now; /* what runs is ended too */
    /* So many of these are enough; 0: any number. */
    fani_halt_reason of;
    uint64_t enough;
    bool percent;   /* of all items */
    uint64_t total; /* items in all; UINT64_MAX: not known yet */
    bool reached;
    fan_error why; /* once it is */
} fani_halt;

struct fani_job_run {
    const fan_job *job;
    fan_executor *executor;
    fan_job_events events;
    fan_job_result *result;
    fani_writer *writer;
    struct fani_packed *packed; /* packed.h; NULL: what goes out is not compressed on its way */
    struct fani_state *state;   /* state.h; NULL: the output is no file */
    char *output;               /* of a run with a state: the file that it writes (shard.h) */
    fani_slice slice;
    struct fani_held *held;        /* held.h; NULL: no list job, or not begun */
    struct fani_retry *retry;      /* retry.h; NULL: this is the first pass */
    struct fani_weak_known *known; /* weak_known.h; NULL: no state is read */
    struct fani_staging *staging;  /* staging.h; NULL: nothing is copied near */
    struct fani_plot *plot;        /* integral_plot.h; NULL: no picture is drawn */
    fani_format format;
    bool timed;                    /* records have their times (timings.h) */
    struct fani_weak_times *times; /* of a weakkeys run that has them (weak_times.h), or NULL */
    bool header_written;
    bool published;   /* and nothing was begun since */
    bool keeps_parts; /* of work that is no item's outcome yet, in files beside the output */
    bool loses_parts; /* it would, but has no place for them */
    uint64_t total;   /* items in all; UINT64_MAX: not known */
    int64_t last_progress_ns;
    int64_t begun_at; /* seconds since 1970 */
    fani_halt halt;
};

/* ---- kinds.c --------------------------------------------------------------------------------- */

/* The kind of a task's name; NULL: none. */
const fani_job_kind *fani_job_kind_find(const char *name);

/* ---- keys.c ---------------------------------------------------------------------------------- */

/* The key of a name that this kind knows. FAN_E_ARGUMENT: none, the text lists those known. */
fan_status fani_key_find(const fani_job_kind *kind, const char *name, fani_key *key,
                         fan_error *error);
const fan_job_key *fani_key_info(fani_key key);

/* Whether the key's values are paths. */
bool fani_key_is_path(fani_key key);

/* Whether they are paths, "@" and a path, or URLs. */
bool fani_key_is_source(fani_key key);

/* Checks a value by the key's own rule. Errors as fan_job_set. */
fan_status fani_key_check(fani_key key, const char *value, fan_error *error);

/* Reads a whole number: digits, or digits 'e' digits ("1e6"). False: it is none, or above 2^64-1.
 */
bool fani_read_count(const char *text, uint64_t *value);

/* Reads a time: seconds with an optional fraction ("1.5", "90", "1.5s"), "5m" or "2h"; finer parts
 * than milliseconds are dropped. Without the locale. False: it is none, or too long. */
bool fani_read_ms(const char *text, uint64_t *ms);

/* Reads a size: bytes, or "64K", "64M", "64G". False: it is none, or above 2^64-1. */
bool fani_read_size(const char *text, uint64_t *bytes);

/* Reads a shard: "2/7". False: it is none. */
bool fani_read_slice(const char *text, fani_slice *slice);

/* ---- job.c ----------------------------------------------------------------------------------- */

fan_status fani_strings_add(fani_strings *strings, const char *text);
void fani_strings_clear(fani_strings *strings);

/* The last value of a key, or NULL; a number that was checked when it was set, or `fallback`. */
const char *fani_job_text(const fan_job *job, fani_key key);
uint64_t fani_job_count(const fan_job *job, fani_key key, uint64_t fallback);
/* The instruction set that the job names, or else this machine's. */
fani_isa fani_job_isa(const fan_job *job);
/* Whether all workers are to choose methods for it: it was named, or the output tells them. */
bool fani_job_pins_isa(const fan_job *job);
/* Whether the output depends on the instructions: it tells by which methods factors were found, or
 * has the last digits of integrals. */
bool fani_job_tells_methods(const fan_job *job);

/* The same for a time in ms; 0 where it is not set. */
uint32_t fani_job_ms(const fan_job *job, fani_key key);

/* Remembers that the value of a key set last stands at a place in the job's file. FAN_E_MEMORY. */
fan_status fani_job_add_origin(fan_job *job, fani_key key, uint32_t line, uint32_t column);

/* Where value number i of a key stands in the job's file; NULL: it came from elsewhere. */
const fani_origin *fani_job_origin(const fan_job *job, fani_key key, size_t i);

/* Whether a flag is set. */
bool fani_job_flag(const fan_job *job, fani_key key);

/* Whether it goes on with a run that there is. */
bool fani_job_resumes(const fan_job *job);

/* Whether its inputs give the same when they are read again: files, and what stands on the command
 * line. */
bool fani_job_can_read_twice(const fan_job *job);

/* ---- run.c ----------------------------------------------------------------------------------- */

/* Reports an error through the events. */
void fani_run_report(const fani_job_run *run, const fan_error *error);

/* Whether the run is to end early. */
bool fani_run_is_stopped(const fani_job_run *run);

/* Passes on what an item wrote to its standard streams; `captured` may be NULL. */
void fani_run_wrote(const fani_job_run *run, const fan_captured *captured, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

/* Calls the progress event when it is due (or `now`). */
void fani_run_progress(fani_job_run *run, uint64_t done, bool now);

/* Writes a TSV header once, before the first record; nothing for other formats. */
fan_status fani_run_header(fani_job_run *run, const char *columns, fan_error *error);

/* ---- One per kind ---------------------------------------------------------------------------- */

extern const fani_job_kind fani_job_gcd;
extern const fani_job_kind fani_job_factor;
extern const fani_job_kind fani_job_divisors;
extern const fani_job_kind fani_job_integrate;
extern const fani_job_kind fani_job_weakkeys;
extern const fani_job_kind fani_job_command;

extern const fan_task fani_task_gcd;
extern const fan_task fani_task_factor;
extern const fan_task fani_task_factor_function;
extern const fan_task fani_task_divisors;
extern const fan_task fani_task_divisors_function;
extern const fan_task fani_task_integrate_block;
extern const fan_task fani_task_integrate_add;
extern const fan_task fani_task_integrate_work;
extern const fan_task fani_task_integrate_scan;
extern const fan_task fani_task_weakkeys_product;
extern const fan_task fani_task_weakkeys_multiply;
extern const fan_task fani_task_weakkeys_join;
extern const fan_task fani_task_weakkeys_part;
extern const fan_task fani_task_weakkeys_root;
extern const fan_task fani_task_weakkeys_step;
extern const fan_task fani_task_weakkeys_block;
extern const fan_task fani_task_weakkeys_check;
extern const fan_task fani_task_known_modulus;
extern const fan_task fani_task_known_reduce;
extern const fan_task fani_task_known_product;
extern const fan_task fani_task_known_meet;
extern const fan_task fani_task_command;

#endif
