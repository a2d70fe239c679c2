/* Traces: making the file. Twice over the records: first for what is to be added to the clocks of
 * other hosts, then for the events. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "exec/trace_record.h"

enum {
    NAME_MAX_BYTES = 200, /* of a name that is shown */
    LINE_SIZE = 4096,     /* room for a line of three such names, each byte as \u00xx */
    ROWS_FIRST = 64,      /* places for rows, to begin with; a power of two */
    PROCESS = -1,         /* a row's thread where the row stands for its process */
    NS_PER_US = 1000,
};
static const uint64_t exact_in_double = UINT64_C(1) << 53;

/* A row of the trace, or a process, that has its name. */
typedef struct row {
    int64_t process;
    int64_t thread;
    bool taken;
} row;

typedef struct format {
    const fani_trace_content *content;
    fani_writer *writer;
    char line[LINE_SIZE];
    size_t used;
    bool any; /* an event stands before this one */
    row *rows;
    size_t places, taken;
    int64_t own_pid;
} format;

/* ---- Text ---------------------------------------------------------------------------------- */

static void put(format *f, const char *text)
{
    size_t size = strlen(text);
    memcpy(f->line + f->used, text, size);
    f->used += size;
}

static void put_u64(format *f, uint64_t value)
{
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(f->line + f->used, digits + n, sizeof digits - n);
    f->used += sizeof digits - n;
}

static void put_i64(format *f, int64_t value)
{
    if (value < 0)
        put(f, "-");
    put_u64(f, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* An index: what a double can't hold is a string. */
static void put_index(format *f, uint64_t value)
{
    const char *quote = value > exact_in_double ? "\"" : "";
    put(f, quote);
    put_u64(f, value);
    put(f, quote);
}

/* Nanoseconds as microseconds with three digits behind the point. */
static void put_us(format *f, int64_t ns)
{
    uint64_t value = ns > 0 ? (uint64_t)ns : 0;
    unsigned rest = (unsigned)(value % NS_PER_US);
    put_u64(f, value / NS_PER_US);
    const char digits[] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                           (char)('0' + rest % 10), '\0'};
    put(f, digits);
}

/* Bytes of the well-formed UTF-8 character at `at`, short of surrogates and overlong forms; 0: it
 * is none. */
static size_t character(const unsigned char *at, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : 4;
    if (size == 1)
        return 1;
    if (size > left || (size == 4 && at[0] >> 3 != 30))
        return 0;
    uint32_t value = at[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        value = value << 6 | (at[i] & 0x3F);
    }
    bool surrogate = value >= 0xD800 && value < 0xE000;
    return value < least[size] || value > 0x10FFFF || surrogate ? 0 : size;
}

/* A name inside quotes, cut where it is long; bytes that are no text become '?'. */
static void put_name(format *f, const char *name)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *at = (const unsigned char *)name;
    size_t left = strnlen(name, NAME_MAX_BYTES);
    while (left) {
        size_t size = character(at, left);
        if (size == 0) {
            put(f, "?");
            size = 1;
        } else if (at[0] < ' ' || at[0] == '"' || at[0] == '\\') {
            const char escaped[] = {'\\', 'u', '0', '0', hex[at[0] >> 4], hex[at[0] & 15], '\0'};
            put(f, escaped);
        } else {
            memcpy(f->line + f->used, at, size);
            f->used += size;
        }
        at += size;
        left -= size;
    }
}

static void begin_event(format *f)
{
    f->used = 0;
    put(f, f->any ? ",\n{\"ph\":\"" : "{\"ph\":\"");
    f->any = true;
}

static fan_status end_line(format *f, fan_error *error)
{
    return fani_writer_add(f->writer, f->line, f->used, error);
}

/* ---- Rows ---------------------------------------------------------------------------------- */

static row *place_of(row *rows, size_t places, int64_t process, int64_t thread)
{
    uint64_t hash = ((uint64_t)process << 32 ^ (uint64_t)thread) * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(hash >> 32) & (places - 1);
    while (rows[i].taken && (rows[i].process != process || rows[i].thread != thread))
        i = (i + 1) & (places - 1);
    return &rows[i];
}

static bool grow(format *f)
{
    size_t places = f->places ? 2 * f->places : ROWS_FIRST;
    row *rows = calloc(places, sizeof *rows);
    if (!rows)
        return false;
    for (size_t i = 0; i < f->places; i++)
        if (f->rows[i].taken)
            *place_of(rows, places, f->rows[i].process, f->rows[i].thread) = f->rows[i];
    free(f->rows);
    f->rows = rows;
    f->places = places;
    return true;
}

/* Whether a row is new; it is not afterwards. FAN_E_MEMORY. */
static fan_status is_new(format *f, int64_t process, int64_t thread, bool *new_row,
                         fan_error *error)
{
    if (2 * f->taken >= f->places && !grow(f))
        return fani_error_set(error, FAN_E_MEMORY, "no memory for a trace");
    row *place = place_of(f->rows, f->places, process, thread);
    *new_row = !place->taken;
    f->taken += *new_row;
    *place = (row){.process = process, .thread = thread, .taken = true};
    return FAN_OK;
}

