/* Lists of files: a line each, with the size and the hash that the file has, where they are known.
 *
 *     #fanfold manifest 1
 *     NAME<TAB>SIZE<TAB>HASH
 *
 * SIZE is decimal, HASH is XXH3 (64 bits) in 16 hexadecimal digits, both of the bytes as stored;
 * "-" or nothing where one is not known. In names a backslash, a tab and the line ends are written
 * as \\, \t, \n and \r. Lines that begin with # and empty ones say nothing: a name that begins so
 * is written with ./ before it. */
#ifndef FANI_MANIFEST_H
#define FANI_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanfold/status.h"

#define FANI_MANIFEST_HEAD "#fanfold manifest 1\n"

typedef struct fani_manifest_entry {
    const char *name;
    uint64_t size, hash;
    bool has_size, has_hash;
} fani_manifest_entry;

/* Reads a line (with or without its end, NUL-terminated), which it changes; entry->name lies in it
 * and is NULL where the line says nothing. FAN_E_SYNTAX with a text and the column. */
fan_status fani_manifest_parse(char *line, fani_manifest_entry *entry, fan_error *error);

/* The line of an entry, with its end: the caller's to free. NULL: out of memory. */
char *fani_manifest_line(const fani_manifest_entry *entry);

#endif
