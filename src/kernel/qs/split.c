#include "split.h"

#include "algebra.h"

typedef struct collection {
    fani_qs_set *set;
    const fani_effort *effort;
} collection;

static bool is_cancelled(void *context)
{
    const collection *c = context;
    return fani_is_cancelled(c->effort);
}

static fan_status keep(void *context, const fani_qs_relation *relation)
{
    const collection *c = context;
    return fani_qs_set_add(c->set, relation, NULL);
}

/* Leading coefficients one after the other, until the relations are enough and give a divisor. */
static fan_status collect(const fani_qs *qs, fani_qs_worker *worker, collection *c, mpz_ptr divisor)
{
    const fani_qs_hooks hooks = {.cancelled = is_cancelled, .emit = keep, .context = c};
    for (uint64_t a = 0; a < fani_qs_a_count(qs); a++) {
        bool enough = false;
        fan_status status = fani_qs_collect(worker, a, &hooks);
        if (status == FAN_OK)
            status = fani_qs_set_enough(c->set, &enough);
        if (status == FAN_OK && enough) {
            status = fani_qs_solve(qs, c->set, NULL, NULL, c->effort, divisor);
            if (status != FAN_E_EFFORT)
                return status;
        } else if (status != FAN_OK) {
            return status;
        }
    }
    return FAN_E_EFFORT;
}

fan_status fani_qs_split(mpz_srcptr n, const fani_effort *effort, fani_isa isa, mpz_ptr divisor)
{
    fani_qs *qs = NULL;
    fani_qs_worker *worker = NULL;
    collection c = {.effort = effort};
    mpz_set_ui(divisor, 1);
    fan_status status = fani_qs_make(n, NULL, &qs);
    if (status == FAN_OK)
        status = fani_qs_worker_make(qs, isa, &worker);
    if (status == FAN_OK)
        status = fani_qs_set_new(fani_qs_columns(qs), &c.set);
    if (status == FAN_OK)
        status = collect(qs, worker, &c, divisor);
    fani_qs_set_free(c.set);
    fani_qs_worker_free(worker);
    fani_qs_free(qs);
    return status;
}
