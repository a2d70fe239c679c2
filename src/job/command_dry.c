/* What a job would run, without running it. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "job/command_internal.h"
#include "job/shard.h"

enum { AT_ONCE = 1 << 20 };

typedef struct dry_run {
    const fan_job *job;
    fani_command_filler filler;
    fani_sources *sources;
    fani_reader *reader;
    fani_slice slice;
    fan_buffer line;
    fan_status (*take)(void *user, uint64_t index, const char *line, const char *why_not);
    void *user;
} dry_run;

static fan_status out_of_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "out of memory");
}

static fan_status open_items(dry_run *d, fan_error *error)
{
    const fan_job *job = d->job;
    const fani_strings *words = &job->values[FANI_KEY_COMMAND];
    fani_reader_options options = {.unit = FANI_UNIT_RECORD,
                                   .separator = fani_job_flag(job, FANI_KEY_NULL) ? '\0' : '\n',
                                   .first = d->slice.number - 1,
                                   .step = d->slice.count};
    fan_buffer separator = {0};
    uint32_t size = 0;
    fan_status status =
        fani_command_add_separator(&separator, fani_job_text(job, FANI_KEY_COLSEP), &size);
    if (status == FAN_OK)
        status = fani_command_filler_make((const char *const *)words->at, words->count,
                                          fani_command_flags(job), (const char *)separator.bytes,
                                          size, &d->filler);
    fan_buffer_clear(&separator);
    if (status == FAN_OK)
        status = fani_reader_new(&options, &d->reader);
    if (status != FAN_OK)
        return out_of_memory(error);
    if (job->values[FANI_KEY_VALUES].count)
        status = fani_sources_open(job, &d->sources, error);
    if (status != FAN_OK)
        return status;
    status = fani_command_add_inputs(job, d->sources, d->reader);
    return status == FAN_OK ? status : out_of_memory(error);
}

/* The line of an item: of a shell what that is given, else the words. *line NULL: out of memory. */
static void make_line(dry_run *d, uint64_t index, const char *item, size_t size, const char **line)
{
    enum { SCRIPT = 3 }; /* behind /bin/sh -c -- */
    fani_item_values values = {.number = index + 1, .place = UINT64_MAX};
    fani_piece joined;
    *line = NULL;
    if (fani_command_filler_cut(&d->filler, item, size, &values, &joined) != FAN_OK)
        return;
    const char *const *arguments = fani_template_fill(d->filler.template, &values);
    d->line.size = 0;
    if (arguments && fani_job_flag(d->job, FANI_KEY_SHELL))
        *line = arguments[SCRIPT];
    else if (arguments && fani_command_add_line(&d->line, arguments) == FAN_OK &&
             fani_bytes_add(&d->line, "", 1) == FAN_OK)
        *line = (const char *)d->line.bytes;
}

static fan_status take_one(dry_run *d, uint64_t position, const char *item, size_t size,
                           fan_error *error)
{
    uint64_t index = fani_slice_index(d->slice, position);
    fani_place place = fani_reader_place(d->reader, position);
    const char *nul = d->sources || !size ? NULL : memchr(item, 0, size), *line;
    if (place.flaw == FANI_FLAW_NONE && !nul) {
        make_line(d, index, item, size, &line);
        return line ? d->take(d->user, index, line, NULL) : out_of_memory(error);
    }
    fan_error why;
    fani_reader_explain(d->reader, place, nul ? (size_t)(nul - item) : 0, "a NUL byte", &why);
    return d->take(d->user, index, NULL, why.text);
}

static fan_status take_all(dry_run *d, fan_error *error)
{
    fan_status status = FAN_OK;
    while (status == FAN_OK && !fani_reader_ended(d->reader)) {
        fan_items items = {0};
        status = fani_reader_pull(d->reader, SIZE_MAX, AT_ONCE, true, &items, error);
        for (size_t i = 0; status == FAN_OK && i < items.count; i++) {
            size_t size;
            const unsigned char *item = fan_items_at(&items, i, &size);
            status = take_one(d, items.first + i, (const char *)item, size, error);
        }
        fani_reader_forget(d->reader, items.first + items.count);
    }
    return status;
}

fan_status fan_job_each_command(const fan_job *job,
                                fan_status (*take)(void *user, uint64_t index, const char *line,
                                                   const char *why_not),
                                void *user, fan_error *error)
{
    dry_run d = {.job = job, .slice = fani_shard_slice(job), .take = take, .user = user};
    if (job->kind != &fani_job_command)
        return FAN_OK;
    fan_status status = fan_job_check(job, error);
    if (status == FAN_OK)
        status = open_items(&d, error);
    if (status == FAN_OK)
        status = take_all(&d, error);
    fani_reader_free(d.reader);
    fani_sources_free(d.sources);
    fani_command_filler_clear(&d.filler);
    fan_buffer_clear(&d.line);
    return status;
}
