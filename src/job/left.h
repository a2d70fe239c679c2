/* A number that a worker of the job factor has left, for all of them to go on with: what the reply
 * says behind its flags, and what the task `factor.more` gets to go on. Checked bytes. */
#ifndef FANI_LEFT_H
#define FANI_LEFT_H

#include "fanfold/factor.h"
#include "job/record.h"

enum {
    /* Composites of so many bits (60 digits, half a second of the sieve) are worth to be spread
     * over all workers. */
    FANI_LEFT_BITS = 199,
};

typedef struct fani_left {
    const unsigned char *digits; /* of the number */
    size_t digits_size;
    const unsigned char *input; /* how it was written, where not in decimal; or NULL */
    size_t input_size;
    const unsigned char *bytes; /* of fani_unfinished_write */
    size_t size;
} fani_left;

/* Whether the factorization has a composite that is left. */
bool fani_left_is(const fan_factorization *f);

/* Appends the bytes: `left` says who, `f` what. FAN_E_MEMORY. */
fan_status fani_left_write(const fani_left *left, const fan_factorization *f, fan_buffer *out);

/* Takes them apart: *left points into them. False: they are damaged. */
bool fani_left_read(const unsigned char *bytes, size_t size, fani_left *left);

/* What the task `factor.more` is to do with one. */
typedef enum fani_more {
    FANI_MORE_GO_ON, /* judge and split the parts; leave what comes up again */
    FANI_MORE_WHOLE, /* factor it to its end */
    FANI_MORE_LAST,  /* the time is over: say what is known */
} fani_more;

/* What its items begin with; then come the bytes above. Its arguments are those of the job's
 * task. */
typedef struct fani_more_head {
    uint64_t index;      /* of the item of the run */
    uint64_t how;        /* fani_more */
    uint64_t timeout_ms; /* of its time so much is left; 0: there is no limit */
} fani_more_head;

extern const fan_task fani_task_factor_more;

#endif
