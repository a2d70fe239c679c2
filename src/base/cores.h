/* Which CPUs this program may use. */
#ifndef FANI_CORES_H
#define FANI_CORES_H

#include <sched.h>
#include <stdbool.h>

/* The CPUs the program was started with. Where OMP_PROC_BIND or the like pinned the main thread
 * while the program was loaded, the calling thread's own mask is too small and every thread and
 * process made from it would inherit that; this gives the mask from before. False: the kernel does
 * not say. */
bool fani_cores_mask(cpu_set_t *mask);

/* How many cores the cgroup CPU quota allows this process: the least from its group up to the root,
 * versions 1 and 2. 0: no limit. `root` goes before /proc and /sys: "" but in tests. */
double fani_cores_quota(const char *root);

#endif
