/* Processes that are stopped (SIGSTOP) and go on late: a worker, a rank, the whole command while
 * another run takes its output over. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kept.h"

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* ---- Workers and ranks ------------------------------------------------------------------------
 */

/* Stops one of a run's processes at a third of the output, and lets it go on after so long: it may
 * have been replaced or killed before. Leaves what became of the run; false (reported): nothing
 * could be stopped. */
static bool stop_one(const kept_job *job, const char *executor, const char *more, victim_kind who,
                     long for_ms, ran *r)
{
    setting how = kept_slow_setting(executor);
    kept_clear();
    pid_t pid = start(&how, kept_line(job, executor, more));
    pid_t hit = kept_wait_written(pid, job->bytes / 3) ? victim_of(pid, who, 1) : 0;
    bool stopped = hit && kill(hit, SIGSTOP) == 0 && wait_stopped(hit);
    for (long waited = 0; stopped && waited < for_ms && is_alive(hit); waited += 20)
        pause_ms(20);
    if (stopped)
        (void)kill(hit, SIGCONT);
    finish(pid, r);
    SHIM_CHECK(stopped, return false, "%s: no process could be stopped; code %d: %.300s", executor,
               r->code, r->err);
    return true;
}

FAN_TEST(stops, a_worker_that_goes_on_late)
{
    static ran r;
    kept_job job;
    if (kept_factor(&job, 20000, 5) && stop_one(&job, "processes", "", VICTIM_WORKER, 300, &r))
        kept_expect_right(&job, &r, "a worker, stopped for 0.3 s");
    tidy();
}

/* Replaced meanwhile, or just before: what it still answers is dropped, or counts once. */
FAN_TEST(stops, a_worker_that_goes_on_after_its_time)
{
    static const long moments_ms[] = {2000, 280, 300, 320};
    static ran r;
    kept_job job;
    char label[100];
    if (!kept_factor(&job, 20000, 5))
        return;
    for (size_t i = 0; i < sizeof moments_ms / sizeof *moments_ms && !shim_failed(); i++) {
        snprintf(label, sizeof label, "a worker that may take 0.3 s, stopped for %ld ms",
                 moments_ms[i]);
        if (stop_one(&job, "processes", "--timeout 0.3 --retries 5", VICTIM_WORKER, moments_ms[i],
                     &r))
            kept_expect_right(&job, &r, label);
    }
    tidy();
}

/* Whatever it was at, and without a limit of time for its items: it is replaced. */
FAN_TEST(stops, long_a_worker_that_never_goes_on)
{
    static ran r;
    kept_job job;
    if (kept_factor(&job, 20000, 5) &&
        stop_one(&job, "processes", "--heartbeat 1s", VICTIM_WORKER, 20000, &r))
        kept_expect_right(&job, &r, "a worker, stopped for ever");
    if (!shim_failed() && kept_has_mpi() && kept_factor(&job, 30000, 5) &&
        stop_one(&job, "mpi", "--heartbeat 2s", VICTIM_WORKER, 20000, &r))
        kept_expect_right(&job, &r, "the worker of a rank, stopped for ever");
    tidy();
}

