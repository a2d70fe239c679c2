#include "memory.h"

#include <flint/flint.h>
#include <gmp.h>
#include <limits.h>
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

/* Tells the C library, and that of worker images. It only takes more memory or time without. */
static void tune(int what, const char *variable, int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    (void)mallopt(what, value);
    (void)setenv(variable, text, false);
}

/* Left to itself, the C library raises this limit to 32 MiB as larger blocks are freed. */
void memory_give_back(void)
{
    enum { LARGE = 1 << 20 };
    tune(M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", LARGE);
}

/* A heap that is not the main thread's is of 64 MiB, and is given back as a whole where more than
 * the pad is free. */
void memory_keep(void)
{
    enum { LARGEST = 32 << 20, HEAP = 64 << 20 };
    tune(M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", LARGEST);
    tune(M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", INT_MAX);
    tune(M_TOP_PAD, "MALLOC_TOP_PAD_", HEAP);
}
