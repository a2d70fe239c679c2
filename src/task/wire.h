/* Batches and replies as flat bytes, for executors whose workers share no memory. Host byte order:
 * both ends are the same build. Sections are aligned to 16 within the message, so a message placed
 * at an aligned address is read in place, without copying. */
#ifndef FANI_WIRE_H
#define FANI_WIRE_H

#include "task/replies.h"
#include "task/where.h"

/* One batch as it travels. Encoding reads all; decoding fills it with pointers into the message. */
typedef struct fani_wire_batch {
    uint64_t posting;
    uint64_t reply_limit;
    const char *task_name;
    size_t task_name_size;
    fan_items args; /* one item, or count 0 */
    fan_items items;
} fani_wire_batch;

/* Bytes of all inputs together; 0 for a range. */
size_t fani_items_bytes(const fan_items *items);

size_t fani_wire_batch_size(const fani_wire_batch *batch);
void fani_wire_batch_write(const fani_wire_batch *batch, unsigned char *message);

/* Checks every length against `size`; FAN_E_PROTOCOL. */
fan_status fani_wire_batch_read(const unsigned char *message, size_t size, fani_wire_batch *batch);

/* The replies of one posting. */
size_t fani_wire_replies_size(const fani_replies *replies);
void fani_wire_replies_write(const fani_replies *replies, uint64_t posting, uint64_t run_ns,
                             unsigned char *message);

/* The same message as pieces, for who writes it into memory that is zero: what lies between them
 * stays so. `head` is memory for one of them. Returns how many there are; 0 where it can only be
 * written as a whole. */
enum { FANI_WIRE_HEAD_WORDS = 16, FANI_WIRE_PIECES = 4 };
typedef struct fani_wire_piece {
    size_t offset;
    const void *bytes;
    size_t size;
} fani_wire_piece;
size_t fani_wire_replies_pieces(const fani_replies *replies, uint64_t posting, uint64_t run_ns,
                                uint64_t head[FANI_WIRE_HEAD_WORDS],
                                fani_wire_piece pieces[FANI_WIRE_PIECES]);

/* Who made the replies of a written message, and since when (0: not said), for traces. Reading
 * needs a message that fani_wire_replies_read has found sound. */
void fani_wire_replies_stamp(unsigned char *message, int64_t begun_ns, fani_where where);
void fani_wire_replies_stamped(const unsigned char *message, int64_t *begun_ns, fani_where *where);

/* Copies a message into `replies` (zeroed or used before). FAN_E_PROTOCOL, FAN_E_MEMORY. */
fan_status fani_wire_replies_read(const unsigned char *message, size_t size, uint64_t *posting,
                                  uint64_t *run_ns, fani_replies *replies);

#endif
