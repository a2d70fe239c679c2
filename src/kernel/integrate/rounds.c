/* The driver of methods on the calling thread. */
#include <stdlib.h>

#include "base/error.h"
#include "method.h"

enum { REPLIES_INLINE = 16384 }; /* bytes of replies that need no allocation */

/* Works on all items of a round, in order. */
static fan_status work_all(const fani_method *method, const fani_integrand *f,
                           const fani_domain *domain, const fani_round *round,
                           unsigned char *replies)
{
    fan_status status = FAN_OK;
    for (size_t i = 0; status == FAN_OK && i < round->count; i++)
        status = method->work(f, domain, round->bytes + i * round->item_size,
                              replies + i * round->reply_size);
    return status;
}

static fan_status one_round(const fani_method *method, void *state, const fani_integrand *f,
                            const fani_domain *domain, bool *more)
{
    fani_round round = {.count = 0};
    _Alignas(max_align_t) unsigned char few[REPLIES_INLINE];
    size_t size;
    fan_status status = method->round(state, &round);
    *more = status == FAN_OK && round.count > 0;
    if (!*more)
        return status;
    if (__builtin_mul_overflow(round.count, round.reply_size, &size))
        return FAN_E_MEMORY;
    unsigned char *replies = size <= sizeof few ? few : malloc(size);
    if (!replies)
        return FAN_E_MEMORY;
    status = work_all(method, f, domain, &round, replies);
    if (status == FAN_OK)
        status = method->take(state, replies);
    if (replies != few)
        free(replies);
    return status;
}

fan_status fani_integrate_rounds(const fani_method *method, const fani_integrand *f,
                                 const fani_domain *domain, const fani_goal *goal,
                                 fani_estimate *estimate, fan_error *error)
{
    void *state = NULL;
    fan_status status = method->open(f, domain, goal, &state, error);
    if (status != FAN_OK)
        return status;
    for (bool more = true; status == FAN_OK && more;)
        status = one_round(method, state, f, domain, &more);
    if (status == FAN_OK)
        method->result(state, estimate);
    else
        fani_error_set(error, status, "%s: the integrand or the method failed (%s)", method->name,
                       fan_status_name(status));
    method->close(state);
    return status;
}
