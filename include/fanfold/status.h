/* Status codes and error records: what every Fanfold function answers. */
#ifndef FANFOLD_STATUS_H
#define FANFOLD_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FAN_API __attribute__((visibility("default")))

/* One list makes the codes, their names and their texts. */
#define FAN_STATUS_LIST(X)                                                                         \
    X(FAN_OK, "success")                                                                           \
    X(FAN_E_ARGUMENT, "an argument is out of its range")                                           \
    X(FAN_E_SYNTAX, "the input does not parse")                                                    \
    X(FAN_E_MEMORY, "out of memory")                                                               \
    X(FAN_E_SYSTEM, "a system call failed")                                                        \
    X(FAN_E_INPUT, "an input can't be read")                                                       \
    X(FAN_E_OUTPUT, "an output can't be written")                                                  \
    X(FAN_E_UNSUPPORTED, "not supported by this executor")                                         \
    X(FAN_E_UNAVAILABLE, "can't run on this machine")                                              \
    X(FAN_E_UNKNOWN_TASK, "no task of this name is registered")                                    \
    X(FAN_E_UNKNOWN_EXECUTOR, "no executor of this name exists")                                   \
    X(FAN_E_NOT_STARTED, "fan_start was not called")                                               \
    X(FAN_E_BUSY, "the queue is full or work is still running")                                    \
    X(FAN_E_TIMEOUT, "the deadline has passed")                                                    \
    X(FAN_E_CLOSED, "the executor is closed")                                                      \
    X(FAN_E_CANCELLED, "cancelled")                                                                \
    X(FAN_E_FAILED, "an item failed")                                                              \
    X(FAN_E_LOST, "a worker died")                                                                 \
    X(FAN_E_TOO_LARGE, "larger than the limit")                                                    \
    X(FAN_E_EFFORT, "no answer within the effort allowed")                                         \
    X(FAN_E_NOT_FINITE, "a value is not finite")                                                   \
    X(FAN_E_RANK, "only rank 0 may do this")                                                       \
    X(FAN_E_MPI, "an MPI call failed")                                                             \
    X(FAN_E_PROTOCOL, "a malformed message")

typedef enum fan_status {
#define FAN_STATUS_CODE(code, text) code,
    FAN_STATUS_LIST(FAN_STATUS_CODE)
#undef FAN_STATUS_CODE
} fan_status;

/* What went wrong and where. The caller owns the record and may pass NULL wherever one is asked
 * for. On success it is left untouched. `file`, `line` and `column` (both from 1) are set where a
 * place in an input is known, else empty and 0; `errno_code` is 0 where no system call failed. */
typedef struct fan_error {
    fan_status status;
    int errno_code;
    uint32_t line;
    uint32_t column;
    char file[256];
    char text[512];
} fan_error;

/* The name of a status ("FAN_E_BUSY"), or "FAN_E_?" for a value outside the list. Any thread. */
FAN_API const char *fan_status_name(fan_status status);

/* The meaning of a status in plain words. Any thread. */
FAN_API const char *fan_status_text(fan_status status);

#ifdef __cplusplus
}
#endif
#endif
