/* A resume command that is pasted into a shell means what was started. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/quote.h"
#include "shim.h"

static void quoted(const char *word, const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ASSERT_TRUE(out != NULL);
    quote_word(out, word);
    fclose(out);
    EXPECT_STR(text, expected);
    free(text);
}

FAN_TEST(quote, words_are_bare_only_where_that_is_safe)
{
    quoted("factor", "factor");
    quoted("/data/in-1_2.txt", "/data/in-1_2.txt");
    quoted("", "''");
    quoted("a b", "'a b'");
    quoted("it's", "'it'\\''s'");
    quoted("A=b", "'A=b'");
    quoted("~", "'~'");
    quoted("-n", "-n");
    quoted("$(rm x)", "'$(rm x)'");
    quoted("\xc3\xa4", "'\xc3\xa4'");
    quoted("a\nb'c\\", "$'a\\012b\\'c\\\\'");
    quoted("\033[2J7", "$'\\033[2J7'");
}

static void resumed(int argc, const char *const *argv, const char *expected)
{
    char *line = quote_resume(argc, argv, true);
    EXPECT_STR(line, expected);
    free(line);
}

FAN_TEST(quote, resume_stands_behind_the_subcommand_and_once)
{
    resumed(3, (const char *const[]){"fanfold", "factor", "12"}, "fanfold factor --resume 12");
    resumed(4, (const char *const[]){"fanfold", "run", "--resume", "x.job"},
            "fanfold run --resume x.job");
    resumed(4, (const char *const[]){"fanfold", "gcd", "--", "--resume"},
            "fanfold gcd --resume -- --resume");
    resumed(5, (const char *const[]){"fanfold", "run", "--restart", "x.job", "--resume=false"},
            "fanfold run --resume x.job");
    resumed(4, (const char *const[]){"fanfold", "gcd", "--", "--restart"},
            "fanfold gcd --resume -- --restart");
}

FAN_TEST(quote, the_same_command_does_not_begin_again)
{
    const char *const argv[] = {"fanfold", "factor", "--restart", "--state", "s", "12"};
    char *line = quote_resume(6, argv, false);
    EXPECT_STR(line, "fanfold factor --state s 12");
    free(line);
}

/* What a shell makes of the line: its words, each ended by a NUL. */
static size_t shell_words(const char *line, char *words, size_t size)
{
    char command[4096];
    snprintf(command, sizeof command, "set -- %s\nprintf '%%s\\0' \"$@\"\n", line);
    int in[2];
    if (pipe(in) != 0)
        return 0;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[1], STDOUT_FILENO);
        execlp("bash", "bash", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(in[1]);
    size_t used = 0;
    for (ssize_t n; used < size && (n = read(in[0], words + used, size - used)) > 0;)
        used += (size_t)n;
    close(in[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_I64(status, 0);
    return used;
}

FAN_TEST(quote, a_shell_reads_every_byte_back)
{
    char all[256], alone[512] = "", words[2048];
    for (int c = 1; c < 256; c++)
        all[c - 1] = (char)c;
    all[255] = '\0';
    for (int c = ' '; c < 127; c++) /* without control characters: the other way of quoting */
        alone[c - ' '] = (char)c;
    const char *argv[] = {"fanfold", "factor", all, alone, "", "x y"};
    char *line = quote_resume(6, argv, true);
    size_t used = shell_words(line, words, sizeof words), at = 0;
    const char *const expected[] = {"fanfold", "factor", "--resume", all, alone, "", "x y"};
    for (size_t i = 0; i < 7 && at < used; i++) {
        EXPECT_STR(words + at, expected[i]);
        at += strlen(words + at) + 1;
    }
    EXPECT_U64(at, used);
    free(line);
}
