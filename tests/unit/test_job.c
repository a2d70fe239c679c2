/* Keys, and what jobs answer on the serial executor. */
#include "fanfold/job.h"

#include <errno.h>
#include <fcntl.h>
#include <gmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "shim/shim.h"

/* ---- Running --------------------------------------------------------------------------------- */

typedef struct outcome {
    char output[16384];
    char reports[4096]; /* "file:line:column: text" lines */
    fan_job_result result;
    fan_status status;
    fan_error error;
} outcome;

static void take_report(void *user, const fan_error *error)
{
    outcome *o = user;
    size_t used = strlen(o->reports);
    snprintf(o->reports + used, sizeof o->reports - used, "%s:%u:%u: %s\n", error->file,
             error->line, error->column, error->text);
}

static void run_job(fan_job *job, outcome *o)
{
    fan_executor *executor;
    int fd = memfd_create("output", MFD_CLOEXEC);
    *o = (outcome){.output = ""};
    ASSERT_TRUE(fd >= 0);
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &executor, NULL),
               FAN_OK);
    fan_job_events events = {.report = take_report, .user = o, .output_fd = fd};
    o->status = fan_job_run(job, executor, &events, &o->result, &o->error);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    ssize_t n = pread(fd, o->output, sizeof o->output - 1, 0);
    ASSERT_TRUE(n >= 0);
    o->output[n] = '\0';
    close(fd);
}

/* Runs a task with keys and values, then arguments: ("factor", "format", "tsv", NULL, "12", NULL).
 */
static void run_task(outcome *o, const char *task, ...)
{
    fan_job *job;
    const char *key, *argument;
    va_list list;
    ASSERT_I64(fan_job_new(task, &job, NULL), FAN_OK);
    va_start(list, task);
    while ((key = va_arg(list, const char *)))
        EXPECT_I64(fan_job_set(job, key, va_arg(list, const char *), NULL), FAN_OK);
    while ((argument = va_arg(list, const char *)))
        EXPECT_I64(fan_job_add_argument(job, argument, NULL), FAN_OK);
    va_end(list);
    run_job(job, o);
    fan_job_free(job);
}