/* Where a record stands, and who that is. */
typedef struct position {
    const fani_trace_source *source;
    const fani_trace_record *record;
    const char *host;
    unsigned rank;
    int64_t process, thread;
    bool worker_known;
} position;

static position position_of(const format *f, const fani_trace_record *record)
{
    const fani_trace_source *source = f->content->sources[record->source];
    position p = {.source = source,
                  .record = record,
                  .rank = record->where.rank < source->ranks ? record->where.rank : 0,
                  .worker_known = record->where.pid != 0};
    p.host = source->hosts + (size_t)p.rank * FANI_TRACE_HOST_SIZE;
    p.process = source->over_ranks ? (int64_t)p.rank
                : p.worker_known   ? record->where.pid
                                   : f->own_pid;
    p.thread = p.worker_known ? record->where.thread : 0;
    return p;
}

static void put_place(format *f, const position *p)
{
    put(f, "\",\"pid\":");
    put_i64(f, p->process);
    put(f, ",\"tid\":");
    put_i64(f, p->thread);
}

static fan_status name_process(format *f, const position *p, fan_error *error)
{
    begin_event(f);
    put(f, "M\",\"pid\":");
    put_i64(f, p->process);
    put(f, ",\"name\":\"process_name\",\"args\":{\"name\":\"");
    if (p->source->over_ranks) {
        put(f, "rank ");
        put_u64(f, p->rank);
    } else {
        put_name(f, p->source->name);
    }
    put(f, " on ");
    put_name(f, p->host);
    put(f, "\"}}");
    return end_line(f, error);
}

static fan_status name_row(format *f, const position *p, fan_error *error)
{
    const fani_where *where = &p->record->where;
    begin_event(f);
    put(f, "M");
    put_place(f, p);
    put(f, ",\"name\":\"thread_name\",\"args\":{\"name\":\"");
    put_name(f, p->source->name);
    if (p->worker_known) {
        put(f, " worker ");
        put_u64(f, where->worker);
    } else {
        put(f, ": no worker");
    }
    put(f, "\",\"executor\":\"");
    put_name(f, p->source->name);
    put(f, "\",\"host\":\"");
    put_name(f, p->host);
    put(f, "\",\"rank\":");
    put_u64(f, p->rank);
    if (p->worker_known) {
        put(f, ",\"worker\":");
        put_u64(f, where->worker);
        put(f, ",\"process\":");
        put_i64(f, where->pid);
        put(f, ",\"thread\":");
        put_i64(f, where->thread);
    }
    put(f, "}},\n{\"ph\":\"M");
    put_place(f, p);
    put(f, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":");
    put_u64(f, p->worker_known ? where->worker : UINT32_MAX);
    put(f, "}}");
    return end_line(f, error);
}

static fan_status name_new(format *f, const position *p, fan_error *error)
{
    bool new_process = false, new_row = false;
    fan_status status = is_new(f, p->process, p->thread, &new_row, error);
    if (status == FAN_OK && new_row)
        status = is_new(f, p->process, PROCESS, &new_process, error);
    if (status == FAN_OK && new_process)
        status = name_process(f, p, error);
    if (status == FAN_OK && new_row)
        status = name_row(f, p, error);
    return status;
}

/* ---- Events -------------------------------------------------------------------------------- */

static void put_arguments(format *f, const fani_trace_record *r, int64_t wait_ns)
{
    put(f, ",\"args\":{\"item\":");
    put_index(f, r->first);
    put(f, ",\"count\":");
    put_u64(f, r->count);
    put(f, ",\"attempt\":");
    put_u64(f, r->attempt);
    put(f, ",\"wait_us\":");
    put_us(f, wait_ns);
    if (r->failed) {
        put(f, ",\"outcome\":\"");
        put(f, fan_outcome_name((fan_outcome_kind)(r->flags & ~FANI_TRACE_AGAIN)));
        put(f, "\",\"failed\":");
        put_u64(f, r->failed);
        put(f, ",\"first_failed\":");
        put_index(f, r->first + r->first_failed);
    }
    put(f, "}}");
}

static fan_status format_event(format *f, const fani_trace_record *r, fan_error *error)
{
    position p = position_of(f, r);
    fan_status status = name_new(f, &p, error);
    if (status != FAN_OK)
        return status;
    bool ran = r->begun_ns && p.worker_known;
    int64_t begun = ran ? r->begun_ns + p.source->clocks[p.rank].least : r->posted_ns;
    begin_event(f);
    put(f, ran ? "X" : "i");
    put_place(f, &p);
    put(f, ",\"ts\":");
    put_us(f, begun - f->content->base_ns);
    if (ran) {
        put(f, ",\"dur\":");
        put_us(f, (int64_t)r->run_ns);
    } else {
        put(f, ",\"s\":\"t\"");
    }
    put(f, r->flags & FANI_TRACE_AGAIN ? ",\"cat\":\"again\",\"name\":\""
                                       : ",\"cat\":\"batch\",\"name\":\"");
    put_name(f, r->task);
    put(f, "\"");
    put_arguments(f, r, begun - r->posted_ns);
    return end_line(f, error);
}

