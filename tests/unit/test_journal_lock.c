/* Who may write a journal: locks that are held, that are stale, and that are fought for. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "journal_kit.h"
#include "shim/shim.h"
#include "stage/journal_holder.h"
#include "stage/journal_slurm.h"

enum { BEAT_MS = 40, LONG_MS = 120000 };

static fani_journal_options lock_options(kit_seen *seen)
{
    fani_journal_options options = kit_options(seen);
    options.resume = true;
    options.beat_ms = BEAT_MS;
    return options;
}

static int reap(pid_t pid)
{
    int state = 0;
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR)
        ;
    return state;
}

static void lock_path(const kit_folder *k, char path[static 2 * KIT_PATH])
{
    snprintf(path, 2 * KIT_PATH, "%s.lock", k->path);
}

/* Puts a holder's lock there, as if it had taken it. */
static void put_lock(const kit_folder *k, const fani_journal_holder *holder)
{
    char text[FANI_JOURNAL_HOLDER_SIZE], path[2 * KIT_PATH];
    lock_path(k, path);
    fani_journal_holder_text(holder, text);
    kit_store(path, text, sizeof text);
}

static void put_claim(const kit_folder *k, const fani_journal_holder *on,
                      const fani_journal_holder *by)
{
    char text[FANI_JOURNAL_HOLDER_SIZE], path[2 * KIT_PATH];
    snprintf(path, sizeof path, "%s.lock.%016llx", k->path, (unsigned long long)on->nonce);
    fani_journal_holder_text(by, text);
    kit_store(path, text, sizeof text);
}

/* A process of this host that has ended, as a holder. */
static fani_journal_holder dead_holder(void)
{
    fani_journal_holder holder = {0};
    EXPECT_TRUE(fani_journal_holder_self(BEAT_MS, &holder));
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    reap(pid);
    holder.pid = pid;
    holder.epoch = 4;
    return holder;
}

/* One of another host. */
static fani_journal_holder far_holder(void)
{
    fani_journal_holder holder = {0};
    EXPECT_TRUE(fani_journal_holder_self(BEAT_MS, &holder));
    strcpy(holder.host, "node17");
    strcpy(holder.boot, "11111111-2222-3333-4444-555555555555");
    holder.pid = 4711;
    holder.epoch = 4;
    return holder;
}

static fan_status try_open(const kit_folder *k, const fani_journal_options *options,
                           fan_error *error)
{
    fani_journal *journal;
    fan_status status = fani_journal_open(options, k->path, &journal, error);
    return status == FAN_OK ? fani_journal_close(journal, FAN_FOREVER, error) : status;
}

/* ---- Held ------------------------------------------------------------------------------------ */

/* Another program tries it. It is started before the journal has threads: who forks with some may
 * inherit their locks. Ends at the end of `from`. */
static pid_t start_other(const kit_folder *k, const fani_journal_options *options, const char *who,
                         int from[2])
{
    fan_error error = {0};
    char byte;
    EXPECT_I64(pipe(from), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(from[1]);
        bool may = read(from[0], &byte, 1) == 1;
        _exit(may && try_open(k, options, &error) == FAN_E_BUSY && strstr(error.text, who) ? 0 : 1);
    }
    return pid;
}

FAN_TEST(journal_lock, a_second_one_is_refused_and_told_who_has_it)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    char who[64];
    int go[2];
    kit_make(&k);
    fani_journal_options options = lock_options(&seen);
    snprintf(who, sizeof who, "pid %d on host ", (int)getpid());
    pid_t pid = start_other(&k, &options, who, go);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_OK);
    kit_append(journal, 1, 5);
    EXPECT_I64(try_open(&k, &options, &error), FAN_E_BUSY);
    EXPECT_CONTAINS(error.text, who);
    EXPECT_CONTAINS(error.text, " since 20");
    EXPECT_CONTAINS(error.text, "--break-lock");
    EXPECT_I64(write(go[1], "", 1), 1);
    EXPECT_I64(reap(pid), 0);
    close(go[0]);
    close(go[1]);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, &error), FAN_OK);
    EXPECT_I64(kit_files(&k), 1);
    EXPECT_I64(try_open(&k, &options, &error), FAN_OK);
    kit_remove(&k);
}

/* ---- Stale on this host ---------------------------------------------------------------------- */

