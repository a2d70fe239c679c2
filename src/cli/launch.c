#include "launch.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int number_in(const char *const names[])
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && *value >= '0' && *value <= '9')
            return atoi(value);
    }
    return -1;
}

launch launch_read(void)
{
    static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE",
                                        NULL};
    static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", NULL};
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS", NULL};
    launch l = {.variable = NULL, .rank = -1, .size = -1};
    for (size_t i = 0; signs[i] && !l.variable; i++)
        if (getenv(signs[i]))
            l.variable = signs[i];
    if (l.variable) {
        l.rank = number_in(ranks);
        l.size = number_in(sizes);
    }
    return l;
}

fan_status launch_load_ranks(const fan_ranks **ranks, fan_error *error)
{
    /* The version's first number is the library's SONAME. The command's run path names its lib
     * folder by $ORIGIN, and the loader searches that for dlopen too. Open MPI's plugins expect to
     * find its symbols: RTLD_GLOBAL. */
    char name[64];
    snprintf(name, sizeof name, "libfanfold_mpi.so.%.*s", (int)strcspn(FANFOLD_VERSION, "."),
             FANFOLD_VERSION);
    const char *why = NULL;
    const fan_ranks *(*table)(void) = NULL;
    void *library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
    if (library) {
        void *symbol = dlsym(library, "fan_ranks_table");
        if (symbol)
            memcpy(&table, &symbol, sizeof table);
    }
    if (!table)
        why = dlerror();
    if (table) {
        const fan_ranks *found = table();
        if (found->size_of_this >= sizeof *found) {
            *ranks = found;
            return FAN_OK;
        }
        why = "it belongs to another version of Fanfold";
    }
    if (error) {
        *error = (fan_error){.status = FAN_E_UNAVAILABLE};
        snprintf(error->text, sizeof error->text, "the executor mpi can't be loaded: %s",
                 why ? why : "its library was not found");
    }
    return FAN_E_UNAVAILABLE;
}
