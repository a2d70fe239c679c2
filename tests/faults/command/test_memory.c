/* Memory that is refused: the right output and code 0, or a clear error and no 0. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

/* A run that ended in order has said the whole output; one that did not says why and has an exit
 * code of an error. */
static bool expect_honest(const ran *r, const char *expected, const char *label)
{
    if (!expect_sane(r, label))
        return false;
    if (r->code == 0)
        SHIM_CHECK(!strcmp(r->out, expected), return false, "%s: code 0 and '%.200s'", label,
                   r->out);
    else
        SHIM_CHECK((r->code == 1 || r->code == 3 || r->code == 4) && r->err[0], return false,
                   "%s: code %d, '%.200s'", label, r->code, r->err);
    return true;
}

/* ---- Allocations ----------------------------------------------------------------------------- */

/* A thread that can't be made for want of memory is EAGAIN. */
static bool names_memory(const char *said)
{
    return strstr(said, "memory") || strstr(said, "Resource temporarily unavailable");
}

/* The k-th allocation of each process of that kind fails, for every step-th k. */
static void refuse(const char *arguments, const char *who, bool onward, unsigned long step)
{
    char label[300], expected[TEXT];
    ran r;
    setting how = {.fault = {.call = "alloc", .what = "ENOMEM", .who = who}};
    run(&how, arguments, &r);
    EXPECT_I64(r.code, 0);
    if (shim_failed())
        return;
    unsigned long most = r.met;
    snprintf(expected, sizeof expected, "%s", r.out);
    EXPECT_TRUE(most > 0);
    how.fault.onward = onward;
    unsigned fired = 0, failed = 0;
    for (unsigned long k = 1; k <= most && !shim_failed(); k += step) {
        how.fault.at = k;
        snprintf(label, sizeof label, "%s: allocation %lu%s of %s", arguments, k,
                 onward ? " and those after it" : "", who);
        run(&how, arguments, &r);
        expect_honest(&r, expected, label);
        fired += r.fired != 0;
        failed += r.code != 0;
        if (r.fired && r.code && !strcmp(who, "root"))
            SHIM_CHECK(names_memory(r.err), (void)0, "%s: it said: %.200s", label, r.err);
    }
    SHIM_CHECK(fired > 0, (void)0, "%s: no allocation failed", arguments);
    SHIM_CHECK(failed > 0 || !strcmp(who, "children"), (void)0, "%s: nothing came of it",
               arguments);
}

FAN_TEST(memory, allocations_of_serial_fail)
{
    refuse("gcd 12 18 30 --executor serial", "root", false, 1);
    tidy();
}

FAN_TEST(memory, allocations_of_threads_fail)
{
    refuse("gcd 12 18 30 --executor threads -j2", "root", false, 1);
    tidy();
}

FAN_TEST(memory, allocations_of_processes_fail)
{
    refuse("gcd 12 18 30 --executor processes -j2", "root", false, 1);
    tidy();
}

FAN_TEST(memory, allocations_of_worker_images_fail)
{
    refuse("gcd 12 18 30 --executor processes -j2", "children", false, 1);
    tidy();
}

/* GMP and FLINT know no errors: what they do without memory is the command's to say. */
FAN_TEST(memory, allocations_of_large_numbers_fail)
{
    refuse("factor 100000000000000000000000000000 91 --executor serial", "root", false, 7);
    refuse("divisors 100000000000000000000 91 --executor threads -j2", "root", true, 11);
    tidy();
}

/* Curves, the sieve and a proof, among GMP's own allocations: 2^128 + 1. */
FAN_TEST(memory, allocations_of_the_sieve_fail)
{
    refuse("factor 340282366920938463463374607431768211457 --executor serial", "root", false, 251);
    tidy();
}

/* A prime whose proof needs curves: without memory for them there is no other proof instead. */
FAN_TEST(memory, allocations_of_a_proof_fail)
{
    refuse("factor --format ndjson 1431793348928145873271594142729508803 --executor serial", "root",
           false, 1);
    tidy();
}

