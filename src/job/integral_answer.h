/* What came out of one integral, and how it is written down. */
#ifndef FANI_INTEGRAL_ANSWER_H
#define FANI_INTEGRAL_ANSWER_H

#include "job/integral_spec.h"

typedef struct fani_integral_answer {
    size_t components;
    double values[FAN_INTEGRAL_COMPONENTS_MAX];
    double errors[FAN_INTEGRAL_COMPONENTS_MAX];
    bool has_errors; /* a fixed grid has no estimate */
    uint64_t evaluations;
    char method[FANI_CHOSEN_SIZE + 8]; /* what was done: "gauss-5", "cubature" */
    const char *why;                   /* words about a choice; NULL: there was none */
    const char *status;                /* "ok" of a grid, or fani_verdict_name */
} fani_integral_answer;

/* The header of the TSV format. */
extern const char fani_integral_columns[];

/* Appends the answer in a format. FAN_E_MEMORY. */
fan_status fani_integral_answer_write(const fani_integral_answer *answer, fani_format format,
                                      uint64_t index, fan_buffer *out);

/* Appends what stands for an integral without an answer. FAN_E_MEMORY. */
fan_status fani_integral_failure_write(fani_format format, uint64_t index, const char *status,
                                       const fan_error *what, fan_buffer *out);

#endif
