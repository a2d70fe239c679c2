/* Memory for long numbers. */
#ifndef FANI_LARGE_H
#define FANI_LARGE_H

#include <stddef.h>

enum { FANI_LARGE_PAGE = 1 << 21 };

/* `size` bytes, aligned to 64 at least, in large pages where the system gives such and they are
 * worth it: memory that is written for the first time costs ten times as much in small ones. Freed
 * by free(). NULL: out of memory. Any thread. */
void *fani_large_allocate(size_t size);

/* The same without an alignment but that of malloc: what was freed fits the next block of that size,
 * which it need not where there is an alignment. */
void *fani_large_malloc(size_t size);

/* Asks for large pages for what of this memory is whole ones. It changes nothing else: for memory
 * that somebody else allocates, to be called before it is written. */
void fani_large_advise(const void *at, size_t size);

#endif
