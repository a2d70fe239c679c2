/* The words of a command, filled for an item. What the command does is in tests/cli/test_map.sh. */
#include <string.h>

#include "fanfold/job.h"
#include "job/command_words.h"
#include "shim.h"

static fani_piece piece(const char *text)
{
    return (fani_piece){text, strlen(text)};
}

/* Fills a template of one word and compares. */
static void expect_word(const char *word, const fani_item_values *values, const char *expected)
{
    fani_template *t = NULL;
    ASSERT_I64(fani_template_new(&word, 1, false, false, &t), FAN_OK);
    const char *const *made = fani_template_fill(t, values);
    if (!made || !made[0] || strcmp(made[0], expected) != 0 || made[1])
        shim_fail(__FILE__, __LINE__, "'%s' became '%s', expected '%s'", word,
                  made && made[0] ? made[0] : "nothing", expected);
    fani_template_free(t);
}

FAN_TEST(command_words, each_replacement)
{
    fani_piece columns[] = {piece("/a/b.c.d"), piece("e.f"), piece("g/")};
    fani_item_values one = {.columns = columns, .count = 1, .number = 7, .place = 3};
    fani_item_values three = {.columns = columns, .count = 3, .number = UINT64_MAX, .place = 1};
    static const struct {
        const char *word, *of_one, *of_three;
    } cases[] = {
        {"x", "x", "x"},
        {"", "", ""},
        {"-{}-", "-/a/b.c.d-", "-/a/b.c.d e.f g/-"},
        {"-{.}", "-/a/b.c", "-/a/b.c e g/"},
        {"-{/}", "-b.c.d", "-b.c.d e.f "},
        {"-{//}", "-/a", "-/a . ."},
        {"-{/.}", "-b.c", "-b.c e "},
        {"{#}", "7", "18446744073709551615"},
        {"{%}", "3", "1"},
        {"{1}{2}{3}{4}", "/a/b.c.d", "/a/b.c.de.fg/"},
        {"{-1}{-3}{-4}", "/a/b.c.d", "g//a/b.c.d"},
        {"{2.}{1//}{1/}{1/.}", "/ab.c.db.c", "e/ab.c.db.c"},
        {"{+}{1x}{}}{{}", "{+}{1x}/a/b.c.d}{/a/b.c.d", "{+}{1x}/a/b.c.d e.f g/}{/a/b.c.d e.f g/"},
        {"{0}{-0}{1#}{2%}{", "{0}{-0}{1#}{2%}{", "{0}{-0}{1#}{2%}{"},
        {"{99999999999999999999999}", "{99999999999999999999999}", "{99999999999999999999999}"},
        {"${x:-{}}", "${x:-/a/b.c.d}", "${x:-/a/b.c.d e.f g/}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_word(cases[i].word, &one, cases[i].of_one);
        expect_word(cases[i].word, &three, cases[i].of_three);
    }
}

FAN_TEST(command_words, columns_of_a_whole_word)
{
    fani_piece columns[] = {piece("a b"), piece("")};
    fani_item_values values = {.columns = columns, .count = 2};
    const char *words[] = {"x", "{}"};
    fani_template *t = NULL;
    ASSERT_I64(fani_template_new(words, 2, false, true, &t), FAN_OK);
    for (int again = 0; again < 2; again++) {
        const char *const *made = fani_template_fill(t, &values);
        ASSERT_TRUE(made != NULL);
        EXPECT_STR(made[0], "x");
        EXPECT_STR(made[1], "a b");
        EXPECT_STR(made[2], "");
        EXPECT_TRUE(!made[3]);
    }
    fani_template_free(t);
    fani_template_free(NULL);
}

FAN_TEST(command_words, an_item_is_put_last)
{
    fani_piece column = piece("it's");
    fani_item_values values = {.columns = &column, .count = 1, .number = 1, .place = 1};
    const char *words[] = {"a{#}", "{%}"};
    fani_template *t = NULL;
    ASSERT_I64(fani_template_new(words, 2, false, true, &t), FAN_OK);
    const char *const *made = fani_template_fill(t, &values);
    ASSERT_TRUE(made && made[2]);
    EXPECT_STR(made[2], "it's");
    EXPECT_TRUE(fani_template_has_place(t));
    fani_template_free(t);
    ASSERT_I64(fani_template_new(words, 1, true, true, &t), FAN_OK);
    made = fani_template_fill(t, &values);
    ASSERT_TRUE(made && made[1] && made[2] && made[3]);
    EXPECT_STR(made[0], "/bin/sh");
    EXPECT_STR(made[1], "-c");
    EXPECT_STR(made[2], "--");
    EXPECT_STR(made[3], "a1 'it'\\''s'");
    EXPECT_TRUE(!fani_template_has_place(t));
    fani_template_free(t);
}

FAN_TEST(command_words, quotes_around_an_item)
{
    static const struct {
        const char *word;
        bool quoted;
    } cases[] = {
        {"echo {}", false},
        {"echo \"{}\"", true},
        {"echo '{}'", true},
        {"echo 'a'{}\"b\"{2}", false},
        {"echo \\{}", true},
        {"echo \\\\{}", false},
        {"echo ${}", true},
        {"echo \\${}", false},
        {"echo ${x:-{}}", false},
        {"echo \"${x:-{}}\"", true},
        {"echo \"{#} {%}\" {}", false},
        {"echo \"it's\" {}", false},
        {"echo 'a\"b' {} 'c\\' {/}", false},
        {"echo \\\" {} \\'{.}", false},
        {"x=\"$(cat {})\"", false},
        {"x=\"$(cat {}) {}\"", true},
        {"x=\"$(cat \"{}\")\"", true},
        {"x=\"$(a (b) {} )\" {}", false},
        {"x=\"(\" {}", false},
        {"x=\")\" {}", false},
        {"x=\"`cat {}`\" `cat {}` {}", false},
        {"x=\"`cat {}` {}\"", true},
        {"true # it's\ncat {}", false},
        {"true # {}", true}, /* an item with a line end would end it */
        {"echo a#'{}'", true},
        {"echo 'open", true}, /* where it is put last */
        {"case {} in a) echo {};; esac", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *words[] = {"set -e;", cases[i].word};
        fani_template *t = NULL;
        ASSERT_I64(fani_template_new(words, 2, true, true, &t), FAN_OK);
        if (fani_template_is_quoted(t) != cases[i].quoted)
            shim_fail(__FILE__, __LINE__, "%s", cases[i].word);
        fani_template_free(t);
    }
}

FAN_TEST(command_words, many_words)
{
    enum { MANY = 1000 };
    const char *words[MANY];
    fani_piece column = piece("v");
    fani_item_values values = {.columns = &column, .count = 1};
    for (int i = 0; i < MANY; i++)
        words[i] = i % 2 ? "{}" : "w{}";
    fani_template *t = NULL;
    ASSERT_I64(fani_template_new(words, MANY, false, true, &t), FAN_OK);
    const char *const *made = fani_template_fill(t, &values);
    ASSERT_TRUE(made != NULL);
    for (int i = 0; i < MANY; i++)
        EXPECT_STR(made[i], i % 2 ? "v" : "wv");
    EXPECT_TRUE(!made[MANY]);
    fani_template_free(t);
}

FAN_TEST(command_words, columns_are_cut)
{
    fani_piece columns[4];
    EXPECT_U64(fani_columns_cut("a::b:", 5, ":", 1, columns, 4), 4);
    EXPECT_U64(columns[1].size, 0);
    EXPECT_U64(columns[3].size, 0);
    EXPECT_U64(fani_columns_cut("a::b:", 5, "::", 2, columns, 4), 2);
    EXPECT_TRUE(columns[1].size == 2 && !memcmp(columns[1].at, "b:", 2));
    EXPECT_U64(fani_columns_cut("abc", 3, "", 0, columns, 4), 1);
    EXPECT_U64(columns[0].size, 3);
    EXPECT_U64(fani_columns_cut("a,b,c", 5, ",", 1, columns, 2), 2);
    EXPECT_TRUE(columns[1].size == 3 && !memcmp(columns[1].at, "b,c", 3));
}

FAN_TEST(command_words, quotes)
{
    static const struct {
        const char *text, *one_line, *shell;
    } cases[] = {{"a/b-1.c", "a/b-1.c", "a/b-1.c"},
                 {"", "''", "''"},
                 {"a b", "'a b'", "'a b'"},
                 {"it's", "'it'\\''s'", "'it'\\''s'"},
                 {"a\n'\t\\", "$'a\\012\\'\\011\\\\'", "'a\n'\\''\t\\'"},
                 {"\xc3\xa4", "'\xc3\xa4'", "'\xc3\xa4'"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int one_line = 0; one_line < 2; one_line++) {
            fan_buffer made = {0};
            const char *text = cases[i].text;
            ASSERT_I64(fani_quote(&made, text, strlen(text), one_line), FAN_OK);
            const char *expected = one_line ? cases[i].one_line : cases[i].shell;
            EXPECT_TRUE(made.size == strlen(expected) && !memcmp(made.bytes, expected, made.size));
            fan_buffer_clear(&made);
        }
}
