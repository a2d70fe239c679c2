/* The program's tasks, recorded once by fan_start; the same names in every process and rank. */
#ifndef FANI_REGISTRY_H
#define FANI_REGISTRY_H

#include "fanfold/task.h"

/* Records a copy of the list (first call wins; any thread). False when a list was there already.
 * Without memory for it no task is known. */
bool fani_registry_set(const fan_task *const tasks[], const char *program);

/* Whether fan_start was called. */
bool fani_registry_started(void);

/* argv[0] of fan_start, or NULL. */
const char *fani_registry_program(void);

/* The task of a name; Fanfold's own ("fan.*") and the recorded ones. NULL: unknown. */
const fan_task *fani_registry_find(const char *name, size_t name_size);

/* Tasks by number, for peers whose hashes agree: the same task has the same number there.
 * UINT32_MAX: unknown; NULL: no such number. */
uint32_t fani_registry_number(const fan_task *task);
const fan_task *fani_registry_numbered(uint32_t number);

/* A hash of names and versions in their order: equal on processes that can work together. */
uint64_t fani_registry_hash(void);

/* The recorded task number i from 0; NULL past the last. */
const fan_task *fani_registry_at(size_t i);

/* The first name that stands twice in the list or is empty or over 200 bytes; NULL where the list
 * is sound. */
const char *fani_registry_flaw(void);

#endif
