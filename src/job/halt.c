#include "job/halt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "job/shard.h"
#include "job/state.h"

static const char *const reasons[] = {
    [FANI_HALT_FAIL] = "fail", [FANI_HALT_SUCCESS] = "success", [FANI_HALT_DONE] = "done"};
static const char *const said[] = {[FANI_HALT_FAIL] = "failed items",
                                   [FANI_HALT_SUCCESS] = "items that are ok",
                                   [FANI_HALT_DONE] = "items that are done"};

/* "=N" or "=N%". */
static bool read_enough(const char *text, fani_halt *halt)
{
    char digits[24];
    size_t size = strlen(text);
    halt->percent = size > 1 && text[size - 1] == '%';
    size -= halt->percent;
    if (*text != '=' || size < 2 || size > sizeof digits ||
        strspn(text + 1, "0123456789") < size - 1)
        return false;
    memcpy(digits, text + 1, size - 1);
    digits[size - 1] = '\0';
    return fani_read_count(digits, &halt->enough) && halt->enough > 0 &&
           (!halt->percent || halt->enough <= 100);
}

bool fani_halt_read(const char *text, fani_halt *halt)
{
    bool now = strncmp(text, "now", 3) == 0;
    if (!now && strncmp(text, "soon", 4) != 0)
        return false;
    halt->now = now;
    text += now ? 3 : 4;
    if (!*text)
        return true;
    for (size_t i = 0; *text == ',' && i < sizeof reasons / sizeof *reasons; i++) {
        size_t size = strlen(reasons[i]);
        halt->of = (fani_halt_reason)i;
        if (!strncmp(text + 1, reasons[i], size))
            return read_enough(text + 1 + size, halt);
    }
    return false;
}

void fani_halt_begin(fani_job_run *run)
{
    const char *when = fani_job_text(run->job, FANI_KEY_HALT);
    run->halt = (fani_halt){.allowed = fani_job_count(run->job, FANI_KEY_MAX_FAILS, UINT64_MAX),
                            .total = UINT64_MAX};
    if (when)
        (void)fani_halt_read(when, &run->halt); /* it was checked when it was set */
}

/* How many there are of what is counted. */
static uint64_t counted(const fani_halt *halt)
{
    return (halt->of != FANI_HALT_SUCCESS ? halt->failed : 0) +
           (halt->of != FANI_HALT_FAIL ? halt->ok : 0);
}

static bool is_enough(const fani_halt *halt)
{
    if (!halt->enough || !counted(halt))
        return false;
    if (!halt->percent)
        return counted(halt) >= halt->enough;
    return halt->total != UINT64_MAX &&
           (double)counted(halt) * 100 >= (double)halt->total * (double)halt->enough;
}

static void look(fani_job_run *run)
{
    fani_halt *halt = &run->halt;
    if (halt->reached || !is_enough(halt))
        return;
    halt->reached = true;
    char share[64] = "";
    if (halt->percent)
        snprintf(share, sizeof share, " of %" PRIu64, halt->total);
    fani_error_set(&halt->why, FAN_E_FAILED, "%s: %" PRIu64 "%s, and halt is %s=%" PRIu64 "%s",
                   said[halt->of], counted(halt), share, reasons[halt->of], halt->enough,
                   halt->percent ? "%" : "");
}

bool fani_halt_wants_total(const fani_job_run *run)
{
    return run->halt.percent && run->halt.total == UINT64_MAX;
}

void fani_halt_total(fani_job_run *run, uint64_t items)
{
    run->halt.total = items;
    look(run);
}

void fani_halt_count(fani_job_run *run, const fani_ledger_failure *failure)
{
    fani_halt *halt = &run->halt;
    if (halt->failed++ != halt->allowed || halt->reached) {
        look(run);
        return;
    }
    char item[32] = "this";
    if (failure->index != FANI_HALT_NO_INDEX)
        snprintf(item, sizeof item, "item %" PRIu64, fani_slice_index(run->slice, failure->index));
    halt->reached = true;
    fani_error_set(&halt->why, FAN_E_FAILED,
                   "%s (%s) is number %" PRIu64 " that did not end well, and max-fails is %" PRIu64,
                   item, fani_ledger_outcome_name(failure->outcome), halt->failed, halt->allowed);
    fani_error_place(&halt->why, failure->file, failure->line, failure->column);
}

void fani_halt_count_ok(fani_job_run *run)
{
    run->halt.ok++;
    look(run);
}

bool fani_halt_counts_ok(const fani_job_run *run)
{
    return run->halt.enough && run->halt.of != FANI_HALT_FAIL;
}

bool fani_halt_reached(const fani_job_run *run)
{
    return run->halt.reached;
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

int fani_halt_exit_code(const fani_job_run *run)
{
    const fani_halt *halt = &run->halt;
    bool by_count = halt->enough && halt->of != FANI_HALT_FAIL && halt->failed <= halt->allowed;
    return by_count && (halt->of == FANI_HALT_SUCCESS || !halt->failed) ? 0 : 1;
}
