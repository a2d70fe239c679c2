/* What a list job costs beside its task: its reader with all that is remembered of an item, and
 * its way back, from a record in a worker to a line of a file with a journal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fanfold/fanfold.h"
#include "job/list.h"
#include "job/places.h"
#include "job/record.h"
#include "stage.h"

enum { NUMBERS = 5000000, RECORD_BYTES = 128000000, QUICK_SHARE = 1000, BUFFER = 1 << 16 };

static const double PER_MB = 1e-6;

/* MB/s of so many bytes in so many nanoseconds. */
static double rate(size_t bytes, double ns)
{
    return (double)bytes * PER_MB / (ns * 1e-9);
}

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct list {
    const char *name;
    uint64_t (*number)(uint64_t *state, uint64_t i);
    int fd;
    size_t count, bytes;
    uint64_t sum;
} list;

static uint64_t consecutive(uint64_t *state, uint64_t i)
{
    (void)state;
    return i + 1;
}

static uint64_t random_32(uint64_t *state, uint64_t i)
{
    (void)i;
    return bench_random(state) >> 32;
}

static uint64_t random_64(uint64_t *state, uint64_t i)
{
    (void)i;
    return bench_random(state);
}

static void make_list(list *l)
{
    char buffer[BUFFER];
    size_t used = 0;
    uint64_t state = 7;
    l->fd = stage_file();
    for (size_t i = 0; i < l->count; i++) {
        uint64_t n = l->number(&state, i);
        l->sum += n;
        used += (size_t)snprintf(buffer + used, sizeof buffer - used, "%" PRIu64 "\n", n);
        if (used > BUFFER - 32 || i + 1 == l->count) {
            stage_write(l->fd, buffer, used);
            l->bytes += used;
            used = 0;
        }
    }
}

static uint64_t parse(const fan_items *items)
{
    uint64_t sum = 0, value;
    for (size_t i = 0; i < items->count; i++) {
        fani_number number;
        size_t size, bad;
        const unsigned char *token = fan_items_at(items, i, &size);
        if (!fani_plain_u64(token, size, &value) &&
            !(fani_number_scan(token, size, false, &number, &bad) &&
              fani_number_u64(&number, &value)))
            bench_fail("a number was not read");
        sum += value;
    }
    return sum;
}

/* As list.c reads and the task of factor parses: the places of the items are kept for messages
 * until the items are done. */
static double read_list(const list *l)
{
    const fani_reader_options options = {.unit = FANI_UNIT_TOKEN};
    fani_places *places = fani_places_new();
    fani_reader *reader = NULL;
    uint64_t sum = 0;
    fan_items items;
    fan_error error = {0};
    if (lseek(l->fd, 0, SEEK_SET) || !places || fani_reader_new(&options, &reader) != FAN_OK ||
        fani_reader_add_fd(reader, l->fd, l->name) != FAN_OK)
        bench_fail("no reader");
    double begun = bench_thread_ns();
    for (;;) {
        if (fani_reader_pull(reader, 4096, 1 << 20, true, &items, &error) != FAN_OK)
            bench_fail("%s", error.text);
        if (!items.count)
            break;
        if (fani_places_keep(places, reader, &items) != FAN_OK)
            bench_fail("no memory for places");
        sum += parse(&items);
        fani_places_drop(places, items.first, items.count);
    }
    double ns = bench_thread_ns() - begun;
    if (sum != l->sum)
        bench_fail("the numbers of %s are wrong", l->name);
    fani_reader_free(reader);
    fani_places_free(places);
    return ns;
}

