/* The threads executor where the system gives too few threads: an error, never the program's end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fanfold/executor.h"
#include "sanitized.h"
#include "shim.h"

/* In a program that has room for the stacks of some hundred threads. */
static void expect_refusal(void)
{
    fan_executor *executor;
    fan_error error = {0};
    EXPECT_I64(fan_executor_open(&(fan_executor_options){.kind = "threads", .workers = 1000},
                                 &executor, &error),
               FAN_E_SYSTEM);
    EXPECT_TRUE(executor == NULL);
    EXPECT_CONTAINS(error.text, "not 1000 threads");
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "threads", .workers = 2},
                                 &executor, &error),
               FAN_OK); /* what it had was given back */
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

FAN_TEST(threads, too_few_threads_are_an_error_and_not_the_end)
{
    char program[512], command[1024];
    if (SANITIZED)
        SKIP("sanitizers need more address space than the limit of this test");
    if (getenv("FAN_TEST_FEW_THREADS")) {
        expect_refusal();
        return;
    }
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    ASSERT_TRUE(size > 0);
    program[size] = '\0';
    snprintf(command, sizeof command,
             "ulimit -s 8192; ulimit -v 3000000; FAN_TEST_FEW_THREADS=1 '%s' --gtest_filter="
             "threads.too_few_threads_are_an_error_and_not_the_end >&2",
             program);
    int code = system(command); // NOLINT(cert-env33-c)
    EXPECT_I64(code, 0);
}
