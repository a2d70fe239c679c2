/* What a trace keeps of a batch, and how the file is made of it: shared by trace.c and
 * trace_format.c. */
#ifndef FANI_TRACE_RECORD_H
#define FANI_TRACE_RECORD_H

#include "base/writer.h"
#include "exec/trace.h"

typedef struct fani_trace_record {
    const char *task; /* a task's name lives as long as the program */
    int64_t posted_ns;
    int64_t begun_ns; /* 0: it never ran, or nobody knows. On the clock of its host */
    uint64_t run_ns;
    int64_t ended_ns; /* when rank 0 knew; only for runs of other ranks, else 0 */
    uint64_t first;
    uint32_t count;
    uint32_t failed;       /* items with another outcome than ok */
    uint32_t first_failed; /* place of the first of them in the batch */
    uint16_t attempt;
    uint8_t source; /* place among the trace's sources */
    uint8_t flags;  /* outcome of the first failed item (fan_outcome_kind), FANI_TRACE_AGAIN */
    fani_where where;
} fani_trace_record;

enum { FANI_TRACE_AGAIN = 128, FANI_TRACE_SOURCES_MAX = 255 };

/* A record as it lies in memory and in the temporary file. Of most there is nothing to say but
 * this; of any other the whole record follows, in so many slots as it takes. */
typedef struct fani_trace_slot {
    int64_t begun_ns;
    uint64_t first;
    uint32_t wait_ns; /* before it began */
    uint32_t run_ns;
    uint32_t count;
    uint16_t attempt;
    uint16_t origin; /* number of a fani_trace_origin, or FANI_TRACE_WHOLE */
} fani_trace_slot;

enum {
    FANI_TRACE_WHOLE = UINT16_MAX,
    FANI_TRACE_WHOLE_SLOTS =
        1 + (sizeof(fani_trace_record) + sizeof(fani_trace_slot) - 1) / sizeof(fani_trace_slot),
};

/* What many records have in common. */
typedef struct fani_trace_origin {
    const char *task;
    fani_where where;
    uint8_t source;
} fani_trace_origin;

/* Where another host's clock stands: between these two must lie what is to be added to its times.
 */
typedef struct fani_trace_clock {
    int64_t least, most;
    bool known;
} fani_trace_clock;

struct fani_trace_source {
    fan_trace *trace;
    uint8_t number;
    bool over_ranks; /* a row's process is its rank */
    char name[64];
    unsigned ranks;
    char *hosts; /* `ranks` names of FANI_TRACE_HOST_SIZE */
    fani_trace_clock *clocks;
};

enum { FANI_TRACE_HOST_SIZE = 65 };

/* All that the file is made of. */
typedef struct fani_trace_content {
    int64_t base_ns; /* what its times count from */
    uint64_t dropped;
    fani_trace_source *const *sources;
    unsigned source_count;
    /* Calls visit for all records, in blocks, until it answers another status than FAN_OK. */
    fan_status (*each)(void *user,
                       fan_status (*visit)(void *context, const fani_trace_record *records,
                                           size_t count, fan_error *error),
                       void *context, fan_error *error);
    void *user;
} fani_trace_content;

/* Writes the whole file. Errors: the writer's, each's, FAN_E_MEMORY. */
fan_status fani_trace_format(const fani_trace_content *content, fani_writer *writer,
                             fan_error *error);

#endif
