/* The parts of the method "gauss-kronrod" that its files share. */
#ifndef FANI_ADAPTIVE_METHOD_H
#define FANI_ADAPTIVE_METHOD_H

#include "adaptive.h"

/* The first round: a look at infinite ends, or the panels of the pieces. */
fan_status fani_adaptive_start(fani_adaptive *a);

/* Takes what a round brought besides panels; may begin the next phase. */
fan_status fani_adaptive_take_others(fani_adaptive *a, const unsigned char *replies);

/* The intervals of a gauss-kronrod state that has reached its goal with their sum alone, without
 * chains: panels[0..count-1], count <= most; 0 where it is not so. */
size_t fani_adaptive_plain(const void *state, fani_panel *panels, size_t most);

/* Bytes of a reply. */
size_t fani_adaptive_reply_size(size_t components);

/* The panel that a finite range from < to begins with, of one component; *done: it meets the goal,
 * and its value is the integral's. */
fan_status fani_adaptive_first_panel(const fani_integrand *f, double from, double to,
                                     const fani_goal *goal, fani_item_reply *reply, bool *done);

fan_status fani_adaptive_first(const fani_integrand *f, const fani_domain *domain,
                               const fani_goal *goal, fani_estimate *estimate, unsigned char *reply,
                               size_t *size, bool *done);
fan_status fani_adaptive_open(const fani_integrand *f, const fani_domain *domain,
                              const fani_goal *goal, void **state, fan_error *error);
fan_status fani_adaptive_round(void *state, fani_round *round);
fan_status fani_adaptive_take(void *state, const unsigned char *replies);
void fani_adaptive_result(const void *state, fani_estimate *estimate);
fan_status fani_adaptive_save(const void *state, unsigned char **bytes, size_t *size);
fan_status fani_adaptive_load(const fani_integrand *f, const fani_domain *domain,
                              const fani_goal *goal, const unsigned char *bytes, size_t size,
                              void **state);
void fani_adaptive_close(void *state);

#endif
