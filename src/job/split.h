/* Outputs that are a folder of files: the key `split`. As a compressed output (packed.h), it is
 * made of OUTPUT.part when all is there: OUTPUT/part-00000, part-00001, ... each of at least so
 * many bytes, cut behind a line, and OUTPUT/MANIFEST, which lists them and comes last. So what is
 * in which file depends on the output alone. */
#ifndef FANI_SPLIT_H
#define FANI_SPLIT_H

#include "job/job_internal.h"

/* Bytes of a file before compression; 0: the output is one file. */
uint64_t fani_split_of(const fan_job *job);

/* Whether the output's place can have such a folder: it is one, or nothing yet. */
bool fani_split_publishes(const char *output);

/* Whether the output stands there whole. */
bool fani_split_is_there(const char *output);

/* Checks the key beside others. FAN_E_ARGUMENT. */
fan_status fani_split_check(const fan_job *job, fan_error *error);

/* Publishes the part of a run, and removes it. Errors as fani_packed_publish; files that were
 * published by then stay, without a list. */
fan_status fani_split_publish(fani_job_run *run, fan_error *error);

/* fani_writer_clear_fence for what is published there. Errors: FAN_E_OUTPUT, FAN_E_MEMORY. */
fan_status fani_split_clear_fence(const char *output, uint64_t id, fan_error *error);

/* Writes the bytes of all files, as they were before compression, to `to`. Errors as
 * fani_packed_unpack. */
fan_status fani_split_join(const fani_job_run *run, int to, fan_error *error);

#endif
