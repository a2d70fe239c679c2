#include "stopped.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch.h"
#include "message.h"
#include "quote.h"
#include "signals.h"

enum { NOTICED_MS = 1000 }; /* shorter waits are not announced */

/* Whether the job waits for items that run after a signal. */
static atomic_bool waits;
static atomic_flag has_said_waiting = ATOMIC_FLAG_INIT;

/* What is there of a run that was ended early. */
typedef enum kept {
    KEPT_NOTHING,
    KEPT_RUN,   /* beside its output */
    KEPT_PARTS, /* of a long number, beside the file of the key state */
    LOST_PARTS, /* of a long number, because nothing said where */
} kept;

static kept kept_of(const fan_job_result *result)
{
    if (result->resume)
        return KEPT_RUN;
    return result->parts ? KEPT_PARTS : result->parts_lost ? LOST_PARTS : KEPT_NOTHING;
}

/* Where nothing is to be gone on with. */
static char *no_advice(const fan_job *job, bool parts)
{
    char *text = NULL;
    const char *output = fan_job_get(job, "output"),
               *how =
                   parts ? " (--output FILE or --state FILE keeps the work on long numbers)" : "";
    bool to_file = output && strcmp(output, "-") != 0;
    int size =
        to_file
            ? asprintf(&text, "nothing was kept to resume from, and %s was not written%s", output,
                       how)
            : asprintf(&text, "what was written stands; there is nothing to resume from%s", how);
    return size < 0 ? NULL : text;
}

/* How to go on, after "stopped by ...". Freed by the caller; NULL: out of memory. */
static char *advice(const cli_options *o, const fan_job *job, kept what)
{
    char *text = NULL;
    const char *input = fan_job_get(job, "input");
    if (what == KEPT_NOTHING || what == LOST_PARTS)
        return no_advice(job, what == LOST_PARTS);
    char *line = quote_resume(o->argc, (const char *const *)o->argv, what == KEPT_RUN);
    int size =
        line ? asprintf(&text, "%s%s%s with:\n  %s",
                        what == KEPT_RUN ? "resume" : "the work on a long number is kept; go on",
                        launch_read().variable ? " under the same launcher" : "",
                        input && strcmp(input, "-") == 0 ? " on the same standard input" : "", line)
             : -1;
    free(line);
    return size < 0 ? NULL : text;
}

void stopped_prepare(const cli_options *o, const fan_job *job, bool resumable)
{
    /* What the handler may be saying is never freed. */
    static const char *said[2];
    kept what = resumable ? KEPT_RUN : fan_job_get(job, "state") ? KEPT_PARTS : KEPT_NOTHING;
    char *how = advice(o, job, what), *text = NULL;
    const char *task = fan_job_get(job, "task");
    /* Parts of these two are of no use. */
    atomic_store(&waits, task && strcmp(task, "integrate") != 0 && strcmp(task, "weakkeys") != 0);
    if (how && !said[resumable] &&
        asprintf(&text, "fanfold: stopped by a signal, with work that did not end in time; %s\n",
                 how) >= 0)
        said[resumable] = text;
    free(how);
    signals_set_last_words(
        said[resumable] ? said[resumable]
                        : "fanfold: stopped by a signal, with work that did not end in time\n");
}

void stopped_say_waiting(void)
{
    uint64_t ms = signals_grace_ms();
    if (!atomic_load(&waits) || ms < NOTICED_MS || !isatty(STDERR_FILENO) ||
        atomic_flag_test_and_set(&has_said_waiting))
        return;
    const char *end = signals_caught() == SIGINT ? "another Ctrl-C" : "another signal";
    char text[160];
    snprintf(text, sizeof text,
             "stopping: what runs has %" PRIu64 ".%" PRIu64 " s to end; %s ends it at once",
             ms / 1000, ms / 100 % 10, end);
    message_note(text);
}

int stopped_say_halted(const cli_options *o, const fan_job *job, const fan_error *why,
                       const fan_job_result *result)
{
    char *how = advice(o, job, kept_of(result));
    const char *when = fan_job_get(job, "halt");
    bool by_halt = when && strchr(when, ',') && !strstr(why->text, "max-fails");
    if (result->exit_code)
        message_record(why, NULL, NULL, false);
    else
        message_note(why->text);
    message_error("stopped by --%s; %s", by_halt ? "halt" : "max-fails",
                  how ? how : "out of memory");
    free(how);
    return result->exit_code;
}

void stopped_say_kept(const cli_options *o, const fan_job *job)
{
    char *how = advice(o, job, KEPT_RUN);
    message_error("what was written down is kept; %s", how ? how : "out of memory");
    free(how);
}

void stopped_say_parts_kept(const cli_options *o, const fan_job *job)
{
    char *how = advice(o, job, KEPT_PARTS);
    message_error("%s", how ? how : "out of memory");
    free(how);
}

int stopped_say(const cli_options *o, const fan_job *job, const fan_job_result *result)
{
    int number = signals_caught();
    char *how = advice(o, job, kept_of(result));
    signals_set_last_words(NULL);
    message_error("stopped by signal %d (%s); %s", number, sigabbrev_np(number),
                  how ? how : "out of memory");
    free(how);
    return SIGNALS_STOPPED;
}
