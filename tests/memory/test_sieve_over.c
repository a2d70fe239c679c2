/* The sieve over an executor when memory runs out: it says so, and the next call goes on from the
 * state. The sanitizers' build sees what is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "failing.h"
#include "job/sieve.h"
#include "shim/shim.h"

static bool says_so(fan_status status)
{
    return status == FAN_E_MEMORY || status == FAN_E_FAILED; /* the latter: in a unit */
}

/* Each call fails at some allocation, and the one after it goes on without. */
static void fail_in_turn(fan_executor *executor, const char *state)
{
    mpz_t n, divisor;
    bool failed = true;
    uint64_t good = 0, refused = 0;
    mpz_inits(n, divisor, NULL);
    mpz_set_str(n, "523462317464364291573624801433", 10); /* two primes of 15 digits */
    const fani_sieve_options options = {
        .executor = executor, .isa = fani_isa_wanted(), .state = state};
    for (; failed && !shim_failed(); good += 1 + good / 20) {
        fan_error error = {0};
        failing_after(good);
        fan_status status = fani_sieve_over(n, &options, divisor, &error);
        failed = failing_end();
        EXPECT_TRUE(status == FAN_OK || (failed && says_so(status) && error.text[0]));
        refused += status != FAN_OK;
        if (status != FAN_OK)
            EXPECT_I64(fani_sieve_over(n, &options, divisor, NULL), FAN_OK);
        EXPECT_TRUE(mpz_cmp_ui(divisor, 1) > 0 && mpz_cmp(divisor, n) < 0 &&
                    mpz_divisible_p(n, divisor));
        if (state)
            EXPECT_I64(fani_sieve_forget(state, NULL), FAN_OK);
    }
    EXPECT_TRUE(good > 50 && refused > 20);
    mpz_clears(n, divisor, NULL);
}

FAN_TEST(sieve_memory, each_allocation_fails_in_turn)
{
    char folder[] = "/tmp/fan_memory_XXXXXX", state[64];
    fan_executor *executor = NULL;
    ASSERT_TRUE(mkdtemp(folder) != NULL);
    snprintf(state, sizeof state, "%s/state", folder);
    const fan_executor_options serial = {.kind = "serial"};
    ASSERT_I64(fan_executor_open(&serial, &executor, NULL), FAN_OK);
    fail_in_turn(executor, NULL);
    fail_in_turn(executor, state);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    EXPECT_I64(rmdir(folder), 0);
}
