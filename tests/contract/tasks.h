/* The tasks of the contract suite. Indices and inputs decide what they do, never where they run. */
#ifndef FAN_TESTS_CONTRACT_TASKS_H
#define FAN_TESTS_CONTRACT_TASKS_H

#include "fanfold/executor.h"

extern const fan_task task_square; /* u64 x, or the index: x * x; array replies */
extern const fan_task task_echo;   /* bytes: the same bytes */
extern const fan_task task_moody; /* u64 x: fails where x % 10 == 3 ("bad x"), no reply at 4, status
                                     at 5, else text of x */
extern const fan_task task_refuse; /* every item: run answers FAN_E_NOT_FINITE */
extern const fan_task task_grow;   /* u64 n: a reply of n bytes, byte i is i % 251 */
extern const fan_task task_wide;   /* an array of 5000 bytes an item */
extern const fan_task task_turn;   /* every item: replies, then answers FAN_E_NOT_FINITE */
extern const fan_task task_obey;   /* as task_wait, but answers FAN_E_CANCELLED */
extern const fan_task task_args;   /* the arguments, once more, then the item */
extern const fan_task
    task_counted; /* u64 pair: how often start ran in this worker's state, and runs since */
extern const fan_task task_shared;   /* fan_shared in args: sum of its bytes + index */
extern const fan_task task_text;     /* index: "[i]" */
extern const fan_task task_concat;   /* pairs: left then right */
extern const fan_task task_fraction; /* index i: 1.0 / (i + 1) */
extern const fan_task task_add;      /* pairs of doubles: the sum */
extern const fan_task
    task_wait; /* polls fan_run_cancelled for at most u64 ms; replies "done" or fails "cancelled" */
extern const fan_task task_gate; /* a path: waits until that file is there, then replies "open" */
extern const fan_task
    task_crash; /* struct crash_order in args: that item dies; others reply their index */
extern const fan_task task_pid;  /* sleeps u64 us of args; replies pid of its process */
extern const fan_task task_nest; /* u64 n: the sum of squares below n, by children: a fold inside a
                                    submit inside the item */
extern const fan_task task_leave_behind; /* submits children, waits for none, replies the index */
extern const fan_task task_third_time;   /* args: path; fails until it was run three times (a byte a
                                            run   is appended to path.<index or u64 input>) */
extern const fan_task task_log;          /* args: path; u64 x: appends x to the file after 3 ms */
extern const fan_task task_unknown;      /* not given to fan_start */

/* What an item of task_gate waits for. Made closed, opened, and forgotten when the item has ended.
 */
typedef struct gate_file {
    char path[24]; /* of 20 bytes */
} gate_file;

void gate_make(gate_file *gate);
fan_future *gate_submit(const gate_file *gate, fan_executor *executor);
void gate_open(const gate_file *gate);
void gate_forget(const gate_file *gate);

typedef struct crash_order {
    uint64_t index;
    int how; /* a signal number, or 1000 + an exit code */
} crash_order;

#endif
