/* Tests in C, run by GoogleTest. A test file defines bodies; shim.cc registers and runs them.
 *
 *     FAN_TEST(gcd, zero_and_zero) { EXPECT_U64(fan_gcd_u64(0, 0), 0); }
 *
 * EXPECT_* reports and goes on; ASSERT_* reports and returns from the test body (use it only in a
 * body or a helper that returns void). SKIP(reason, ...) ends the body as Skipped. */
#ifndef FAN_TESTS_SHIM_H
#define FAN_TESTS_SHIM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct shim_test {
    const char *suite;
    const char *name;
    const char *file;
    int line;
    void (*body)(void *context); /* context: NULL unless registered by shim_register */
    void *context;
    struct shim_test *next;
} shim_test;

/* Adds a record (static, or living to the end of the program) to the list that main runs. The suite
 * and name must be letters, digits and underscores. */
void shim_register(shim_test *test);

/* Reports a failure of the running test at a place in a C file. Any thread. */
void shim_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Marks the running test as Skipped; the body must return after it. */
void shim_skip(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether the running test has failed so far. */
bool shim_failed(void);

/* Has `hook` called after each body, still inside the test, with the text of the failures so far
 * ("file:line: text" lines, "" when there are none). It may call shim_fail: MPI programs use it to
 * bring failures to rank 0 and to agree on one verdict. Call it before shim_main; NULL takes it
 * away. */
void shim_after_each(void (*hook)(const char *failures));

/* Registers the tests, runs those that the gtest flags select, returns the exit code; it is not 0
 * when no test is registered. A test program's main calls fan_start, then this. tests/shim/main.c
 * is such a main for programs that need nothing else. */
int shim_main(int argc, char **argv);

#define FAN_TEST(suite_, name_)                                                                    \
    static void suite_##_##name_(void *shim_context);                                              \
    __attribute__((constructor)) static void suite_##_##name_##_register(void)                     \
    {                                                                                              \
        static shim_test record = {.suite = #suite_,                                               \
                                   .name = #name_,                                                 \
                                   .file = __FILE__,                                               \
                                   .line = __LINE__,                                               \
                                   .body = suite_##_##name_};                                      \
        shim_register(&record);                                                                    \
    }                                                                                              \
    static void suite_##_##name_(__attribute__((unused)) void *shim_context)

#define SKIP(...)                                                                                  \
    do {                                                                                           \
        shim_skip(__FILE__, __LINE__, __VA_ARGS__);                                                \
        return;                                                                                    \
    } while (0)

#define SHIM_CHECK(ok, leave, ...)                                                                 \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            shim_fail(__FILE__, __LINE__, __VA_ARGS__);                                            \
            leave;                                                                                 \
        }                                                                                          \
    } while (0)

#define SHIM_I64(a, b, leave)                                                                      \
    do {                                                                                           \
        long long shim_a = (long long)(a), shim_b = (long long)(b);                                \
        SHIM_CHECK(shim_a == shim_b, leave, "%s is %lld, expected %s = %lld", #a, shim_a, #b,      \
                   shim_b);                                                                        \
    } while (0)

#define SHIM_U64(a, b, leave)                                                                      \
    do {                                                                                           \
        unsigned long long shim_a = (a), shim_b = (b);                                             \
        SHIM_CHECK(shim_a == shim_b, leave, "%s is %llu, expected %s = %llu", #a, shim_a, #b,      \
                   shim_b);                                                                        \
    } while (0)

#define SHIM_STR(a, b, leave)                                                                      \
    do {                                                                                           \
        const char *shim_a = (a), *shim_b = (b);                                                   \
        SHIM_CHECK(shim_a &&shim_b && !strcmp(shim_a, shim_b), leave,                              \
                   "%s is \"%s\", expected \"%s\"", #a, shim_a ? shim_a : "(null)",                \
                   shim_b ? shim_b : "(null)");                                                    \
    } while (0)

#define EXPECT_TRUE(ok) SHIM_CHECK(ok, (void)0, "expected: %s", #ok)
#define EXPECT_I64(a, b) SHIM_I64(a, b, (void)0)
#define EXPECT_U64(a, b) SHIM_U64(a, b, (void)0)
#define EXPECT_STR(a, b) SHIM_STR(a, b, (void)0)
/* |a - b| <= tolerance; fails on NaN. */
#define EXPECT_NEAR(a, b, tolerance)                                                               \
    do {                                                                                           \
        double shim_a = (a), shim_b = (b), shim_t = (tolerance);                                   \
        SHIM_CHECK(fabs(shim_a - shim_b) <= shim_t, (void)0,                                       \
                   "%s is %.17g, expected %.17g within %g", #a, shim_a, shim_b, shim_t);           \
    } while (0)
#define EXPECT_CONTAINS(text, part)                                                                \
    do {                                                                                           \
        const char *shim_a = (text), *shim_b = (part);                                             \
        SHIM_CHECK(shim_a &&strstr(shim_a, shim_b), (void)0, "%s is \"%s\", which lacks \"%s\"",   \
                   #text, shim_a ? shim_a : "(null)", shim_b);                                     \
    } while (0)
#define ASSERT_TRUE(ok) SHIM_CHECK(ok, return, "expected: %s", #ok)
#define ASSERT_I64(a, b) SHIM_I64(a, b, return )
#define ASSERT_U64(a, b) SHIM_U64(a, b, return )
#define ASSERT_STR(a, b) SHIM_STR(a, b, return )

#ifdef __cplusplus
}
#endif
#endif