static void expect_heals(const fani_journal_holder *holder)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    kit_make(&k);
    kit_write(&k, 1, 5);
    put_lock(&k, holder);
    fani_journal_options options = lock_options(&seen);
    fan_status status = fani_journal_open(&options, k.path, &journal, &error);
    EXPECT_STR(error.text, "");
    ASSERT_I64(status, FAN_OK);
    EXPECT_U64(fani_journal_epoch(journal), holder->epoch + 1);
    EXPECT_U64(seen.count, 5);
    EXPECT_I64(kit_files(&k), 2);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, &error), FAN_OK);
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}

FAN_TEST(journal_lock, heals_when_its_process_is_gone)
{
    fani_journal_holder holder = dead_holder();
    expect_heals(&holder);
}

FAN_TEST(journal_lock, heals_when_its_pid_is_another_process_now)
{
    fani_journal_holder holder = dead_holder();
    holder.pid = getpid();
    holder.started += 1;
    expect_heals(&holder);
}

FAN_TEST(journal_lock, heals_when_the_host_was_started_again)
{
    fani_journal_holder holder = dead_holder();
    holder.pid = getpid();
    strcpy(holder.boot, "11111111-2222-3333-4444-555555555555");
    expect_heals(&holder);
}

FAN_TEST(journal_lock, heals_when_its_process_is_a_zombie)
{
    fani_journal_holder holder = dead_holder();
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    ASSERT_I64(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    holder.pid = pid;
    holder.started = 0;
    expect_heals(&holder);
    reap(pid);
}

FAN_TEST(journal_lock, heals_when_its_job_was_queued_again)
{
    fani_journal_holder holder = far_holder();
    strcpy(holder.job, "77");
    setenv("SLURM_JOB_ID", "77", 1);
    setenv("SLURM_RESTART_COUNT", "1", 1);
    expect_heals(&holder);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
}

FAN_TEST(journal_lock, that_is_no_text_is_not_one_for_long)
{
    kit_folder k;
    kit_seen seen;
    char path[2 * KIT_PATH];
    kit_make(&k);
    lock_path(&k, path);
    fani_journal_options options = lock_options(&seen);
    kit_store(path, "fanfold lo", 10);
    EXPECT_I64(try_open(&k, &options, NULL), FAN_OK);
    ASSERT_I64(mkdir(path, 0700), 0); /* planted: refused, not followed */
    EXPECT_I64(try_open(&k, &options, NULL), FAN_E_OUTPUT);
    EXPECT_I64(rmdir(path), 0);
    ASSERT_I64(symlink("/etc/passwd", path), 0);
    EXPECT_I64(try_open(&k, &options, NULL), FAN_E_OUTPUT);
    kit_remove(&k);
}

/* ---- Of another host ------------------------------------------------------------------------- */

static void count_waiting(void *user, const char *text)
{
    *(int *)user += strstr(text, "pid 4711 on host node17") != NULL;
}

FAN_TEST(journal_lock, of_another_host_is_taken_when_it_stands_still)
{
    kit_folder k;
    kit_seen seen;
    fan_error error = {0};
    int waited = 0;
    fani_journal_holder holder = far_holder();
    kit_make(&k);
    put_lock(&k, &holder);
    fani_journal_options options = lock_options(&seen);
    options.waiting = count_waiting;
    options.waiting_user = &waited;
    int64_t from = fani_clock_ns();
    EXPECT_I64(try_open(&k, &options, &error), FAN_OK);
    EXPECT_TRUE(fani_clock_ns() - from >= 3LL * BEAT_MS * 1000000);
    EXPECT_I64(waited, 1);
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}

typedef struct far {
    kit_folder k;
    fani_journal_holder holder;
    _Atomic bool stop;
} far;

static void *beat_on(void *argument)
{
    far *f = argument;
    while (!atomic_load(&f->stop)) {
        f->holder.beats++;
        put_lock(&f->k, &f->holder);
        usleep(BEAT_MS * 500);
    }
    return NULL;
}

/* Where the machine pauses for longer than three beats its lock is taken: then it is not. */
static bool is_respected(far *f, uint32_t beat_ms)
{
    kit_seen seen;
    fan_error error = {0};
    pthread_t thread;
    f->holder.beat_ms = beat_ms;
    put_lock(&f->k, &f->holder);
    fani_journal_options options = lock_options(&seen);
    options.beat_ms = beat_ms;
    atomic_store(&f->stop, false);
    EXPECT_I64(pthread_create(&thread, NULL, beat_on, f), 0);
    fan_status status = try_open(&f->k, &options, &error);
    atomic_store(&f->stop, true);
    pthread_join(thread, NULL);
    if (status == FAN_E_BUSY)
        EXPECT_CONTAINS(error.text, "pid 4711 on host node17");
    return status == FAN_E_BUSY;
}

FAN_TEST(journal_lock, of_another_host_is_respected_while_it_beats)
{
    kit_seen seen;
    fan_error error = {0};
    far f = {.holder = far_holder()};
    bool respected = false;
    kit_make(&f.k);
    for (uint32_t beat_ms = BEAT_MS; beat_ms < 4000 && !respected; beat_ms *= 2)
        respected = is_respected(&f, beat_ms);
    EXPECT_TRUE(respected);
    fani_journal_options options = lock_options(&seen);
    options.break_lock = true;
    options.beat_ms = LONG_MS;
    EXPECT_I64(try_open(&f.k, &options, &error), FAN_OK);
    kit_remove(&f.k);
}

/* Commands of Slurm that answer as they are told. */
static void put_slurm(const kit_folder *k, const char *squeue, const char *scontrol)
{
    static char before[4096];
    char text[512], path[8192];
    const char *names[] = {"squeue", "scontrol"};
    const char *answers[] = {squeue, scontrol};
    for (int i = 0; i < 2; i++) {
        int n = snprintf(text, sizeof text, "#!/bin/sh\n%s\n", answers[i]);
        snprintf(path, sizeof path, "%s/%s", k->folder, names[i]);
        kit_store(path, text, (size_t)n);
        EXPECT_I64(chmod(path, 0700), 0);
    }
    if (!before[0])
        snprintf(before, sizeof before, "%s", getenv("PATH"));
    snprintf(path, sizeof path, "%s:%s", k->folder, before);
    setenv("PATH", path, 1);
}

static fani_slurm_answer ask_slurm(const kit_folder *k, const char *squeue, const char *scontrol)
{
    put_slurm(k, squeue, scontrol);
    return fani_slurm_ask("123", fan_deadline_in_ms(LONG_MS));
}

FAN_TEST(journal_lock, slurm_is_understood)
{
    kit_folder k;
    static const char invalid[] =
        "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1";
    static const char away[] = "echo 'slurm_load_jobs error: Unable to contact' >&2; exit 1";
    kit_make(&k);
    EXPECT_I64(ask_slurm(&k, "[ \"$*\" = '-h -j 123 -o %T' ] && echo RUNNING", "exit 1"),
               FANI_SLURM_LIVES);
    EXPECT_I64(ask_slurm(&k, "echo COMPLETING", "exit 1"), FANI_SLURM_LIVES);
    EXPECT_I64(ask_slurm(&k, "echo NODE_FAIL", "exit 1"), FANI_SLURM_ENDED);
    EXPECT_I64(ask_slurm(&k, "echo COMPLETED; echo RUNNING", "exit 1"), FANI_SLURM_LIVES);
    EXPECT_I64(ask_slurm(&k, "echo 'CANCELLED+'", "exit 1"), FANI_SLURM_ENDED);
    EXPECT_I64(ask_slurm(&k, "", "echo '  JobState=TIMEOUT Reason=x'"), FANI_SLURM_ENDED);
    EXPECT_I64(ask_slurm(&k, invalid, "echo JobState=RUNNING"), FANI_SLURM_LIVES);
    EXPECT_I64(ask_slurm(&k, invalid, invalid), FANI_SLURM_ENDED);
    EXPECT_I64(ask_slurm(&k, away, "echo JobState=TIMEOUT"), FANI_SLURM_UNKNOWN);
    EXPECT_I64(ask_slurm(&k, "echo something else", "exit 1"), FANI_SLURM_UNKNOWN);
    EXPECT_I64(fani_slurm_ask("1; rm -r x", fan_deadline_in_ms(LONG_MS)), FANI_SLURM_UNKNOWN);
    put_slurm(&k, "exec sleep 1000", "exit 1");
    int64_t from = fani_clock_ns();
    EXPECT_I64(fani_slurm_ask("123", fan_deadline_in_ms(100)), FANI_SLURM_UNKNOWN);
    EXPECT_TRUE(fani_clock_ns() - from < INT64_C(1000000) * LONG_MS);
    kit_remove(&k);
    EXPECT_I64(fani_slurm_ask("123", fan_deadline_in_ms(LONG_MS)), FANI_SLURM_UNKNOWN);
}

FAN_TEST(journal_lock, of_an_ended_job_is_taken_without_waiting)
{
    kit_folder k;
    kit_seen seen;
    int waited = 0;
    fani_journal_holder holder = far_holder();
    strcpy(holder.job, "123");
    holder.beat_ms = LONG_MS;
    kit_make(&k);
    put_lock(&k, &holder);
    put_slurm(&k, "echo TIMEOUT", "exit 1");
    fani_journal_options options = lock_options(&seen);
    options.waiting = count_waiting;
    options.waiting_user = &waited;
    EXPECT_I64(try_open(&k, &options, NULL), FAN_OK);
    EXPECT_I64(waited, 0);
    kit_remove(&k);
}

/* ---- Fought for ------------------------------------------------------------------------------ */

enum { FIGHTERS = 20 };

typedef struct ring {
    _Atomic int ready, go, won, refused, strange, judged;
} ring;

static void fight(const kit_folder *k, ring *r, bool break_lock)
{
    kit_seen seen;
    fani_journal *journal;
    fani_journal_options options = lock_options(&seen);
    options.break_lock = break_lock;
    atomic_fetch_add(&r->ready, 1);
    while (!atomic_load(&r->go))
        usleep(100);
    fan_status status = fani_journal_open(&options, k->path, &journal, NULL);
    atomic_fetch_add(status == FAN_OK       ? &r->won
                     : status == FAN_E_BUSY ? &r->refused
                                            : &r->strange,
                     1);
    atomic_fetch_add(&r->judged, 1);
    /* The winner keeps it until all have been answered, and must still be able to write then. */
    while (status == FAN_OK && atomic_load(&r->judged) < FIGHTERS)
        usleep(500);
    if (status == FAN_OK) {
        kit_append(journal, 6, 1);
        if (fani_journal_close(journal, FAN_FOREVER, NULL) != FAN_OK)
            atomic_fetch_add(&r->strange, 1);
    }
}

/* Many processes find the same stale lock at once: one of them gets it. */
static void fight_for(const fani_journal_holder *lock, const fani_journal_holder *claim,
                      bool break_lock)
{
    kit_folder k;
    kit_seen seen;
    pid_t pids[FIGHTERS];
    ring *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(r != MAP_FAILED);
    memset(r, 0, sizeof *r);
    kit_make(&k);
    kit_write(&k, 1, 5);
    put_lock(&k, lock);
    if (claim)
        put_claim(&k, lock, claim);
    for (int i = 0; i < FIGHTERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            fight(&k, r, break_lock);
            _exit(0);
        }
    }
    while (atomic_load(&r->ready) < FIGHTERS)
        usleep(100);
    atomic_store(&r->go, 1);
    for (int i = 0; i < FIGHTERS; i++)
        EXPECT_I64(reap(pids[i]), 0);
    EXPECT_I64(atomic_load(&r->won), 1);
    EXPECT_I64(atomic_load(&r->refused), FIGHTERS - 1);
    EXPECT_I64(kit_files(&k), 1);
    EXPECT_I64(kit_read(k.path, false, &seen, NULL), FAN_OK);
    EXPECT_U64(seen.last, 6);
    EXPECT_I64(seen.wrong + seen.gaps + seen.losses, 0);
    munmap(r, sizeof *r);
    kit_remove(&k);
}

