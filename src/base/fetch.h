/* Asking the cache for what will be needed. */
#ifndef FANI_FETCH_H
#define FANI_FETCH_H

/* A cache line that another core has written, to have it here, for writing too, when it is wanted.
 * The compiler's own __builtin_prefetch only asks to read it, unless told of the processor: a
 * second trip for the first write. Any address will do: nothing is touched. */
static inline void fani_fetch_to_write(const void *at)
{
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" ::"m"(*(const char *)at)); /* without it: does nothing */
#else
    __builtin_prefetch(at, 1);
#endif
}

#endif
