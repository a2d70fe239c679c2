#include "results.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quote.h"

/* ---- Text --------------------------------------------------------------------------------------
 */

/* The words of run.json's command line, as many as *count says; NULL: out of memory. */
static const char **words_of(const json_t *run, size_t *count)
{
    const json_t *array = json_object_get(run, "arguments");
    size_t size = json_array_size(array);
    const char **words = calloc(size + 1, sizeof *words);
    *count = 0;
    for (size_t i = 0; words && i < size; i++)
        if ((words[*count] = json_string_value(json_array_get(array, i))))
            ++*count;
    return words;
}

/* The command line that the run was begun with, and --resume. */
static fan_status print_resume(const json_t *run)
{
    const json_t *ranks = json_object_get(json_object_get(run, "executor"), "ranks");
    size_t count;
    const char **words = words_of(run, &count);
    char *line = words && count > 1 ? quote_resume((int)count, words, true) : NULL;
    bool failed = !words || (count > 1 && !line);
    if (line)
        printf("  it goes on with%s: %s\n",
               json_integer_value(ranks) > 1 ? ", under its launcher" : "", line);
    else if (!failed)
        printf("  it goes on when it is started again with --resume\n");
    free(line);
    free(words);
    return failed ? FAN_E_MEMORY : FAN_OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "not known";
}

static void print_executor(const json_t *run, const json_t *executor)
{
    int64_t ranks = json_integer_value(json_object_get(executor, "ranks"));
    printf("  executor    %s, workers: %" PRId64, text_of(executor, "kind"),
           (int64_t)json_integer_value(json_object_get(executor, "workers")));
    if (ranks > 1)
        printf(", ranks: %" PRId64, ranks);
    printf(", on %s\n", text_of(json_object_get(run, "machine"), "host"));
}

/* Of shards there is no executor: each has its own. */
static void print_run(const json_t *run)
{
    const json_t *executor = json_object_get(run, "executor");
    printf("  task        %s\n", text_of(json_object_get(run, "identity"), "task"));
    if (executor)
        print_executor(run, executor);
    printf("  fanfold     %s\n", text_of(json_object_get(run, "fanfold"), "version"));
}

/* How many shards there are, and which have not finished: "2-4, 7". */
static void print_shards(const results_view *view)
{
    const fan_results *r = &view->results;
    printf("  shards      %" PRIu64 ": %" PRIu64 " begun, %" PRIu64 " finished\n", r->shards,
           r->shards_begun, r->shards_finished);
    for (size_t i = 0, last; i < view->unfinished_count; i = last + 1) {
        const uint64_t *n = view->unfinished;
        for (last = i; last + 1 < view->unfinished_count && n[last + 1] == n[last] + 1;)
            last++;
        printf("%s%" PRIu64, i ? ", " : "  unfinished  ", n[i]);
        if (last > i)
            printf("-%" PRIu64, n[last]);
    }
    if (view->unfinished_count)
        printf(": each goes on when it is started again with --resume\n");
}

static void print_count(const char *name, uint64_t count)
{
    if (count)
        printf(", %" PRIu64 " %s", count, name);
}

static fan_status summary_text(const results_view *view)
{
    const fan_results *r = &view->results;
    fan_status status = FAN_OK;
    printf("%s: %s%s\n", view->output, r->finished ? "finished" : "not finished",
           r->retries && !r->finished && !r->shards ? ": doing again what failed" : "");
    if (r->shards)
        print_shards(view);
    else if (!r->finished)
        status = print_resume(view->run);
    printf("  items       %" PRIu64 ": %" PRIu64 " ok", r->items, r->ok);
    print_count("failed", r->failed);
    print_count("lost", r->lost);
    print_count("timed out", r->timed_out);
    print_count("cancelled", r->cancelled);
    putchar('\n');
    if (r->bad_inputs)
        printf("  bad inputs  %" PRIu64 "\n", r->bad_inputs);
    if (r->waiting)
        printf("  waiting     %" PRIu64 " for an earlier item\n", r->waiting);
    printf("  output      %" PRIu64 " bytes\n", r->output_bytes);
    if (view->run)
        print_run(view->run);
    return status;
}

/* Text on one line: what would move a terminal's cursor or end a column becomes a blank. */
static void print_line_text(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
}

/* In parentheses, what is known of its last run: "attempt 3, 2.501 s". Of one that was not alone in
 * its batch it is known how long that ran. */
static void print_how(const fan_results_failure *f)
{
    if (f->attempt > 1)
        printf(" (attempt %" PRIu32 "%s", f->attempt, f->seconds > 0 ? ", " : ")");
    else if (f->seconds > 0)
        fputs(" (", stdout);
    if (f->seconds > 0)
        printf("%s%.3f s)", f->batch > 1 ? "at most " : "", f->seconds);
}

