/* The MPI tests' main: worker images first, then MPI, then the tests, on every rank.
 *
 *     mpirun -n 3 fan_mpi_contract [--level=funneled] [--other-tasks] [--long] [gtest flags]
 *
 * --level: what is asked of MPI_Init_thread (multiple, funneled, single). --other-tasks: a list of
 * tasks that differs, for the tests of a program whose ranks don't agree. --long: runs what takes
 * much memory too. */
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
    static const fan_task *const other_tasks[] = {&task_mix, NULL};
    int code;
    bool other = take(&argc, argv, "--other-tasks") != NULL;
    if (fan_start(&argc, &argv, other ? other_tasks : world_tasks, &code))
        return code;
    bool with_long = take(&argc, argv, "--long") != NULL;
    const char *level = take(&argc, argv, "--level=");
    world_begin(&argc, &argv, level ? level : "multiple", other, with_long);
    code = shim_main(argc, argv);
    world_end();
    return code;
}
