/* Runs that keep a journal: faults end them, and others go on. What they write is @/target. */
#ifndef FAN_TESTS_FAULTS_KEPT_H
#define FAN_TESTS_FAULTS_KEPT_H

#include "victims.h"

/* A job, and what becomes of it when nothing happens to it. */
typedef struct kept_job {
    char words[300]; /* without executor, output and what to do about an older run */
    int code;        /* its exit code */
    uint64_t bytes;  /* of its output, which is @/plain */
    char failed[64]; /* of what `fanfold results` says without name and attempts: its exit code, how
                        many lines and their hash */
} kept_job;

/* All calls on files that runs with a journal make, for a fault's `call`. */
#define KEPT_CALLS "open,write,fsync,fdatasync,ftruncate,link,close,rename,unlink"

/* A job that factors so many numbers, from a large one on, with `bad` entries between them that are
 * none. Runs it on serial. False (reported): that did not go well. The numbers are not in the
 * folder, whose files are the ones that faults are for. */
bool kept_factor(kept_job *job, unsigned long count, unsigned bad);

/* The same with an output that is compressed. */
bool kept_factor_packed(kept_job *job, unsigned long count, unsigned bad);

/* Settings of a run on an executor: "serial", "threads", "processes" (two workers each), "mpi"
 * (three ranks of one worker process), "mpi-threads"; and its command line, with `more` options. No
 * sync reaches the disk: what processes lose is not what a lost machine loses. */
setting kept_setting(const char *executor);

/* How the launcher of the next runs over ranks ends them, where one of them has failed (also with
 * the exit code that failed items give): with its usual second from SIGTERM to SIGKILL, or at once.
 * kept_setting says at once, kept_slow_setting the usual. */
void kept_launcher_waits(bool waits);

/* The same of one that pauses a little behind each write to its part, so that it can be hit there
 * on a machine as busy as this one may be. */
setting kept_slow_setting(const char *executor);
const char *kept_line(const kept_job *job, const char *executor, const char *more);

/* Whether there is an MPI to run over ranks. */
bool kept_has_mpi(void);

/* The bytes of @/target.part, or of another file of the folder; 0 where it is not there. */
uint64_t kept_written(void);
const char *kept_part(void); /* its path */
uint64_t kept_size(const char *name);

/* Waits until the part has so many bytes; false: the run ended before. */
bool kept_wait_written(pid_t pid, uint64_t bytes);

/* Leaves in @/then... the files of a run that was killed once it had written so many percent. False
 * (reported): that did not go well. */
bool kept_killed(const kept_job *job, unsigned percent);

/* The same of one that went on with it: what the first one wrote down was synced then. */
bool kept_killed_again(const kept_job *job, unsigned percent);

/* What a run that came to the end must be: its code, output, failures those of plain, its journal
 * and run.json beside it and nothing else. */
bool kept_expect_right(const kept_job *job, const ran *last, const char *label);

/* Runs with `--resume` until that is so, which is at once where nothing fails. */
bool kept_expect_resumes(const kept_job *job, const char *executor, const char *label);

/* Two files of the folder have the same bytes. */
bool kept_same(const char *name, const char *other);

/* Removes the files of the folder whose names have this in them. */
void kept_remove(const char *text);

/* Removes the target and all beside it; copies them to the same files of another target. */
void kept_clear(void);
void kept_copy(const char *from, const char *to);

#endif