FAN_TEST(journal_lock, one_of_twenty_heals_it)
{
    for (int i = 0; i < 5 && !shim_failed(); i++) {
        fani_journal_holder holder = dead_holder();
        fight_for(&holder, NULL, false);
    }
}

FAN_TEST(journal_lock, one_of_twenty_heals_what_a_dead_healer_left)
{
    for (int i = 0; i < 5 && !shim_failed(); i++) {
        fani_journal_holder holder = dead_holder(), healer = dead_holder();
        fight_for(&holder, &healer, false);
    }
}

FAN_TEST(journal_lock, one_of_twenty_takes_it_from_another_host)
{
    fani_journal_holder holder = far_holder();
    fight_for(&holder, NULL, false);
}

FAN_TEST(journal_lock, long_one_of_twenty_heals_it)
{
    for (int i = 0; i < 300 && !shim_failed(); i++) {
        fani_journal_holder holder = dead_holder(), healer = dead_holder();
        fight_for(&holder, i % 2 ? &healer : NULL, false);
    }
}

/* ---- Taken away ------------------------------------------------------------------------------ */

typedef struct old_one {
    _Atomic int ready, go;
    fan_status status;
    fan_error error;
} old_one;

static void write_and_wait(const kit_folder *k, old_one *o)
{
    kit_seen seen;
    fani_journal *journal;
    fani_journal_options options = lock_options(&seen);
    options.write_ms = options.sync_ms = options.beat_ms = LONG_MS;
    if (fani_journal_open(&options, k->path, &journal, NULL) != FAN_OK)
        return;
    kit_append(journal, 1, 5);
    (void)fani_journal_flush(journal, false, FAN_FOREVER, NULL);
    kit_append(journal, 6, 3);
    atomic_store(&o->ready, 1);
    while (!atomic_load(&o->go))
        usleep(1000);
    o->status = fani_journal_flush(journal, false, FAN_FOREVER, &o->error);
    (void)fani_journal_close(journal, FAN_FOREVER, NULL);
}

