/* Numbers of 65 to 200 bits that many have factored: of Mersenne's and Fibonacci's kind, and
 * numbers of partitions (tests/data/factored.txt). */
#include "fanfold/factor.h"
#include "shim/shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTITIONS_MAX = 1300, LINE_MAX_BYTES = 2000 };

/* Euler's recurrence over the pentagonal numbers. */
static void make_partitions(mpz_t count[PARTITIONS_MAX])
{
    mpz_init_set_ui(count[0], 1);
    for (long n = 1; n < PARTITIONS_MAX; n++) {
        mpz_init(count[n]);
        for (long k = 1; k * (3 * k - 1) / 2 <= n; k++) {
            for (long sign = -1; sign <= 1; sign += 2) {
                long rest = n - k * (3 * k + sign) / 2;
                if (rest >= 0 && k % 2 != 0)
                    mpz_add(count[n], count[n], count[rest]);
                else if (rest >= 0)
                    mpz_sub(count[n], count[n], count[rest]);
            }
        }
    }
}

static void set_power_of_2(mpz_ptr n, unsigned long k)
{
    mpz_set_ui(n, 1);
    mpz_mul_2exp(n, n, k);
}

/* The number that a line begins with; *factors = the rest of the line. */
static bool read_line(char *line, mpz_t partitions[PARTITIONS_MAX], mpz_ptr n, const char **factors)
{
    char kind[16];
    unsigned long k;
    int used = 0;
    if (sscanf(line, "%15s %lu %n", kind, &k, &used) != 2 || line[0] == '#')
        return false;
    line[strcspn(line, "\n")] = '\0';
    *factors = line + used;
    if (strcmp(kind, "fibonacci") == 0) {
        mpz_fib_ui(n, k);
    } else if (strcmp(kind, "partitions") == 0) {
        mpz_set(n, partitions[k]);
    } else {
        set_power_of_2(n, k);
        if (strcmp(kind, "plus") == 0)
            mpz_add_ui(n, n, 1);
        else
            mpz_sub_ui(n, n, 1);
    }
    return true;
}

static void expect_factors(mpz_srcptr n, const char *factors, fan_factorization *f)
{
    char *text;
    size_t bits = mpz_sizeinbase(n, 2);
    EXPECT_TRUE(bits >= 65 && bits <= 200);
    EXPECT_I64(fan_factor_mpz(n, NULL, f, NULL), FAN_OK);
    for (size_t i = 0; i < fan_factorization_count(f); i++)
        EXPECT_TRUE(fan_factorization_proof(f, i) != FAN_PROOF_NONE);
    ASSERT_I64(fan_factorization_text(f, &text), FAN_OK);
    EXPECT_STR(text, factors);
    free(text);
}

/* Every `each`-th line. */
static void expect_lines(unsigned each)
{
    static char line[LINE_MAX_BYTES];
    static mpz_t partitions[PARTITIONS_MAX];
    FILE *file = fopen(FAN_TEST_SOURCE_DIR "/tests/data/factored.txt", "r");
    fan_factorization *f;
    unsigned seen = 0;
    mpz_t n;
    ASSERT_TRUE(file != NULL);
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    mpz_init(n);
    make_partitions(partitions);
    while (fgets(line, sizeof line, file)) {
        const char *factors;
        if (read_line(line, partitions, n, &factors) && seen++ % each == 0)
            expect_factors(n, factors, f);
    }
    EXPECT_U64(seen, 510);
    for (unsigned i = 0; i < PARTITIONS_MAX; i++)
        mpz_clear(partitions[i]);
    mpz_clear(n);
    fan_factorization_destroy(f);
    EXPECT_I64(fclose(file), 0);
}

FAN_TEST(factor_famous, some_of_each_kind)
{
    expect_lines(13);
}

FAN_TEST(factor_famous, long_all)
{
    expect_lines(1);
}
