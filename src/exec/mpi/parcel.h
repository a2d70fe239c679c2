/* Many batches in one message, and many answers: flat bytes in host order (the ranks run the same
 * build). Records begin at multiples of 16 within the message, so that inputs are read in place. */
#ifndef FANI_MPI_PARCEL_H
#define FANI_MPI_PARCEL_H

#include "exec/executor_ops.h"

/* ---- Orders: 0 -> r ------------------------------------------------------------------------ */

enum { FANI_ORDERS_MAGIC = 0x464f5231, FANI_ANSWERS_MAGIC = 0x46414e31 }; /* "FOR1", "FAN1" */

typedef struct fani_parcel_head {
    uint32_t magic;
    uint32_t count;
    uint64_t reply_limit; /* of the orders that say nothing else */
    uint64_t parts;       /* into how many runs the short orders are best cut */
    uint64_t work_ns;     /* of all orders, as expected; 0: not known */
} fani_parcel_head;

typedef struct fani_order {
    uint64_t ticket;
    uint32_t task; /* fani_registry_number */
    bool is_short; /* little work: may be run with others in one go */
    bool traced;   /* its times are wanted exactly */
    fan_items items;
    uint64_t args;                   /* id; 0: none */
    const unsigned char *args_bytes; /* with the first order that has them; else NULL */
    size_t args_size;
    uint64_t reply_limit;
    int64_t timeout_ns;
    int32_t priority;
} fani_order;

size_t fani_order_size(const fani_order *order, uint64_t usual_limit);

/* Writes fani_order_size bytes and returns where they end. */
unsigned char *fani_order_write(const fani_order *order, uint64_t usual_limit, unsigned char *at);

/* A message being read. */
typedef struct fani_parcel {
    const unsigned char *at;
    size_t left;
    uint32_t count; /* records */
    fani_parcel_head head;
} fani_parcel;

/* FAN_E_PROTOCOL: it is no parcel of orders. */
fan_status fani_parcel_open(fani_parcel *parcel, const unsigned char *bytes, size_t size);

/* The next order, whose items lie in the message. FAN_E_PROTOCOL. */
fan_status fani_order_read(fani_parcel *parcel, fani_order *order);

/* ---- Answers: r -> 0 ----------------------------------------------------------------------- */

typedef struct fani_answers_head {
    uint32_t magic;
    uint32_t count;
    uint64_t workers_lost; /* on that rank, so far */
    uint32_t rank;
    int32_t pid;
    uint64_t dry; /* 1: its workers have nothing at hand but what they run */
} fani_answers_head;

typedef struct fani_answer {
    uint64_t ticket;
    fani_verdict verdict;        /* FANI_DONE, FANI_FAILED (with text), FANI_CANCELLED */
    const fani_replies *replies; /* to write; FANI_DONE */
    const char *text;
    uint64_t run_ns;
    int64_t begun_ns;
    fani_where where;
    uint64_t first, count; /* a claimed part of a range; count 0: a whole batch */

    /* What was read. */
    const unsigned char *bytes;
    size_t size, item_size;
    bool plain; /* an array without marks: `size` bytes */
    bool many;  /* several parts, each an array without marks: fani_answer_part */
} fani_answer;

/* Whether an answer is an array without marks, to be written. */
bool fani_answer_is_plain(const fani_answer *answer);

/* A record of several parts, which grows: writes an empty one at `at`; returns where it ends. */
unsigned char *fani_answer_write_many(uint64_t ticket, size_t item_size, unsigned char *at);

/* Adds the part of a plain answer to the record at `record`, which ends at `at`; there is room for
 * fani_answer_more_size. Returns where it ends now. */
unsigned char *fani_answer_write_more(unsigned char *record, const fani_answer *answer,
                                      unsigned char *at);
size_t fani_answer_more_size(const fani_answer *answer);

size_t fani_answer_size(const fani_answer *answer);
unsigned char *fani_answer_write(const fani_answer *answer, unsigned char *at);

typedef struct fani_answers_read {
    const unsigned char *at;
    size_t left;
    uint32_t count;
    fani_answers_head head;
} fani_answers_read;

fan_status fani_answers_open(fani_answers_read *reader, const unsigned char *bytes, size_t size);
fan_status fani_answer_next(fani_answers_read *reader, fani_answer *answer);

/* The next part of a FANI_DONE answer of `many`, as a plain answer; `part` starts with zeroes and
 * comes back. False: that was the last one, or what follows makes no sense (part->bytes is NULL).
 */
bool fani_answer_part(const fani_answer *answer, fani_answer *part);

/* Copies what a FANI_DONE answer holds for `count` items. FAN_E_PROTOCOL, FAN_E_MEMORY. */
fan_status fani_answer_replies(const fani_answer *answer, size_t count, fani_replies *replies);

#endif
