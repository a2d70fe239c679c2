#include "large.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64 };

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

void *fani_large_allocate(size_t size)
{
    size_t alignment = size < FANI_LARGE_PAGE ? ALIGNMENT : FANI_LARGE_PAGE;
    if (size > SIZE_MAX / 2)
        return NULL;
    void *memory = aligned_alloc(alignment, round_up(size ? size : 1, alignment));
    /* The last page is large where at least half of it is used. */
    if (memory && alignment == FANI_LARGE_PAGE)
        (void)madvise(memory, (size + FANI_LARGE_PAGE / 2) / FANI_LARGE_PAGE * FANI_LARGE_PAGE,
                      MADV_HUGEPAGE);
    return memory;
}

void *fani_large_malloc(size_t size)
{
    void *memory = malloc(size);
    if (memory)
        fani_large_advise(memory, size);
    return memory;
}

void fani_large_advise(const void *at, size_t size)
{
    uintptr_t begin = round_up((uintptr_t)at, FANI_LARGE_PAGE);
    uintptr_t end = ((uintptr_t)at + size) / FANI_LARGE_PAGE * FANI_LARGE_PAGE;
    if (begin < end)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}
