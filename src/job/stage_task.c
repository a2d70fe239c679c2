/* A stage of a pipeline that is an executor. Here, and not in the stage layer, because that one
 * knows no executors. */
#include "base/error.h"
#include "fanfold/stage.h"

static fan_status status_of(fan_outcome_kind kind)
{
    switch (kind) {
    case FAN_OUTCOME_OK:
        return FAN_OK;
    case FAN_OUTCOME_LOST:
        return FAN_E_LOST;
    case FAN_OUTCOME_TIMED_OUT:
        return FAN_E_TIMEOUT;
    case FAN_OUTCOME_CANCELLED:
        return FAN_E_CANCELLED;
    case FAN_OUTCOME_FAILED:
        break;
    }
    return FAN_E_FAILED;
}

/* FAN_E_BUSY: it has just ended. */
static void end_item(void *user)
{
    (void)fan_future_kill(user);
}

static fan_status run(const fan_step *step, void **item, fan_error *error)
{
    const fan_stage_task *with = step->user;
    const void *bytes = NULL;
    size_t size = 0;
    fan_future *future;
    fan_outcome outcome;
    fan_status status = with->input(with->user, *item, &bytes, &size, error);
    if (status != FAN_OK)
        return status;
    status = fan_submit(with->executor, with->task, bytes, size, with->submit, &future);
    if (status != FAN_OK)
        return status;
    fan_step_on_stop(step, end_item, future);
    status = fan_future_result(future, FAN_FOREVER, &outcome);
    fan_step_on_stop(step, NULL, NULL);
    if (status == FAN_OK && outcome.kind == FAN_OUTCOME_OK)
        status = with->reply(with->user, item, &outcome, error);
    else if (status == FAN_OK)
        status = fani_error_set(error, status_of(outcome.kind), "%s", outcome.text);
    fan_future_release(future);
    return status;
}

fan_stage fan_stage_on_executor(const char *name, unsigned workers, fan_stage_task *with)
{
    return (fan_stage){.name = name, .run = run, .user = with, .workers = workers};
}
