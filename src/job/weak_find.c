#include "job/weak_find.h"

#include <string.h>

#include "base/error.h"
#include "job/state.h"
#include "job/weak_ring.h"
#include "job/weak_ring_store.h"
#include "job/weak_scratch.h"

/* What took less than this is not worth a file by itself. */
#define KEEP_EACH_NS UINT64_C(1000000000)

fan_status fani_weak_find_check(const fan_job *job, fan_error *error)
{
    const char *method = fani_job_text(job, FANI_KEY_METHOD);
    if (method && !strcmp(method, "ring") && fani_job_text(job, FANI_KEY_MEMORY))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "method ring has its trees in memory: with a limit for that there is "
                              "method levels");
    return fani_weak_ring_check(job, error);
}

void fani_weak_find_clear(const fani_job_run *run)
{
    fani_weak_scratch scratch;
    fani_weak_ring_store_clear(run->output);
    fani_weak_engine_clear(&(fani_weak_store){.base = run->output}); /* of another --scratch */
    if (fani_weak_scratch_open(run, &scratch, NULL) != FAN_OK)
        return; /* what can't be found is in nobody's way */
    fani_weak_engine_clear(&(fani_weak_store){.base = scratch.base});
    fani_weak_scratch_close(&scratch);
}

static fan_status find_by_levels(fani_job_run *run, const fani_mpzs *distinct,
                                 const fani_weak_outside *outside, fani_mpzs *gcds,
                                 fan_error *error)
{
    fani_weak_scratch scratch;
    fani_weak_memory memory = fani_weak_memory_of(run);
    fan_status status = fani_weak_scratch_open(run, &scratch, error);
    if (status != FAN_OK)
        return status;
    fani_writer_fence fence = {0};
    fani_weak_store store = {.base = scratch.base,
                             .passes = scratch.passes,
                             .identity = fani_weak_engine_identity(distinct),
                             .interval_ns = KEEP_EACH_NS,
                             .resumes = fani_job_resumes(run->job)};
    fani_weak_circumstances circumstances = {
        .store = &store, .memory = &memory, .outside = outside};
    if (outside) {
        store.identity ^= outside->identity;
        memory.outside = outside->limbs;
        memory.longest = outside->longest;
    }
    if (run->state) {
        fence = fani_state_fence(run->state);
        store.fence = &fence;
    }
    status = fani_weak_engine_run(run, distinct, &circumstances, gcds, error);
    fani_weak_scratch_close(&scratch);
    return status;
}

static fan_status find_by_ring(fani_job_run *run, size_t members, const fani_mpzs *distinct,
                               fani_mpzs *gcds, fan_error *error)
{
    const fani_weak_ring ring = {.members = members,
                                 .base = run->state ? run->output : NULL,
                                 .interval_ns = KEEP_EACH_NS,
                                 .resumes = fani_job_resumes(run->job)};
    return fani_weak_ring_run(run, &ring, distinct, gcds, NULL, error);
}

fan_status fani_weak_find_gcds(fani_job_run *run, const fani_mpzs *distinct,
                               const fani_weak_outside *outside, fani_mpzs *gcds, fan_error *error)
{
    bool is_limited = fani_job_text(run->job, FANI_KEY_MEMORY) != NULL;
    size_t members = is_limited || outside ? 0 : fani_weak_ring_members(run, distinct->count);
    run->total = distinct->count;
    if (run->state && !fani_job_resumes(run->job))
        fani_weak_find_clear(run);
    return members ? find_by_ring(run, members, distinct, gcds, error)
                   : find_by_levels(run, distinct, outside, gcds, error);
}