/* Writes a file under a new name; the caller unlinks it. */
static void make_input(char path[static 32], const char *text)
{
    strcpy(path, "/tmp/fan_job_XXXXXX");
    int fd = mkstemp(path);
    ASSERT_TRUE(fd >= 0);
    ASSERT_I64(write(fd, text, strlen(text)), (long long)strlen(text));
    ASSERT_I64(close(fd), 0);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

FAN_TEST(job, keys_are_checked_when_set)
{
    static const struct {
        const char *task, *key, *value;
        fan_status status;
    } cases[] = {
        {"gcd", "input", "x", FAN_OK},
        {"gcd", "input", "", FAN_E_ARGUMENT},
        {"gcd", "points", "5", FAN_E_ARGUMENT},
        {"gcd", "colour", "red", FAN_E_ARGUMENT},
        {"gcd", "format", "xml", FAN_E_ARGUMENT},
        {"gcd", "format", "text tsv", FAN_E_ARGUMENT},
        {"gcd", "format", "ndjson", FAN_OK},
        {"gcd", "workers", "0", FAN_E_ARGUMENT},
        {"gcd", "workers", "1000000000", FAN_E_ARGUMENT},
        {"gcd", "workers", "4096", FAN_OK},
        {"gcd", "workers", "-1", FAN_E_ARGUMENT},
        {"gcd", "workers", "2x", FAN_E_ARGUMENT},
        {"gcd", "executor", "gpu", FAN_E_ARGUMENT},
        {"gcd", "executor", "mpi", FAN_OK},
        {"gcd", "timeout", "0.001", FAN_OK},
        {"gcd", "timeout", ".5", FAN_OK},
        {"gcd", "timeout", "2.25s", FAN_OK},
        {"gcd", "timeout", "1.5m", FAN_OK},
        {"gcd", "timeout", "1193h", FAN_OK},
        {"gcd", "timeout", "4294967", FAN_OK},
        {"gcd", "timeout", "4294968", FAN_E_ARGUMENT},
        {"gcd", "timeout", "1194h", FAN_E_ARGUMENT},
        {"gcd", "timeout", "0", FAN_E_ARGUMENT},
        {"gcd", "timeout", "0.0009", FAN_E_ARGUMENT},
        {"gcd", "timeout", "", FAN_E_ARGUMENT},
        {"gcd", "timeout", ".", FAN_E_ARGUMENT},
        {"gcd", "timeout", "1.", FAN_E_ARGUMENT},
        {"gcd", "timeout", "1,5", FAN_E_ARGUMENT},
        {"gcd", "timeout", "-1", FAN_E_ARGUMENT},
        {"gcd", "timeout", "1e3", FAN_E_ARGUMENT},
        {"gcd", "timeout", "5d", FAN_E_ARGUMENT},
        {"gcd", "timeout", "5ms", FAN_E_ARGUMENT},
        {"gcd", "timeout", "18446744073709551615", FAN_E_ARGUMENT},
        {"gcd", "timeout", "18446744073709551.615", FAN_E_ARGUMENT},
        {"weakkeys", "timeout", "60", FAN_OK},
        {"integrate", "retries", "0", FAN_OK},
        {"integrate", "retries", "1000000", FAN_OK},
        {"integrate", "retries", "1000001", FAN_E_ARGUMENT},
        {"integrate", "retries", "-1", FAN_E_ARGUMENT},
        {"integrate", "retries", "1.5", FAN_E_ARGUMENT},
        {"factor", "backoff", "30", FAN_OK},
        {"factor", "backoff", "30.001", FAN_E_ARGUMENT},
        {"factor", "backoff", "0", FAN_E_ARGUMENT},
        {"factor", "worker-memory", "16777216", FAN_OK},
        {"factor", "worker-memory", "64M", FAN_OK},
        {"factor", "worker-memory", "1048576G", FAN_OK},
        {"factor", "worker-memory", "1048577G", FAN_E_ARGUMENT},
        {"factor", "worker-memory", "16777215", FAN_E_ARGUMENT},
        {"factor", "worker-memory", "17179869184G", FAN_E_ARGUMENT},
        {"factor", "worker-memory", "64MB", FAN_E_ARGUMENT},
        {"factor", "worker-memory", "1T", FAN_E_ARGUMENT},
        {"factor", "worker-memory", "M", FAN_E_ARGUMENT},
        {"factor", "worker-memory", "-64M", FAN_E_ARGUMENT},
        {"factor", "max-digits", "99999999999999999999999", FAN_E_ARGUMENT},
        {"integrate", "points", "1e6", FAN_OK},
        {"integrate", "points", "1e60", FAN_E_ARGUMENT},
        {"integrate", "rule", "simpson", FAN_OK},
        {"integrate", "rule", "monte", FAN_E_ARGUMENT},
        {"integrate", "over", "x=0:pi/2", FAN_OK},
        {"integrate", "over", "x", FAN_E_SYNTAX},
        {"integrate", "over", "x=0", FAN_E_SYNTAX},
        {"integrate", "over", "2x=0:1", FAN_E_SYNTAX},
        {"integrate", "over", "x=:1", FAN_E_SYNTAX},
        {"integrate", "over", "x=0:", FAN_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fan_job *job;
        fan_error error = {0};
        ASSERT_I64(fan_job_new(cases[i].task, &job, NULL), FAN_OK);
        fan_status status = fan_job_set(job, cases[i].key, cases[i].value, &error);
        if (status != cases[i].status)
            shim_fail(__FILE__, __LINE__, "%s = '%s' gave %s", cases[i].key, cases[i].value,
                      fan_status_name(status));
        if (status != FAN_OK) {
            EXPECT_CONTAINS(error.text, "expected");
            EXPECT_CONTAINS(error.text, cases[i].key);
        }
        fan_job_free(job);
    }
}

FAN_TEST(job, a_value_replaces_or_adds_up)
{
    fan_job *job;
    ASSERT_I64(fan_job_new("integrate", &job, NULL), FAN_OK);
    EXPECT_TRUE(fan_job_get(job, "points") == NULL);
    EXPECT_I64(fan_job_set(job, "points", "10", NULL), FAN_OK);
    EXPECT_I64(fan_job_set(job, "points", "20", NULL), FAN_OK);
    EXPECT_STR(fan_job_get(job, "points"), "20");
    EXPECT_STR(fan_job_get(job, "task"), "integrate");
    EXPECT_TRUE(fan_job_get(job, "nothing") == NULL);
    EXPECT_I64(fan_job_set(job, "over", "x=0:1", NULL), FAN_OK);
    EXPECT_I64(fan_job_set(job, "over", "y=0:2", NULL), FAN_OK);
    EXPECT_I64(fan_job_set(job, "expression", "x*y", NULL), FAN_OK);
    EXPECT_I64(fan_job_check(job, NULL), FAN_OK);
    fan_job_free(job);
}

FAN_TEST(job, unknown_tasks_are_named_with_those_known)
{
    fan_job *job;
    fan_error error = {0};
    EXPECT_I64(fan_job_new("sort", &job, &error), FAN_E_ARGUMENT);
    EXPECT_TRUE(job == NULL);
    EXPECT_CONTAINS(error.text, "sort");
    EXPECT_CONTAINS(error.text, "divisors");
}

FAN_TEST(job, every_key_says_what_it_is)
{
    const fan_job_key *key;
    size_t i = 0;
    for (; (key = fan_job_key_at(i)); i++)
        EXPECT_TRUE(key->name && key->tasks && key->help && *key->help);
    EXPECT_TRUE(i > 10);
}

/* ---- factor ---------------------------------------------------------------------------------- */

FAN_TEST(job_factor, prints_as_coreutils_does)
{
    outcome o;
    run_task(&o, "factor", NULL, "0", "1", "12", "+007", "18446744073709551615",
             "18446744073709551616", "147573952589676412927", NULL);
    EXPECT_STR(o.output, "0:\n1:\n12: 2 2 3\n7: 7\n"
                         "18446744073709551615: 3 5 17 257 641 65537 6700417\n"
                         "18446744073709551616: 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 "
                         "2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 "
                         "2 2 2\n"
                         "147573952589676412927: 193707721 761838257287\n");
    EXPECT_STR(o.reports, "");
    EXPECT_I64(o.result.exit_code, 0);
    EXPECT_U64(o.result.summary.ok, 7);
    EXPECT_U64(o.result.output_bytes, strlen(o.output));
}

FAN_TEST(job_factor, bad_tokens_are_reported_in_place_and_the_rest_is_done)
{
    outcome o;
    char path[32], expected[600];
    make_input(path, "12 12abc\r\n-5 7\n\n1\x01 99999999999\n6");
    run_task(&o, "factor", "input", path, "max-digits", "10", NULL, NULL);
    EXPECT_STR(o.output, "12: 2 2 3\n7: 7\n6: 2 3\n");
    snprintf(expected, sizeof expected,
             "%s:1:6: '12abc' is no number: expected a whole number that is not negative\n"
             "%s:2:1: '-5' is negative: expected a whole number that is not negative\n"
             "%s:4:2: '1\\x01' is no number: expected a whole number that is not negative\n"
             "%s:4:4: more than 10 digits, or characters of an expression: expected a shorter one, "
             "or a larger max-digits\n",
             path, path, path, path);
    EXPECT_STR(o.reports, expected);
    EXPECT_I64(o.status, FAN_OK);
    EXPECT_I64(o.result.exit_code, 2);
    EXPECT_U64(o.result.bad_inputs, 4);
    EXPECT_U64(o.result.summary.items, 3);
    unlink(path);
}

FAN_TEST(job_factor, nothing_in_nothing_out)
{
    static const char *const formats[] = {"text", "tsv", "ndjson"};
    for (int i = 0; i < 3; i++) {
        outcome o;
        run_task(&o, "factor", "input", "/dev/null", "format", formats[i], NULL, NULL);
        EXPECT_STR(o.output, "");
        EXPECT_I64(o.result.exit_code, 0);
    }
}

/* A product of two primes of 18 digits, with next to no effort. */
FAN_TEST(job_factor, a_number_not_split_is_shown_and_fails)
{
    outcome o;
    run_task(&o, "factor", "effort", "1", NULL, "6", "2000000000000000044000000000000000126", NULL);
    EXPECT_CONTAINS(o.output, "6: 2 3\n");
    EXPECT_CONTAINS(o.output, "2000000000000000044000000000000000126: 2 c1000000000000000022");
    EXPECT_CONTAINS(o.reports, "2000000000000000044000000000000000126");
    EXPECT_I64(o.result.exit_code, 1);
    EXPECT_U64(o.result.summary.ok, 1);
    EXPECT_U64(o.result.summary.failed, 1);
}

/* 2^2203 - 1 is a prime of 664 digits: longer than what is proven. */
FAN_TEST(job_factor, what_is_only_probable_is_said)
{
    outcome o;
    char text[800];
    mpz_t prime;
    mpz_init_set_ui(prime, 1);
    mpz_mul_2exp(prime, prime, 2203);
    mpz_sub_ui(prime, prime, 1);
    mpz_get_str(text, 10, prime);
    mpz_clear(prime);
    const char *said = "a factor of more than 500 digits is only probably prime";
    run_task(&o, "factor", NULL, text, NULL);
    EXPECT_CONTAINS(o.output, text);
    EXPECT_CONTAINS(o.reports, said);
    EXPECT_I64(o.result.exit_code, 0);
    EXPECT_U64(o.result.summary.ok, 1);
    run_task(&o, "factor", "format", "tsv", NULL, "2^2203-1", NULL);
    EXPECT_CONTAINS(o.output, said);
    run_task(&o, "factor", "format", "ndjson", NULL, "2*(2^2203-1)", NULL);
    EXPECT_CONTAINS(o.output, "\"method\":\"trial\",\"proof\":\"none\"}]");
    EXPECT_CONTAINS(o.output, said);
    run_task(&o, "divisors", "format", "ndjson", NULL, "2^2203-1", NULL);
    EXPECT_CONTAINS(o.output, said);
    run_task(&o, "divisors", "format", "tsv", "function", "sigma", NULL, "2^2203-1", NULL);
    EXPECT_CONTAINS(o.output, said);
}

FAN_TEST(job_factor, tsv_and_ndjson_hold_every_entry)
{
    outcome o;
    run_task(&o, "factor", "format", "tsv", NULL, "12", "x", "7", NULL);
    EXPECT_STR(o.output, "index\tn\tfactors\tstatus\ttext\n"
                         "0\t12\t2 2 3\tok\t\n"
                         "1\t-\t-\tbad input\t'x' is no number: expected a whole number that is "
                         "not negative\n"
                         "2\t7\t7\tok\t\n");
    EXPECT_I64(o.result.exit_code, 2);
    run_task(&o, "factor", "format", "ndjson", NULL, "12", "\xff", "18446744073709551617", NULL);
    EXPECT_STR(
        o.output,
        "{\"schema\":\"fanfold.factor/1\",\"index\":0,\"status\":\"ok\",\"n\":\"12\","
        "\"factors\":[{\"factor\":\"2\",\"exponent\":2,\"kind\":\"prime\",\"method\":\"trial\","
        "\"proof\":\"u64\"},{\"factor\":\"3\",\"exponent\":1,\"kind\":\"prime\",\"method\":"
        "\"trial\",\"proof\":\"u64\"}]}\n"
        "{\"schema\":\"fanfold.factor/1\",\"index\":1,\"status\":\"bad input\",\"text\":\"'"
        "\\\\xff' is no number: expected a whole number that is not negative\"}\n"
        "{\"schema\":\"fanfold.factor/1\",\"index\":2,\"status\":\"ok\",\"n\":"
        "\"18446744073709551617\",\"factors\":[{\"factor\":\"274177\",\"exponent\":1,"
        "\"kind\":\"prime\",\"method\":\"ecm\",\"proof\":\"u64\"},{\"factor\":"
        "\"67280421310721\",\"exponent\":1,\"kind\":\"prime\",\"method\":\"ecm\",\"proof\":"
        "\"u64\"}]}\n");
}

/* Two primes of 31 digits: rho does not end within any test. */
#define TOUGH "1000000000000000000000000000156000000000000000000000000005643"

FAN_TEST(job_divisors, what_takes_too_long_is_told_in_every_format)
{
    outcome o;
    run_task(&o, "divisors", "effort", "14", "timeout", "0.05", "retries", "1", "backoff", "0.001",
             NULL, "12", TOUGH, "7", NULL);
    EXPECT_STR(o.output, "12: 1 2 3 4 6 12\n7: 1 7\n");
    EXPECT_STR(o.reports, ":0:0: item 1 timed out: ran longer than 50 ms\n");
    EXPECT_I64(o.status, FAN_OK);
    EXPECT_I64(o.result.exit_code, 1);
    EXPECT_U64(o.result.summary.timed_out, 1);
    EXPECT_U64(o.result.summary.ok, 2);
    run_task(&o, "divisors", "effort", "14", "timeout", "0.05", "format", "tsv", NULL, "12", TOUGH,
             NULL);
    EXPECT_STR(o.output, "index\tn\tdivisors\tstatus\ttext\n"
                         "0\t12\t1 2 3 4 6 12\tok\t\n"
                         "1\t-\t-\ttimed out\tran longer than 50 ms\n");
    run_task(&o, "divisors", "effort", "14", "timeout", "0.05", "format", "ndjson", NULL, TOUGH,
             NULL);
    EXPECT_STR(o.output, "{\"schema\":\"fanfold.divisors/1\",\"index\":0,\"status\":\"timed out\","
                         "\"text\":\"ran longer than 50 ms\"}\n");
}

/* What is known by then. On a machine that is busy the executor may end the item first. */
FAN_TEST(job_factor, what_takes_too_long_is_told_in_part)
{
    outcome o;
    time_t end = time(NULL) + 120;
    do
        run_task(&o, "factor", "effort", "14", "timeout", "0.2", "retries", "1", "format", "tsv",
                 NULL, "12", TOUGH, NULL);
    while (o.result.summary.timed_out && time(NULL) < end);
    EXPECT_U64(o.result.summary.timed_out, 0);
    EXPECT_U64(o.result.summary.failed, 1);
    EXPECT_I64(o.result.exit_code, 1);
    EXPECT_CONTAINS(o.output,
                    "\tpartial\t" TOUGH " is not completely factored within the time limit\n");
    EXPECT_CONTAINS(o.output, "\n0\t12\t2 2 3\tok\t\n1\t" TOUGH "\tc" TOUGH "\t");
}

/* The same bytes whatever travels together; 700 numbers fill more than two groups of the task. */
FAN_TEST(job_factor, batches_change_nothing)
{
    static const char *const batches[] = {"1", "7", "256", "1000000"};
    char path[32], first[16384] = "", input[4096] = "";
    for (int i = 0; i < 700; i++)
        snprintf(input + strlen(input), sizeof input - strlen(input), "%d\n", i * 3);
    make_input(path, input);
    for (int i = 0; i < 4; i++) {
        outcome o;
        run_task(&o, "factor", "input", path, "batch", batches[i], NULL, NULL);
        EXPECT_U64(o.result.summary.ok, 700);
        if (i == 0)
            strcpy(first, o.output);
        EXPECT_STR(o.output, first);
    }
    EXPECT_CONTAINS(first, "\n2097: 3 3 233\n");
    unlink(path);
}

/* ---- gcd and divisors ------------------------------------------------------------------------ */

FAN_TEST(job_gcd, lines_of_numbers)
{
    outcome o;
    char path[32];
    make_input(path, "12 18\n-12 18 30\n0 0\n0 -7\n\n"
                     "100000000000000000000 -15000000000000000000000\n"
                     "18446744073709551616 6\n5\n1 1 x\n9 6\n"
                     "36893488147419103232 18446744073709551616\n"
                     "7 1 99999999999999999999999\n5 18446744073709551616");
    run_task(&o, "gcd", "input", path, NULL, NULL);
    EXPECT_STR(o.output, "6\n6\n0\n7\n100000000000000000000\n2\n3\n"
                         "18446744073709551616\n1\n1\n");
    EXPECT_CONTAINS(o.reports, ":8:1: 1 number: expected two or more\n");
    EXPECT_CONTAINS(o.reports, ":9:5: 'x' is no number: expected an integer\n");
    EXPECT_I64(o.result.exit_code, 2);
    EXPECT_U64(o.result.bad_inputs, 2);
    unlink(path);
}

FAN_TEST(job_gcd, arguments_are_one_list)
{
    outcome o;
    run_task(&o, "gcd", NULL, "12", "-18", "27", NULL);
    EXPECT_STR(o.output, "3\n");
    run_task(&o, "gcd", NULL, "12", NULL);
    EXPECT_STR(o.output, "");
    EXPECT_I64(o.result.exit_code, 2);
    run_task(&o, "gcd", "numbers", "4 6", "numbers", "9 12", "format", "ndjson", NULL, NULL);
    EXPECT_STR(o.output,
               "{\"schema\":\"fanfold.gcd/1\",\"index\":0,\"status\":\"ok\",\"gcd\":\"2\"}\n"
               "{\"schema\":\"fanfold.gcd/1\",\"index\":1,\"status\":\"ok\",\"gcd\":\"3\"}\n");
}

FAN_TEST(job_divisors, small_and_large)
{
    outcome o;
    run_task(&o, "divisors", "numbers", "12, 1", NULL, "18446744073709551617", NULL);
    EXPECT_STR(o.output, "18446744073709551617: 1 274177 67280421310721 18446744073709551617\n"
                         "12: 1 2 3 4 6 12\n1: 1\n");
    run_task(&o, "divisors", NULL, "0", "7", NULL);
    EXPECT_STR(o.output, "7: 1 7\n");
    EXPECT_CONTAINS(o.reports, "0 is divided by every number");
    EXPECT_I64(o.result.exit_code, 1);
    EXPECT_U64(o.result.summary.failed, 1);
}

/* ---- integrate ------------------------------------------------------------------------------- */

FAN_TEST(job_integrate, left_sum_of_cos)
{
    outcome o;
    run_task(&o, "integrate", "over", "x=0:pi/2", "rule", "left", "points", "1000", NULL, "cos(x)",
             NULL);
    /* mpmath: 1.00078519254663063655 for the double nearest pi/2 */
    EXPECT_NEAR(strtod(o.output, NULL), 1.0007851925466306366, 2.3e-16);
    EXPECT_I64(o.result.exit_code, 0);
    EXPECT_U64(o.result.summary.ok, 1);
}

/* Pieces of uneven points: the trapezoid rule is exact on lines, whatever its grid. */
FAN_TEST(job_integrate, parts_cover_the_range)
{
    outcome o;
    run_task(&o, "integrate", "over", "x=1:4", "rule", "trapezoid", "points", "10", "parts", "3",
             "format", "tsv", NULL, "2*x", NULL);
    double value = 0;
    unsigned long long evaluations = 0;
    ASSERT_I64(sscanf(o.output, "value\terror\tevaluations\tmethod\tstatus\n%lf\t-\t%llu\t", &value,
                      &evaluations),
               2);
    EXPECT_NEAR(value, 15, 1e-14);
    EXPECT_U64(evaluations, 13);
    EXPECT_CONTAINS(o.output, "\ttrapezoid\tok\n");
    run_task(&o, "integrate", "over", "x=0:1", "points", "2", "parts", "3", NULL, "x", NULL);
    EXPECT_I64(o.status, FAN_E_ARGUMENT);
    EXPECT_I64(o.result.exit_code, 2);
}

FAN_TEST(job_integrate, a_list_of_integrals)
{
    outcome o;
    char path[32];
    make_input(
        path,
        "# for people\nx; over x=0:2\n\n x*y ; over y=0:2; over x=0:1; rule midpoint\n"
        "z\nz; over z=0:1; colour red\nsin(; over x=0:1\n1/(x<0.5?0:1); over x=0:1; rule left\n");
    run_task(&o, "integrate", "input", path, "over", "z=0:4", "rule", "gauss", NULL, NULL);
    EXPECT_STR(o.output, "2\n1\n8\n");
    EXPECT_CONTAINS(o.reports, ":6:16: unknown key 'colour'");
    EXPECT_CONTAINS(o.reports, ":7:5: ");
    EXPECT_CONTAINS(o.reports, ":8:1: the integrand is inf at x = 0");
    EXPECT_U64(o.result.bad_inputs, 2);
    EXPECT_U64(o.result.summary.failed, 1);
    EXPECT_I64(o.result.exit_code, 2);
    unlink(path);
}

FAN_TEST(job_integrate, a_tolerance_in_place_of_a_grid)
{
    static const char header[] = "value\terror\tevaluations\tmethod\tstatus\n";
    outcome o;
    double value = 0, error = 0;
    run_task(&o, "integrate", "over", "x=0:1", "rel", "1e-12", "format", "tsv", NULL,
             "exp(-x^2)*cos(3*x)", NULL);
    ASSERT_I64(sscanf(o.output + sizeof header - 1, "%lf\t%lf\t", &value, &error), 2);
    /* mpmath, quad at 40 digits */
    EXPECT_NEAR(value, 0.17250829624587878, 1e-15);
    EXPECT_TRUE(error <= 1e-12 * value);
    EXPECT_CONTAINS(o.output, "\treached\n");
    EXPECT_I64(o.result.exit_code, 0);
    run_task(&o, "integrate", "over", "x=0:1", "format", "tsv", NULL, "1/x", NULL);
    EXPECT_CONTAINS(o.output, "\tdivergent\n");
    EXPECT_CONTAINS(o.reports, "the tolerance was not reached");
    EXPECT_U64(o.result.summary.failed, 1);
    EXPECT_I64(o.result.exit_code, 1);
    run_task(&o, "integrate", "over", "x=0:1", "method", "vegas", NULL, "x", NULL);
    EXPECT_CONTAINS(o.error.text, "expected auto, gauss-kronrod or tanh-sinh");
    EXPECT_I64(o.result.exit_code, 2);
    run_task(&o, "integrate", "over", "x=0:1", "method", "auto", "points", "10", NULL, "x", NULL);
    EXPECT_CONTAINS(o.error.text, "fixed grids");
}

/* An integral whose grid has a block that takes too long has no value. Which block is told first is
 * up to the workers. */
FAN_TEST(job_integrate, what_takes_too_long_is_told_in_every_format)
{
    static const char slow[] = "sin(cos(sin(cos(sin(x)))))";
    outcome o;
    run_task(&o, "integrate", "over", "x=0:1", "points", "1e12", "timeout", "0.001", "format",
             "tsv", NULL, slow, NULL);
    EXPECT_STR(o.output, "value\terror\tevaluations\tmethod\tstatus\n-\t-\t-\t-\ttimed out\n");
    EXPECT_CONTAINS(o.reports, " of 64 items timed out: ran longer than 1 ms");
    EXPECT_I64(o.result.exit_code, 1);
    EXPECT_U64(o.result.summary.timed_out, 1);
    run_task(&o, "integrate", "over", "x=0:1", "points", "1e12", "timeout", "0.001", "format",
             "ndjson", NULL, slow, NULL);
    EXPECT_CONTAINS(o.output,
                    "{\"schema\":\"fanfold.integrate/1\",\"index\":0,\"status\":\"timed out\","
                    "\"text\":\"leaf ");
    EXPECT_CONTAINS(o.output, " of 64 items timed out: ran longer than 1 ms\"}\n");
}

FAN_TEST(job_integrate, what_is_wrong_has_a_caret)
{
    static const struct {
        const char *over, *expression;
        fan_status status;
        uint32_t column;
        const char *text;
    } cases[] = {
        {"x=0:1", "cos(x", FAN_E_SYNTAX, 6, "\ncos(x\n     ^"},
        {"x=0:1", "cos(y)", FAN_E_SYNTAX, 5, "\ncos(y)\n    ^"},
        {"x=0:pj", "x", FAN_E_SYNTAX, 5, "\nx=0:pj\n    ^"},
        {"x=0:0/0", "x", FAN_E_ARGUMENT, 5, "not a number"},
        {NULL, "x", FAN_E_ARGUMENT, 0, "over x="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fan_job *job;
        fan_error error = {0};
        ASSERT_I64(fan_job_new("integrate", &job, NULL), FAN_OK);
        if (cases[i].over)
            ASSERT_I64(fan_job_set(job, "over", cases[i].over, NULL), FAN_OK);
        ASSERT_I64(fan_job_add_argument(job, cases[i].expression, NULL), FAN_OK);
        EXPECT_I64(fan_job_check(job, &error), cases[i].status);
        EXPECT_U64(error.column, cases[i].column);
        EXPECT_CONTAINS(error.text, cases[i].text);
        fan_job_free(job);
    }
}

/* ---- Output and input faults ----------------------------------------------------------------- */

FAN_TEST(job_faults, a_full_disk_is_exit_3)
{
    outcome o;
    if (access("/dev/full", W_OK))
        SKIP("no /dev/full here");
    run_task(&o, "factor", "output", "/dev/full", NULL, "12", NULL);
    EXPECT_I64(o.status, FAN_E_OUTPUT);
    EXPECT_I64(o.error.errno_code, ENOSPC);
    EXPECT_STR(o.error.file, "/dev/full");
    EXPECT_I64(o.result.exit_code, 3);
}

FAN_TEST(job_faults, a_missing_input_is_reported_and_a_folder_ends_it)
{
    outcome o;
    char path[32];
    make_input(path, "12");
    run_task(&o, "factor", "input", "/nonexistent/n", "input", path, NULL, NULL);
    EXPECT_STR(o.output, "12: 2 2 3\n");
    EXPECT_CONTAINS(o.reports, "/nonexistent/n:0:0: /nonexistent/n can't be opened: No such file");
    EXPECT_I64(o.result.exit_code, 2);
    run_task(&o, "factor", "input", path, "input", "/tmp", NULL, NULL);
    EXPECT_STR(o.output, "12: 2 2 3\n");
    EXPECT_I64(o.status, FAN_E_INPUT);
    EXPECT_I64(o.error.errno_code, EISDIR);
    EXPECT_I64(o.result.exit_code, 3);
    unlink(path);
}

FAN_TEST(job_faults, an_output_file_is_whole_or_not_there)
{
    outcome o;
    char path[48];
    make_input(path, "old");
    run_task(&o, "factor", "output", path, "input", "/tmp", NULL, NULL);
    EXPECT_I64(o.result.exit_code, 3);
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    EXPECT_I64(read(fd, text, sizeof text - 1), 3);
    close(fd);
    EXPECT_STR(text, "old");
    run_task(&o, "factor", "output", path, NULL, "12", NULL);
    EXPECT_I64(o.result.exit_code, 0);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    EXPECT_I64(read(fd, text, sizeof text - 1), 10);
    close(fd);
    EXPECT_STR(text, "12: 2 2 3\n");
    unlink(path);
    char beside[64];
    static const char *const suffixes[] = {".journal", ".run.json"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]);
        unlink(beside);
    }
}

static bool always(void *user)
{
    (void)user;
    return true;
}

FAN_TEST(job_faults, stopping_is_exit_75)
{
    fan_job *job;
    fan_executor *executor;
    fan_job_result result;
    fan_job_events events = {.stop = always, .output_fd = -1};
    ASSERT_I64(fan_job_new("factor", &job, NULL), FAN_OK);
    ASSERT_I64(fan_job_add_argument(job, "12", NULL), FAN_OK);
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &executor, NULL),
               FAN_OK);
    EXPECT_I64(fan_job_run(job, executor, &events, &result, NULL), FAN_E_CANCELLED);
    EXPECT_I64(result.exit_code, 75);
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    fan_job_free(job);
}
