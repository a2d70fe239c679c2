/* Memory for long numbers. */
#include "sanitized.h"
#include "shim.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/large.h"

/* All of it can be written, whatever its size is beside that of a large page. */
FAN_TEST(large, memory_is_there_and_aligned)
{
    static const size_t sizes[] = {0,
                                   1,
                                   100,
                                   FANI_LARGE_PAGE - 1,
                                   FANI_LARGE_PAGE,
                                   FANI_LARGE_PAGE + 1,
                                   3 * FANI_LARGE_PAGE + FANI_LARGE_PAGE / 2};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *aligned = fani_large_allocate(sizes[i]),
                      *plain = fani_large_malloc(sizes[i]);
        ASSERT_TRUE(aligned && (plain || !sizes[i]));
        EXPECT_U64((uintptr_t)aligned % 64, 0);
        memset(aligned, 1, sizes[i]);
        if (sizes[i])
            memset(plain, 2, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k += 4000)
            EXPECT_TRUE(aligned[k] == 1 && plain[k] == 2);
        free(aligned);
        free(plain);
    }
}

FAN_TEST(large, too_much_is_refused)
{
    volatile size_t most = SIZE_MAX;         /* the compiler knows that this can't be had */
    EXPECT_TRUE(!fani_large_allocate(most)); /* which rounding up would make a small one */
    EXPECT_TRUE(!fani_large_allocate(most / 2 + 1));
    if (SANITIZED)
        return; /* a program that asks for so much is ended */
    EXPECT_TRUE(!fani_large_allocate(most / 2 - 5));
    EXPECT_TRUE(!fani_large_malloc(most));
}

/* Advice touches nothing, and memory without a whole page is left alone. */
FAN_TEST(large, advice_changes_no_bytes)
{
    size_t size = 5 * (size_t)FANI_LARGE_PAGE;
    unsigned char *bytes = malloc(size);
    ASSERT_TRUE(bytes != NULL);
    memset(bytes, 7, size);
    fani_large_advise(bytes, size);
    fani_large_advise(bytes + 1, 10);
    fani_large_advise(bytes, 0);
    for (size_t i = 0; i < size; i += 511)
        EXPECT_TRUE(bytes[i] == 7);
    free(bytes);
}
