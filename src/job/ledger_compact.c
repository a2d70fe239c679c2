#include "job/ledger_compact.h"

#include "base/error.h"
#include "job/ledger_read.h"

typedef struct copying {
    const char *path;
    fani_journal_snapshot *to;
    fani_ledger_state state;
    bool has_state;
    fan_buffer scratch;
} copying;

/* Adds what `put` has made in the scratch buffer. */
static fan_status add(copying *c, fan_status put, fani_ledger_kind kind, fan_error *error)
{
    if (put != FAN_OK)
        return fani_error_set(error, put, "out of memory");
    return fani_journal_snapshot_add(c->to, kind, c->scratch.bytes, c->scratch.size, error);
}

static fan_status copy_failure(void *user, const fani_ledger_failure *failure, fan_error *error)
{
    copying *c = user;
    return add(c, fani_ledger_put_failure(failure, &c->scratch), FANI_LEDGER_FAILED, error);
}

static fan_status copy_held(void *user, const fani_ledger_held *held, fan_error *error)
{
    copying *c = user;
    return add(c, fani_ledger_put_held(held, &c->scratch), FANI_LEDGER_HELD, error);
}

/* Keeps the state; of what is done beyond it each range is one record. */
static fan_status copy_seen(void *user, const fani_ledger_seen *seen, fan_error *error)
{
    copying *c = user;
    fan_status status = FAN_OK;
    c->state = seen->state;
    c->has_state = seen->has_state;
    for (size_t i = 0; status == FAN_OK && i < seen->done.count; i++) {
        const fani_range *range = &seen->done.at[i];
        if (range->end <= seen->state.done)
            continue;
        status = add(c, fani_ledger_put_done(range->first, range->end - range->first, &c->scratch),
                     FANI_LEDGER_DONE, error);
    }
    return status;
}

/* The STATE comes last: what stands before it counts by it, as records of this epoch. */
static fan_status snapshot(void *user, fani_journal_snapshot *to, fan_error *error)
{
    copying *c = user;
    c->to = to;
    fani_ledger_visitor visitor = {
        .seen = copy_seen, .failure = copy_failure, .held = copy_held, .user = c};
    fan_status status = fani_ledger_read(c->path, &visitor, error);
    if (status != FAN_OK || !c->has_state)
        return status;
    return add(c, fani_ledger_put_state(&c->state, &c->scratch), FANI_LEDGER_STATE, error);
}

fan_status fani_ledger_compact(fani_journal *journal, const char *path, fan_deadline deadline,
                               fan_error *error)
{
    copying c = {.path = path};
    fan_status status = fani_journal_flush(journal, false, deadline, error);
    if (status == FAN_OK)
        status = fani_journal_compact(journal, snapshot, &c, deadline, error);
    fan_buffer_clear(&c.scratch);
    return status;
}