static void failure_text(results_view *view, const fan_results_failure *f)
{
    if (!view->in_list)
        printf("  not ok:\n");
    view->in_list = true;
    fputs("    ", stdout);
    if (*f->file)
        print_line_text(f->file);
    if (*f->file && f->line)
        printf(":%" PRIu32, f->line);
    if (*f->file && f->line && f->column)
        printf(":%" PRIu32, f->column);
    printf("%sitem %" PRIu64 " %s", *f->file ? ": " : "", f->index, f->outcome);
    print_how(f);
    if (*f->text)
        fputs(": ", stdout);
    print_line_text(f->text);
    putchar('\n');
}

/* ---- TSV ---------------------------------------------------------------------------------------
 */

static void failure_tsv(const results_view *view, const fan_results_failure *f)
{
    print_line_text(view->output);
    printf("\t%" PRIu64 "\t%s\t%" PRIu32 "\t", f->index, f->outcome, f->attempt);
    print_line_text(f->file);
    printf("\t%" PRIu32 "\t%" PRIu32 "\t", f->line, f->column);
    print_line_text(f->text);
    if (f->seconds > 0)
        printf("\t%.6f\t%" PRIu32 "\n", f->seconds, f->batch);
    else
        printf("\t-\t-\n");
}

/* ---- NDJSON ------------------------------------------------------------------------------------
 */

/* A string; of one that is not UTF-8 the foreign bytes become '?'. NULL: out of memory. */
static json_t *any_string(const char *text)
{
    json_t *string = json_string(text);
    char *clean = string ? NULL : strdup(text);
    if (!clean)
        return string;
    for (char *at = clean; *at; at++)
        *at = (char)((unsigned char)*at < 0x80 ? *at : '?');
    string = json_string(clean);
    free(clean);
    return string;
}

/* Prints an object as a line and releases it; NULL: out of memory. */
static fan_status print_json(json_t *object)
{
    char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!line)
        return FAN_E_MEMORY;
    puts(line);
    free(line);
    return FAN_OK;
}

/* What a summary of shards has about them; NULL: out of memory. */
static json_t *shards_json(const results_view *view)
{
    const fan_results *r = &view->results;
    json_t *unfinished = json_array();
    for (size_t i = 0; unfinished && i < view->unfinished_count; i++)
        if (json_array_append_new(unfinished, json_integer((json_int_t)view->unfinished[i]))) {
            json_decref(unfinished);
            return NULL;
        }
    return json_pack("{s:I, s:I, s:I, s:o}", "count", (json_int_t)r->shards, "begun",
                     (json_int_t)r->shards_begun, "finished", (json_int_t)r->shards_finished,
                     "not_finished", unfinished);
}

static fan_status summary_ndjson(const results_view *view)
{
    const fan_results *r = &view->results;
    json_t *object = json_pack(
        "{s:s, s:s, s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
        "schema", "fanfold.results/1", "record", "summary", "output", any_string(view->output),
        "finished", r->finished, "done", (json_int_t)r->done, "items", (json_int_t)r->items, "ok",
        (json_int_t)r->ok, "failed", (json_int_t)r->failed, "lost", (json_int_t)r->lost,
        "timed_out", (json_int_t)r->timed_out, "cancelled", (json_int_t)r->cancelled, "bad_inputs",
        (json_int_t)r->bad_inputs, "output_bytes", (json_int_t)r->output_bytes, "waiting",
        (json_int_t)r->waiting, "retries", (json_int_t)r->retries, "run",
        view->run ? json_incref(view->run) : json_null());
    if (object && r->shards && json_object_set_new(object, "shards", shards_json(view))) {
        json_decref(object);
        return FAN_E_MEMORY;
    }
    return print_json(object);
}

static fan_status failure_ndjson(const results_view *view, const fan_results_failure *f)
{
    bool timed = f->seconds > 0;
    return print_json(json_pack(
        "{s:s, s:s, s:o, s:I, s:s, s:I, s:o, s:I, s:I, s:o, s:o, s:o}", "schema",
        "fanfold.results/1", "record", "failure", "output", any_string(view->output), "index",
        (json_int_t)f->index, "outcome", f->outcome, "attempt", (json_int_t)f->attempt, "file",
        any_string(f->file), "line", (json_int_t)f->line, "column", (json_int_t)f->column, "text",
        any_string(f->text), "seconds", timed ? json_real(f->seconds) : json_null(), "batch",
        timed ? json_integer((json_int_t)f->batch) : json_null()));
}

/* ---- All formats -------------------------------------------------------------------------------
 */

void results_print_header(const char *format)
{
    if (strcmp(format, "tsv") == 0)
        puts("output\tindex\toutcome\tattempt\tfile\tline\tcolumn\ttext\tseconds\tbatch");
}

fan_status results_print_summary(results_view *view)
{
    if (strcmp(view->format, "ndjson") == 0)
        return summary_ndjson(view);
    return strcmp(view->format, "text") == 0 ? summary_text(view) : FAN_OK;
}

fan_status results_print_failure(results_view *view, const fan_results_failure *failure)
{
    if (strcmp(view->format, "ndjson") == 0)
        return failure_ndjson(view, failure);
    if (strcmp(view->format, "text") == 0)
        failure_text(view, failure);
    else
        failure_tsv(view, failure);
    return FAN_OK;
}
