/* An executor as a stage of a pipeline. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract.h"
#include "fanfold/stage.h"
#include "tasks.h"

enum { WAIT_MS = 120000, ITEMS = 60 };

typedef struct parcel {
    uint64_t number;
    char reply[32];
    bool fetched, stored;
} parcel;

static fan_status fetch(const fan_step *step, void **item, fan_error *error)
{
    parcel *p = *item;
    (void)error;
    p->number = step->index;
    p->fetched = true;
    return FAN_OK;
}

static fan_status store(const fan_step *step, void **item, fan_error *error)
{
    parcel *p = *item;
    (void)error;
    (void)step;
    EXPECT_TRUE(p->reply[0]);
    p->stored = true;
    return FAN_OK;
}

static fan_status give_number(void *user, void *item, const void **bytes, size_t *size,
                              fan_error *error)
{
    const parcel *p = item;
    (void)user;
    (void)error;
    EXPECT_TRUE(p->fetched);
    *bytes = &p->number;
    *size = sizeof p->number;
    return FAN_OK;
}

static fan_status take_text(void *user, void **item, const fan_outcome *outcome, fan_error *error)
{
    parcel *p = *item;
    (void)user;
    (void)error;
    snprintf(p->reply, sizeof p->reply, "%.*s", (int)outcome->size, (const char *)outcome->bytes);
    return FAN_OK;
}

static void expect_passed(const fan_passed *passed, const parcel *parcels)
{
    uint64_t last_digit = passed->index % 10;
    const parcel *p = passed->item;
    char text[32];
    EXPECT_TRUE(p == &parcels[passed->index]);
    snprintf(text, sizeof text, "%d", (int)passed->index);
    if (last_digit >= 3 && last_digit <= 5) { /* task_moody's */
        EXPECT_I64(passed->kind, FAN_OUTCOME_FAILED);
        EXPECT_I64(passed->status, FAN_E_FAILED);
        EXPECT_STR(passed->stage_name, "compute");
        if (last_digit == 3)
            EXPECT_CONTAINS(passed->error->text, "bad");
        EXPECT_TRUE(!p->stored);
    } else {
        EXPECT_I64(passed->kind, FAN_OUTCOME_OK);
        EXPECT_STR(p->reply, text);
        EXPECT_TRUE(p->stored);
    }
}

