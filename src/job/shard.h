/* Shards: runs that each do every n-th item of one input, on any hosts and at any time, without
 * talking to each other. Shard i of OUTPUT is a run whose output is OUTPUT.shard-i, with a journal
 * and a run.json of its own. OUTPUT.run.json pins how many they are and what they do: the first
 * that comes makes it, and those that do something else are refused. */
#ifndef FANI_SHARD_H
#define FANI_SHARD_H

#include <jansson.h>

#include "job/job_internal.h"

/* What a job's key `shard` says; 1 of 1 where it is not set. */
fani_slice fani_shard_slice(const fan_job *job);

/* The index in the whole input of an item of a run. */
static inline uint64_t fani_slice_index(fani_slice slice, uint64_t position)
{
    return slice.number - 1 + position * slice.count;
}

/* Whether an item of the whole input is the run's; then index / slice.count is its position. */
static inline bool fani_slice_has(fani_slice slice, uint64_t index)
{
    return index % slice.count == slice.number - 1;
}

/* How many of `total` items are the run's. */
static inline uint64_t fani_slice_share(fani_slice slice, uint64_t total)
{
    return total / slice.count + (slice.number - 1 < total % slice.count);
}

/* FAN_E_ARGUMENT: the key `shard` without what it needs. */
fan_status fani_shard_check(const fan_job *job, fan_error *error);

/* The file that a job with an output writes: the output, or the shard's. malloc'd; NULL: out of
 * memory. */
char *fani_shard_output(const fan_job *job);
char *fani_shard_output_of(const char *output, uint64_t number);

/* Before the run is opened: makes the pin where there is none, and compares it. A run that is not
 * in shards is refused where the output is. FAN_E_ARGUMENT: another number of shards, or another
 * identity; with the key `restart` the pin is replaced where no files of other shards are there.
 * FAN_E_INPUT: the pin can't be read (file, line, column); FAN_E_OUTPUT; FAN_E_MEMORY. */
fan_status fani_shard_pin(const fani_job_run *run, fan_error *error);

/* Once the run's files are there: whether the pin is still this run's. Errors as above. */
fan_status fani_shard_is_pinned(const fani_job_run *run, fan_error *error);

/* What pins the shards of an output. */
typedef struct fani_shard_pins {
    uint64_t count;   /* 0: the output has no shards */
    bool malformed;   /* what is there was read, and is no run.json */
    json_t *identity; /* an object of texts; to be released by fani_shard_pins_clear */
} fani_shard_pins;

/* FAN_E_INPUT, FAN_E_MEMORY. fani_shard_pins_clear in any case. */
fan_status fani_shard_pins_read(const char *output, fani_shard_pins *pins, fan_error *error);
void fani_shard_pins_clear(fani_shard_pins *pins);

#endif
