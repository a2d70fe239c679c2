/* Tests of what a fault costs: tasks that do every kind of harm, and looks at what is left behind.
 */
#ifndef FAN_TESTS_FAULTS_H
#define FAN_TESTS_FAULTS_H

#include "fanfold/executor.h"
#include "shim.h"

/* When an item does harm. */
typedef enum fault_stage {
    FAULT_DECODE, /* while it reads its input */
    FAULT_RUN,    /* in the middle */
    FAULT_ENCODE, /* once its reply is written */
    FAULT_RETURN, /* after run has returned, while the worker packs the reply */
    FAULT_STAGES,
    FAULT_NEVER = FAULT_STAGES,
} fault_stage;

typedef enum fault_kind {
    FAULT_ERROR,
    FAULT_EXIT,
    FAULT_QUICK_EXIT, /* _exit */
    FAULT_SEGV,
    FAULT_ABORT,
    FAULT_OVERFLOW, /* of the stack */
    FAULT_LOOP,     /* endless */
    FAULT_STOP,     /* SIGSTOP to itself */
    FAULT_HOG,      /* takes ever more memory, at most FAULT_HOG_BYTES; aborts where it gets none */
} fault_kind;

enum { FAULT_HOG_BYTES = 256 << 20, FAULT_REPLY = 12288, FAULT_EXIT_CODE = 3 };

/* The input of an item of task_fault. */
typedef struct fault_order {
    uint32_t stage, kind;
    uint64_t mark; /* its place in the marks */
} fault_order;

/* Every stage and kind: replies fault_fill of its index unless ordered otherwise. Its arguments are
 * the path of the marks: counted up just before each fault. */
extern const fan_task task_fault;

/* Harm in start or stop (stage 0 or 1 of the fault_order before the path in its arguments). Replies
 * its index, as a uint64. */
extern const fan_task task_fault_state;

/* Forks a process that sleeps for 20 s and replies its pid; crashes where the item is "crash". */
extern const fan_task task_grandchild;

/* Marks item 0, then waits until it is cancelled, marks item 1 and says so; arguments as
 * task_fault. Gives up after 30 s. */
extern const fan_task task_obedient;

/* Marks item 0, notes its worker's pid in mark 2, then counts mark 3 up each millisecond until mark
 * 1 is set or it is cancelled; replies the pid as int64. Gives up after 60 s. Arguments as
 * task_fault. */
enum { PATIENT_BEGUN, PATIENT_TOLD, PATIENT_PID, PATIENT_ALIVE, PATIENT_MARKS };
extern const fan_task task_patient;

/* A member of a gang: meets the others, then replies its worker's pid as int64. */
extern const fan_task task_meet;

/* u64 how: writes "out I" to standard output and "err I" to standard error (I: its index), then
 * crashes if so ordered, and replies nothing. */
enum { TALK_NOT, TALK, TALK_AND_CRASH, TALK_MUCH /* 2 MiB of x */, TALK_BY_CHILD };
extern const fan_task task_talk;
extern const fan_task task_talk_whole; /* the same without fan_run_each */

/* Whatever the item: the pid of its worker; 0 where it is cancelled. */
extern const fan_task task_pid;

/* u64 x: takes x bytes of memory, touches and keeps them, then replies x. Where it gets none it
 * aborts if x is odd, else answers FAN_E_MEMORY. */
extern const fan_task task_hog;

extern const fan_task *const fault_tasks[];

void fault_fill(uint64_t index, unsigned char reply[FAULT_REPLY]);

/* Processes with that many workers, and a limit of memory for each (0: none); NULL (reported) where
 * they can't be opened. */
fan_executor *fault_open(unsigned workers);
fan_executor *fault_open_limited(unsigned workers, size_t worker_memory);

/* ---- Marks: what proves that a fault fired ----------------------------------------------------
 */

typedef struct fault_marks {
    char path[64];
    _Atomic uint32_t *counts;
    size_t count;
} fault_marks;

/* A file in /tmp, mapped; ends the test where it can't be made. Closing removes it. */
bool fault_marks_open(fault_marks *marks, size_t count);
void fault_marks_close(fault_marks *marks);

/* Waits up to 30 s until counts[i] is not 0. */
bool fault_marks_wait(const fault_marks *marks, size_t i);

/* ---- What is left behind ------------------------------------------------------------------- */

typedef struct fault_census {
    unsigned living, zombies; /* children of this process */
    unsigned shm;             /* files in /dev/shm that it or a child has open or mapped */
} fault_census;

fault_census fault_count(void);

/* Waits up to 20 s until there are that many living children and no zombie; reports what it found
 * else. Nothing may lie in /dev/shm. */
void fault_expect_children(unsigned living);

#endif
