#include "job/halt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "job/shard.h"
#include "job/state.h"

void fani_halt_begin(fani_job_run *run)
{
    const char *when = fani_job_text(run->job, FANI_KEY_HALT);
    run->halt = (fani_halt){.allowed = fani_job_count(run->job, FANI_KEY_MAX_FAILS, UINT64_MAX),
                            .now = when && strcmp(when, "now") == 0};
}

void fani_halt_count(fani_job_run *run, const fani_ledger_failure *failure)
{
    fani_halt *halt = &run->halt;
    if (halt->failed++ != halt->allowed)
        return;
    char item[32] = "this";
    if (failure->index != FANI_HALT_NO_INDEX)
        snprintf(item, sizeof item, "item %" PRIu64, fani_slice_index(run->slice, failure->index));
    fani_error_set(&halt->why, FAN_E_FAILED,
                   "%s (%s) is number %" PRIu64 " that did not end well, and max-fails is %" PRIu64,
                   item, fani_ledger_outcome_name(failure->outcome), halt->failed, halt->allowed);
    fani_error_place(&halt->why, failure->file, failure->line, failure->column);
}

bool fani_halt_reached(const fani_job_run *run)
{
    return run->halt.failed > run->halt.allowed;
}

bool fani_halt_is_now(const fani_job_run *run)
{
    return run->halt.now;
}

fan_status fani_halt_status(fani_job_run *run, fan_error *error)
{
    if (!fani_halt_reached(run))
        return FAN_OK;
    fan_status status = fani_state_idle(run, true, error);
    if (status != FAN_OK)
        return status;
    run->result->halted = true;
    if (error)
        *error = run->halt.why;
    return FAN_E_FAILED;
}
