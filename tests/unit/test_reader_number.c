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