FAN_TEST(memory, allocations_of_an_expression_fail)
{
    refuse("integrate exp(-x*x) --over x=0:1 --executor serial", "root", false, 1);
    tidy();
}

/* Numbers that are computed, and functions of them. */
FAN_TEST(memory, allocations_of_written_numbers_fail)
{
    refuse("factor --format ndjson 0x1f (10^20-1)/9 --executor serial", "root", false, 3);
    refuse("divisors --function sigma=2 2^70-1 0x10 91 --executor serial", "root", false, 3);
    tidy();
}

/* Each allocation; some where a proof of primality or libcrypto makes thousands. */
static void refuse_everywhere(const char *job, unsigned long step)
{
    static const char *const executors[] = {"serial", "threads -j2", "processes -j2"};
    char arguments[400];
    for (size_t e = 0; e < 3; e++) {
        snprintf(arguments, sizeof arguments, "%s --executor %s", job, executors[e]);
        for (int onward = 0; onward < 2; onward++) {
            refuse(arguments, "root", onward, step);
            if (e == 2)
                refuse(arguments, "children", onward, step);
        }
    }
    tidy();
}

FAN_TEST(memory, long_every_allocation_of_gcd_fails)
{
    refuse_everywhere("gcd 12 18 30", 1);
}

FAN_TEST(memory, long_many_allocations_of_factor_fail)
{
    refuse_everywhere("factor 1000000000000000000000000000057 91", 37);
}

FAN_TEST(memory, long_every_allocation_of_divisors_fails)
{
    refuse_everywhere("divisors 720720", 1);
}

FAN_TEST(memory, long_every_allocation_of_integrate_fails)
{
    refuse_everywhere("integrate exp(-x*x) --over x=0:1", 1);
}

FAN_TEST(memory, long_many_allocations_of_weakkeys_fail)
{
    refuse_everywhere("weakkeys " FAN_TEST_SOURCE_DIR "/jobs/data/weak-a.pem", 53);
}

/* ---- What the system refuses ----------------------------------------------------------------- */

static void refused(const char *call, const char *what, const char *arguments, const char *expected)
{
    enum { MOST = 20 };
    char label[300];
    ran r;
    unsigned long k = 1;
    for (; k <= MOST && !shim_failed(); k++) {
        setting how = {.fault = {.call = call, .what = what, .who = "root", .at = k}};
        snprintf(label, sizeof label, "%s: %s of the %lu-th %s", arguments, what, k, call);
        run(&how, arguments, &r);
        if (!r.fired)
            break;
        expect_honest(&r, expected, label);
    }
    SHIM_CHECK(k > 1, (void)0, "%s: no %s was met", arguments, call);
}

FAN_TEST(memory, what_processes_need_of_the_system_is_refused)
{
    static const char gcd[] = "gcd 12 18 30 --executor processes -j2";
    refused("memfd", "EMFILE", gcd, "6\n");
    refused("mmap", "ENOMEM", gcd, "6\n");
    refused("ftruncate", "ENOSPC", gcd, "6\n");
    refused("socket", "EMFILE", gcd, "6\n");
    refused("eventfd", "EMFILE", gcd, "6\n");
    refused("spawn", "EAGAIN", gcd, "6\n");
    refused("thread", "EAGAIN", gcd, "6\n");
    tidy();
}

FAN_TEST(memory, what_commands_need_of_the_system_is_refused)
{
    static const char map[] = "map --executor serial -- echo {} ::: a b c";
    refused("spawn", "EAGAIN", map, "a\nb\nc\n");
    refused("spawn", "ENOMEM", map, "a\nb\nc\n");
    tidy();
}

FAN_TEST(memory, threads_are_refused)
{
    refused("thread", "EAGAIN", "gcd 12 18 30 --executor threads -j4", "6\n");
    tidy();
}

/* ---- Limits ---------------------------------------------------------------------------------- */

static const char *const executors[] = {"serial", "threads -j4", "processes -j4"};