/* An old writer was stopped, its lock broken, and then it wakes up. */
FAN_TEST(journal_lock, an_old_writer_that_wakes_up_is_told)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    char who[64];
    old_one *o = mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(o != MAP_FAILED);
    kit_make(&k);
    pid_t pid = fork();
    if (pid == 0) {
        write_and_wait(&k, o);
        _exit(0);
    }
    while (!atomic_load(&o->ready))
        usleep(1000);
    int state;
    EXPECT_I64(kill(pid, SIGSTOP), 0);
    EXPECT_I64(waitpid(pid, &state, WUNTRACED), pid);
    fani_journal_options options = lock_options(&seen);
    EXPECT_I64(try_open(&k, &options, &error), FAN_E_BUSY);
    options.break_lock = true;
    options.visitor = kit_visitor(&seen);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_OK);
    EXPECT_U64(seen.count, 5);
    EXPECT_U64(fani_journal_epoch(journal), 2);
    kit_append(journal, 6, 2);
    EXPECT_I64(fani_journal_flush(journal, true, FAN_FOREVER, &error), FAN_OK);
    atomic_store(&o->go, 1);
    EXPECT_I64(kill(pid, SIGCONT), 0);
    EXPECT_I64(reap(pid), 0);
    EXPECT_I64(o->status, FAN_E_OUTPUT);
    snprintf(who, sizeof who, "was taken over by pid %d on host ", (int)getpid());
    EXPECT_CONTAINS(o->error.text, who);
    kit_append(journal, 8, 2);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, &error), FAN_OK);
    EXPECT_I64(kit_read(k.path, false, &seen, &error), FAN_OK);
    EXPECT_U64(seen.count, 9);
    EXPECT_I64(seen.wrong + seen.gaps + seen.losses, 0);
    EXPECT_I64(kit_files(&k), 1);
    munmap(o, sizeof *o);
    kit_remove(&k);
}

