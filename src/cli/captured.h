/* What items wrote to their standard streams, shown on ours: never on standard output, where the
 * results go. */
#ifndef CLI_CAPTURED_H
#define CLI_CAPTURED_H

#include "fanfold/executor.h"

/* How much of it a run has shown; starts with zeroes. */
typedef struct captured_shown {
    size_t bytes;
    bool ended; /* it was said that no more is shown */
} captured_shown;

/* Shows each line as "fanfold: ITEM: LINE" on standard error, what would move a terminal's cursor
 * as '?'. At most 64 KiB of each stream of an item, 16 MiB of a run; what is left out is said. */
void captured_show(captured_shown *shown, const char *item, const fan_captured *text);

#endif
