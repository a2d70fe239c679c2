/* Values of options: counts, durations, sizes. Each answers false and leaves *value alone where the
 * text is not such a value, in whole. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits, between min and max. */
bool value_count(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* "90" and "90s" are seconds, "5m", "2h", "[D-]HH:MM:SS"; the value is in milliseconds. */
bool value_duration_ms(const char *text, uint64_t *value);

/* Bytes: "4096", "64K", "256M", "2G" (K = 1024). */
bool value_size(const char *text, uint64_t *value);

#endif
