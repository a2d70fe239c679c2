/* Runs of the built command with faults in them, and what they left behind. */
#ifndef FAN_TESTS_FAULTS_COMMAND_H
#define FAN_TESTS_FAULTS_COMMAND_H

#include <sys/types.h>

#include "shim.h"

/* What fails, in the words of interpose/interpose.h; NULL and 0: nothing, or not limited to that.
 */
typedef struct fault {
    const char *call, *what, *path, *who;
    unsigned long at; /* 0: count only */
    bool onward;
    int clock_hours;
    bool no_nameless;   /* the file system has no files without names */
    bool no_sync;       /* nothing is synced, and nobody waits for it */
    bool random_counts; /* the system's random numbers are 0, 1, 2, ... */
} fault;

enum { STREAM_FILE, STREAM_CLOSED, STREAM_FULL, STREAM_NOBODY };

/* How the command runs. */
typedef struct setting {
    fault fault;
    const char *program;             /* NULL: the command */
    int out;                         /* where standard output goes: STREAM_* */
    unsigned long files, space, own; /* limits: descriptors, address space, processes (as a user of
                                        its own); 0: none */
    const char *variable, *value;    /* one variable more in its environment */
    const char *cgroup;              /* the folder of a group to run in */
    int umask;                       /* 0: 022; else its bits, -1: none */
} setting;

enum { RUN_LIMIT_MS = 120000, TEXT = 16384 };

typedef struct ran {
    int code;           /* 128 + n: killed by signal n */
    bool late;          /* it had to be killed after RUN_LIMIT_MS */
    unsigned survivors; /* processes that lived on for more than 10 s, killed now */
    unsigned met, fired;
    char fired_path[256]; /* of the last fault */
    size_t out_size;
    char out[TEXT], err[TEXT], log[TEXT];
} ran;

/* The test's own folder in /tmp, made at the first use and emptied by tidy; what belongs to a run
 * (its streams and log: "out", "err", "log") lies in another one. */
const char *folder(void);
const char *in_folder(const char *name); /* these two: overwritten by the fourth call after */
const char *run_file(const char *name);
void tidy(void);

/* Runs `fanfold ARGUMENTS`, words parted by blanks; "@" stands for the folder. */
void run(const setting *how, const char *arguments, ran *result);

/* Starts it and comes back at once; finish waits for its end. Of several at once, each has streams
 * of another name: that of the last call of name_streams ("", as long as there was none) before its
 * start, and before finish. */
pid_t start(const setting *how, const char *arguments);
void finish(pid_t pid, ran *result);
void name_streams(const char *name);

/* Waits up to so long until the run of this name has said that on standard error. */
void wait_said(const char *text, int ms);

/* The text of a file, at most TEXT - 1 bytes; false: there is none. */
bool read_text(const char *path, char text[TEXT]);
void write_text(const char *path, const char *text);

/* How many entries the folder has whose names begin so. */
unsigned entries(const char *prefix);

/* What every run must keep, whatever failed: it ended in time by itself, without a signal, and left
 * no process behind. `label` says which run it was. */
bool expect_sane(const ran *r, const char *label);

#endif