static void hold_reading(const bench_options *o)
{
    list lists[] = {{.name = "1, 2, 3, ...", .number = consecutive},
                    {.name = "random, 32 bits", .number = random_32},
                    {.name = "random, 64 bits", .number = random_64}};
    enum { LISTS = sizeof lists / sizeof *lists };
    static double ns[LISTS][STAGE_REPETITIONS_MAX];
    bench_table *table = bench_table_new("numbers read and parsed, one core", 1,
                                         "numbers\tbytes each\tCPU ns each\tspread %\tMB/s\tasked");
    for (size_t i = 0; i < LISTS; i++) {
        lists[i].count = o->quick ? NUMBERS / QUICK_SHARE : NUMBERS;
        make_list(&lists[i]);
    }
    for (unsigned n = 0; n < o->repetitions; n++)
        for (size_t i = 0; i < LISTS; i++)
            ns[i][n] = read_list(&lists[i]);
    for (size_t i = 0; i < LISTS; i++) {
        const list *l = &lists[i];
        double median = bench_median(ns[i], o->repetitions);
        bench_table_row(table, "%s\t%.1f\t%.1f\t%.0f\t%.0f\t300", l->name,
                        (double)l->bytes / (double)l->count, median / (double)l->count,
                        100 * bench_spread(ns[i], o->repetitions), rate(l->bytes, median));
        (void)close(l->fd); /* it has no name: it is gone */
    }
    bench_table_print(table, o);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* "token: token", for each token of the input: a record like those of factor. */
static fan_status echo_run(fan_run *run, fan_items in)
{
    fani_list_args args = fani_record_args(run);
    fan_buffer scratch = {0};
    fan_status status = FAN_OK;
    for (size_t i = 0; i < in.count && status == FAN_OK; i++) {
        size_t size;
        const unsigned char *token = fan_items_at(&in, i, &size);
        fani_number subject = {.digits = token, .size = size};
        fani_record record = {.task = "factor",
                              .name = "echo",
                              .subject = &subject,
                              .subject_text = true,
                              .value = (const char *)token,
                              .value_size = size};
        status = fani_record_reply(run, i, in.first + i, &args, &record, &scratch);
    }
    fan_buffer_clear(&scratch);
    return status;
}

static const fan_task echo_task = {.name = "bench-echo", .version = 1, .run = echo_run};
static const fani_list echo_list = {.name = "factor",
                                    .task = &echo_task,
                                    .unit = FANI_UNIT_TOKEN,
                                    .columns = "index\tn\techo\tstatus\ttext\n",
                                    .value_columns = 2};

static fan_status run_echo(fani_job_run *run, fan_error *error)
{
    return fani_list_run(run, &echo_list, error);
}

/* It goes by the name of factor, whose keys it has. */
static const fani_job_kind echo_kind = {.name = "factor", .run = run_echo};

typedef struct results {
    const char *executor;
    bool journal;
    size_t token; /* bytes of a token of the input: a record has twice as many, and 3 */
    fan_executor *opened;
    double cpu[STAGE_REPETITIONS_MAX], wall[STAGE_REPETITIONS_MAX];
} results;

typedef struct folder {
    char path[512], input[600], output[600];
} folder;

static void make_input(const folder *f, size_t token, size_t count)
{
    char text[256];
    FILE *file = fopen(f->input, "w");
    memset(text, '7', token);
    text[token] = '\n';
    for (size_t i = 0; file && i < count; i++)
        if (fwrite(text, token + 1, 1, file) != 1)
            bench_fail("%s can't be written", f->input);
    if (!file || fclose(file))
        bench_fail("%s can't be written", f->input);
}

static void set(fan_job *job, const char *key, const char *value)
{
    fan_error error = {0};
    if (fan_job_set(job, key, value, &error) != FAN_OK)
        bench_fail("%s: %s", key, error.text);
}

/* One job, from opening its output to its name in its folder. */
static void write_results(const folder *f, results *r, size_t count, unsigned n)
{
    fan_job *job = NULL;
    fan_job_result result;
    fan_error error = {0};
    if (fan_job_new("factor", &job, &error) != FAN_OK)
        bench_fail("%s", error.text);
    job->kind = &echo_kind;
    set(job, "input", f->input);
    set(job, "output", f->output);
    set(job, r->journal ? "restart" : "no-journal", "true");
    double cpu = bench_process_ns(), wall = bench_wall_ns();
    if (fan_job_run(job, r->opened, &(fan_job_events){.output_fd = STDOUT_FILENO}, &result,
                    &error) != FAN_OK)
        bench_fail("a job failed: %s", error.text);
    r->cpu[n] = bench_process_ns() - cpu;
    r->wall[n] = bench_wall_ns() - wall;
    if (result.output_bytes != count * (2 * r->token + 3) || result.summary.ok != count)
        bench_fail("a job wrote %" PRIu64 " bytes", result.output_bytes);
    fan_job_free(job);
}

static void make_folder(folder *f)
{
    const char *parent = getenv("TMPDIR");
    snprintf(f->path, sizeof f->path, "%s/fanfold-bench-XXXXXX",
             parent && *parent ? parent : "/tmp");
    if (!mkdtemp(f->path))
        bench_fail("no folder %s", f->path);
    snprintf(f->input, sizeof f->input, "%s/input", f->path);
    snprintf(f->output, sizeof f->output, "%s/output", f->path);
}

/* What jobs leave beside their output too. */
static void remove_folder(const folder *f)
{
    static const char *const ends[] = {"", ".journal", ".run.json"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[700];
        snprintf(path, sizeof path, "%s%s", f->output, ends[i]);
        (void)unlink(path); /* what stays is seen by rmdir */
    }
    if (unlink(f->input) || rmdir(f->path))
        bench_fail("%s can't be removed", f->path);
}

static void hold_writing(const bench_options *o)
{
    results rows[] = {{.executor = "serial", .token = 14},
                      {.executor = "serial", .journal = true, .token = 14},
                      {.executor = "threads", .journal = true, .token = 14},
                      {.executor = "serial", .journal = true, .token = 150},
                      {.executor = "threads", .journal = true, .token = 150}};
    enum { ROWS = sizeof rows / sizeof *rows };
    size_t total = o->quick ? RECORD_BYTES / QUICK_SHARE : RECORD_BYTES;
    bench_table *table = bench_table_new(
        "results written, from record to the name in the folder", 2,
        "executor\tjournal\tbytes each\tCPU ns each\tspread %\tMB/s of CPU\tMB/s\tasked");
    folder f;
    make_folder(&f);
    for (size_t i = 0; i < ROWS; i++) {
        fan_executor_options how = {.kind = rows[i].executor, .workers = o->workers};
        if (fan_executor_open(&how, &rows[i].opened, NULL) != FAN_OK)
            bench_fail("%s does not open", rows[i].executor);
    }
    for (unsigned n = 0; n < o->repetitions; n++)
        for (size_t i = 0; i < ROWS; i++) {
            size_t count = total / (2 * rows[i].token + 3);
            make_input(&f, rows[i].token, count);
            write_results(&f, &rows[i], count, n);
        }
    for (size_t i = 0; i < ROWS; i++) {
        results *r = &rows[i];
        size_t each = 2 * r->token + 3, count = total / each;
        double cpu = bench_median(r->cpu, o->repetitions);
        double wall = bench_median(r->wall, o->repetitions);
        bench_table_row(table, "%s\t%s\t%zu\t%.0f\t%.0f\t%.0f\t%.0f\t300", r->executor,
                        r->journal ? "yes" : "no", each, cpu / (double)count,
                        100 * bench_spread(r->cpu, o->repetitions), rate(count * each, cpu),
                        rate(count * each, wall));
        if (fan_executor_close(r->opened, FAN_CLOSE_DRAIN, FAN_FOREVER) != FAN_OK)
            bench_fail("%s does not close", r->executor);
    }
    bench_table_print(table, o);
    remove_folder(&f);
}

void stage_lists(const bench_options *options)
{
    hold_reading(options);
    hold_writing(options);
}
