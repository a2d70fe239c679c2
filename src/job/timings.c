#include "job/timings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "job/retry.h"

enum { NS_PER_S = 1000000000, TIME_SIZE = 48, TIMINGS_SIZE = 224 };

fan_status fani_timings_check(const fan_job *job, fan_error *error)
{
    const char *format = fani_job_text(job, FANI_KEY_FORMAT);
    if (job->kind == &fani_job_weakkeys) /* which says them beside its records (weak_times.h) */
        return FAN_OK;
    if (!fani_job_flag(job, FANI_KEY_TIMINGS) || (format && strcmp(format, "text") != 0))
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT, "timings needs the format tsv or ndjson");
}

/* "2026-01-31T12:00:00.123456Z"; NULL: the time is not known. */
static const char *time_text(int64_t ns, char text[TIME_SIZE])
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm parts;
    size_t used;
    if (ns <= 0 || !gmtime_r(&seconds, &parts) ||
        !(used = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts)))
        return NULL;
    snprintf(text + used, TIME_SIZE - used, ".%06dZ", (int)(ns % NS_PER_S / 1000));
    return text;
}

/* What is added before a line's end; a host's name has nothing that JSON would escape. */
static void describe(const fani_job_run *run, const fan_outcome *o, char text[TIMINGS_SIZE])
{
    char time[TIME_SIZE];
    uint32_t attempt = o->attempt ? o->attempt + fani_retry_attempts(run->retry) : 0;
    uint64_t s = o->run_ns / NS_PER_S, ns = o->run_ns % NS_PER_S;
    const char *worker = o->worker && *o->worker ? o->worker : "-", *quote = "\"",
               *began = time_text(o->began_ns, time);
    if (run->format == FANI_FORMAT_TSV) {
        snprintf(text, TIMINGS_SIZE, "\t%" PRIu32 "\t%s\t%" PRIu64 ".%09" PRIu64 "\t%s\n", attempt,
                 began ? began : "-", s, ns, worker);
        return;
    }
    if (!began) {
        began = "null";
        quote = "";
    }
    snprintf(text, TIMINGS_SIZE,
             ",\"attempt\":%" PRIu32 ",\"began\":%s%s%s,\"seconds\":%" PRIu64 ".%09" PRIu64
             ",\"worker\":\"%s\"}\n",
             attempt, quote, began, quote, s, ns, worker);
}

/* Writes a line with `more`, which has an end of its own, in the place of its end. */
static fan_status write_longer(fani_job_run *run, const char *line, size_t size, const char *more,
                               fan_error *error)
{
    size_t end = run->format == FANI_FORMAT_TSV ? 1 : 2; /* "\n" or "}\n" */
    fan_status status = fani_writer_add(run->writer, line, size < end ? 0 : size - end, error);
    return status == FAN_OK ? fani_writer_add(run->writer, more, strlen(more), error) : status;
}

fan_status fani_timings_header(fani_job_run *run, const char *columns, fan_error *error)
{
    if (!run->timed || run->header_written)
        return fani_run_header(run, columns, error);
    run->header_written = true;
    if (run->format != FANI_FORMAT_TSV)
        return FAN_OK;
    return write_longer(run, columns, strlen(columns), "\tattempt\tbegan\tseconds\tworker\n",
                        error);
}

fan_status fani_timings_write(fani_job_run *run, const fan_outcome *outcome, const void *line,
                              size_t size, fan_error *error)
{
    char text[TIMINGS_SIZE];
    if (!run->timed || !size)
        return fani_writer_add(run->writer, line, size, error);
    describe(run, outcome, text);
    return write_longer(run, line, size, text, error);
}

int64_t fani_timings_now_ns(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) == 0 ? (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec
                                                    : 0;
}
