#include "memory.h"

#include <flint/flint.h>
#include <gmp.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"

/* On any thread, and without memory: nothing is closed in order. A file that was being written
 * vanishes, because it has no name yet or its name is a temporary one. */
static _Noreturn void end_without(void)
{
    static const char text[] = "fanfold: out of memory\n";
    if (!message_is_silenced())
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(4);
}

static void *must(void *got, size_t size)
{
    if (!got && size)
        end_without();
    return got;
}

static void *allocate(size_t size)
{
    return must(malloc(size), size);
}

static void *allocate_zeroed(size_t count, size_t size)
{
    return must(calloc(count, size), count && size);
}

static void *resize(void *at, size_t size)
{
    return must(realloc(at, size), size);
}

static void *gmp_resize(void *at, size_t old_size, size_t size)
{
    (void)old_size;
    return resize(at, size);
}

static void gmp_release(void *at, size_t size)
{
    (void)size;
    free(at);
}

void memory_install(void)
{
    mp_set_memory_functions(allocate, gmp_resize, gmp_release);
    __flint_set_memory_functions(allocate, allocate_zeroed, resize, free);
}

/* Left to itself, the C library raises this limit to 32 MiB as larger blocks are freed. */
void memory_give_back(void)
{
    enum { LARGE = 1 << 20 };
    char text[16];
    snprintf(text, sizeof text, "%d", LARGE);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE);              /* it only takes more memory without */
    (void)setenv("MALLOC_MMAP_THRESHOLD_", text, false); /* so do worker images */
}
