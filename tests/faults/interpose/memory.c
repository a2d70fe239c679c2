/* Allocations, in the place of the C library's, which calls these for itself too. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "interpose.h"

/* The C library's own, under the names that it has for this. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool fails(void)
{
    if (!fault_chosen(FAULT_ALLOC))
        return false;
    fault_action action = fault_meet(FAULT_ALLOC, -1, NULL);
    if (action == FAULT_AFTER)
        fault_after();
    return action == FAULT_FAIL;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
    return fails() ? NULL : __libc_realloc(at, size);
}

void *reallocarray(void *at, size_t count, size_t size)
{
    size_t all;
    if (__builtin_mul_overflow(count, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(at, all);
}

void *memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **at, size_t alignment, size_t size)
{
    int before = errno;
    void *got = memalign(alignment, size);
    int error = errno;
    errno = before;
    if (!got)
        return error ? error : ENOMEM;
    *at = got;
    return 0;
}
