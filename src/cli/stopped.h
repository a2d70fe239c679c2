/* What is said when a run has been ended early: by a signal, too many failures, or an error. */
#ifndef CLI_STOPPED_H
#define CLI_STOPPED_H

#include "fanfold/job.h"
#include "options.h"

/* Makes ready what is said where time runs out before the run has ended in order. `resumable`: a
 * later run can go on from what this one kept. May be called again. */
void stopped_prepare(const cli_options *o, const fan_job *job, bool resumable);

/* Says, once and on a terminal alone, for how long what runs is waited for after the signal that
 * has come, where that is noticeable. Any thread, after stopped_prepare. */
void stopped_say_waiting(void);

/* Says which signal stopped the run and how to go on; the exit code. */
int stopped_say(const cli_options *o, const fan_job *job, const fan_job_result *result);

/* Says what ended a run of which too much failed, or enough has come, and how to go on: its exit
 * code. */
int stopped_say_halted(const cli_options *o, const fan_job *job, const fan_error *why,
                       const fan_job_result *result);

/* Says how to go on with a run that an error has ended, which was told before. */
void stopped_say_kept(const cli_options *o, const fan_job *job);

/* The same of the work on a long number, where the key state says where it is. */
void stopped_say_parts_kept(const cli_options *o, const fan_job *job);

#endif
