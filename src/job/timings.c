#include "job/timings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "job/record.h"

enum { NS_PER_S = 1000000000 };

fan_status fani_timings_check(const fan_job *job, fan_error *error)
{
    const char *format = fani_job_text(job, FANI_KEY_FORMAT);
    if (!fani_job_flag(job, FANI_KEY_TIMINGS) || (format && strcmp(format, "text") != 0))
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT, "timings needs the format tsv or ndjson");
}

/* What is added before a line's end; a host's name has nothing that JSON would escape. */
static void describe(fani_format format, const fan_outcome *o, char *text, size_t size)
{
    uint64_t s = o->run_ns / NS_PER_S, ns = o->run_ns % NS_PER_S;
    const char *worker = o->worker && *o->worker ? o->worker : "-";
    if (format == FANI_FORMAT_TSV)
        snprintf(text, size, "\t%" PRIu32 "\t%" PRIu64 ".%09" PRIu64 "\t%s\n", o->attempt, s, ns,
                 worker);
    else
        snprintf(text, size,
                 ",\"attempt\":%" PRIu32 ",\"seconds\":%" PRIu64 ".%09" PRIu64
                 ",\"worker\":\"%s\"}\n",
                 o->attempt, s, ns, worker);
}

fan_status fani_timings_add(fani_format format, const fan_outcome *outcome, const void *line,
                            size_t size, fan_buffer *out)
{
    char text[192] = "\tattempt\tseconds\tworker\n";
    size_t end = format == FANI_FORMAT_TSV ? 1 : 2; /* "\n" or "}\n" */
    if (outcome)
        describe(format, outcome, text, sizeof text);
    out->size = 0;
    fan_status status = fani_bytes_add(out, line, size < end ? 0 : size - end);
    return status == FAN_OK ? fani_bytes_add(out, text, strlen(text)) : status;
}
