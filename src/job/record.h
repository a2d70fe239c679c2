/* Records: how a list job's task answers an item, and how the caller turns answers into output.
 *
 * A task formats its record itself, so that formatting spreads over the workers. A reply whose
 * first byte is FANI_RECORD_BARE or more is output, all of it, as that of most items is. Else that
 * byte has flags, and the rest is output where it is 0; where it is not, a note (what is wrong)
 * comes first. */
#ifndef FANI_RECORD_H
#define FANI_RECORD_H

#include "job/job_internal.h"
#include "stage/number.h"

#include <jansson.h>

enum {
    FANI_RECORD_BAD = 1,     /* the entry is no valid input; nothing is output in text format */
    FANI_RECORD_PARTIAL = 2, /* there is output, but the item failed: a number was not split */
    FANI_RECORD_NOTED = 4,   /* all well, but something is to be said */
    FANI_RECORD_LEFT = 8,    /* alone: no output, but what all workers are to go on with (left.h) */
};

/* The least first byte of a reply that is nothing but output: above all flags together, and below
 * what a text begins with. */
enum { FANI_RECORD_BARE = 16 };

/* The longest note kept. */
enum { FANI_NOTE_MAX = 480 };

/* What a list job's tasks get as arguments. */
typedef struct fani_list_args {
    uint32_t format;     /* fani_format */
    uint32_t digits;     /* most that a number may have */
    uint32_t isa;        /* 1 + fani_isa: the methods are those for this one; 0: for the worker's */
    uint32_t effort;     /* digits of the factors looked for; 0: the default */
    uint32_t leave;      /* composites of at least so many bits are left (left.h); 0: none */
    uint32_t timeout_ms; /* after which the task answers by what it knows of a number; 0: never */
    uint64_t first, step; /* item i of the run is item first + i * step of the whole input */
} fani_list_args;

/* One answered item, to be put into the job's format. */
typedef struct fani_record {
    const char *task;           /* "factor" */
    const char *name;           /* of the value in NDJSON: "factors" */
    const fani_number *subject; /* the number it is about ("n"), or NULL */
    const unsigned char *input; /* how that was written, where not in decimal: NDJSON; or NULL */
    size_t input_size;
    const char *value; /* the value in text and TSV */
    size_t value_size;
    json_t *json;      /* the value in NDJSON: taken over */
    unsigned flags;    /* PARTIAL, NOTED or 0 */
    const char *note;  /* where there are flags; a short text without control characters */
    bool subject_text; /* text format: "n: value", not just the value */
} fani_record;

/* Appends bytes. FAN_E_MEMORY. */
fan_status fani_bytes_add(fan_buffer *buffer, const void *bytes, size_t size);

/* Room for `size` bytes in a buffer used as scratch: what was in it is lost. NULL: no memory. */
char *fani_bytes_room(fan_buffer *buffer, size_t size);

/* Appends a JSON object as a line, or with these flags of json_dumps, and a newline. The object
 * (NULL: there was no memory for it) is released. FAN_E_MEMORY. */
fan_status fani_bytes_add_json(fan_buffer *buffer, json_t *object);
fan_status fani_bytes_add_json_as(fan_buffer *buffer, json_t *object, size_t flags);

/* A string as JSON; of one that is not UTF-8 the foreign bytes become '?'. NULL: out of memory. */
json_t *fani_json_text(const char *text);

/* Reads the arguments of a run. */
fani_list_args fani_record_args(const fan_run *run);

/* Appends what stands before the output in a reply: the flags and, where there are some, a note and
 * where in the item it is about. FAN_E_MEMORY. */
fan_status fani_record_begin(fan_buffer *out, unsigned flags, size_t offset, const char *note);

/* Answers item i (the run's item `index`) with a record. `scratch` is the worker's, for building
 * it. */
fan_status fani_record_reply(fan_run *run, size_t i, uint64_t index, const fani_list_args *args,
                             const fani_record *record, fan_buffer *scratch);

/* Answers item i: it is no valid input. `offset`: where in the item. */
fan_status fani_record_bad(fan_run *run, size_t i, size_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* fani_record_bad for a token that fani_number_scan refused at `bad`. `offset`: the token's in the
 * item. */
fan_status fani_record_bad_number(fan_run *run, size_t i, size_t offset, const unsigned char *token,
                                  size_t size, size_t bad, bool minus_allowed);

/* Whether a reply is output alone. */
static inline bool fani_record_is_bare(const unsigned char *bytes, size_t size)
{
    return size && bytes[0] >= FANI_RECORD_BARE;
}

/* Whether it says that the item is left. */
static inline bool fani_record_is_left(const unsigned char *bytes, size_t size)
{
    return size && bytes[0] == FANI_RECORD_LEFT;
}

/* A reply taken apart. `note` is NUL-terminated. */
typedef struct fani_answer {
    unsigned flags;
    size_t offset;
    char note[FANI_NOTE_MAX + 1];
    const unsigned char *output;
    size_t output_size;
    uint32_t outcome; /* 0: PARTIAL says all; else the fan_outcome_kind of one that is not ok */
} fani_answer;

/* False where the bytes are no such reply. */
bool fani_record_read(const unsigned char *bytes, size_t size, fani_answer *answer);

/* What stands in the place of a record that there is none of (TSV and NDJSON). */
typedef struct fani_failure {
    const char *task;
    uint64_t index;
    const char *status; /* "failed", "bad input", ... */
    const fan_error *error;
    unsigned columns; /* TSV: value columns to fill with '-' */
} fani_failure;

/* Appends the line of a failure; nothing in text format. FAN_E_MEMORY. */
fan_status fani_record_failure(fani_format format, const fani_failure *failure, fan_buffer *out);

#endif
