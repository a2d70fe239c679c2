/* Filling a fan_error: the one way errors get their text. */
#ifndef FANI_ERROR_H
#define FANI_ERROR_H

#include "fanfold/status.h"

/* Fills *error (which may be NULL) and returns `status`, so that a function can end by
 * `return fani_error_set(error, FAN_E_..., "...")`. Clears the place and errno. */
fan_status fani_error_set(fan_error *error, fan_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As fani_error_set, with errno's text appended after ": " and its number kept. */
fan_status fani_error_errno(fan_error *error, fan_status status, int errno_code, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

/* Adds a place in an input to an error that is already set. `file` may be NULL. */
void fani_error_place(fan_error *error, const char *file, uint32_t line, uint32_t column);

#endif
