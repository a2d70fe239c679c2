/* Command lines as a shell reads them. */
#ifndef CLI_QUOTE_H
#define CLI_QUOTE_H

#include <stdbool.h>
#include <stdio.h>

/* Writes a word so that a shell reads it back as it is: bare where that is safe, in single quotes,
 * or, with control characters in it, as $'...', which leaves nothing raw that a terminal obeys. */
void quote_word(FILE *out, const char *word);

/* The command line that goes on with what `argv` (argc words, argc > 1) began: the same without
 * --restart and, with `resume`, with --resume behind the subcommand, where arguments can't hide it.
 * Freed by the caller; NULL: out of memory. */
char *quote_resume(int argc, const char *const argv[], bool resume);

#endif
