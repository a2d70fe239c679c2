/* Memory that all processes of a host map: one copy of shared data per host. Made as an anonymous
 * file (memfd) that the others open through /proc, so that a killed job leaves nothing behind and
 * the size of /dev/shm does not matter. Whether a process can open it is tried when the executor
 * opens (hosts.h); one that can't counts as a host of its own. */
#ifndef FANI_MPI_SEGMENT_H
#define FANI_MPI_SEGMENT_H

#include <stddef.h>
#include <sys/types.h>

#include "fanfold/status.h"

typedef struct fani_segment {
    int fd;               /* -1: none (also where it was mapped from another process) */
    unsigned char *bytes; /* NULL: none */
    size_t size;
} fani_segment;

#define FANI_SEGMENT_NONE ((fani_segment){.fd = -1})

/* Makes a writable segment with its memory reserved. FAN_E_SYSTEM, FAN_E_MEMORY. */
fan_status fani_segment_create(fani_segment *segment, size_t size, fan_error *error);

/* Takes away the right to write. FAN_E_SYSTEM. */
fan_status fani_segment_protect(const fani_segment *segment, fan_error *error);

/* Opens descriptor `fd` of process `pid` for reading; -1 with errno. */
int fani_segment_open(pid_t pid, int fd);

/* Maps for reading what process `pid` made as `fd`. FAN_E_SYSTEM. */
fan_status fani_segment_map(fani_segment *segment, pid_t pid, int fd, size_t size,
                            fan_error *error);

/* The same for writing too. */
fan_status fani_segment_map_writable(fani_segment *segment, pid_t pid, int fd, size_t size,
                                     fan_error *error);

/* Unmaps and closes; FANI_SEGMENT_NONE is accepted. */
void fani_segment_clear(fani_segment *segment);

#endif
