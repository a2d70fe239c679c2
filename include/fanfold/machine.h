/* What this machine lets the program use. */
#ifndef FANFOLD_MACHINE_H
#define FANFOLD_MACHINE_H

#include <stdbool.h>

#include "fanfold/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fan_machine_info {
    unsigned cores_online;
    unsigned cores_affinity; /* in the mask that the program was started with */
    unsigned cores_pinned;   /* in the calling thread's mask now: less than cores_affinity where
                                OMP_PROC_BIND or the like pinned the main thread */
    double quota;            /* cores allowed by the cgroup CPU quota; 0: no quota */
    unsigned slurm_cpus;     /* SLURM_CPUS_PER_TASK; 0: not set */
    unsigned cores_usable;   /* what workers = 0 means: the least of them, at least 1 */
    const char *limited_by;  /* "online", "affinity", "quota" or "SLURM_CPUS_PER_TASK" */
} fan_machine_info;

/* Reads it afresh from the kernel, the cgroup files (v1 and v2, up the path) and the environment.
 * Any thread. Never fails: what can't be read does not limit. */
FAN_API void fan_machine_sized(fan_machine_info *info, unsigned long info_size);
static inline void fan_machine(fan_machine_info *info)
{
    fan_machine_sized(info, sizeof *info);
}

/* The build of the program or library that holds `address` (of a function or a constant): its
 * linker's build id in hexadecimal digits, cut at `size`. False: it has none. Any thread. */
FAN_API bool fan_build_id(const void *address, char *text, unsigned long size);

#ifdef __cplusplus
}
#endif
#endif
