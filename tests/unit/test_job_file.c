/* Job files, good and bad. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fanfold/job.h"
#include "shim/shim.h"

static void write_file(char path[static 40], const char *text, size_t size)
{
    strcpy(path, "/tmp/fan_jobfile_XXXXXX");
    int fd = mkstemp(path);
    ASSERT_TRUE(fd >= 0);
    ASSERT_I64(write(fd, text, size), (long long)size);
    ASSERT_I64(close(fd), 0);
}

static fan_job *load(const char *text)
{
    char path[40];
    fan_job *job = NULL;
    fan_error error = {0};
    write_file(path, text, strlen(text));
    EXPECT_I64(fan_job_load(path, &job, &error), FAN_OK);
    EXPECT_STR(error.text, "");
    unlink(path);
    return job;
}

FAN_TEST(job_file, keys_are_those_of_the_command_line)
{
    fan_job *job = load("\xEF\xBB\xBF# a job\r\n\r\n[job]\r\n; for people\r\nover = x=0:1\r\n"
                        "task = integrate\r\npoints: 1e3 ; inline\r\nover = y=0:2\r\n"
                        "expression = x +\r\n    y\r\nexecutor = threads\r\nworkers = 2");
    ASSERT_TRUE(job != NULL);
    EXPECT_STR(fan_job_get(job, "task"), "integrate");
    EXPECT_STR(fan_job_get(job, "points"), "1e3");
    EXPECT_STR(fan_job_get(job, "expression"), "x + y");
    EXPECT_STR(fan_job_get(job, "over"), "y=0:2");
    EXPECT_STR(fan_job_get(job, "executor"), "threads");
    EXPECT_STR(fan_job_get(job, "workers"), "2");
    EXPECT_I64(fan_job_check(job, NULL), FAN_OK);
    fan_job_free(job);
}

FAN_TEST(job_file, comments_stand_behind_every_line_of_a_value)
{
    fan_job *job = load("[job]\ntask = integrate ; what\nexpression = x + ; one\n  y;2 +\t; two\n"
                        "  ; three\n  z\nover = x=0:1 ; four\n  y=0:2 ; five\n");
    ASSERT_TRUE(job != NULL);
    EXPECT_STR(fan_job_get(job, "task"), "integrate");
    EXPECT_STR(fan_job_get(job, "expression"), "x + y;2 + z");
    EXPECT_STR(fan_job_get(job, "over"), "y=0:2");
    fan_job_free(job);
}

FAN_TEST(job_file, values_may_begin_in_the_next_line)
{
    fan_job *job = load("[job]\ntask =\n  integrate\npoints = ; how many\n  100\nexpression =\n"
                        "  x +\n  y\nover =\n  x=0:1\n  y=0:2\n");
    ASSERT_TRUE(job != NULL);
    EXPECT_STR(fan_job_get(job, "task"), "integrate");
    EXPECT_STR(fan_job_get(job, "points"), "100");
    EXPECT_STR(fan_job_get(job, "expression"), "x + y");
    EXPECT_I64(fan_job_check(job, NULL), FAN_OK);
    fan_job_free(job);
}

FAN_TEST(job_file, any_blanks_may_stand_before_a_key)
{
    fan_job *job = load("[job]\n\ftask = gcd\n\vworkers = 2\n\r format = tsv\n");
    ASSERT_TRUE(job != NULL);
    EXPECT_STR(fan_job_get(job, "workers"), "2");
    EXPECT_STR(fan_job_get(job, "format"), "tsv");
    fan_job_free(job);
}

FAN_TEST(job_file, paths_are_relative_to_the_file)
{
    fan_job *job = load("[job]\ntask = gcd\ninput = data/x.txt\noutput = out.txt\n");
    ASSERT_TRUE(job != NULL);
    EXPECT_STR(fan_job_get(job, "input"), "/tmp/data/x.txt");
    EXPECT_STR(fan_job_get(job, "output"), "/tmp/out.txt");
    fan_job_free(job);
    job = load("[job]\ntask = gcd\ninput = /data/x.txt\noutput = -\n");
    ASSERT_TRUE(job != NULL);
    EXPECT_STR(fan_job_get(job, "input"), "/data/x.txt");
    EXPECT_STR(fan_job_get(job, "output"), "-");
    fan_job_free(job);
}

FAN_TEST(job_file, what_is_wrong_is_told_with_its_place)
{
    static const struct {
        const char *text;
        fan_status status;
        uint32_t line, column;
        const char *says;
    } cases[] = {
        {"", FAN_E_SYNTAX, 1, 1, "task = NAME"},
        {"[job]\n", FAN_E_SYNTAX, 1, 1, "task = NAME"},
        {"task = gcd\n", FAN_E_SYNTAX, 1, 1, "before any section: expected [job]"},
        {"[job]\ntask = sort\n", FAN_E_ARGUMENT, 2, 8, "unknown task 'sort'"},
        {"[job]\n  task = gcd\n\tworkers = 0\n", FAN_E_ARGUMENT, 3, 12, "from 1 to 4096"},
        {"[job]\ntask = gcd\n\ncolour = red\n", FAN_E_ARGUMENT, 4, 1, "unknown key 'colour'"},
        {"[job]\ntask = gcd\nformat =  xml\n", FAN_E_ARGUMENT, 3, 11, "text tsv ndjson"},
        {"[job]\nworkers=0\ntask = gcd\n", FAN_E_ARGUMENT, 2, 9, "from 1 to 4096"},
        {"[job]\nover = x=0:\ntask = integrate\n", FAN_E_SYNTAX, 2, 12, "NAME=LOW:HIGH"},
        {"[job]\ntask = gcd\nformat = tsv\nformat = text\n", FAN_E_SYNTAX, 4, 1, "set twice"},
        {"[job]\ntask = gcd\nnonsense\n", FAN_E_SYNTAX, 3, 1, "key = value"},
        {"[job\ntask = gcd\n", FAN_E_SYNTAX, 1, 1, "'[job]'"},
        {"[job]\ntask = gcd\n[other]\ninput = x\n", FAN_E_SYNTAX, 4, 1, "section [other]"},
        {"[job]\ntask = gcd\ninput =\n", FAN_E_ARGUMENT, 3, 8, "input is empty"},
        {"[job]\ntask = gcd\nworkers =\n   many\n", FAN_E_ARGUMENT, 4, 4, "from 1 to 4096"},
        {"[job]\ntask = gcd\ncolour =\n   red\n", FAN_E_ARGUMENT, 3, 1, "unknown key 'colour'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[40];
        fan_job *job;
        fan_error error = {0};
        write_file(path, cases[i].text, strlen(cases[i].text));
        fan_status status = fan_job_load(path, &job, &error);
        if (status != cases[i].status || error.line != cases[i].line ||
            error.column != cases[i].column)
            shim_fail(__FILE__, __LINE__, "case %zu: %s %u:%u %s", i, fan_status_name(status),
                      error.line, error.column, error.text);
        EXPECT_CONTAINS(error.text, cases[i].says);
        EXPECT_STR(error.file, path);
        EXPECT_TRUE(job == NULL);
        unlink(path);
    }
}

/* What shows only with all keys together has its place in the file too. */
FAN_TEST(job_file, what_a_check_finds_is_told_with_its_place)
{
    static const struct {
        const char *text;
        uint32_t line, column;
    } cases[] = {
        {"[job]\ntask = integrate\nexpression = cos(x\nover = x=0:1\n", 3, 19},
        {"[job]\ntask = integrate\nover = x=0:1\nover = y=0:1+\nexpression = x\n", 4, 14},
        {"[job]\ntask = integrate\nexpression = x\n  over = x=0/0:1\n", 4, 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[40];
        fan_job *job;
        fan_error error = {0};
        write_file(path, cases[i].text, strlen(cases[i].text));
        ASSERT_I64(fan_job_load(path, &job, &error), FAN_OK);
        EXPECT_TRUE(fan_job_check(job, &error) != FAN_OK);
        if (error.line != cases[i].line || error.column != cases[i].column)
            shim_fail(__FILE__, __LINE__, "case %zu: %u:%u %s", i, error.line, error.column,
                      error.text);
        EXPECT_STR(error.file, path);
        if (i == 0) { /* a value set later stands in no file */
            EXPECT_I64(fan_job_set(job, "expression", "sin(x", NULL), FAN_OK);
            EXPECT_TRUE(fan_job_check(job, &error) != FAN_OK);
            EXPECT_STR(error.file, "");
        }
        fan_job_free(job);
        unlink(path);
    }
}

FAN_TEST(job_file, lines_too_long_and_nul_bytes_are_refused)
{
    char path[40], text[600] = "[job]\ntask = factor\nnumbers = ";
    fan_job *job;
    fan_error error = {0};
    memset(text + strlen(text), '7', 300);
    write_file(path, text, strlen(text));
    EXPECT_I64(fan_job_load(path, &job, &error), FAN_E_SYNTAX);
    EXPECT_U64(error.line, 3);
    EXPECT_CONTAINS(error.text, "expected at most 198");
    unlink(path);
    write_file(path, "[job]\nta\0sk = gcd\n", 18);
    EXPECT_I64(fan_job_load(path, &job, &error), FAN_E_SYNTAX);
    EXPECT_U64(error.line, 2);
    EXPECT_U64(error.column, 3);
    unlink(path);
}

FAN_TEST(job_file, files_that_cannot_be_read)
{
    fan_job *job;
    fan_error error = {0};
    EXPECT_I64(fan_job_load("/nonexistent.job", &job, &error), FAN_E_INPUT);
    EXPECT_I64(error.errno_code, ENOENT);
    EXPECT_STR(error.file, "/nonexistent.job");
    EXPECT_I64(fan_job_load("/tmp", &job, &error), FAN_E_INPUT);
    EXPECT_I64(error.errno_code, EISDIR);
}

/* ---- The shipped ones ------------------------------------------------------------------------ */

static void run_shipped(const char *name, const char *expected)
{
    char path[200], output[64] = "/tmp/fan_shipped_XXXXXX", text[4096];
    fan_job *job;
    fan_executor *executor;
    fan_error error = {0};
    fan_job_result result;
    fan_job_events events = {.output_fd = mkstemp(output)};
    snprintf(path, sizeof path, "%s/jobs/%s", FAN_TEST_SOURCE_DIR, name);
    ASSERT_I64(fan_job_load(path, &job, &error), FAN_OK);
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &executor, NULL),
               FAN_OK);
    EXPECT_I64(fan_job_run(job, executor, &events, &result, &error), FAN_OK);
    EXPECT_I64(result.exit_code, 0);
    ssize_t n = pread(events.output_fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    if (expected)
        EXPECT_STR(text, expected);
    EXPECT_TRUE(n > 0);
    fan_job_free(job);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    close(events.output_fd);
    unlink(output);
}

/* The gcds and divisors are Python's. */
FAN_TEST(job_file, classic_workload)
{
    run_shipped("classic-gcd.job", "1\n1\n5\n1\n32\n1\n14\n9\n1\n9\n");
    run_shipped("classic-divisors.job",
                "2139079: 1 101 21179 2139079\n"
                "1214759: 1 7 13 49 91 637 1907 13349 24791 93443 173537 1214759\n"
                "1516637: 1 19 79823 1516637\n"
                "1852285: 1 5 271 1355 1367 6835 370457 1852285\n");
    run_shipped("classic-integrate.job", NULL);
}

FAN_TEST(job_file, real_numbers_and_the_plane)
{
    run_shipped("factor-numbers.job", NULL);
    run_shipped("gauss-2d.job", NULL);
}