FAN_TEST(journal_lock, that_was_removed_is_missed)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    char path[2 * KIT_PATH];
    kit_make(&k);
    fani_journal_options options = lock_options(&seen);
    options.write_ms = options.sync_ms = options.beat_ms = LONG_MS; /* not before it is told to */
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_OK);
    kit_append(journal, 1, 2);
    EXPECT_I64(fani_journal_flush(journal, false, FAN_FOREVER, &error), FAN_OK);
    lock_path(&k, path);
    EXPECT_I64(unlink(path), 0);
    kit_append(journal, 3, 2);
    EXPECT_I64(fani_journal_flush(journal, false, FAN_FOREVER, &error), FAN_E_OUTPUT);
    EXPECT_CONTAINS(error.text, "its lock was removed");
    EXPECT_U64(fani_journal_written(journal), 2);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, &error), FAN_E_OUTPUT);
    kit_remove(&k);
}

/* The beats of a journal that has nothing to write are seen from elsewhere. */
FAN_TEST(journal_lock, beats_while_it_is_held)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fani_journal_holder holder = {0};
    char path[2 * KIT_PATH], text[FANI_JOURNAL_HOLDER_SIZE];
    kit_make(&k);
    fani_journal_options options = lock_options(&seen);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, NULL), FAN_OK);
    lock_path(&k, path);
    fan_deadline end = fan_deadline_in_ms(LONG_MS);
    while (holder.beats < 3 && fani_clock_ns() < end) {
        EXPECT_U64(kit_load(path, (unsigned char *)text, sizeof text), sizeof text);
        EXPECT_TRUE(fani_journal_holder_parse(text, &holder));
        usleep(1000);
    }
    EXPECT_TRUE(holder.beats >= 3);
    EXPECT_I64(holder.pid, getpid());
    EXPECT_U64(holder.epoch, 1);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    kit_remove(&k);
}
