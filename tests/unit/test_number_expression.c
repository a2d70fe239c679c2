#include "shim/shim.h"
#include "stage/number_expression.h"

#include <stdlib.h>

/* Evaluates; in *text what it stands for in decimal (freed by the caller), or NULL. */
static fan_status value_of(const char *expression, size_t digits, char **text,
                           fani_expression_flaw *flaw)
{
    fani_expression_limits limits = {.digits = digits};
    mpz_t value;
    mpz_init(value);
    fan_status status = fani_expression_value((const unsigned char *)expression, strlen(expression),
                                              &limits, value, flaw);
    *text = status == FAN_OK ? mpz_get_str(NULL, 10, value) : NULL;
    mpz_clear(value);
    return status;
}

static void expect_value(const char *expression, const char *expected)
{
    fani_expression_flaw flaw = {0};
    char *text;
    EXPECT_I64(value_of(expression, 1000, &text, &flaw), FAN_OK);
    EXPECT_STR(text ? text : flaw.text, expected);
    free(text);
}

static void expect_flaw(const char *expression, size_t digits, size_t at, const char *why)
{
    fani_expression_flaw flaw = {.at = 999};
    char *text;
    EXPECT_I64(value_of(expression, digits, &text, &flaw), FAN_E_SYNTAX);
    EXPECT_U64(flaw.at, at);
    EXPECT_STR(text ? text : flaw.text, why);
    free(text);
}

FAN_TEST(number_expression, values)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"2^61-1", "2305843009213693951"},
        {"10^18+9", "1000000000000000009"},
        {"7#", "210"},
        {"20!", "2432902008176640000"},
        {"0", "0"},
        {"+007", "7"},
        {"0xff", "255"},
        {"0X00fF", "255"},
        {"0xFFFFFFFFFFFFFFFFffffffff", "79228162514264337593543950335"},
        {"0x10+10", "26"},
        {"2^3^2", "512"},
        {"(2^3)^2", "64"},
        {"-2^2+5", "1"},
        {"(-2)^2", "4"},
        {"(-2)^3+8", "0"},
        {"2*-3+6", "0"},
        {"2--3", "5"},
        {"1+2*3-4/2", "5"},
        {"100/5/4", "5"},
        {"100/(20/4)", "20"},
        {"10-3-2", "5"},
        {"3!^2", "36"},
        {"2^3!", "64"},
        {"-3!+7", "1"},
        {"(3!)!", "720"},
        {"0!+1!", "2"},
        {"0#+1#", "2"},
        {"2#", "2"},
        {"10#", "210"},
        {"11#", "2310"},
        {"7#!/209!", "210"},
        {"0^0", "1"},
        {"0^5", "0"},
        {"1^10^30", "1"},
        {"(-1)^10^30", "1"},
        {"(-1)^(10^30+1)+2", "1"},
        {"0^10^30", "0"},
        {"((((5))))", "5"},
        {"18446744073709551615+1", "18446744073709551616"},
        {"99999999999999999999999999*0", "0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_value(cases[i].text, cases[i].value);
    fani_expression_flaw flaw;
    char *text;
    ASSERT_I64(value_of("(10^1000-1)/9-(10^999-1)/9", 1000, &text, &flaw), FAN_OK);
    EXPECT_U64(strlen(text), 1000); /* 10^999 */
    free(text);
}