/* How many of the runs ended with an error. */
static unsigned under(setting how, const char *name, unsigned long most)
{
    char arguments[200], label[300];
    unsigned failed = 0;
    ran r;
    for (size_t e = 0; e < sizeof executors / sizeof *executors; e++) {
        snprintf(arguments, sizeof arguments, "gcd 12 18 30 --executor %s", executors[e]);
        snprintf(label, sizeof label, "%s with %s %lu", arguments, name, most);
        run(&how, arguments, &r);
        expect_honest(&r, "6\n", label);
        failed += r.code != 0;
    }
    return failed;
}

FAN_TEST(limits, few_descriptors)
{
    ran r;
    setting how = {.files = 32};
    run(&how, "gcd 12 18 30 --executor processes -j2", &r);
    if (r.code)
        EXPECT_CONTAINS(r.err, "ulimit -n");
    run(&how, "gcd 12 18 30 --executor threads -j2", &r);
    EXPECT_I64(r.code, 0);
    unsigned failed = 0;
    for (unsigned long files = 6; files <= 32 && !shim_failed(); files += 2)
        failed += under((setting){.files = files}, "descriptors", files);
    EXPECT_TRUE(failed > 0);
    tidy();
}

FAN_TEST(limits, a_small_address_space)
{
    unsigned failed = 0;
    for (unsigned long mib = 16; mib <= 256 && !shim_failed(); mib += mib / 2) {
        ran r;
        setting how = {.space = mib << 20};
        run(&how, "--version", &r);
        failed += r.code != 0;
        if (r.code == 0) /* else the system's loader had not enough for the libraries */
            failed += under(how, "MiB", mib);
    }
    EXPECT_TRUE(failed > 0);
    tidy();
}

FAN_TEST(limits, few_processes)
{
    ran r;
    if (geteuid() != 0)
        SKIP("only root can become a user whose processes nobody else counts");
    EXPECT_I64(chmod(folder(), 0777), 0);
    run(&(setting){.own = 100}, "gcd 12 18 30 --executor serial", &r);
    if (r.code >= 90) {
        tidy();
        SKIP("another user can't run the command here (code %d)", r.code);
    }
    EXPECT_STR(r.out, "6\n");
    unsigned failed = 0;
    for (unsigned long most = 1; most <= 6 && !shim_failed(); most++)
        failed += under((setting){.own = most}, "processes", most);
    EXPECT_TRUE(failed > 0);
    tidy();
}

/* ---- A group that is short of memory --------------------------------------------------------- */

static bool put(const char *group, const char *name, const char *value)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, name);
    FILE *file = fopen(path, "we");
    bool good = file && fputs(value, file) >= 0;
    return (file ? fclose(file) == 0 : false) && good;
}

FAN_TEST(limits, a_group_that_runs_out_of_memory)
{
    char group[128];
    ran r;
    snprintf(group, sizeof group, "/sys/fs/cgroup/memory/fanfold-test-%d", (int)getpid());
    if (geteuid() != 0 || mkdir(group, 0755))
        SKIP("no group of processes can be made here");
    if (!put(group, "memory.limit_in_bytes", "48M")) {
        rmdir(group);
        SKIP("the group's memory can't be limited");
    }
    FILE *many = fopen(in_folder("many"), "we");
    ASSERT_TRUE(many != NULL);
    for (int i = 0; i < 2000000; i++)
        fputs("9999999999", many);
    fputs("1\n6\n", many);
    ASSERT_I64(fclose(many), 0);
    setting how = {.cgroup = group};
    run(&how, "factor 15 --executor processes -j1", &r);
    EXPECT_I64(r.code, 0);
    run(&how, "gcd --executor processes -j1 --max-digits 100000000 --input @/many", &r);
    SHIM_CHECK(r.code != 0 && !r.late && !r.survivors, (void)0, "code %d, '%.200s', %.300s", r.code,
               r.out, r.err);
    if (r.code < 128)
        EXPECT_CONTAINS(r.err, "memory");
    rmdir(group);
    tidy();
}
