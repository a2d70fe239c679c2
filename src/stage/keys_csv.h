/* Keys as rows of a table: values separated by commas, semicolons or tabs (RFC 4180), or as fanfold
 * weakkeys writes them. */
#ifndef FANI_STAGE_KEYS_CSV_H
#define FANI_STAGE_KEYS_CSV_H

#include "keys_entry.h"

#include <stdbool.h>

/* Where in a row things stand, from 1; 0: nowhere. All zero: no table. */
typedef struct fani_key_columns {
    char separator;
    bool escaped; /* no quotes; special characters are written as backslashes and letters */
    unsigned modulus, exponent, id;
} fani_key_columns;

/* Whether a line is a header: it names a column `modulus` (or `n`). */
bool fani_rsa_key_is_header(const char *line, fani_key_columns *columns);

/* Whether a row goes on behind a line, which begins in quotes or not. */
bool fani_rsa_key_row_is_open(const char *line, const fani_key_columns *columns, bool quoted);

/* Whether all quotes of a row are closed, and a separator or its end stands behind them. */
bool fani_rsa_key_row_is_sound(const char *row, const fani_key_columns *columns);

/* Delivers a row's key; writes into the row. */
fan_status fani_rsa_key_row(const fani_rsa_key_source *source, uint64_t line, char *row,
                            const fani_key_columns *columns);

#endif
