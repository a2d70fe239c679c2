/* Reading a trace back, as a stranger would: with a JSON library. */
#ifndef FAN_TESTS_TRACE_FILE_H
#define FAN_TESTS_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trace_event {
    char phase; /* 'X' or 'i' */
    int64_t process, thread;
    int64_t begin_ns, run_ns, wait_ns;
    char name[64];
    bool again;
    uint64_t item, count, failed, first_failed;
    unsigned attempt;
    char outcome[16];
} trace_event;

typedef struct trace_row {
    int64_t process, thread;
    char name[64], executor[32], host[64];
    unsigned rank, worker;
} trace_row;

typedef struct trace_file {
    trace_event *events;
    size_t count;
    trace_row *rows;
    size_t row_count;
    uint64_t dropped;
    int64_t shift_ns; /* of the last clock that was shifted, or 0 */
} trace_file;

/* A name for a file of this process. */
void trace_name(char path[static 64]);

/* Reads a trace, removes the file, and checks what holds of every trace: it is JSON, each event
 * stands in a named row, none overlaps another of its row, none waited less than no time. Reports
 * and answers false where it is not so. trace_clear in either case. */
bool trace_read(const char *path, trace_file *trace);
void trace_clear(trace_file *trace);

/* Expects each of the items first .. first + count - 1 of a task in one event, those of the task's
 * other runs (`again`) not counted; `with_worker`: and each of these events in a worker's row. */
void trace_expect_items(const trace_file *trace, const char *task, uint64_t first, uint64_t count,
                        bool with_worker);

#endif
