/* The fault tests. This program is its own worker image, and its own victim: see test_orphans.c. */
#include "victim.h"

int main(int argc, char **argv)
{
    int code;
    if (fan_start(&argc, &argv, fault_tasks, &code))
        return code;
    if (argc == 3 && !strcmp(argv[1], "--victim"))
        return fault_victim(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "--suspended"))
        return fault_suspended(argv[2]);
    return shim_main(argc, argv);
}
