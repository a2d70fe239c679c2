/* What the tasks of the job factor answer: records, or what is left for all workers. */
#ifndef FANI_FACTOR_ANSWER_H
#define FANI_FACTOR_ANSWER_H

#include "job/big.h"

/* The prime factors as a JSON array; NULL: out of memory. */
json_t *fani_factor_json_u64(const fan_factors_u64 *factors);

/* The number that an answer is about. */
typedef struct fani_big_subject {
    const fani_number *number;
    const unsigned char *input; /* how it was written, where not in decimal; or NULL */
    size_t input_size;
    uint64_t index; /* the item's, of the run */
    bool is_last;   /* the time is over: what is left stays composite */
} fani_big_subject;

/* Answers item i by big->factorization, which fani_big_factor or fani_factor_go_on has left there.
 * Errors as fani_record_reply. */
fan_status fani_factor_answer(fani_big *big, fan_run *run, size_t i,
                              const fani_big_subject *subject, const fani_list_args *args);

#endif
