#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *fan_status_name(fan_status status)
{
    switch (status) {
#define NAME_CASE(code, text)                                                                      \
    case code:                                                                                     \
        return #code;
        FAN_STATUS_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "FAN_E_?";
}

const char *fan_status_text(fan_status status)
{
    switch (status) {
#define TEXT_CASE(code, text)                                                                      \
    case code:                                                                                     \
        return text;
        FAN_STATUS_LIST(TEXT_CASE)
#undef TEXT_CASE
    }
    return "an unknown status";
}

static void fill(fan_error *error, fan_status status, int errno_code, const char *format,
                 va_list arguments)
{
    error->status = status;
    error->errno_code = errno_code;
    error->line = error->column = 0;
    error->file[0] = '\0';
    vsnprintf(error->text, sizeof error->text, format, arguments);
}

fan_status fani_error_set(fan_error *error, fan_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, 0, format, arguments);
        va_end(arguments);
    }
    return status;
}

fan_status fani_error_errno(fan_error *error, fan_status status, int errno_code, const char *format,
                            ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, errno_code, format, arguments);
        va_end(arguments);
        size_t used = strlen(error->text);
        snprintf(error->text + used, sizeof error->text - used, ": %s",
                 strerrordesc_np(errno_code));
    }
    return status;
}

void fani_error_place(fan_error *error, const char *file, uint32_t line, uint32_t column)
{
    if (!error)
        return;
    error->line = line;
    error->column = column;
    snprintf(error->file, sizeof error->file, "%s", file ? file : "");
}
