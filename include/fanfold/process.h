/* Child processes: start a command without a shell, feed it, keep what it prints, and know how it
 * ended, with limits of time and output; several as a pipe.
 *
 * Each child is started with a process group of its own (those of a pipeline share one), no signal
 * blocked or ignored, none of this program's descriptors above 2, and without the variables by
 * which an MPI launcher tells a rank what it is (OMPI_*, PMIX_*, PMI_*). Its end is watched by a
 * descriptor: SIGCHLD, SIGPIPE and other children of the program are left alone.
 *
 * Threads: every function from any thread; a process belongs to one thread at a time. */
#ifndef FANFOLD_PROCESS_H
#define FANFOLD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/executor.h"
#include "fanfold/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a standard stream of a child leads. */
typedef enum fan_process_stream_kind {
    FAN_PROCESS_STANDARD, /* input: the option's bytes, or the end at once; output and error: kept,
                             and part of the result */
    FAN_PROCESS_NULL,     /* /dev/null */
    FAN_PROCESS_INHERIT,  /* that of this program */
    FAN_PROCESS_PIPE,     /* a pipe with the caller at its other end: fan_process_fd */
    FAN_PROCESS_FD,       /* a descriptor of the caller, which stays the caller's */
    FAN_PROCESS_MERGE,    /* error only: where output leads */
} fan_process_stream_kind;

typedef struct fan_process_stream {
    fan_process_stream_kind kind;
    int fd; /* of FAN_PROCESS_FD */
} fan_process_stream;

enum {
    FAN_PROCESS_INPUT,
    FAN_PROCESS_OUTPUT,
    FAN_PROCESS_ERROR,
};

enum {
    FAN_PROCESS_GRACE_MS = 300,  /* from SIGTERM to SIGKILL, where the options don't say */
    FAN_PROCESS_LINGER_MS = 200, /* how long what others hold open is read after the end */
    FAN_PROCESS_NOT_FOUND = 127, /* exit codes of a command that was not started, as in a shell */
    FAN_PROCESS_NOT_EXECUTABLE = 126,
};

/* All zero but the arguments: nothing to read, output and error kept, no limit of time. */
typedef struct fan_process_options {
    const char *const *arguments;   /* NULL-terminated, at least one; the first is looked up in this
                                       program's PATH unless it has a slash */
    const char *const *environment; /* changes: "NAME=VALUE" sets, "NAME" takes away;
                                       NULL-terminated or NULL */
    const char *folder;             /* to work in; NULL: that of this program */
    fan_process_stream streams[3];  /* by FAN_PROCESS_INPUT, _OUTPUT, _ERROR */
    const void *input;              /* bytes for its standard input (copied); with size 0: none */
    size_t input_size;
    size_t limit;        /* most bytes kept of each of output and error; a child that writes more is
                            ended. 0: 2^30 */
    uint32_t timeout_ms; /* a child that runs longer is ended; 0: no limit */
    uint32_t grace_ms;   /* when a child is ended: from SIGTERM to SIGKILL, which its whole group
                            gets; 0: FAN_PROCESS_GRACE_MS */
    bool (*stop)(void *user); /* asked about every 50 ms while it is waited for: true ends the
                                 child. May be NULL */
    void *stop_user;
    bool keep_mpi_environment; /* the launcher's variables go to the child too */
} fan_process_options;

/* How a process came to its end. */
typedef enum fan_process_end {
    FAN_PROCESS_EXITED,
    FAN_PROCESS_SIGNALLED,   /* by a signal that came from elsewhere, or from itself */
    FAN_PROCESS_NOT_STARTED, /* there is no such command (127) or it can't be executed (126) */
    FAN_PROCESS_TIMED_OUT,   /* these four: it was ended, by the timeout, */
    FAN_PROCESS_STOPPED,     /* by `stop`, */
    FAN_PROCESS_ENDED,       /* by fan_process_terminate or _kill, */
    FAN_PROCESS_OVERFLOWED,  /* because it wrote more than the limit, or than there is memory for */
    FAN_PROCESS_UNKNOWN,     /* other code of this program has waited for it, and has its status */
} fan_process_end;

typedef struct fan_process_result {
    fan_process_end end;
    int exit_code;         /* -1: it has none */
    int signal_number;     /* that it died of; 0: of none */
    unsigned char *output; /* what was kept, with a NUL behind it; NULL: nothing was to be kept, or
                              it was not started */
    unsigned char *error;
    size_t output_size, error_size;
    bool left_open;   /* something that it started still held output or error open when the reading
                         ended: what comes later is missing */
    int64_t begun_ns; /* since 1970 */
    uint64_t run_ns;  /* from its start until its end was seen by a wait */
    uint64_t user_ns, system_ns; /* CPU time and peak memory, with children that it waited for */
    uint64_t peak_bytes;
    char text[256]; /* what happened: "exited with code 3", "killed by SIGKILL", ... */
} fan_process_result;