static fan_status format_events(void *user, const fani_trace_record *records, size_t count,
                                fan_error *error)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count && status == FAN_OK; i++)
        status = format_event(user, &records[i], error);
    return status;
}

/* ---- Clocks -------------------------------------------------------------------------------- */

/* A run began after it was handed out and ended before rank 0 knew: what is to be added to its
 * rank's clock lies between. */
static fan_status look_at_clocks(void *user, const fani_trace_record *records, size_t count,
                                 fan_error *error)
{
    (void)error;
    const format *f = user;
    for (size_t i = 0; i < count; i++) {
        const fani_trace_record *r = &records[i];
        const fani_trace_source *source = f->content->sources[r->source];
        if (!r->ended_ns || !r->begun_ns || r->where.rank >= source->ranks)
            continue;
        fani_trace_clock *clock = &source->clocks[r->where.rank];
        int64_t least = r->posted_ns - r->begun_ns;
        int64_t most = r->ended_ns - (r->begun_ns + (int64_t)r->run_ns);
        if (!clock->known || least > clock->least)
            clock->least = least;
        if (!clock->known || most < clock->most)
            clock->most = most;
        clock->known = true;
    }
    return FAN_OK;
}

/* Leaves in `least` what to add, in `most` by how much that may be wrong. Nothing where the clock
 * may be the same one: on the same host it is. */
static void settle_clock(fani_trace_clock *clock)
{
    bool same = !clock->known || (clock->least <= 0 && clock->most >= 0);
    int64_t between = clock->most > clock->least ? clock->most - clock->least : 0;
    clock->least = same ? 0 : clock->least + between / 2;
    clock->most = same ? 0 : between - between / 2;
    clock->known = !same;
}

/* ---- The file ------------------------------------------------------------------------------ */

static fan_status format_clocks(format *f, fan_error *error)
{
    fan_status status = FAN_OK;
    const char *separator = "";
    for (unsigned s = 0; s < f->content->source_count; s++)
        for (unsigned r = 0; r < f->content->sources[s]->ranks && status == FAN_OK; r++) {
            const fani_trace_clock *clock = &f->content->sources[s]->clocks[r];
            if (!clock->known)
                continue;
            f->used = 0;
            put(f, separator);
            put(f, "{\"rank\":");
            put_u64(f, r);
            put(f, ",\"shift_ns\":");
            put_i64(f, clock->least);
            put(f, ",\"may_be_wrong_by_ns\":");
            put_i64(f, clock->most);
            put(f, "}");
            separator = ",";
            status = end_line(f, error);
        }
    return status;
}

static fan_status format_end(format *f, fan_error *error)
{
    f->used = 0;
    put(f, "\n],\"otherData\":{\"schema\":\"fanfold.trace/1\",\"dropped_batches\":");
    put_u64(f, f->content->dropped);
    put(f, ",\"shifted_clocks\":[");
    fan_status status = end_line(f, error);
    if (status == FAN_OK)
        status = format_clocks(f, error);
    f->used = 0;
    put(f, "]}}\n");
    return status == FAN_OK ? end_line(f, error) : status;
}

/* Where events are missing is said in the picture too. */
static fan_status format_dropped(format *f, fan_error *error)
{
    if (!f->content->dropped)
        return FAN_OK;
    begin_event(f);
    put(f, "i\",\"s\":\"g\",\"ts\":0,\"pid\":");
    put_i64(f, f->own_pid);
    put(f, ",\"tid\":0,\"cat\":\"dropped\",\"name\":\"");
    put_u64(f, f->content->dropped);
    put(f, " batches are missing: the disk was too slow\"}");
    return end_line(f, error);
}

fan_status fani_trace_format(const fani_trace_content *content, fani_writer *writer,
                             fan_error *error)
{
    /* No displayTimeUnit: some readers take it for the unit of the times. */
    static const char head[] = "{\"traceEvents\":[\n";
    format f = {.content = content, .writer = writer, .own_pid = getpid()};
    fan_status status = content->each(content->user, look_at_clocks, &f, error);
    for (unsigned s = 0; s < content->source_count; s++)
        for (unsigned r = 0; r < content->sources[s]->ranks; r++)
            settle_clock(&content->sources[s]->clocks[r]);
    if (status == FAN_OK)
        status = fani_writer_add(writer, head, sizeof head - 1, error);
    if (status == FAN_OK)
        status = format_dropped(&f, error);
    if (status == FAN_OK)
        status = content->each(content->user, format_events, &f, error);
    if (status == FAN_OK)
        status = format_end(&f, error);
    free(f.rows);
    return status;
}
