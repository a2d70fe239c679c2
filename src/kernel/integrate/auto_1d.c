/* Choosing for one variable: gauss-kronrod first, whose panels are the probes; where it does not
 * reach the goal, tanh-sinh over the same pieces. Of two that don't reach it, the smaller error
 * counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive_method.h"
#include "methods_1d.h"

enum { PARTS = 2 };

static const fani_method *const parts[PARTS] = {&fani_method_gauss_kronrod, &fani_method_tanh_sinh};

typedef struct choice {
    void *states[PARTS]; /* NULL: not begun */
    const fani_integrand *f;
    const fani_domain *domain;
    fani_goal goal;
} choice;

/* What is saved before the states. */
typedef struct saved {
    uint64_t sizes[PARTS]; /* of the states; 0: not begun */
} saved;

static void auto_close(void *state)
{
    choice *a = state;
    if (!a)
        return;
    for (int i = 0; i < PARTS; i++)
        parts[i]->close(a->states[i]);
    free(a);
}

/* The first method leaves a quarter of the budget to the second. */
static fani_goal goal_of(const fani_goal *goal, int part)
{
    fani_goal own = *goal;
    own.evaluations_max =
        part == 0 ? goal->evaluations_max - goal->evaluations_max / 4 : goal->evaluations_max / 4;
    return own;
}

static fan_status auto_open(const fani_integrand *f, const fani_domain *domain,
                            const fani_goal *goal, void **state, fan_error *error)
{
    const fani_goal own = goal_of(goal, 0);
    void *first;
    const fan_status status = parts[0]->open(f, domain, &own, &first, error);
    if (status != FAN_OK)
        return status;
    choice *a = malloc(sizeof *a);
    if (!a) {
        parts[0]->close(first);
        return FAN_E_MEMORY;
    }
    *a = (choice){.states = {first, NULL}, .f = f, .domain = domain, .goal = *goal};
    *state = a;
    return FAN_OK;
}

/* Whether the other method might do better. */
static bool worth_another(const choice *a)
{
    const uint32_t verdict = ((const fani_adaptive *)a->states[0])->core.verdict;
    return verdict == FANI_VERDICT_BUDGET || verdict == FANI_VERDICT_ROUNDING;
}

static fan_status auto_round(void *state, fani_round *round)
{
    choice *a = state;
    fan_status status = FAN_OK;
    if (!a->states[1]) {
        status = parts[0]->round(a->states[0], round);
        if (status != FAN_OK || round->count > 0 || !worth_another(a))
            return status;
        const fani_goal own = goal_of(&a->goal, 1);
        status = parts[1]->open(a->f, a->domain, &own, &a->states[1], NULL);
    }
    return status == FAN_OK ? parts[1]->round(a->states[1], round) : status;
}

static fan_status auto_work(const fani_integrand *f, const fani_domain *domain,
                            const unsigned char *item, unsigned char *reply)
{
    uint32_t kind;
    memcpy(&kind, item, sizeof kind);
    return parts[kind == FANI_ITEM_STRETCH]->work(f, domain, item, reply);
}

static fan_status auto_take(void *state, const unsigned char *replies)
{
    choice *a = state;
    const int part = a->states[1] != NULL;
    return parts[part]->take(a->states[part], replies);
}

static double worst(const fani_estimate *e, size_t components)
{
    double error = 0;
    for (size_t c = 0; c < components; c++)
        error = fmax(error, isfinite(e->error[c]) ? e->error[c] : INFINITY);
    return error;
}

static void auto_result(const void *state, fani_estimate *estimate)
{
    const choice *a = state;
    fani_estimate other;
    parts[0]->result(a->states[0], estimate);
    if (!a->states[1])
        return;
    parts[1]->result(a->states[1], &other);
    const bool better = other.verdict == FANI_VERDICT_REACHED ||
                        (other.verdict != FANI_VERDICT_OPEN &&
                         worst(&other, a->f->components) < worst(estimate, a->f->components));
    const uint64_t evaluations = estimate->evaluations + other.evaluations;
    if (better) {
        const bool budget = estimate->verdict == FANI_VERDICT_BUDGET;
        *estimate = other;
        snprintf(estimate->chosen, sizeof estimate->chosen, "tanh-sinh, as gauss-kronrod %s",
                 budget ? "needed too many values" : "met the rounding of the values");
    }
    estimate->evaluations = evaluations;
}

/* ---- Saving ---------------------------------------------------------------------------------- */

static fan_status auto_save(const void *state, unsigned char **bytes, size_t *size)
{
    const choice *a = state;
    const size_t at = *size;
    saved head = {{0}};
    unsigned char *grown = realloc(*bytes, at + sizeof head);
    if (!grown)
        return FAN_E_MEMORY;
    *bytes = grown;
    *size += sizeof head;
    fan_status status = FAN_OK;
    for (int i = 0; status == FAN_OK && i < PARTS; i++) {
        const size_t before = *size;
        if (a->states[i])
            status = parts[i]->save(a->states[i], bytes, size);
        head.sizes[i] = *size - before;
    }
    memcpy(*bytes + at, &head, sizeof head);
    return status;
}

static fan_status load_parts(choice *a, const saved *head, const unsigned char *bytes, size_t size)
{
    fan_status status = head->sizes[0] > 0 ? FAN_OK : FAN_E_PROTOCOL;
    for (int i = 0; status == FAN_OK && i < PARTS; i++) {
        const fani_goal own = goal_of(&a->goal, i);
        if (head->sizes[i] > size)
            return FAN_E_PROTOCOL;
        if (head->sizes[i] > 0)
            status = parts[i]->load(a->f, a->domain, &own, bytes, head->sizes[i], &a->states[i]);
        bytes += head->sizes[i];
        size -= head->sizes[i];
    }
    return status == FAN_OK && size > 0 ? FAN_E_PROTOCOL : status;
}

static fan_status auto_load(const fani_integrand *f, const fani_domain *domain,
                            const fani_goal *goal, const unsigned char *bytes, size_t size,
                            void **state)
{
    saved head;
    if (size < sizeof head)
        return FAN_E_PROTOCOL;
    memcpy(&head, bytes, sizeof head);
    choice *a = malloc(sizeof *a);
    if (!a)
        return FAN_E_MEMORY;
    *a = (choice){.f = f, .domain = domain, .goal = *goal};
    const fan_status status = load_parts(a, &head, bytes + sizeof head, size - sizeof head);
    if (status == FAN_OK)
        *state = a;
    else
        auto_close(a);
    return status;
}

const fani_method fani_method_auto_1d = {
    .name = "auto",
    .first = fani_adaptive_first,
    .open = auto_open,
    .round = auto_round,
    .work = auto_work,
    .take = auto_take,
    .result = auto_result,
    .save = auto_save,
    .load = auto_load,
    .close = auto_close,
};
