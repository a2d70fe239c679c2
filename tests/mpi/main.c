/* The MPI tests' main: worker images first, then MPI, then the tests, on every rank.
 *
 *     mpirun -n 3 fan_mpi_contract [--level=funneled] [--other-tasks=WHICH] [--long]
 * [--hosts=WHICH] [gtest flags]
 *
 * --level: what is asked of MPI_Init_thread (multiple, funneled, single). --other-tasks: a list of
 * tasks that differs, for the tests of a program whose ranks don't agree: "fewer", of other
 * "versions", or in another "order". --long: runs what takes much memory too. --hosts=pairs or
 * first: see contract/ranks/hosts.h. */
#include "world.h"

/* Takes an argument of ours out of the list; NULL where it is not there. */
static const char *take(int *argc, char **argv, const char *prefix)
{
    size_t size = strlen(prefix);
    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], prefix, size) != 0)
            continue;
        const char *rest = argv[i] + size;
        for (int j = i; j < *argc; j++)
            argv[j] = argv[j + 1];
        --*argc;
        return rest;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static const fan_task *const fewer[] = {&task_mix, NULL};
    static const fan_task *other_versions[WORLD_TASKS + 1], *other_order[WORLD_TASKS + 1];
    int code;
    const char *other = take(&argc, argv, "--other-tasks=");
    fan_task newer = task_echo;
    newer.version = 7;
    for (size_t i = 0; i < WORLD_TASKS; i++)
        other_versions[i] = world_tasks[i] == &task_echo ? &newer : world_tasks[i];
    for (size_t i = 0; i < WORLD_TASKS; i++)
        other_order[i] = world_tasks[WORLD_TASKS - 1 - i];
    const fan_task *const *tasks = world_tasks;
    if (other)
        tasks = !strcmp(other, "fewer")      ? fewer
                : !strcmp(other, "versions") ? other_versions
                                             : other_order;
    if (fan_start(&argc, &argv, tasks, &code))
        return code;
    bool with_long = take(&argc, argv, "--long") != NULL;
    const char *level = take(&argc, argv, "--level=");
    world_begin(&argc, &argv, level ? level : "multiple", other, with_long);
    code = shim_main(argc, argv);
    world_end();
    return code;
}
