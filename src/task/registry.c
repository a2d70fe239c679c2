#include "task/registry.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "task/gang.h"
#include "task/leaf.h"

enum {
    NAME_MAX_BYTES = 200,
    FEW = 64, /* tasks that need no memory of their own */
};

/* Written once by the first fan_start, before `started` is set; the one mutable global. */
static struct {
    _Atomic int claimed;
    _Atomic bool started;
    const fan_task *const *tasks;
    const fan_task *few[FEW + 1];
    const char *program;
} record;

bool fani_registry_set(const fan_task *const tasks[], const char *program)
{
    int unclaimed = 0;
    size_t count = 0;
    if (!atomic_compare_exchange_strong(&record.claimed, &unclaimed, 1))
        return false;
    while (tasks && tasks[count])
        count++;
    /* Kept as a copy: a list written inside `if (fan_start(...))` ends with that statement. It
     * lives as long as the program. */
    const fan_task **copy = count <= FEW ? record.few : calloc(count + 1, sizeof(const fan_task *));
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = tasks[i];
    record.tasks = copy;
    record.program = program;
    atomic_store(&record.started, true);
    return true;
}

bool fani_registry_started(void)
{
    return atomic_load(&record.started);
}

const char *fani_registry_program(void)
{
    return fani_registry_started() ? record.program : NULL;
}

static const fan_task *const *tasks_recorded(void)
{
    static const fan_task *const none[] = {NULL};
    return fani_registry_started() && record.tasks ? record.tasks : none;
}

static bool has_name(const fan_task *task, const char *name, size_t name_size)
{
    return task->name && strlen(task->name) == name_size && !memcmp(task->name, name, name_size);
}

const fan_task *fani_registry_find(const char *name, size_t name_size)
{
    static const fan_task *const own[] = {&fani_leaf_task, &fani_gang_task};
    for (size_t i = 0; i < sizeof own / sizeof(const fan_task *); i++)
        if (has_name(own[i], name, name_size))
            return own[i];
    for (const fan_task *const *task = tasks_recorded(); *task; task++)
        if (has_name(*task, name, name_size))
            return *task;
    return NULL;
}

/* Number 0 is Fanfold's own task. */
uint32_t fani_registry_number(const fan_task *task)
{
    const fan_task *const *tasks = tasks_recorded();
    if (task == &fani_leaf_task)
        return 0;
    for (uint32_t i = 0; tasks[i]; i++)
        if (tasks[i] == task)
            return i + 1;
    return UINT32_MAX;
}

const fan_task *fani_registry_numbered(uint32_t number)
{
    const fan_task *const *tasks = tasks_recorded();
    if (number == 0)
        return &fani_leaf_task;
    for (uint32_t i = 0; tasks[i]; i++)
        if (i + 1 == number)
            return tasks[i];
    return NULL;
}

/* FNV-1a: any hash does that tells builds apart; it is not stored. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

uint64_t fani_registry_hash(void)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const fan_task *const *task = tasks_recorded(); *task; task++) {
        hash = hash_bytes(hash, (*task)->name, strlen((*task)->name) + 1);
        hash = hash_bytes(hash, &(*task)->version, sizeof(*task)->version);
    }
    return hash;
}

const fan_task *fani_registry_at(size_t i)
{
    const fan_task *const *tasks = tasks_recorded();
    size_t count = 0;
    while (tasks[count])
        count++;
    return i < count ? tasks[i] : NULL;
}

const char *fani_registry_flaw(void)
{
    for (const fan_task *const *task = tasks_recorded(); *task; task++) {
        if (!(*task)->name)
            return "";
        size_t size = strlen((*task)->name);
        if (size == 0 || size > NAME_MAX_BYTES || !(*task)->run ||
            fani_registry_find((*task)->name, size) != *task)
            return (*task)->name;
    }
    return NULL;
}
