/* What a worker leaves for all of them, as bytes. */
#include "job/left.h"
#include "kernel/factor/unfinished.h"
#include "kernel/qs/split.h"
#include "shim/shim.h"

#include <string.h>

enum { LEAVE_BITS = 140 };

/* Two primes of 27 and 30 digits, and small ones. */
static void leave(fan_factorization *f)
{
    const fan_factor_options options = {0};
    mpz_t n, p;
    mpz_inits(n, p, NULL);
    mpz_ui_pow_ui(n, 10, 26);
    mpz_nextprime(n, n);
    mpz_ui_pow_ui(p, 11, 28);
    mpz_nextprime(p, p);
    mpz_mul(n, n, p);
    mpz_mul_ui(n, n, 60);
    EXPECT_I64(fani_factor_mpz(n, &options, fani_qs_split, LEAVE_BITS, f, NULL), FAN_E_EFFORT);
    mpz_clears(n, p, NULL);
}

static void expect_texts(const fani_left *left, const char *digits, const char *input)
{
    EXPECT_U64(left->digits_size, strlen(digits));
    EXPECT_TRUE(memcmp(left->digits, digits, left->digits_size) == 0);
    EXPECT_U64(left->input != NULL, input != NULL);
    EXPECT_U64(left->input_size, input ? strlen(input) : 0);
    EXPECT_TRUE(!input || memcmp(left->input, input, left->input_size) == 0);
}

static void goes_and_comes(const char *digits, const char *input, fan_factorization *f,
                           fan_buffer *bytes)
{
    fan_factorization *g = NULL;
    fani_left left = {.digits = (const unsigned char *)digits,
                      .digits_size = strlen(digits),
                      .input = (const unsigned char *)input,
                      .input_size = input ? strlen(input) : 0};
    ASSERT_I64(fan_factorization_create(&g), FAN_OK);
    ASSERT_I64(fani_left_write(&left, f, bytes), FAN_OK);
    memset(&left, 0, sizeof left);
    ASSERT_TRUE(fani_left_read(bytes->bytes, bytes->size, &left));
    expect_texts(&left, digits, input);
    EXPECT_I64(fani_unfinished_read(left.bytes, left.size, g), FAN_OK);
    EXPECT_U64(fani_unfinished_next(g), fani_unfinished_next(f));
    EXPECT_TRUE(mpz_cmp(fan_factorization_number(f), fan_factorization_number(g)) == 0);
    fan_factorization_destroy(g);
}

FAN_TEST(left, no_flipped_bit_and_no_part_is_taken)
{
    fan_factorization *f = NULL;
    fan_buffer bytes = {0};
    fani_left left;
    ASSERT_I64(fan_factorization_create(&f), FAN_OK);
    leave(f);
    EXPECT_TRUE(fani_left_is(f));
    goes_and_comes("12", NULL, f, &bytes);
    bytes.size = 0;
    goes_and_comes("12", "", f, &bytes);
    bytes.size = 0;
    goes_and_comes("12", "0xc", f, &bytes);
    for (size_t size = 0; size < bytes.size; size++)
        EXPECT_TRUE(!fani_left_read(bytes.bytes, size, &left));
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        EXPECT_TRUE(!fani_left_read(bytes.bytes, bytes.size, &left));
        bytes.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    fan_buffer_clear(&bytes);
    fan_factorization_destroy(f);
}