FAN_TEST(number_expression, flaws_and_where_they_are)
{
    static const struct {
        const char *text;
        size_t at;
        const char *why;
    } cases[] = {
        {"", 0, ""},
        {"+", 1, ""},
        {"x", 0, ""},
        {"12abc", 2, ""},
        {"0x", 2, ""},
        {"0xg", 2, ""},
        {"1.5", 1, ""},
        {"1e9", 1, ""},
        {"2^", 2, ""},
        {"(2+3", 4, ""},
        {"2+3)", 3, ""},
        {"()", 1, ""},
        {"2**3", 2, ""},
        {"--3", 1, ""},
        {"2(3)", 1, ""},
        {"1+ 2", 2, ""},
        {"1\x80", 1, ""},
        {"!", 0, ""},
        {"5!3", 2, ""},
        {"3-5", 0, "is negative: expected a whole number that is not negative"},
        {"-2^2", 0, "is negative: expected a whole number that is not negative"},
        {"7/0", 1, "divides by zero"},
        {"(3-3)/(2-2)", 5, "divides by zero"},
        {"7/2", 1, "leaves a remainder where it divides"},
        {"2^-1", 1, "has an exponent that is negative"},
        {"1^(-1)", 1, "has an exponent that is negative"},
        {"(-1)!", 4, "asks for the factorial of a negative number"},
        {"(0-1)#", 5, "asks for the primorial of a negative number"},
        {"5!!", 1, "has '!!', which is read in two ways: expected (n!)!"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_flaw(cases[i].text, 1000, cases[i].at, cases[i].why);
}

/* What is too long is never computed: none of these would fit into any machine. */
FAN_TEST(number_expression, towers_are_refused_before_they_are_built)
{
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {{"2^2^100", 1},
                 {"9^9^9^9^9", 5},
                 {"(10^15)!", 7},
                 {"(10^100)!", 8},
                 {"(10^17)#", 7},
                 {"(50!)!", 5},
                 {"2^99999999999999999999", 1},
                 {"(-3)^10^18", 4},
                 {"0*2^2^100", 3},
                 {"(2^6000)*(2^6000)", 8}};
    const char *why =
        "has more than 1000 digits: expected a shorter number, or a larger max-digits";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_flaw(cases[i].text, 1000, cases[i].at, why);
}

/* The bound is exact, whatever makes the value. */
FAN_TEST(number_expression, digits_at_the_limit)
{
    static const struct {
        const char *fits, *does_not;
        size_t digits;
    } cases[] = {{"10^20-1", "10^20", 20}, {"10^300-1", "10^300", 300}, {"2^66", "2^67", 20},
                 {"3^41", "3^42", 20},     {"21!", "22!", 20},          {"450!", "451!", 1001},
                 {"53#", "59#", 20},       {"0xf", "0x64", 2},          {"0x63", "0x64", 2},
                 {"99", "100", 2},         {"00000099", "00000100", 2}, {"3*33", "4*25", 2},
                 {"50+49", "50+50", 2},    {"(10^3-1)/9", "10^3", 3},   {"10^1-1", "10^1", 1},
                 {"200-101", "200-100", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fani_expression_flaw flaw = {0};
        char *text;
        EXPECT_I64(value_of(cases[i].fits, cases[i].digits, &text, &flaw), FAN_OK);
        EXPECT_TRUE(text && strlen(text) <= cases[i].digits);
        free(text);
        EXPECT_I64(value_of(cases[i].does_not, cases[i].digits, &text, &flaw), FAN_E_SYNTAX);
        EXPECT_CONTAINS(flaw.text, "digits: expected a shorter number");
        free(text);
    }
}

/* Values that wait count together, in each kind of place where they do; those that have been used
 * count no longer. */
FAN_TEST(number_expression, what_waits_is_bounded)
{
    static const char *const refused[] = {"10^19999+(", "10^19999*("};
    char text[1000];
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        fani_expression_flaw flaw = {0};
        char *value;
        text[0] = '\0';
        for (unsigned k = 0; k < 5; k++)
            strcat(text, refused[i]);
        strcat(text, "0)))))");
        EXPECT_I64(value_of(text, 10000, &value, &flaw), FAN_E_SYNTAX);
        EXPECT_CONTAINS(flaw.text, "keeps more than 80000 digits in all");
        EXPECT_U64(flaw.at, 5 * strlen(refused[i]) - 2);
        free(value);
    }
    char *value;
    fani_expression_flaw flaw = {0};
    text[0] = '\0';
    for (unsigned k = 0; k < 30; k++)
        strcat(text, "10^9999/10^9999+(");
    strcat(text, "0");
    for (unsigned k = 0; k < 30; k++)
        strcat(text, ")");
    EXPECT_I64(value_of(text, 10000, &value, &flaw), FAN_OK);
    EXPECT_STR(value, "30");
    free(value);
}

static void repeat(char *text, size_t n, const char *left, const char *middle, const char *right)
{
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        strcat(text, left);
    strcat(text, middle);
    for (size_t i = 0; i < n; i++)
        strcat(text, right);
}

FAN_TEST(number_expression, nesting_is_bounded)
{
    char text[1000];
    const char *why = "has more than 100 parentheses or exponents in each other";
    repeat(text, 100, "(", "7", ")");
    expect_value(text, "7");
    repeat(text, 101, "(", "7", ")");
    expect_flaw(text, 1000, 101, why);
    repeat(text, 100, "1^", "1", "");
    expect_value(text, "1");
    repeat(text, 101, "1^", "1", "");
    expect_flaw(text, 1000, 202, why);
    repeat(text, 400, "1+", "1", "");
    expect_value(text, "401");
}

static bool after_three(void *context)
{
    return ++*(int *)context > 3;
}

FAN_TEST(number_expression, minus_where_allowed_and_cancelled)
{
    int asked = 0;
    fani_expression_flaw flaw;
    fani_expression_limits limits = {
        .digits = 10, .minus_allowed = true, .cancelled = after_three, .context = &asked};
    mpz_t value;
    mpz_init(value);
    EXPECT_I64(fani_expression_value((const unsigned char *)"3-5*2", 5, &limits, value, &flaw),
               FAN_OK);
    EXPECT_I64(mpz_get_si(value), -7);
    EXPECT_I64(fani_expression_value((const unsigned char *)"1+1+1+1", 7, &limits, value, &flaw),
               FAN_E_CANCELLED);
    mpz_clear(value);
}
