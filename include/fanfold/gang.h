/* Gangs: members of one task that run at once and talk to each other, on any executor (fan_gang in
 * executor.h starts one).
 *
 * All functions are for a task's run, on the thread that runs it. A run outside of a gang is a gang
 * of one: rank 0, size 1, so that a task written for gangs also works as an ordinary item; only
 * send and receive have nobody there (FAN_E_ARGUMENT).
 *
 * Messages from one member to another keep their order. The mailbox between two members holds
 * FAN_GANG_MAILBOX_BYTES or less; longer messages go through it in pieces. Broadcast, all-reduce
 * and barrier are made of such messages: every member calls them in the same order, and with no
 * message of fan_gang_send unread between two members that meet there (FAN_E_PROTOCOL).
 *
 * The end. A member that fails, crashes, is cancelled or times out ends its gang: the calls of the
 * others answer FAN_E_LOST (FAN_E_CANCELLED where the executor is closing), fan_run_cancelled
 * becomes true for them, and what they fail with names the member at fault. So does a deadlock:
 * when every member waits for another and no message is under way, all are told who waits for whom.
 * A member that returns well takes part no longer: what it sent can still be received, after that
 * FAN_E_CLOSED. No call waits for ever unless some member runs for ever. */
#ifndef FANFOLD_GANG_H
#define FANFOLD_GANG_H

#include "fanfold/executor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The most that may lie between two members; gangs of more than 16 have smaller mailboxes. */
#define FAN_GANG_MAILBOX_BYTES 65536

/* This member's number, 0 .. size - 1, which is also the index of its item; 0 outside of a gang. */
FAN_API size_t fan_gang_rank(const fan_run *run);

/* How many members there are; 1 outside of a gang. */
FAN_API size_t fan_gang_size(const fan_run *run);

/* Sends `size` bytes (NULL with 0 is an empty message) to member `to`, which may be this one. Waits
 * while the mailbox is full; the bytes are free again on return. Errors: FAN_E_ARGUMENT,
 * FAN_E_CLOSED (that member has returned), FAN_E_LOST, FAN_E_CANCELLED. */
FAN_API fan_status fan_gang_send(fan_run *run, size_t to, const void *bytes, size_t size);

/* Waits for the next message from member `from`. `message` starts with zeroes, is reused from call
 * to call, and is freed by the caller (fan_buffer_clear); on error its content is undefined.
 * Errors: FAN_E_ARGUMENT, FAN_E_CLOSED (that member has returned and all was received), FAN_E_LOST,
 * FAN_E_CANCELLED, FAN_E_PROTOCOL, FAN_E_MEMORY (which ends the gang). */
FAN_API fan_status fan_gang_receive(fan_run *run, size_t from, fan_buffer *message);

/* Member `root`'s message (bytes and size) to all, over a binomial tree; the others' buffers as in
 * fan_gang_receive. Every member calls it. Errors as send and receive. */
FAN_API fan_status fan_gang_broadcast(fan_run *run, size_t root, fan_buffer *message);

/* Replaces `left` by left combined with right, both of `size` bytes. It need not commute. */
typedef void (*fan_gang_combine)(void *left, const void *right, size_t size, void *user);

/* Combines the `size` bytes at `value` of all members in the order of their ranks and gives every
 * member the result. The tree depends on the gang's size alone: for distance 1, 2, 4, ... the
 * member of each rank that is a multiple of 2 x distance takes in the value of rank + distance,
 * where there is one. So floating-point results have the same bits on every executor. `combine`
 * runs in some of the members; `user` goes to it. Every member calls it with the same size
 * (FAN_E_PROTOCOL). Other errors as send and receive. */
FAN_API fan_status fan_gang_all_reduce(fan_run *run, void *value, size_t size,
                                       fan_gang_combine combine, void *user);

/* Returns when every member has called it. Errors as send and receive. */
FAN_API fan_status fan_gang_barrier(fan_run *run);

#ifdef __cplusplus
}
#endif
#endif
