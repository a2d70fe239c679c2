#include "contract/trace_file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

void trace_name(char path[static 64])
{
    snprintf(path, 64, "/tmp/fanfold-trace-%ld.json", (long)getpid());
}

static void copy_text(char *to, size_t size, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(to, size, "%s", text ? text : "");
}

static uint64_t number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        return strtoull(json_string_value(value), NULL, 10);
    return (uint64_t)json_integer_value(value);
}

static int64_t ns_of(const json_t *object, const char *key)
{
    return llround(json_number_value(json_object_get(object, key)) * 1000);
}

static void read_event(trace_event *e, const json_t *object)
{
    const json_t *args = json_object_get(object, "args");
    char category[16], phase[4];
    copy_text(category, sizeof category, object, "cat");
    copy_text(phase, sizeof phase, object, "ph");
    *e = (trace_event){.phase = phase[0],
                       .process = (int64_t)number_of(object, "pid"),
                       .thread = (int64_t)number_of(object, "tid"),
                       .begin_ns = ns_of(object, "ts"),
                       .run_ns = ns_of(object, "dur"),
                       .wait_ns = ns_of(args, "wait_us"),
                       .again = strcmp(category, "again") == 0,
                       .item = number_of(args, "item"),
                       .count = number_of(args, "count"),
                       .failed = number_of(args, "failed"),
                       .first_failed = number_of(args, "first_failed"),
                       .attempt = (unsigned)number_of(args, "attempt")};
    copy_text(e->name, sizeof e->name, object, "name");
    copy_text(e->outcome, sizeof e->outcome, args, "outcome");
    EXPECT_TRUE(strcmp(category, "again") == 0 || strcmp(category, "batch") == 0);
    EXPECT_TRUE(json_is_number(json_object_get(object, "ts")));
    EXPECT_TRUE(e->phase == 'i' || json_is_number(json_object_get(object, "dur")));
    EXPECT_TRUE(e->begin_ns >= 0);
    EXPECT_TRUE(e->run_ns >= 0);
    EXPECT_TRUE(json_is_number(json_object_get(args, "wait_us")) && e->wait_ns >= 0);
}

static void read_row(trace_row *row, const json_t *object)
{
    const json_t *args = json_object_get(object, "args");
    *row =
        (trace_row){.process = (int64_t)number_of(object, "pid"),
                    .thread = (int64_t)number_of(object, "tid"),
                    .rank = (unsigned)number_of(args, "rank"),
                    .worker = json_object_get(args, "worker") ? (unsigned)number_of(args, "worker")
                                                              : UINT32_MAX};
    copy_text(row->name, sizeof row->name, args, "name");
    copy_text(row->executor, sizeof row->executor, args, "executor");
    copy_text(row->host, sizeof row->host, args, "host");
}

static void read_events(trace_file *trace, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *object = json_array_get(list, i);
        char phase[4], name[32];
        copy_text(phase, sizeof phase, object, "ph");
        copy_text(name, sizeof name, object, "name");
        if (phase[0] == 'X' || (phase[0] == 'i' && json_object_get(object, "args")))
            read_event(&trace->events[trace->count++], object);
        else if (strcmp(name, "thread_name") == 0)
            read_row(&trace->rows[trace->row_count++], object);
        else
            EXPECT_TRUE(phase[0] == 'M' || phase[0] == 'i');
    }
}

static const trace_row *row_of(const trace_file *trace, const trace_event *event)
{
    const trace_row *found = NULL;
    for (size_t i = 0; i < trace->row_count; i++)
        if (trace->rows[i].process == event->process && trace->rows[i].thread == event->thread) {
            EXPECT_TRUE(!found); /* named once */
            found = &trace->rows[i];
        }
    return found;
}

static int by_row_and_time(const void *a, const void *b)
{
    const trace_event *x = a, *y = b;
    const int64_t keys[][2] = {
        {x->process, y->process}, {x->thread, y->thread}, {x->begin_ns, y->begin_ns}};
    for (size_t i = 0; i < 3; i++)
        if (keys[i][0] != keys[i][1])
            return keys[i][0] < keys[i][1] ? -1 : 1;
    return 0;
}

static void check_rows(trace_file *trace)
{
    qsort(trace->events, trace->count, sizeof *trace->events, by_row_and_time);
    for (size_t i = 0; i < trace->count && !shim_failed(); i++) {
        const trace_event *e = &trace->events[i], *before = e - 1;
        const trace_row *row = row_of(trace, e);
        EXPECT_TRUE(row != NULL);
        EXPECT_TRUE(row && row->host[0] && row->executor[0]);
        if (i > 0 && before->process == e->process && before->thread == e->thread &&
            e->phase == 'X' && before->phase == 'X')
            EXPECT_TRUE(e->begin_ns >= before->begin_ns + before->run_ns);
    }
}

bool trace_read(const char *path, trace_file *trace)
{
    json_error_t why = {.text = ""};
    *trace = (trace_file){.count = 0};
    json_t *all = json_load_file(path, 0, &why);
    SHIM_CHECK(all, return false, "%s:%d: %s", path, why.line, why.text);
    unlink(path);
    const json_t *list = json_object_get(all, "traceEvents");
    const json_t *other = json_object_get(all, "otherData");
    const json_t *clocks = json_object_get(other, "shifted_clocks");
    size_t size = json_array_size(list) + 1;
    trace->events = calloc(size, sizeof *trace->events);
    trace->rows = calloc(size, sizeof *trace->rows);
    EXPECT_TRUE(json_is_array(list) && json_is_array(clocks));
    EXPECT_TRUE(trace->events && trace->rows);
    if (trace->events && trace->rows)
        read_events(trace, list);
    trace->dropped = number_of(other, "dropped_batches");
    for (size_t i = 0; i < json_array_size(clocks); i++)
        trace->shift_ns = (int64_t)number_of(json_array_get(clocks, i), "shift_ns");
    json_decref(all);
    check_rows(trace);
    return !shim_failed();
}

void trace_clear(trace_file *trace)
{
    free(trace->events);
    free(trace->rows);
    *trace = (trace_file){.count = 0};
}

void trace_expect_items(const trace_file *trace, const char *task, uint64_t first, uint64_t count,
                        bool with_worker)
{
    unsigned char *seen = calloc(count + 1, 1);
    ASSERT_TRUE(seen != NULL);
    for (size_t i = 0; i < trace->count; i++) {
        const trace_event *e = &trace->events[i];
        const trace_row *row = row_of(trace, e);
        if (strcmp(e->name, task) != 0 || e->again)
            continue;
        EXPECT_TRUE(e->attempt >= 1);
        if (with_worker)
            EXPECT_TRUE(e->phase == 'X' && row && row->worker != UINT32_MAX);
        for (uint64_t k = 0; k < e->count; k++) {
            uint64_t at = e->item + k - first;
            SHIM_CHECK(at < count, break, "item %llu is in the trace", (unsigned long long)e->item);
            seen[at]++;
        }
    }
    for (uint64_t k = 0; k < count; k++)
        SHIM_CHECK(seen[k] == 1, break, "item %llu is %d times in the trace",
                   (unsigned long long)(first + k), seen[k]);
    free(seen);
}
