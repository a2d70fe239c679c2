#include "task/where.h"

#include <unistd.h>

fani_where fani_where_here(uint32_t worker)
{
    /* Both system calls cost more than a small task, and the way to a variable of a thread as much
     * as the rest of this. */
    static _Thread_local fani_where here __attribute__((tls_model("initial-exec")));
    if (!here.pid)
        here = (fani_where){.pid = getpid(), .thread = gettid()};
    here.worker = worker;
    return here;
}
