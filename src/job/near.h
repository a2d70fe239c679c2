/* Copies of files on each host, inside: what tasks are told, so that they find the folder of the
 * host that they run on. */
#ifndef FANI_NEAR_H
#define FANI_NEAR_H

#include "fanfold/stage.h"

/* The gang that copies: one member a rank. */
extern const fan_task fani_task_near;

/* The folders of all hosts, for the arguments of tasks; the near's. */
const fan_buffer *fani_near_table(const fan_near *near);

/* A hash of the names and bytes of all that was copied, in order; the same on any executor. */
uint64_t fani_near_content(const fan_near *near);

/* The folder of this host in a table; NULL: it is not there, or the table is malformed. */
const char *fani_near_find(const void *table, size_t size);

#endif
