/* Who ran something, for traces and texts. */
#ifndef FANI_WHERE_H
#define FANI_WHERE_H

#include <stdint.h>

typedef struct fani_where {
    uint32_t rank;
    uint32_t worker; /* its number on that rank, from 0 */
    int32_t pid;
    int32_t thread; /* kernel's thread id */
} fani_where;

/* The calling thread, as worker `worker` of rank 0. Asks the kernel once a thread. */
fani_where fani_where_here(uint32_t worker);

#endif
