/* Runs of the weakkeys job, and the files they read. */
#ifndef FAN_WEAKKEYS_KIT_H
#define FAN_WEAKKEYS_KIT_H

#include "fanfold/job.h"

#include "shim/shim.h"

enum { WEAK_EXECUTORS = 2 };
extern const char *const weak_executors[WEAK_EXECUTORS];

typedef struct weak_outcome {
    char *output; /* the caller frees */
    size_t size;
    char reports[2048]; /* "file:line: text" lines */
    char note[256];
    int first_errno;
    bool stop;
    fan_job_result result;
    fan_status status;
    fan_error error;
} weak_outcome;

/* Runs with the settings ("key=value", NULL at the end) and files. Single keys are not looked at
 * where no setting says checks=all: most numbers of tests are weak by themselves. */
void weak_run(weak_outcome *o, const char *executor_name, const char *const *settings,
              const char *const *files);

#define WEAK_SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define WEAK_FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The folder of the test's own files, or "". */
extern char weak_folder[64];

/* A new file there; gone with weak_clear. The path is valid for the next three calls. */
const char *weak_file(const char *name, const char *text);
void weak_clear(void);

/* The expected text with every @ replaced by the folder of the files. */
void weak_expect(const char *got, const char *with_at);

#endif
