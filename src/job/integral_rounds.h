/* One integral by a method that works in rounds (kernel/integrate/method.h), the work of each round
 * spread over all workers. What comes out has the same bits as fani_integrate_rounds on one thread:
 * replies go back to the method by index. */
#ifndef FANI_INTEGRAL_ROUNDS_H
#define FANI_INTEGRAL_ROUNDS_H

#include "job/job_internal.h"
#include "kernel/integrate/method.h"

typedef struct fani_integral_rounds {
    fani_job_run *run;
    const fani_method *method;
    const fani_integrand *integrand;
    const fani_domain *domain;
    const fani_goal *goal;
    const fan_task *task; /* does the method's work on an item of the method's, which has the size
                             of its reply in front of it (8 bytes); its arguments are `bytes` */
    const fan_buffer *bytes;
    bool works_here; /* rounds that take no time may be worked on by the calling thread */
    /* Where the state between two rounds is kept, once a second and where the run is stopped; NULL:
     * nowhere. It is removed with the output's other parts, by the caller. */
    const char *path;
    uint64_t identity; /* of the integral: another one's state is not taken up */
    bool resumes;      /* the state of an earlier run counts */
    const fani_writer_fence *fence;
    uint64_t index; /* of the integral, for texts */
} fani_integral_rounds;

/* Works until there is a verdict. Errors: those of the method's open; of an item that was not ok
 * FAN_E_FAILED, FAN_E_LOST, FAN_E_TIMEOUT; FAN_E_CANCELLED; FAN_E_OUTPUT (the state can't be kept);
 * FAN_E_MEMORY. *estimate is then untouched. */
fan_status fani_integral_rounds_run(const fani_integral_rounds *rounds, fani_estimate *estimate,
                                    fan_error *error);

#endif