static unsigned count_lines(const char *text)
{
    unsigned count = 0;
    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

/* Writes numbers, and waits up to 2 minutes until the output has so many lines. */
static void feed(pid_t pid, int fd, const char *numbers, unsigned lines)
{
    static char out[TEXT];
    EXPECT_I64(write(fd, numbers, strlen(numbers)), strlen(numbers));
    for (int ms = 0; ms < 120000 && !has_ended(pid); ms += 5) {
        if (read_text(run_file("out"), out) && count_lines(out) >= lines)
            return;
        pause_ms(5);
    }
}

/* Both have nothing to do when they are stopped; no time runs for the item that they are then
 * given. They are replaced, as neither takes it. */
FAN_TEST(stops, idle_workers)
{
    static ran r;
    pid_t hit[2];
    bool stopped = true;
    setting how = {0};
    ASSERT_I64(mkfifo(in_folder("numbers"), 0600), 0);
    int fd = open(in_folder("numbers"), O_RDWR | O_CLOEXEC);
    pid_t pid = start(&how, "factor --executor processes -j2 --timeout 2 --heartbeat 1s "
                            "--input @/numbers");
    feed(pid, fd, "15\n", 1);
    for (unsigned i = 0; i < 2; i++) {
        hit[i] = victim_of(pid, VICTIM_WORKER, i);
        stopped = stopped && hit[i] && kill(hit[i], SIGSTOP) == 0 && wait_stopped(hit[i]);
    }
    if (stopped)
        feed(pid, fd, "21\n", 2);
    feed(pid, fd, "33\n35\n", 4);
    bool replaced = stopped && !(is_alive(hit[0]) && is_alive(hit[1]));
    close(fd);
    finish(pid, &r);
    SHIM_CHECK(replaced, (void)0, "stopped %d, and none was replaced; code %d: %.300s", stopped,
               r.code, r.err);
    EXPECT_TRUE(expect_sane(&r, "idle workers, stopped"));
    EXPECT_I64(r.code, 0);
    EXPECT_STR(r.out, "15: 3 5\n21: 3 7\n33: 3 11\n35: 5 7\n");
    tidy();
}

FAN_TEST(stops, ranks_that_go_on_in_time_and_never)
{
    static ran r;
    kept_job job;
    if (!kept_has_mpi())
        SKIP("no MPI here");
    if (!kept_factor(&job, 30000, 5))
        return;
    if (stop_one(&job, "mpi", "--heartbeat 60s", VICTIM_RANK, 300, &r))
        kept_expect_right(&job, &r, "a rank, stopped for 0.3 s");
    if (stop_one(&job, "mpi", "--heartbeat 1s", VICTIM_RANK, 20000, &r)) {
        EXPECT_TRUE(expect_sane(&r, "a rank, stopped for ever"));
        EXPECT_I64(r.code, 4);
        EXPECT_CONTAINS(r.err, "has not answered for 1 s");
        EXPECT_CONTAINS(r.err, " --resume ");
        kept_expect_resumes(&job, "processes", "after a rank that was stopped for ever");
    }
    tidy();
}

/* ---- The whole command ------------------------------------------------------------------------
 */

/* As by Ctrl-Z or a batch system: stopped for longer than items may take and workers may stand
 * still, and the command goes on a little before its workers. */
static bool suspend(const kept_job *job, unsigned seconds)
{
    static ran r;
    char limits[64];
    setting how = kept_slow_setting("processes");
    kept_clear();
    snprintf(limits, sizeof limits, "--timeout %u --heartbeat %us", seconds, seconds);
    pid_t pid = start(&how, kept_line(job, "processes", limits));
    pid_t one = kept_wait_written(pid, job->bytes / 3) ? victim_of(pid, VICTIM_WORKER, 0) : 0;
    pid_t two = one ? victim_of(pid, VICTIM_WORKER, 1) : 0;
    bool stopped =
        two && kill(-pid, SIGSTOP) == 0 && wait_stopped(pid) && wait_stopped(one) && two != one;
    for (unsigned s = 0; stopped && s < seconds; s++)
        pause_ms(999);
    pause_ms(stopped ? 300 : 0);
    (void)kill(pid, SIGCONT);
    pause_ms(100);
    (void)kill(-pid, SIGCONT);
    bool kept = stopped && kept_wait_written(pid, job->bytes / 2) && is_alive(one) && is_alive(two);
    finish(pid, &r);
    SHIM_CHECK(stopped, return false, "it could not be stopped");
    if (kept)
        kept_expect_right(job, &r, "a run that was suspended");
    return kept;
}

/* Of a machine that pauses for so long by itself a worker may be lost. */
FAN_TEST(stops, a_run_that_is_suspended_loses_nothing)
{
    kept_job job;
    bool kept = false;
    if (!kept_factor(&job, 20000, 5))
        return;
    for (unsigned seconds = 1; seconds < 20 && !kept && !shim_failed(); seconds *= 3)
        kept = suspend(&job, seconds);
    SHIM_CHECK(kept || shim_failed(), (void)0, "its workers were not kept");
    tidy();
}

/* What differs from what it was when it was copied. */
static void expect_untouched(const char *label)
{
    static const char *const names[][2] = {{"target", "then"},
                                           {"target.journal", "then.journal"},
                                           {"target.run.json", "then.run.json"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        SHIM_CHECK(kept_same(names[i][0], names[i][1]), (void)0,
                   "%s: %s was changed by the run that had lost it", label, names[i][0]);
}

/* The one that was stopped goes on, its workers do not yet: where items have a time limit, what
 * they were at takes too long, and would be other lines. But it has lost its output, and says so.
 * (One that was stopped between two items has no time that it could exceed.) */
static void expect_fenced(pid_t pid, const kept_job *job, const ran *second, const char *label)
{
    static ran first;
    kept_copy("target", "then");
    SHIM_CHECK(!has_open(pid, in_folder("target")) && !has_open(pid, in_folder("target.journal")),
               (void)0, "%s: it can still write to what is another run's", label);
    kill(pid, SIGCONT);
    name_streams("first");
    wait_said("was taken over by", 2000);
    kill(-pid, SIGCONT);
    finish(pid, &first);
    name_streams("");
    SHIM_CHECK(first.code == 3 && strstr(first.err, "was taken over by") &&
                   !strstr(first.err, "resume with"),
               (void)0, "%s: code %d: %.300s", label, first.code, first.err);
    EXPECT_TRUE(!first.late && !first.survivors);
    expect_untouched(label);
    kept_expect_right(job, second, label);
}

/* Started, and stopped with all its workers once it has written a third; 0 (reported): not. */
static pid_t start_stopped(const kept_job *job, const char *executor, const char *more)
{
    static ran r;
    setting how = kept_slow_setting(executor);
    kept_clear();
    name_streams("first");
    pid_t pid = start(&how, kept_line(job, executor, more));
    bool stopped = kept_wait_written(pid, job->bytes / 3) && kill(-pid, SIGSTOP) == 0 &&
                   wait_stopped(pid) && kept_size("target.part");
    if (!stopped) {
        finish(pid, &r);
        shim_fail(__FILE__, __LINE__, "%s: it could not be stopped; code %d", executor, r.code);
    }
    name_streams("");
    return stopped ? pid : 0;
}

static void taken_over(const char *executor)
{
    static ran r;
    char who[32];
    kept_job job;
    if (!kept_factor(&job, 20000, 5))
        return;
    bool ends_items = !strcmp(executor, "processes");
    pid_t first = start_stopped(&job, executor, ends_items ? "--timeout 4" : "");
    if (!first)
        return;
    setting how = kept_setting("threads");
    run(&how, kept_line(&job, "threads", "--resume"), &r);
    snprintf(who, sizeof who, "pid %d on host", (int)first);
    EXPECT_I64(r.code, 3);
    EXPECT_CONTAINS(r.err, who);
    EXPECT_CONTAINS(r.err, "--break-lock takes it away");
    if (ends_items)
        pause_ms(4100);
    run(&how, kept_line(&job, "threads", "--resume --break-lock"), &r);
    EXPECT_TRUE(expect_sane(&r, executor));
    expect_fenced(first, &job, &r, executor);
    tidy();
}

FAN_TEST(stops, a_run_on_processes_that_was_taken_over)
{
    taken_over("processes");
}

FAN_TEST(stops, a_run_on_threads_that_was_taken_over)
{
    taken_over("threads");
}

/* The second is at work when the first goes on. */
FAN_TEST(stops, both_at_work_at_once)
{
    static ran r;
    static char holder[TEXT];
    char who[32];
    kept_job job;
    if (!kept_factor(&job, 40000, 5))
        return;
    pid_t first = start_stopped(&job, "processes", "--timeout 4");
    if (!first)
        return;
    pause_ms(4100);
    setting how = kept_slow_setting("threads");
    pid_t second = start(&how, kept_line(&job, "threads", "--resume --break-lock"));
    snprintf(who, sizeof who, "\npid %d\n", (int)second);
    while (!has_ended(second) &&
           !(read_text(in_folder("target.journal.lock"), holder) && strstr(holder, who)))
        pause_ms(1);
    kill(-first, SIGCONT);
    EXPECT_TRUE(!has_ended(second)); /* they were at it together */
    name_streams("first");
    finish(first, &r);
    name_streams("");
    SHIM_CHECK(r.code == 3 && strstr(r.err, "was taken over by"), (void)0, "code %d: %.300s",
               r.code, r.err);
    finish(second, &r);
    kept_expect_right(&job, &r, "both at once");
    tidy();
}

/* The first is stopped just before it gives its part the final name. The second begins anew and has
 * written a third when the first goes on: that third does not get the name. */
FAN_TEST(stops, at_the_last_rename_while_the_next_one_writes)
{
    static ran first, second;
    kept_job job;
    if (!kept_factor(&job, 20000, 5))
        return;
    setting how = kept_setting("serial"), slow = kept_slow_setting("serial");
    how.fault =
        (fault){.call = "rename", .what = "stop-before", .who = "root", .at = 1, .no_sync = true};
    char path[1024];
    snprintf(path, sizeof path, "%s", in_folder("target"));
    bool met = false;
    for (unsigned long k = 1; k < 20 && !met && !shim_failed(); k++) {
        kept_clear();
        how.fault.path = path;
        how.fault.at = k;
        name_streams("first");
        pid_t pid = start(&how, kept_line(&job, "serial", ""));
        bool stopped = wait_stopped(pid);
        met = stopped && kept_size("target.part") == job.bytes && !kept_size("target");
        name_streams("");
        pid_t next = met ? start(&slow, kept_line(&job, "serial", "--restart --break-lock")) : 0;
        if (met) {
            while (!has_ended(next) && kept_written() == job.bytes) /* the first one's part */
                pause_ms(1);
            EXPECT_TRUE(kept_wait_written(next, job.bytes / 3));
            EXPECT_TRUE(kill(next, SIGSTOP) == 0 && wait_stopped(next));
            EXPECT_TRUE(kept_written() < job.bytes);
        }
        (void)kill(pid, SIGCONT);
        name_streams("first");
        finish(pid, &first);
        name_streams("");
        SHIM_CHECK(stopped && first.fired, return, "rename %lu was not met: code %d: %.300s", k,
                   first.code, first.err);
        if (met) {
            EXPECT_STR(first.fired_path, path);
            EXPECT_U64(kept_size("target"), 0);
            (void)kill(next, SIGCONT);
            finish(next, &second);
        }
    }
    EXPECT_TRUE(met);
    SHIM_CHECK(first.code == 3 && strstr(first.err, "was taken over by"), (void)0,
               "code %d: %.300s", first.code, first.err);
    kept_expect_right(&job, &second, "begun anew while the first was at its last rename");
    tidy();
}

/* ---- At each call ------------------------------------------------------------------------------
 */

/* Stopped at the k-th of its calls, taken over by a run that comes to its end, and let go on.
 * False: it has no such call, or (reported) something is wrong. */
static bool stop_at(const kept_job *job, const char *what, unsigned long k)
{
    static ran first, second;
    char label[100];
    setting how = kept_setting("serial");
    kept_clear();
    snprintf(label, sizeof label, "%s call %lu", what, k);
    how.fault.call = KEPT_CALLS;
    how.fault.what = what;
    how.fault.path = folder();
    how.fault.who = "root";
    how.fault.at = k;
    name_streams("first");
    pid_t pid = start(&how, kept_line(job, "serial", "--resume"));
    bool stopped = wait_stopped(pid);
    name_streams("");
    setting usual = kept_setting("serial");
    if (stopped) {
        run(&usual, kept_line(job, "serial", "--resume --break-lock"), &second);
        kept_copy("target", "then");
        kill(pid, SIGCONT);
    }
    name_streams("first");
    finish(pid, &first);
    name_streams("");
    SHIM_CHECK(first.fired == stopped && !first.late, return false, "%s: fired %u, stopped %d",
               label, first.fired, stopped);
    if (!stopped)
        return false;
    bool taken = first.code == 3 && strstr(first.err, "was taken over by");
    snprintf(label, sizeof label, "%s call %lu, on %.40s", what, k,
             first.fired_path + strlen(folder()));
    SHIM_CHECK(taken || first.code == job->code, return false, "%s: code %d: %.300s", label,
               first.code, first.err);
    if (taken)
        expect_untouched(label);
    SHIM_CHECK(second.code == job->code, return false, "%s: the second one: code %d: %.300s", label,
               second.code, second.err);
    /* Where the first one was about to say in run.json that it has begun, the next one mends that.
     */
    return kept_expect_resumes(job, "serial", label);
}

/* Every step-th call, before and behind it by turns, or with `both` each. */
static void stop_at_calls(unsigned long from, unsigned long step, bool both)
{
    static const char *const whats[] = {"stop-before", "stop-after"};
    kept_job job;
    if (!kept_factor(&job, 12, 2))
        return;
    unsigned long k = from, n = 0;
    while (stop_at(&job, whats[n % 2], k)) {
        n++;
        k += both && n % 2 ? 0 : step;
    }
    SHIM_CHECK(k > 20, (void)0, "only %lu calls were met", k);
}

FAN_TEST(stops, taken_over_at_calls)
{
    moments m = moments_new();
    stop_at_calls(1 + moments_below(&m, 6), 6, false);
    tidy();
}

FAN_TEST(stops, long_taken_over_at_every_call)
{
    stop_at_calls(1, 1, true);
    tidy();
}
