#include "task/where.h"

#include <unistd.h>

fani_where fani_where_here(uint32_t worker)
{
    static _Thread_local fani_where here; /* both system calls cost more than a small task */
    if (!here.pid)
        here = (fani_where){.pid = getpid(), .thread = gettid()};
    here.worker = worker;
    return here;
}
