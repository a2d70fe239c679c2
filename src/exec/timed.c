#include "exec/timed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { NS_PER_S = 1000000000 };

static const char *host_of(const fani_opened *opened, uint32_t rank)
{
    return opened->hosts + rank * opened->hosts_stride;
}

fan_status fani_timed_begin(fani_timed *timed, const fani_opened *opened)
{
    struct timespec now;
    timed->opened = opened;
    if (gethostname(timed->host, sizeof timed->host - 1))
        snprintf(timed->host, sizeof timed->host, "(unknown)");
    if (clock_gettime(CLOCK_REALTIME, &now) == 0)
        timed->calendar_ns = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec - fani_clock_ns();
    if (!opened->hosts)
        return FAN_OK;
    timed->ahead_ns = malloc(opened->ranks * sizeof *timed->ahead_ns);
    for (unsigned r = 0; timed->ahead_ns && r < opened->ranks; r++)
        timed->ahead_ns[r] = strcmp(host_of(opened, r), host_of(opened, 0)) == 0 ? 0 : INT64_MAX;
    return timed->ahead_ns ? FAN_OK : FAN_E_MEMORY;
}

void fani_timed_end(fani_timed *timed)
{
    free(timed->ahead_ns);
}

static void name_worker(fani_timed *timed, const fani_where *where, bool is_ranked)
{
    if (!where->pid)
        timed->worker[0] = '\0';
    else if (is_ranked)
        snprintf(timed->worker, sizeof timed->worker, "%.64s/%u.%u",
                 host_of(timed->opened, where->rank), where->rank, where->worker);
    else
        snprintf(timed->worker, sizeof timed->worker, "%s/%u", timed->host, where->worker);
}

/* When a batch began, on this host's clock. Another host's clock is ahead by at most what makes the
 * batch end now: the quickest answer so far says it best. Of a run that was ended from outside, and
 * had only one item, it is known how long it took. */
static int64_t begun_here(const fani_timed *timed, const fani_batch *batch, bool is_ranked)
{
    int64_t now = fani_clock_ns(), run_ns = (int64_t)batch->run_ns;
    if (!batch->begun_ns)
        return run_ns && batch->items.count == 1 ? now - run_ns : 0;
    if (!is_ranked || !timed->ahead_ns[batch->where.rank])
        return batch->begun_ns;
    int64_t *ahead = &timed->ahead_ns[batch->where.rank];
    int64_t most = now - run_ns - batch->begun_ns;
    if (most < *ahead)
        *ahead = most;
    return batch->begun_ns + *ahead;
}

/* A worker that was looking for work may count the time since it began to look. */
void fani_timed_look(fani_timed *timed, const fani_batch *batch)
{
    const fani_where *where = &batch->where;
    bool is_ranked = timed->ahead_ns && where->rank < timed->opened->ranks;
    name_worker(timed, where, is_ranked);
    int64_t begun = begun_here(timed, batch, is_ranked), early = batch->posted_ns - begun;
    timed->run_ns = batch->run_ns;
    if (begun && early > 0) {
        begun += early;
        timed->run_ns -= (uint64_t)early < timed->run_ns ? (uint64_t)early : timed->run_ns;
    }
    timed->began_ns = begun ? begun + timed->calendar_ns : 0;
}
