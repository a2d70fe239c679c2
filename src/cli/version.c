#include "version.h"

#include <stdint.h>
#include <stdio.h>

#include "fanfold/integrate.h"
#include "fanfold/machine.h"
#include "launch.h"

void version_print(void)
{
    char id[64] = "unknown";
    fan_build_id((const void *)(uintptr_t)version_print, id, sizeof id);
    printf("fanfold %s\nbuild %.16s\n", FANFOLD_VERSION, id);
    const fan_ranks *ranks = NULL;
    if (launch_load_ranks(&ranks, NULL) == FAN_OK)
        printf("MPI: %s\n", ranks->version());
    else
        printf("MPI: not available (libfanfold_mpi does not load)\n");
    const char *arb = fan_rigorous_version();
    if (arb)
        printf("Arb: %s (integrate --rigorous)\n", arb);
    else
        printf("Arb: not in this build (no integrate --rigorous)\n");
}
