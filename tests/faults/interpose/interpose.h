/* A library for LD_PRELOAD that makes chosen calls of a program fail. What it does is told by the
 * environment:
 *
 *   FAULT_CALL  which calls, by name, separated by commas: the names of FAULT_CALLS below
 *   FAULT_AT    the k-th of them that is met in a process, from 1; "k+": from the k-th on; unset or
 *               0: none fails, each one met is only logged, so that a driver can count them
 *   FAULT_DO    the name of an errno (ENOSPC, EIO, EDQUOT, EINTR, ENOMEM, ...); "short": half of
 *               the bytes are written; "kill-before", "kill-after": SIGKILL for the process itself;
 *               "stop-before", "stop-after": SIGSTOP, and the calling thread does not go
 *               on by a single step, behind which the call is as usual;
 *               "slow-after": nothing for 50 ms
 *   FAULT_PATH  only files whose path begins so (of a descriptor: as /proc/self/fd tells it; of a
 *               name: as it was given, from the folder's path where it is relative to one)
 *   FAULT_WHO   "all" (as unset); "root": the first process that loaded this library; "children":
 *               the others; "name:NAME": those of a program; "rank:N": the process that is this
 *               rank of an MPI program; a number: this process
 *   FAULT_LOG   the file that gets a line for each fault that fired ("fired PID CALL K WHAT PATH")
 *               or, with FAULT_AT=0, each call met ("met PID CALL K - PATH"); opened at the start
 *   FAULT_CLOCK hours by which the calendar's clock jumps back and forth from look to look
 *   FAULT_NO_NAMELESS   set: no file system has files without names (O_TMPFILE)
 *   FAULT_NO_SYNC       set: fsync and fdatasync do nothing and succeed; they are met all the same
 *   FAULT_RANDOM        set: getrandom gives 0, 1, 2, ... (8 bytes, the lowest first)
 *
 * The library takes the place of the C library's functions. What it can't see: calls that the C
 * library makes for itself (stdio's reads and writes, its opens and closes) and direct system
 * calls.
 */
#ifndef FAULT_INTERPOSE_H
#define FAULT_INTERPOSE_H

#include <stdbool.h>

#define FAULT_CALLS(X)                                                                             \
    X(WRITE, "write")                                                                              \
    X(PWRITE, "pwrite")                                                                            \
    X(WRITEV, "writev")                                                                            \
    X(READ, "read")                                                                                \
    X(FSYNC, "fsync")                                                                              \
    X(FDATASYNC, "fdatasync")                                                                      \
    X(CLOSE, "close")                                                                              \
    X(RENAME, "rename")                                                                            \
    X(LINK, "link")                                                                                \
    X(UNLINK, "unlink")                                                                            \
    X(OPEN, "open")                                                                                \
    X(FTRUNCATE, "ftruncate")                                                                      \
    X(FALLOCATE, "fallocate")                                                                      \
    X(MMAP, "mmap")                                                                                \
    X(MEMFD, "memfd")                                                                              \
    X(SOCKET, "socket")                                                                            \
    X(EVENTFD, "eventfd")                                                                          \
    X(PIPE, "pipe")                                                                                \
    X(THREAD, "thread")                                                                            \
    X(SPAWN, "spawn")                                                                              \
    X(ALLOC, "alloc")

typedef enum fault_call {
#define FAULT_ENTRY(name, text) FAULT_##name,
    FAULT_CALLS(FAULT_ENTRY)
#undef FAULT_ENTRY
        FAULT_CALL_COUNT
} fault_call;

typedef enum fault_action {
    FAULT_PASS,
    FAULT_FAIL,  /* errno is set */
    FAULT_SHORT, /* half of it */
    FAULT_AFTER, /* fault_after is to be called after it */
} fault_action;

/* Whether a call is chosen at all: the quick look. */
bool fault_chosen(fault_call call);

/* A call is met, on the file `path` (NULL: none) relative to `fd`, or on the descriptor `fd` alone.
 * Never allocates. */
fault_action fault_meet(fault_call call, int fd, const char *path);

/* After a call whose action was FAULT_AFTER: kills the process, stops it, or waits. Keeps errno. */
void fault_after(void);

/* The hours of FAULT_CLOCK, 0: none; logged at the first look. */
long fault_clock_hours(void);

/* FAULT_NO_NAMELESS, FAULT_NO_SYNC, and FAULT_RANDOM, which is logged. */
bool fault_has_no_nameless(void);
bool fault_has_no_sync(void);
bool fault_random_counts(void);

#endif
