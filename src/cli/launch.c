#include "launch.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int number_in(const char *const names[])
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && *value >= '0' && *value <= '9')
            return (int)strtol(value, NULL, 10);
    }
    return -1;
}

launch launch_read(void)
{
    static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE",
                                        NULL};
    static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", NULL};
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS", NULL};
    /* Of a step alone: a batch script of many tasks has SLURM_NTASKS and is one program. */
    static const char *const steps[] = {"SLURM_STEP_NUM_TASKS", NULL};
    static const char *const tasks[] = {"SLURM_PROCID", NULL};
    launch l = {.variable = NULL, .rank = -1, .size = -1};
    for (size_t i = 0; signs[i] && !l.variable; i++)
        if (getenv(signs[i]))
            l.variable = signs[i];
    if (l.variable) {
        l.rank = number_in(ranks);
        l.size = number_in(sizes);
    } else if (number_in(steps) > 1) {
        l.is_copy = true;
        l.rank = number_in(tasks);
        l.size = number_in(steps);
    }
    return l;
}

/* The library from the folder of libfanfold, which it was built with; where it is not there, by the
 * loader's rules (the command's run path among them). Open MPI's plugins expect to find its
 * symbols: RTLD_GLOBAL. NULL: *why says so, until the next call of the loader. */
static void *open_library(const char *name, const char **why)
{
    enum { FLAGS = RTLD_NOW | RTLD_GLOBAL };
    char path[PATH_MAX];
    Dl_info info;
    void *symbol = dlsym(RTLD_DEFAULT, "fan_job_tasks");
    if (symbol && dladdr(symbol, &info) && info.dli_fname && strchr(info.dli_fname, '/')) {
        int folder = (int)(strrchr(info.dli_fname, '/') - info.dli_fname);
        snprintf(path, sizeof path, "%.*s/%s", folder, info.dli_fname, name);
        if (access(path, F_OK) == 0) {
            void *library = dlopen(path, FLAGS);
            *why = library ? NULL : dlerror();
            return library;
        }
    }
    void *library = dlopen(name, FLAGS);
    *why = library ? NULL : dlerror();
    return library;
}

fan_status launch_load_ranks(const fan_ranks **ranks, fan_error *error)
{
    /* The version's first number is the library's SONAME. */
    char name[64];
    snprintf(name, sizeof name, "libfanfold_mpi.so.%.*s", (int)strcspn(FANFOLD_VERSION, "."),
             FANFOLD_VERSION);
    const char *why = NULL;
    void *library = open_library(name, &why);
    void *symbol = library ? dlsym(library, "fan_ranks_table") : NULL;
    if (library && !symbol)
        why = dlerror();
    if (symbol) {
        const fan_ranks *(*table)(void);
        memcpy(&table, &symbol, sizeof table);
        if (table()->size_of_this >= sizeof **ranks) {
            *ranks = table();
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
