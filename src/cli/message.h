/* What the command says on standard error. */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include <stdbool.h>

#include "fanfold/status.h"

/* Ranks other than 0 say nothing: rank 0 has the same to say. */
void message_silence(bool silent);

/* --quiet: no warnings. Errors are still said. */
bool message_is_silenced(void);
void message_quiet(bool quiet);

/* "fanfold: TEXT". Clears a progress line first. */
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "fanfold: warning: TEXT". */
void message_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "fanfold: TEXT", which is neither an error nor a warning; not under --quiet. */
void message_note(const char *text);

/* An error record: "fanfold: file:line:column: text". `label` stands for the file where the record
 * names none ("--over", "expression"; may be NULL). `source` is the text that the column points
 * into: it is shown with a caret below; NULL: not shown, or read from the record's file when
 * `show_file`. */
void message_record(const fan_error *error, const char *label, const char *source, bool show_file);

/* The exit code for a status that ended the command before or after a run (DESIGN: exit codes). */
int exit_code_of(fan_status status);

#endif
