/* The driver of methods on the calling thread. */
#include <float.h>
#include <math.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "method.h"

enum { REPLIES_INLINE = 16384 }; /* bytes of replies that need no allocation */

typedef struct driver {
    const fani_method *method;
    const fani_integrand *f;
    const fani_domain *domain;
    void *state;
    size_t first_size; /* of the first item's reply where it is known, else 0 */
    unsigned char *first;
    unsigned char *replies; /* of the largest round so far, where the inline ones were too small */
    size_t replies_size;
} driver;

/* Works on all items of a round, in order. */
static fan_status work_all(driver *d, const fani_round *round, unsigned char *replies)
{
    fan_status status = FAN_OK;
    size_t i = 0;
    if (d->first_size > 0 && d->first_size == round->reply_size) {
        memcpy(replies, d->first, d->first_size);
        i = 1;
    }
    d->first_size = 0;
    for (; status == FAN_OK && i < round->count; i++)
        status = d->method->work(d->f, d->domain, round->bytes + i * round->item_size,
                                 replies + i * round->reply_size);
    return status;
}

/* Room for replies, kept from round to round: new pages cost more than what is written there. */
static unsigned char *room(driver *d, size_t size)
{
    if (size > d->replies_size) {
        free(d->replies);
        d->replies = malloc(size);
        d->replies_size = d->replies ? size : 0;
    }
    return d->replies;
}

static fan_status one_round(driver *d, bool *more)
{
    fani_round round = {.count = 0};
    alignas(16) unsigned char few[REPLIES_INLINE];
    size_t size;
    fan_status status = d->method->round(d->state, &round);
    *more = status == FAN_OK && round.count > 0;
    if (!*more)
        return status;
    if (__builtin_mul_overflow(round.count, round.reply_size, &size))
        return FAN_E_MEMORY;
    unsigned char *replies = size <= sizeof few ? few : room(d, size);
    if (!replies)
        return FAN_E_MEMORY;
    status = work_all(d, &round, replies);
    if (status == FAN_OK)
        status = d->method->take(d->state, replies);
    return status;
}

static fan_status run(driver *d, const fani_goal *goal, fan_error *error)
{
    fan_status status = d->method->open(d->f, d->domain, goal, &d->state, error);
    if (status != FAN_OK)
        return status;
    for (bool more = true; status == FAN_OK && more;)
        status = one_round(d, &more);
    free(d->replies);
    if (status == FAN_OK)
        return FAN_OK;
    d->method->close(d->state);
    return fani_error_set(error, status, "%s: the integrand or the method failed (%s)",
                          d->method->name, fan_status_name(status));
}

fan_status fani_rounds_run(const fani_method *method, const fani_integrand *f,
                           const fani_domain *domain, const fani_goal *goal, void **state,
                           fan_error *error)
{
    driver d = {.method = method, .f = f, .domain = domain};
    const fan_status status = run(&d, goal, error);
    if (status == FAN_OK)
        *state = d.state;
    return status;
}

void fani_method_result(const fani_method *method, const void *state, size_t components,
                        fani_estimate *estimate)
{
    method->result(state, estimate);
    for (size_t c = 0; c < components; c++) {
        const double size = components == 1 ? estimate->absolute : fabs(estimate->value[c]);
        estimate->error[c] = fmax(estimate->error[c], 2 * DBL_EPSILON * size);
    }
}

fan_status fani_integrate_after(const fani_method *method, const fani_integrand *f,
                                const fani_domain *domain, const fani_goal *goal,
                                unsigned char *first, size_t first_size, fani_estimate *estimate,
                                fan_error *error)
{
    driver d = {
        .method = method, .f = f, .domain = domain, .first = first, .first_size = first_size};
    const fan_status status = run(&d, goal, error);
    if (status != FAN_OK)
        return status;
    fani_method_result(method, d.state, f->components, estimate);
    method->close(d.state);
    return FAN_OK;
}

fan_status fani_integrate_rounds(const fani_method *method, const fani_integrand *f,
                                 const fani_domain *domain, const fani_goal *goal,
                                 fani_estimate *estimate, fan_error *error)
{
    alignas(16) unsigned char first[FANI_FIRST_REPLY];
    size_t size = 0;
    bool done = false;
    fan_status status = FAN_OK;
    if (method->first)
        status = method->first(f, domain, goal, estimate, first, &size, &done);
    if (status != FAN_OK)
        return fani_error_set(error, status, "%s: the integrand failed (%s)", method->name,
                              fan_status_name(status));
    return done ? FAN_OK
                : fani_integrate_after(method, f, domain, goal, first, size, estimate, error);
}
