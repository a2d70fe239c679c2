/* The simulation against real runs: under mpirun, on every rank.
 *
 *     mpirun -n 3 fan_scale_ranks [--long] [gtest flags] */
#include "ranks.h"

int main(int argc, char **argv)
{
    int code;
    if (fan_start(&argc, &argv, ranks_tasks, &code))
        return code;
    bool with_long = argc > 1 && strcmp(argv[1], "--long") == 0;
    if (with_long) {
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    world_begin(&argc, &argv, "multiple", false, with_long);
    code = shim_main(argc, argv);
    world_end();
    return code;
}