static void pass_through(fan_executor *executor, void *context)
{
    (void)context;
    fan_pipeline *pipeline;
    fan_passed passed;
    parcel *parcels = calloc(ITEMS, sizeof *parcels);
    fan_stage_task with = {
        .executor = executor, .task = &task_moody, .input = give_number, .reply = take_text};
    fan_stage stages[3] = {{.name = "fetch", .run = fetch, .workers = 2},
                           fan_stage_on_executor("compute", 3, &with),
                           {.name = "store", .run = store, .workers = 2}};
    ASSERT_TRUE(parcels);
    ASSERT_I64(
        fan_pipeline_open(stages, 3, &(fan_pipeline_options){.window = ITEMS}, &pipeline, NULL),
        FAN_OK);
    for (int i = 0; i < ITEMS; i++)
        EXPECT_I64(fan_pipeline_put(pipeline, &parcels[i], fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    fan_pipeline_end(pipeline);
    uint64_t count = 0;
    while (fan_pipeline_get(pipeline, fan_deadline_in_ms(WAIT_MS), &passed) == FAN_OK) {
        EXPECT_U64(passed.index, count++);
        expect_passed(&passed, parcels);
    }
    EXPECT_U64(count, ITEMS);
    EXPECT_I64(fan_pipeline_close(pipeline, FAN_CLOSE_DRAIN, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    free(parcels);
}

CONTRACT(executor_as_a_stage)
{
    if (!target->any_thread)
        SKIP("the stage's own threads make the calls");
    contract_with(target, (fan_executor_options){.workers = 2}, pass_through, NULL);
}

static void stop_while_it_runs(fan_executor *executor, void *context)
{
    (void)context;
    fan_pipeline *pipeline;
    fan_passed passed;
    parcel parcels[3] = {0};
    fan_stage_task with = {
        .executor = executor, .task = &task_obey, .input = give_number, .reply = take_text};
    fan_stage stage = fan_stage_on_executor("wait", 1, &with);
    ASSERT_I64(fan_pipeline_open(&stage, 1, &(fan_pipeline_options){.window = 3}, &pipeline, NULL),
               FAN_OK);
    for (int i = 0; i < 2; i++) { /* one runs, for ever, one waits */
        parcels[i] = (parcel){.number = WAIT_MS, .fetched = true};
        EXPECT_I64(fan_pipeline_put(pipeline, &parcels[i], fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    }
    fan_executor_stats stats = {0};
    fan_deadline limit = fan_deadline_in_ms(WAIT_MS);
    while (!stats.items_submitted && fan_deadline_in_ms(0) < limit)
        EXPECT_I64(fan_executor_get_stats(executor, &stats), FAN_OK);
    fan_pipeline_stop(pipeline);
    for (int i = 0; i < 2; i++) {
        ASSERT_I64(fan_pipeline_get(pipeline, limit, &passed), FAN_OK);
        EXPECT_I64(passed.kind, FAN_OUTCOME_CANCELLED);
    }
    EXPECT_I64(fan_pipeline_close(pipeline, FAN_CLOSE_DRAIN, limit), FAN_OK);
}

CONTRACT(executor_as_a_stage_is_stopped)
{
    if (!target->any_thread)
        SKIP("the stage's own threads make the calls");
    contract_with(target, (fan_executor_options){.workers = 1}, stop_while_it_runs, NULL);
}

/* ---- Files as the items of a map --------------------------------------------------------------
 */

enum { FILES = 30, MISSING = 7 };

typedef struct told {
    char folder[64];
    unsigned bad, ok;
    uint64_t last;
} told;

static void on_bad(void *user, const fan_file *file)
{
    told *t = user;
    EXPECT_U64(file->index, MISSING);
    EXPECT_I64(file->error->status, FAN_E_INPUT);
    t->bad++;
}

static fan_status on_echo(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    told *t = user;
    char text[64];
    (void)error;
    for (size_t i = 0; i < count; i++) {
        size_t size = (size_t)snprintf(text, sizeof text, "text %d", (int)outcomes[i].index);
        EXPECT_I64(outcomes[i].kind, FAN_OUTCOME_OK);
        EXPECT_U64(outcomes[i].size, size);
        EXPECT_TRUE(outcomes[i].size == size && !memcmp(outcomes[i].bytes, text, size));
        EXPECT_TRUE(!t->ok || outcomes[i].index > t->last);
        t->last = outcomes[i].index;
        t->ok++;
    }
    return FAN_OK;
}

static void map_files(fan_executor *executor, void *context)
{
    told *t = context;
    fan_error error;
    for (int with_bad = 1; with_bad >= 0; with_bad--) {
        fan_files *files;
        t->ok = t->bad = 0;
        ASSERT_I64(fan_files_open(&(fan_files_options){.ahead_files = 4,
                                                       .bad = with_bad ? on_bad : NULL,
                                                       .bad_user = t},
                                  &files, &error),
                   FAN_OK);
        for (int i = 0; i < FILES; i++) {
            char path[128];
            snprintf(path, sizeof path, "%s/%d", t->folder, i);
            EXPECT_I64(fan_files_add(files, path), FAN_OK);
        }
        fan_status status = fan_map(executor, &task_echo, fan_files_source(files),
                                    fan_sink_callback(on_echo, t), NULL, NULL);
        EXPECT_I64(status, with_bad ? FAN_OK : FAN_E_INPUT);
        EXPECT_U64(t->bad, with_bad ? 1 : 0);
        if (with_bad)
            EXPECT_U64(t->ok, FILES - 1);
        EXPECT_I64(fan_files_close(files, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    }
}

/* From files to files: the replies of a map go into shards. */
static void map_into_shards(fan_executor *executor, void *context)
{
    enum { SHARD = 8 };
    told *t = context;
    fan_files *files;
    fan_store *store;
    fan_error error;
    fan_store_stats stats = {0};
    char path[128];
    ASSERT_I64(fan_files_open(&(fan_files_options){.bad = on_bad, .bad_user = t}, &files, &error),
               FAN_OK);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%d", t->folder, i);
        EXPECT_I64(fan_files_add(files, path), FAN_OK);
    }
    snprintf(path, sizeof path, "%s/out", t->folder);
    ASSERT_I64(fan_store_open(&(fan_store_options){.folder = path,
                                                   .shard_items = SHARD,
                                                   .item_end = "\n",
                                                   .manifest = "LIST",
                                                   .packing = FAN_PACKING_ZSTD},
                              &store, &error),
               FAN_OK);
    EXPECT_I64(
        fan_map(executor, &task_echo, fan_files_source(files), fan_store_sink(store), NULL, NULL),
        FAN_OK);
    EXPECT_I64(fan_store_finish(store, &error), FAN_OK);
    EXPECT_I64(fan_store_get_stats(store, &stats), FAN_OK);
    EXPECT_U64(stats.items, FILES - 1);
    EXPECT_U64(stats.files, (FILES - 1 + SHARD - 1) / SHARD);
    fan_store_free(store);
    EXPECT_I64(fan_files_close(files, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
}

/* The first shard, unpacked, is the first texts; then all of them go. */
static void expect_shards(const told *t)
{
    char path[128];
    fan_files *files;
    fan_file file;
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/out/LIST", t->folder);
    ASSERT_I64(fan_files_open(NULL, &files, NULL), FAN_OK);
    EXPECT_I64(fan_files_add_manifest(files, path), FAN_OK);
    while (fan_files_next(files, fan_deadline_in_ms(WAIT_MS), &file) == FAN_OK) {
        const char first[] = "text 0\ntext 1\n", last[] = "text 28\ntext 29\n";
        size_t size = count ? sizeof last - 1 : sizeof first - 1;
        ASSERT_TRUE(!file.error && file.size > size);
        EXPECT_TRUE(count || !memcmp(file.bytes, first, size));
        EXPECT_TRUE(count < 3 || !memcmp(file.bytes + file.size - size, last, size));
        EXPECT_I64(unlink(file.name), 0);
        count++;
    }
    EXPECT_U64(count, 4);
    EXPECT_I64(fan_files_close(files, fan_deadline_in_ms(WAIT_MS)), FAN_OK);
    EXPECT_I64(unlink(path), 0);
    snprintf(path, sizeof path, "%s/out", t->folder);
    EXPECT_I64(rmdir(path), 0);
}

CONTRACT(files_are_items)
{
    told t = {.folder = "/tmp/fan_contract_XXXXXX"};
    char path[128];
    ASSERT_TRUE(mkdtemp(t.folder));
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%d", t.folder, i);
        FILE *file = i == MISSING ? NULL : fopen(path, "w");
        ASSERT_TRUE(file || i == MISSING);
        if (!file)
            continue;
        fprintf(file, "text %d", i);
        EXPECT_I64(fclose(file), 0);
    }
    contract_with(target, (fan_executor_options){.workers = 2}, map_files, &t);
    t.bad = 0;
    contract_with(target, (fan_executor_options){.workers = 2}, map_into_shards, &t);
    if (t.bad) /* not on ranks other than 0, which only serve */
        expect_shards(&t);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%d", t.folder, i);
        EXPECT_I64(unlink(path), i == MISSING ? -1 : 0);
    }
    EXPECT_I64(rmdir(t.folder), 0);
}
