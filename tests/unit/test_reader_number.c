#include <inttypes.h>
#include <stdio.h>

#include "shim/shim.h"
#include "stage/number.h"

static bool scan(const char *text, bool minus, fani_number *number, size_t *bad)
{
    return fani_number_scan((const unsigned char *)text, strlen(text), minus, number, bad);
}

FAN_TEST(number, accepts_what_coreutils_factor_accepts)
{
    static const struct {
        const char *text;
        uint64_t value;
    } cases[] = {{"0", 0},
                 {"7", 7},
                 {"+007", 7},
                 {"00000", 0},
                 {"+0", 0},
                 {"0000000000000000000000000000012", 12},
                 {"18446744073709551615", UINT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fani_number number;
        size_t bad;
        uint64_t value = 99;
        EXPECT_TRUE(scan(cases[i].text, false, &number, &bad));
        EXPECT_TRUE(fani_number_u64(&number, &value));
        EXPECT_U64(value, cases[i].value);
    }
}

FAN_TEST(number, tells_where_a_bad_one_ends)
{
    static const struct {
        const char *text;
        size_t bad;
    } cases[] = {{"", 0},   {"+", 1},     {"-3", 0},  {"++3", 1},  {"12abc", 2},
                 {"0x", 1}, {"12,15", 2}, {"1 2", 1}, {"1\x80", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fani_number number;
        size_t bad = 99;
        EXPECT_TRUE(!scan(cases[i].text, false, &number, &bad));
        EXPECT_U64(bad, cases[i].bad);
    }
}

FAN_TEST(number, minus_where_allowed)
{
    fani_number number;
    size_t bad;
    ASSERT_TRUE(scan("-0012", true, &number, &bad));
    EXPECT_TRUE(number.negative);
    EXPECT_U64(number.size, 2);
    ASSERT_TRUE(scan("-0", true, &number, &bad));
    EXPECT_TRUE(!number.negative);
    EXPECT_TRUE(!scan("-", true, &number, &bad));
}

FAN_TEST(number, words_end_at_2_to_the_64)
{
    fani_number number;
    size_t bad;
    uint64_t value;
    ASSERT_TRUE(scan("18446744073709551616", false, &number, &bad));
    EXPECT_TRUE(!fani_number_u64(&number, &value));
    ASSERT_TRUE(scan("99999999999999999999", false, &number, &bad));
    EXPECT_TRUE(!fani_number_u64(&number, &value));
    ASSERT_TRUE(scan("100000000000000000000", false, &number, &bad));
    EXPECT_TRUE(!fani_number_u64(&number, &value));
}

FAN_TEST(number, to_gmp_and_back)
{
    fani_number number;
    size_t bad;
    char scratch[64], text[64];
    mpz_t value;
    mpz_init(value);
    ASSERT_TRUE(scan("-000123456789012345678901234567890", true, &number, &bad));
    fani_number_mpz(&number, scratch, value);
    mpz_get_str(text, 10, value);
    EXPECT_STR(text, "-123456789012345678901234567890");
    mpz_clear(value);
}

FAN_TEST(number, words_as_text)
{
    char text[FANI_U64_DIGITS + 1] = "";
    text[fani_u64_text(UINT64_MAX, text)] = '\0';
    EXPECT_STR(text, "18446744073709551615");
    text[fani_u64_text(0, text)] = '\0';
    EXPECT_STR(text, "0");
    text[fani_u64_text(1000, text)] = '\0';
    EXPECT_STR(text, "1000");
}

FAN_TEST(number, words_of_every_length_as_text_and_back)
{
    uint64_t power = 1, value = 0;
    char text[FANI_U64_DIGITS], expected[32];
    for (unsigned digits = 1; digits <= 20; digits++, power *= 10) {
        const uint64_t values[] = {power, power + 1, power / 7 * 8, 9 * power, power - 1};
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            size_t size = (size_t)snprintf(expected, sizeof expected, "%" PRIu64, values[i]);
            ASSERT_U64(fani_u64_text(values[i], text), size);
            EXPECT_TRUE(!memcmp(text, expected, size));
            if (values[i]) {
                EXPECT_TRUE(fani_plain_u64((const unsigned char *)text, size, &value));
                EXPECT_U64(value, values[i]);
            }
        }
    }
}

/* No byte but a digit is let through, wherever it stands. */
FAN_TEST(number, what_is_not_plain_is_left_to_others)
{
    static const char *const others[] = {"",
                                         "0",
                                         "00",
                                         "012",
                                         "+1",
                                         "-1",
                                         "18446744073709551616",
                                         "99999999999999999999",
                                         "100000000000000000000"};
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        EXPECT_TRUE(!fani_plain_u64((const unsigned char *)others[i], strlen(others[i]), &value));
    for (size_t size = 1; size < 20; size++)
        for (size_t at = 0; at < size; at++)
            for (int c = 0; c < 256; c++) {
                unsigned char token[20];
                memset(token, '1', sizeof token);
                token[at] = (unsigned char)c;
                bool digits = c >= '0' + (at == 0) && c <= '9';
                EXPECT_TRUE(fani_plain_u64(token, size, &value) == digits);
            }
}

FAN_TEST(number, excerpts_are_harmless)
{
    char text[16];
    fani_excerpt((const unsigned char *)"12\0\x1b[2J", 7, text, sizeof text);
    EXPECT_STR(text, "12\\0\\x1b[2J");
    fani_excerpt((const unsigned char *)"12345678901234567890", 20, text, sizeof text);
    EXPECT_STR(text, "123456789012...");
    fani_excerpt((const unsigned char *)"", 0, text, sizeof text);
    EXPECT_STR(text, "");
}
