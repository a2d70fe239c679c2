/* The one table of built-in executors: a new one is a folder and a line here. MPI comes as a plugin
 * (libfanfold_mpi), so that this library needs no MPI. */
#include <string.h>

#include "base/error.h"
#include "exec/front.h"

extern const fan_executor_kind fani_serial_kind;
extern const fan_executor_kind fani_threads_kind;
extern const fan_executor_kind fani_processes_kind;
extern const fan_executor_kind fani_skeleton_kind;

const fan_executor_kind *const fani_executor_kinds[] = {
    &fani_serial_kind, &fani_threads_kind, &fani_processes_kind, &fani_skeleton_kind, NULL,
};

const fan_executor_kind *fani_executor_kind_find(const char *name)
{
    for (size_t i = 0; name && fani_executor_kinds[i]; i++)
        if (!strcmp(fani_executor_kinds[i]->ops->name, name))
            return fani_executor_kinds[i];
    return NULL;
}

const char *fan_executor_kind_name(size_t i, const char **summary)
{
    size_t count = 0;
    while (fani_executor_kinds[count])
        count++;
    if (i >= count)
        return NULL;
    if (summary)
        *summary = fani_executor_kinds[i]->ops->summary;
    return fani_executor_kinds[i]->ops->name;
}

fan_status fan_executor_probe(const char *name, fan_error *error)
{
    const fan_executor_kind *kind = fani_executor_kind_find(name);
    return kind ? kind->ops->probe(error)
                : fani_error_set(error, FAN_E_UNKNOWN_EXECUTOR, "there is no executor \"%s\"",
                                 name ? name : "");
}
