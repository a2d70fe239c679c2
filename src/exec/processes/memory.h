/* Anonymous shared memory by descriptor: nothing has a name, nothing is left behind. Functions
 * answer 0 or an errno. */
#ifndef FANI_PROCESSES_MEMORY_H
#define FANI_PROCESSES_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* New zeroed memory of `size` bytes; its size is sealed. `reserve` has the kernel find the pages
 * now, so that no later write can hit a lack of memory. *fd is close-on-exec and above 5. */
int fani_processes_memory_new(size_t size, bool reserve, int *fd);

/* Maps memory of exactly `size` bytes (0 is fine) for reading and writing. `all_now`: every page
 * will be touched at once, so one call maps them all in place of a fault for each. */
int fani_processes_memory_map(int fd, size_t size, bool all_now, unsigned char **bytes);

/* Writes to memory that is not mapped, which takes less than to map, write and unmap it. ENOSPC:
 * the system has no pages. */
int fani_processes_memory_write(int fd, size_t at, const void *bytes, size_t size);

/* Ends all writing to memory that is mapped nowhere for writing. */
int fani_processes_memory_freeze(int fd);

/* Maps frozen memory for reading, after checking its seals and its size: EPROTO where it could
 * still change. */
int fani_processes_memory_map_frozen(int fd, size_t size, bool all_now,
                                     const unsigned char **bytes);

/* Unmaps either; NULL is accepted. */
void fani_processes_memory_unmap(const unsigned char *bytes, size_t size);

/* New frozen memory with a copy of `size` bytes. */
int fani_processes_memory_copy(const unsigned char *bytes, size_t size, int *fd);

/* The same open file under a number above 5 (close-on-exec), the old number closed: descriptors of
 * the worker image are put at 3, 4 and 5 without one overwriting another. -1 and errno on error. */
int fani_processes_fd_above(int fd);

/* Closes *fd where it is open and makes it -1. */
void fani_processes_fd_close(int *fd);

#endif