typedef struct fan_process fan_process;

/* Runs a command to its end. FAN_OK whatever that is: *result, to be cleared by the caller, says
 * it. FAN_PROCESS_PIPE is not for this. Errors (then *result is untouched): FAN_E_ARGUMENT (no
 * arguments; a stream that can't be), FAN_E_INPUT (the folder can't be worked in), FAN_E_SYSTEM (no
 * descriptors or processes left), FAN_E_MEMORY. */
FAN_API fan_status fan_process_run_sized(const fan_process_options *options, size_t options_size,
                                         fan_process_result *result, size_t result_size,
                                         fan_error *error);
static inline fan_status fan_process_run(const fan_process_options *options,
                                         fan_process_result *result, fan_error *error)
{
    return fan_process_run_sized(options, sizeof *options, result, sizeof *result, error);
}

/* Frees what a result of fan_process_run holds. NULL is accepted. */
FAN_API void fan_process_result_clear(fan_process_result *result);

/* Starts a command. A command that can't be started is a process too: it has ended, with 127 or 126
 * and a text. *process (fan_process_free) is NULL on error. Errors as fan_process_run. */
FAN_API fan_status fan_process_start_sized(const fan_process_options *options, size_t options_size,
                                           fan_process **process, fan_error *error);
static inline fan_status fan_process_start(const fan_process_options *options,
                                           fan_process **process, fan_error *error)
{
    return fan_process_start_sized(options, sizeof *options, process, error);
}

/* Starts `count` commands (at least 1), the output of each leading into the next one's input:
 * those streams are FAN_PROCESS_STANDARD and without input bytes. They share one process group, so
 * that ending one ends all. processes[0..count) get what is to be freed one by one; on error none
 * of them runs. Errors as fan_process_run. */
FAN_API fan_status fan_process_pipeline_sized(const fan_process_options *commands,
                                              size_t options_size, size_t count,
                                              fan_process *processes[], fan_error *error);
static inline fan_status fan_process_pipeline(const fan_process_options *commands, size_t count,
                                              fan_process *processes[], fan_error *error)
{
    return fan_process_pipeline_sized(commands, sizeof *commands, count, processes, error);
}

/* Waits until it has ended, or all of `count` have (NULL is passed over), and meanwhile reads what
 * is to be kept and ends what has no time left: so a child never hangs because nobody reads, but
 * its limits count only while somebody waits. A pause of the whole program meanwhile (SIGSTOP, a
 * suspended job) is no time of a child. FAN_NOW polls. FAN_E_TIMEOUT at the deadline: it
 * still runs, nothing of what it wrote is lost. FAN_E_MEMORY, FAN_E_SYSTEM.
 *
 * After a child's end its output is read to the end; where something that it started holds it open,
 * for FAN_PROCESS_LINGER_MS at most, and that lives on. Of a child that was ended the group is
 * killed: at once where nothing of it holds output or error open, else after the grace. What has
 * left the group (setsid) is not. */
FAN_API fan_status fan_process_wait(fan_process *process, fan_deadline deadline);
FAN_API fan_status fan_process_wait_all(fan_process *const processes[], size_t count,
                                        fan_deadline deadline);

/* What became of it; NULL while it has not been seen to end by a wait. Valid, with what it holds,
 * until the process is freed. */
FAN_API const fan_process_result *fan_process_get_result(const fan_process *process);

/* Begins to end it and its group: terminate by SIGTERM, after which waiting sends SIGKILL when the
 * grace is over; kill by SIGKILL. Without effect where it has ended by itself, also for what it
 * left in its group or the rest of its pipeline. The end is to be waited for. */
FAN_API void fan_process_terminate(fan_process *process);
FAN_API void fan_process_kill(fan_process *process);

/* Its process id; 0 where it was not started. It may be another's once it was seen to end. */
FAN_API int64_t fan_process_id(const fan_process *process);

/* The caller's end of a stream that is a FAN_PROCESS_PIPE; -1: it is none, or closed. The
 * process's: fan_process_close closes it earlier than fan_process_free (of the input: so the child
 * sees its end). It blocks, and is closed on exec. */
FAN_API int fan_process_fd(const fan_process *process, int stream);
FAN_API void fan_process_close(fan_process *process, int stream);

/* Writes all bytes to its input, a FAN_PROCESS_PIPE, and never raises SIGPIPE. Errors:
 * FAN_E_OUTPUT with errno (EPIPE: it reads no more), FAN_E_TIMEOUT (some may have been written),
 * FAN_E_ARGUMENT (no such pipe). */
FAN_API fan_status fan_process_write(fan_process *process, const void *bytes, size_t size,
                                     fan_deadline deadline, fan_error *error);

/* Frees it. One that runs is killed with its group, and waited for. NULL is accepted. */
FAN_API void fan_process_free(fan_process *process);

#ifdef __cplusplus
}
#endif
#endif
