/* Whether the kernel has killed for want of memory. */
#ifndef FANI_OOM_H
#define FANI_OOM_H

#include <stdint.h>

/* How many processes of this process's memory cgroup the kernel has ended because memory ran out
 * there or altogether, versions 1 and 2; 0 where it does not say. A count that has grown since
 * tells what a SIGKILL was for. `root` goes before /proc and /sys: "" but in tests. Any thread. */
uint64_t fani_oom_kills(const char *root);

#endif
