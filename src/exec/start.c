/* fan_start: recording the tasks, and serving where this process is a worker image. */
#include <string.h>

#include "base/guard.h"
#include "exec/front.h"
#include "task/registry.h"

/* "--fanfold-worker=NAME:ARGUMENT": the kind, and what its serve_image gets. */
static const fan_executor_kind *worker_kind(const char *text, const char **argument)
{
    static const char prefix[] = "--fanfold-worker=";
    if (strncmp(text, prefix, sizeof prefix - 1) != 0)
        return NULL;
    const char *name = text + sizeof prefix - 1;
    for (size_t i = 0; fani_executor_kinds[i]; i++) {
        const fan_executor_kind *kind = fani_executor_kinds[i];
        size_t size = strlen(kind->ops->name);
        if (kind->serve_image && !strncmp(name, kind->ops->name, size) && name[size] == ':') {
            *argument = name + size + 1;
            return kind;
        }
    }
    return NULL;
}

bool fan_start(int *argc, char ***argv, const fan_task *const tasks[], int *code)
{
    const char *program = argc && argv && *argc > 0 ? (*argv)[0] : NULL;
    if (!fani_registry_set(tasks, program))
        return false;
    const char *argument = NULL, *only = argc && argv && *argc == 2 ? (*argv)[1] : NULL;
    if (only && !strcmp(only, FANI_GUARD_ARGUMENT)) {
        *code = fani_guard_serve();
        return true;
    }
    const fan_executor_kind *kind = only ? worker_kind(only, &argument) : NULL;
    if (!kind)
        return false;
    *code = kind->serve_image(argument);
    return true;
}
