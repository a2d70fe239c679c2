/* What the environment asks for, which call is the k-th, and the log. */
#include "interpose.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {
#define FAULT_ENTRY(name, text) text,
    FAULT_CALLS(FAULT_ENTRY)
#undef FAULT_ENTRY
};

/* Written once, before main; the counters are shared by all threads. */
static struct {
    uint32_t calls; /* bits; 0: nothing is chosen here */
    uint64_t at;    /* 0: none fails */
    bool onward;
    fault_action action;
    bool before;
    int signal; /* of FAULT_AFTER; 0: none, but a pause */
    int error;
    char what[24];
    char prefix[PATH_MAX];
    size_t prefix_size;
    int log;
    long clock_hours;
    bool no_nameless, no_sync, random_counts;
} plan = {.log = -1};
static _Atomic uint64_t met;
static atomic_flag clock_told = ATOMIC_FLAG_INIT;

/* ---- The log --------------------------------------------------------------------------------- */

/* Out of the way of the program's own descriptors, the standard ones above all. */
static int open_log(const char *path)
{
    struct rlimit limit;
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit))
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, limit.rlim_cur > 1000 ? 1000 : (int)limit.rlim_cur - 1);
    if (high < 0)
        return fd;
    syscall(SYS_close, fd);
    return high;
}

static void tell(const char *event, const char *call, uint64_t k, const char *what,
                 const char *path)
{
    char line[PATH_MAX + 128];
    int error = errno;
    if (plan.log < 0)
        return;
    int size = snprintf(line, sizeof line, "%s %d %s %llu %s %s\n", event, (int)getpid(), call,
                        (unsigned long long)k, what, path);
    (void)!syscall(SYS_write, plan.log, line, (size_t)size);
    errno = error;
}

/* ---- The plan -------------------------------------------------------------------------------- */

static uint32_t parse_calls(const char *text)
{
    uint32_t calls = 0;
    while (text && *text) {
        size_t size = strcspn(text, ",");
        for (unsigned i = 0; i < FAULT_CALL_COUNT; i++)
            if (strlen(names[i]) == size && !strncmp(names[i], text, size))
                calls |= UINT32_C(1) << i;
        text += size + (text[size] == ',');
    }
    return calls;
}

static int errno_named(const char *name)
{
    for (int e = 1; e < 200; e++) {
        const char *known = strerrorname_np(e);
        if (known && !strcmp(known, name))
            return e;
    }
    return EIO;
}

static void parse_action(const char *text)
{
    snprintf(plan.what, sizeof plan.what, "%s", text);
    if (!strcmp(text, "short")) {
        plan.action = FAULT_SHORT;
    } else if (!strcmp(text + strcspn(text, "-"), "-before") ||
               !strcmp(text + strcspn(text, "-"), "-after")) {
        plan.action = FAULT_AFTER;
        plan.signal = text[0] == 'k' ? SIGKILL : !strncmp(text, "stop", 4) ? SIGSTOP : 0;
        plan.before = strchr(text, 'b') != NULL;
    } else {
        plan.action = FAULT_FAIL;
        plan.error = errno_named(text);
    }
}

/* The first process writes its number into the environment that the others inherit. */
static bool is_root(void)
{
    char number[16];
    const char *root = getenv("FAULT_ROOT");
    snprintf(number, sizeof number, "%d", (int)getpid());
    if (!root)
        setenv("FAULT_ROOT", number, 1);
    return !root || !strcmp(root, number);
}

/* What a rank starts does not have the variable any more. */
static bool is_rank(const char *number)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *rank = getenv(variables[i]);
        if (rank)
            return !strcmp(rank, number);
    }
    return false;
}

static bool is_meant(const char *who)
{
    bool root = is_root();
    if (!who || !strcmp(who, "all"))
        return true;
    if (!strcmp(who, "root"))
        return root;
    if (!strcmp(who, "children"))
        return !root;
    if (!strncmp(who, "name:", 5))
        return !strcmp(program_invocation_short_name, who + 5);
    if (!strncmp(who, "rank:", 5))
        return is_rank(who + 5);
    return strtol(who, NULL, 10) == (long)getpid();
}

__attribute__((constructor)) static void read_plan(void)
{
    const char *log = getenv("FAULT_LOG"), *at = getenv("FAULT_AT"), *what = getenv("FAULT_DO"),
               *prefix = getenv("FAULT_PATH"), *hours = getenv("FAULT_CLOCK");
    if (!is_meant(getenv("FAULT_WHO")))
        return;
    if (log)
        plan.log = open_log(log);
    plan.at = at ? strtoull(at, NULL, 10) : 0;
    plan.onward = at && strchr(at, '+');
    parse_action(what ? what : "EIO");
    snprintf(plan.prefix, sizeof plan.prefix, "%s", prefix ? prefix : "");
    plan.prefix_size = strlen(plan.prefix);
    plan.clock_hours = hours ? strtol(hours, NULL, 10) : 0;
    plan.no_nameless = getenv("FAULT_NO_NAMELESS") != NULL;
    plan.no_sync = getenv("FAULT_NO_SYNC") != NULL;
    plan.random_counts = getenv("FAULT_RANDOM") != NULL;
    plan.calls = parse_calls(getenv("FAULT_CALL"));
}

/* ---- Meeting a call -------------------------------------------------------------------------- */

static void path_of_descriptor(int fd, char *path, size_t size)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long got = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
    path[got > 0 ? got : 0] = '\0';
}

static void path_of(int fd, const char *path, char *full, size_t size)
{
    full[0] = '\0';
    if ((!path || path[0] != '/') && fd >= 0)
        path_of_descriptor(fd, full, size);
    size_t used = strlen(full);
    if (path)
        snprintf(full + used, size - used, "%s%s", used ? "/" : "", path);
}

bool fault_chosen(fault_call call)
{
    return plan.calls >> call & 1;
}

fault_action fault_meet(fault_call call, int fd, const char *path)
{
    char full[PATH_MAX + 64];
    int error = errno;
    if (!fault_chosen(call) || (fd >= 0 && fd == plan.log))
        return FAULT_PASS;
    path_of(fd, path, full, sizeof full);
    errno = error;
    if (strncmp(full, plan.prefix, plan.prefix_size) != 0)
        return FAULT_PASS;
    uint64_t k = atomic_fetch_add(&met, 1) + 1;
    if (!plan.at)
        tell("met", names[call], k, "-", full);
    if (!plan.at || (plan.onward ? k < plan.at : k != plan.at))
        return FAULT_PASS;
    tell("fired", names[call], k, plan.what, full);
    if (plan.action == FAULT_AFTER && plan.before) {
        fault_after();
        return FAULT_PASS;
    }
    if (plan.action == FAULT_FAIL)
        errno = plan.error;
    return plan.action;
}

/* A process that is to be killed never comes back; one that is stopped does when it is let go on.
 */
void fault_after(void)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    int error = errno;
    do {
        if (plan.signal)
            (void)raise(plan.signal);
        else
            (void)nanosleep(&pause, NULL);
    } while (plan.signal == SIGKILL);
    errno = error;
}

long fault_clock_hours(void)
{
    if (plan.clock_hours && !atomic_flag_test_and_set(&clock_told))
        tell("fired", "clock", 1, "jump", "");
    return plan.clock_hours;
}

bool fault_has_no_nameless(void)
{
    return plan.no_nameless;
}

bool fault_has_no_sync(void)
{
    return plan.no_sync;
}

bool fault_random_counts(void)
{
    if (plan.random_counts)
        tell("fired", "random", 1, "counts", "");
    return plan.random_counts;
}
