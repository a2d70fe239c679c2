/* Journals whose file operations go wrong, whose writers are killed, whose machines are lost. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "journal_kit.h"
#include "shim/shim.h"

enum { WAIT_MS = 120000, FIRST = 20, SECOND = 10 };

static fan_deadline soon(void)
{
    return fan_deadline_in_ms(WAIT_MS);
}

/* What a run of the script below has been told, in memory that outlives it. */
typedef struct told {
    _Atomic uint64_t written, synced;
    _Atomic bool compacted; /* the first records are then the snapshot's */
    fan_status
        status; /* of the script, and with what error, and whether what was to go wrong did */
    fan_error error;
    int fired;
} told;

/* The snapshot of kit records is themselves: their numbers go on, so that a file of them is checked
 * like any other. What it says is all up to `last`. */
static fan_status snapshot_some(void *user, fani_journal_snapshot *to, fan_error *error)
{
    uint64_t next = *(uint64_t *)user;
    unsigned char payload[256];
    fan_status status = FAN_OK;
    for (uint64_t i = next; i < next + 3 && status == FAN_OK; i++) {
        size_t size = kit_payload(i, payload);
        status = fani_journal_snapshot_add(to, kit_kind(i), payload, size, error);
    }
    return status;
}

static fan_status append_some(fani_journal *journal, uint64_t next, uint64_t count, told *t,
                              fan_error *error)
{
    unsigned char payload[256];
    fan_status status = FAN_OK;
    for (uint64_t i = next; i < next + count && status == FAN_OK; i++) {
        size_t size = kit_payload(i, payload);
        status = fani_journal_append(journal, kit_kind(i), payload, size, soon(), NULL, error);
        if (status == FAN_OK && i % 4 == 0)
            status = fani_journal_wait_written(journal, i, soon(), error);
        if (status == FAN_OK && i % 4 == 0)
            atomic_store(&t->written, i);
        if (status == FAN_OK && i % 8 == 0)
            status = fani_journal_wait_synced(journal, i, soon(), error);
        if (status == FAN_OK && i % 8 == 0)
            atomic_store(&t->synced, i);
    }
    return status;
}

/* Opens, appends, compacts, appends, closes; the first error ends it. */
static fan_status script(const char *path, bool resume, told *t, fan_error *error)
{
    kit_seen seen;
    fani_journal *journal;
    fani_journal_options options = kit_options(&seen);
    options.io = &kit_io;
    options.sync_ms = options.beat_ms = 1000000; /* no calls by the clock */
    options.resume = resume;
    fan_status status = fani_journal_open(&options, path, &journal, error);
    if (status != FAN_OK)
        return status;
    uint64_t next = seen.last + 1;
    status = append_some(journal, next, FIRST, t, error);
    next += FIRST;
    if (status == FAN_OK) {
        status = fani_journal_compact(journal, snapshot_some, &next, soon(), error);
        if (status == FAN_OK) {
            atomic_store(&t->compacted, true);
            atomic_store(&t->written, next + 2);
            atomic_store(&t->synced, next + 2);
        }
        next += 3;
    }
    if (status == FAN_OK)
        status = append_some(journal, next, SECOND, t, error);
    if (status == FAN_OK)
        status = fani_journal_flush(journal, true, soon(), error);
    if (status == FAN_OK)
        atomic_store(&t->written, next + SECOND - 1);
    fan_status closed = fani_journal_close(journal, soon(), status == FAN_OK ? error : NULL);
    return status == FAN_OK ? closed : status;
}

/* What must be there after a script that ended anywhere, and that a new opening goes on from it. */
static void expect_kept(const kit_folder *k, const told *t)
{
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    fani_journal_options options = kit_options(&seen);
    options.resume = true;
    fan_status status = fani_journal_open(&options, k->path, &journal, &error);
    if (status != FAN_OK) {
        shim_fail(__FILE__, __LINE__, "call %d: %s", kit_now.at, error.text);
        return;
    }
    if (seen.last < atomic_load(&t->written))
        shim_fail(__FILE__, __LINE__, "call %d: told of %llu, there are %llu", kit_now.at,
                  (unsigned long long)atomic_load(&t->written), (unsigned long long)seen.last);
    EXPECT_I64(seen.wrong, 0);
    EXPECT_I64(seen.gaps, seen.count && seen.first > 1); /* before a snapshot */
    if (atomic_load(&t->compacted))
        EXPECT_TRUE(seen.first > FIRST);
    kit_append(journal, seen.last + 1, 3);
    uint64_t last = seen.last + 3;
    EXPECT_I64(fani_journal_close(journal, soon(), &error), FAN_OK);
    EXPECT_I64(kit_read(k->path, false, &seen, &error), FAN_OK);
    EXPECT_U64(seen.last, last);
    EXPECT_I64(seen.losses, 0);
}

static told *shared_told(void)
{
    void *memory =
        mmap(NULL, sizeof(told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int reap(pid_t pid)
{
    int state = 0;
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR)
        ;
    return state;
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* One error at each call in turn, or at it and all that follow: told with its errno and file, and
 * nothing is lost that was told as written. In a process of its own: where not even the lock can be
 * given back, it is healed when that has ended. */
static void fail_everywhere(int errno_code, int every)
{
    kit_folder k;
    told *t = shared_told();
    int errors = 0, at;
    ASSERT_TRUE(t != NULL);
    for (at = 1; at < 500 && !shim_failed(); at++) {
        *t = (told){0};
        kit_make(&k);
        kit_script_set(KIT_FAIL, at, every, errno_code);
        pid_t pid = fork();
        if (pid == 0) {
            t->status = script(k.path, false, t, &t->error);
            t->fired = atomic_load(&kit_now.fired);
            _exit(0);
        }
        EXPECT_I64(reap(pid), 0);
        errors += t->status != FAN_OK;
        if (t->status != FAN_OK && t->error.errno_code != errno_code)
            shim_fail(__FILE__, __LINE__, "call %d: %s, errno %d", at, t->error.text,
                      t->error.errno_code);
        if (t->status != FAN_OK)
            EXPECT_STR(t->error.file, k.path);
        expect_kept(&k, t);
        kit_remove(&k);
        if (!t->fired)
            break;
    }
    EXPECT_TRUE(at > 30 && at < 500);
    EXPECT_TRUE(errors > at / 2);
    munmap(t, sizeof *t);
}

FAN_TEST(journal_faults, no_space_at_each_call_once)
{
    fail_everywhere(ENOSPC, 0);
}

FAN_TEST(journal_faults, no_quota_from_each_call_on)
{
    fail_everywhere(EDQUOT, 1);
}

FAN_TEST(journal_faults, io_error_at_each_call_once)
{
    fail_everywhere(EIO, 0);
}

FAN_TEST(journal_faults, short_and_interrupted_calls_do_no_harm)
{
    static const kit_mode modes[] = {KIT_SHORT, KIT_INTERRUPT};
    kit_folder k;
    for (int i = 0; i < 4; i++) {
        told t = {0};
        fan_error error = {0};
        kit_make(&k);
        kit_script_set(modes[i % 2], 1 + i / 2, 2, 0);
        EXPECT_I64(script(k.path, false, &t, &error), FAN_OK);
        EXPECT_STR(error.text, "");
        EXPECT_TRUE(atomic_load(&kit_now.fired) > 10);
        expect_kept(&k, &t);
        kit_remove(&k);
    }
}

FAN_TEST(journal_faults, a_failed_sync_is_final)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.io = &kit_io;
    kit_script_set(KIT_FAIL, 0, 0, EIO);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_OK);
    kit_append(journal, 1, 5);
    EXPECT_I64(fani_journal_flush(journal, true, soon(), &error), FAN_OK);
    kit_append(journal, 6, 5);
    EXPECT_I64(fani_journal_flush(journal, false, soon(), &error), FAN_OK);
    atomic_store(&kit_now.stuck, 0);
    kit_now.every = 1;
    kit_now.at = atomic_load(&kit_now.calls) + 1; /* the sync, by its time */
    while (fani_journal_failure(journal, &error) == FAN_OK)
        usleep(1000);
    EXPECT_I64(error.errno_code, EIO);
    EXPECT_CONTAINS(error.text, "can't be synced");
    EXPECT_STR(error.file, k.path);
    kit_now.at = 0; /* from here on the disk is well again, which must not help */
    fan_error again = {0};
    EXPECT_I64(fani_journal_wait_synced(journal, 10, soon(), &again), FAN_E_OUTPUT);
    EXPECT_STR(again.text, error.text);
    EXPECT_I64(fani_journal_append(journal, 1, "x", 1, soon(), NULL, &again), FAN_E_OUTPUT);
    EXPECT_I64(fani_journal_wait_written(journal, 10, soon(), &again), FAN_OK); /* it was */
    EXPECT_U64(fani_journal_synced(journal), 5);
    EXPECT_I64(fani_journal_close(journal, soon(), &again), FAN_E_OUTPUT);
    EXPECT_STR(again.text, error.text);
    EXPECT_I64(kit_read(k.path, false, &seen, &error), FAN_OK);
    EXPECT_U64(seen.count, 10);
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}

/* ---- Killed ---------------------------------------------------------------------------------- */

/* A writer that ends without giving its lock back. */
static void leave_lock(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        kit_seen seen;
        fani_journal *journal;
        fani_journal_options options = kit_options(&seen);
        options.resume = true;
        _exit(fani_journal_open(&options, path, &journal, NULL) == FAN_OK ? 0 : 1);
    }
    EXPECT_I64(reap(pid), 0);
}

/* A kill before each call in turn: of making, appending, compacting, closing. `resume` has it begin
 * with a file that has a torn tail, and a dead writer's lock. */
static void kill_everywhere(bool resume)
{
    kit_folder k;
    told *t = shared_told();
    bool killed = true;
    int at;
    ASSERT_TRUE(t != NULL);
    for (at = 1; at < 500 && killed && !shim_failed(); at++) {
        *t = (told){0};
        kit_make(&k);
        if (resume) {
            kit_write(&k, 2, 5);
            leave_lock(k.path);
            EXPECT_I64(truncate(k.path, 600), 0);
        }
        kit_script_set(KIT_KILL, at, 0, 0);
        pid_t pid = fork();
        if (pid == 0)
            _exit(script(k.path, resume, t, NULL) == FAN_OK ? 0 : 1);
        int state = reap(pid);
        killed = WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL;
        EXPECT_TRUE(killed || (WIFEXITED(state) && WEXITSTATUS(state) == 0));
        expect_kept(&k, t);
        if (kit_files(&k) != 1)
            shim_fail(__FILE__, __LINE__, "killed at call %d: %d files", at, kit_files(&k));
        kit_remove(&k);
    }
    EXPECT_TRUE(at > 30 && at < 500);
    munmap(t, sizeof *t);
}

FAN_TEST(journal_faults, killed_at_each_call)
{
    kill_everywhere(false);
}

FAN_TEST(journal_faults, killed_at_each_call_of_a_resumed_one)
{
    kill_everywhere(true);
}

/* Appends as fast as it can and says what was written, without asking for it. */
static int append_until_killed(const char *path, told *t)
{
    kit_seen seen;
    fani_journal *journal;
    unsigned char payload[256];
    fani_journal_options options = kit_options(&seen);
    options.resume = true;
    if (fani_journal_open(&options, path, &journal, NULL) != FAN_OK)
        return 1;
    for (uint64_t i = seen.last + 1;; i++) {
        size_t size = kit_payload(i, payload);
        if (fani_journal_append(journal, kit_kind(i), payload, size, FAN_FOREVER, NULL, NULL) !=
            FAN_OK)
            return 2;
        atomic_store(&t->written, fani_journal_written(journal));
        if (i % 64 == 0)
            usleep(100);
    }
}

static void kill_at_random(int rounds)
{
    kit_folder k;
    kit_seen seen;
    fan_error error = {0};
    told *t = shared_told();
    ASSERT_TRUE(t != NULL);
    kit_make(&k);
    uint64_t before = 0;
    for (int i = 0; i < rounds && !shim_failed(); i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(append_until_killed(k.path, t));
        for (int j = 0; j < 2000 && atomic_load(&t->written) == before; j++)
            usleep(1000);
        usleep((useconds_t)(i * 7919 % 13) * 1000);
        kill(pid, SIGKILL);
        EXPECT_TRUE(WIFSIGNALED(reap(pid)));
        uint64_t written = atomic_load(&t->written);
        EXPECT_TRUE(written > before);
        before = written;
        EXPECT_I64(kit_read(k.path, false, &seen, &error), FAN_OK);
        EXPECT_TRUE(seen.last >= written);
        EXPECT_I64(seen.wrong + seen.gaps, 0);
    }
    munmap(t, sizeof *t);
    kit_remove(&k);
}

FAN_TEST(journal_faults, killed_at_random)
{
    kill_at_random(10);
}

FAN_TEST(journal_faults, long_killed_at_random)
{
    kill_at_random(200);
}

/* ---- A lost machine -------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 33;
}

/* What a disk may hold afterwards: what was synced, and of the rest some blocks and not others. */
static size_t lose(unsigned char *bytes, size_t size, size_t durable, uint64_t *random)
{
    enum { BLOCK = 64 };
    if (size > durable)
        size = durable + random_next(random) % (size - durable + 1);
    for (size_t at = durable; at < size; at += BLOCK) {
        size_t end = at + BLOCK < size ? at + BLOCK : size;
        if (random_next(random) % 3 == 0)
            memset(bytes + at, 0, end - at);
    }
    return size;
}

FAN_TEST(journal_faults, a_lost_machine_keeps_what_was_synced)
{
    enum { CRASHES = 60 };
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    unsigned char *bytes = malloc(KIT_FILE_MAX);
    uint64_t random = 42, next = 1, tails = 0;
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.io = &kit_io;
    options.sync_ms = 10;
    options.write_ms = 1;
    kit_script_set(KIT_FAIL, 0, 0, 0);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_OK);
    /* Where the machine is slow all may be synced each time: then there are more of them. */
    for (int i = 0; (i < CRASHES || (tails <= 3 && i < 3 * CRASHES)) && !shim_failed(); i++) {
        uint64_t count = 1 + random_next(&random) % 40;
        kit_append(journal, next, count);
        next += count;
        usleep((useconds_t)(random_next(&random) % 4000));
        uint64_t synced = fani_journal_synced(journal);
        size_t durable = (size_t)atomic_load(&kit_now.durable);
        size_t size = kit_load(k.path, bytes, KIT_FILE_MAX);
        kit_store(k.copy, bytes, lose(bytes, size, durable, &random));
        fan_status status = kit_read(k.copy, false, &seen, &error);
        if (status != FAN_OK || seen.last < synced)
            shim_fail(__FILE__, __LINE__, "crash %d: synced %llu, there are %llu: %s", i,
                      (unsigned long long)synced, (unsigned long long)seen.last, error.text);
        EXPECT_I64(seen.wrong + seen.gaps, 0);
        tails += seen.losses > 0;
    }
    EXPECT_TRUE(tails > 3); /* otherwise nothing was ever lost */
    EXPECT_I64(fani_journal_close(journal, soon(), &error), FAN_OK);
    free(bytes);
    kit_remove(&k);
}

FAN_TEST(journal_faults, new_files_are_synced_before_they_have_their_name)
{
    kit_folder k;
    told t = {0};
    kit_make(&k);
    kit_script_set(KIT_FAIL, 0, 0, 0);
    EXPECT_I64(script(k.path, false, &t, NULL), FAN_OK);
    EXPECT_I64(atomic_load(&kit_now.named), 2); /* made, and compacted */
    EXPECT_I64(atomic_load(&kit_now.named_unsynced), 0);
    EXPECT_I64(atomic_load(&kit_now.settled), 2);
    kit_remove(&k);
}

FAN_TEST(journal_faults, data_files_are_synced_before_the_journal)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    FILE *data = tmpfile();
    ASSERT_TRUE(data != NULL);
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.io = &kit_io;
    options.sync_ms = options.beat_ms = 1000000;
    kit_script_set(KIT_FAIL, 0, 0, 0);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_OK);
    ASSERT_I64(fani_journal_attach(journal, fileno(data), "out.tsv", &error), FAN_OK);
    int from = atomic_load(&kit_now.syncs);
    for (uint64_t i = 0; i < 5; i++) {
        kit_append(journal, 1 + i, 1);
        EXPECT_I64(fani_journal_flush(journal, true, soon(), &error), FAN_OK);
    }
    EXPECT_I64(atomic_load(&kit_now.syncs) - from, 10);
    for (int i = from; i < from + 10; i++)
        EXPECT_I64(kit_now.order[i] == fileno(data), (i - from) % 2 == 0);
    EXPECT_I64(fani_journal_detach(journal, fileno(data), &error), FAN_OK);
    EXPECT_I64(fani_journal_detach(journal, fileno(data), &error), FAN_E_ARGUMENT);
    /* One that fails: its records are not synced, and its name is told. */
    ASSERT_I64(fani_journal_attach(journal, fileno(data), "out.tsv", &error), FAN_OK);
    kit_append(journal, 6, 1);
    EXPECT_I64(fani_journal_flush(journal, false, soon(), &error), FAN_OK);
    kit_script_set(KIT_FAIL, 1, 0, EIO);
    EXPECT_I64(fani_journal_flush(journal, true, soon(), &error), FAN_E_OUTPUT);
    EXPECT_CONTAINS(error.text, "out.tsv can't be synced");
    EXPECT_STR(error.file, "out.tsv");
    EXPECT_U64(fani_journal_synced(journal), 5);
    EXPECT_I64(fani_journal_close(journal, soon(), NULL), FAN_E_OUTPUT);
    fclose(data);
    kit_remove(&k);
}

/* ---- Times and groups ------------------------------------------------------------------------ */

FAN_TEST(journal_faults, records_get_there_by_themselves)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, NULL), FAN_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        kit_append(journal, i, 1);
        fan_deadline end = soon();
        while (fani_journal_written(journal) < i && fani_clock_ns() < end)
            usleep(500);
        EXPECT_U64(fani_journal_written(journal), i);
        EXPECT_I64(kit_read(k.path, false, &seen, NULL), FAN_OK); /* beside the writer */
        EXPECT_U64(seen.last, i);
        while (fani_journal_synced(journal) < i && fani_clock_ns() < end)
            usleep(500);
        EXPECT_U64(fani_journal_synced(journal), i);
    }
    EXPECT_I64(fani_journal_close(journal, soon(), NULL), FAN_OK);
    kit_remove(&k);
}

typedef struct sharers {
    fani_journal *journal;
    pthread_barrier_t barrier; /* all have appended before one waits */
} sharers;

static void *append_and_sync(void *argument)
{
    sharers *s = argument;
    fani_journal *journal = s->journal;
    for (int i = 0; i < 5; i++) {
        uint64_t sequence = 0;
        EXPECT_I64(fani_journal_append(journal, 1, "abc", 3, soon(), &sequence, NULL), FAN_OK);
        (void)pthread_barrier_wait(&s->barrier);
        EXPECT_I64(fani_journal_wait_synced(journal, sequence, soon(), NULL), FAN_OK);
        EXPECT_TRUE(fani_journal_synced(journal) >= sequence);
    }
    return NULL;
}

FAN_TEST(journal_faults, threads_share_a_sync)
{
    enum { THREADS = 16 };
    kit_folder k;
    kit_seen seen;
    sharers s;
    pthread_t threads[THREADS];
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.io = &kit_io;
    options.sync_ms = 1000000; /* only where one asks for it */
    ASSERT_I64(pthread_barrier_init(&s.barrier, NULL, THREADS), 0);
    kit_script_set(KIT_FAIL, 0, 0, 0);
    kit_now.slow_sync_ms = 10;
    ASSERT_I64(fani_journal_open(&options, k.path, &s.journal, NULL), FAN_OK);
    int from = atomic_load(&kit_now.syncs);
    for (int i = 0; i < THREADS; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, append_and_sync, &s), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    EXPECT_TRUE(atomic_load(&kit_now.syncs) - from < THREADS * 5 / 2);
    EXPECT_I64(fani_journal_close(s.journal, soon(), NULL), FAN_OK);
    pthread_barrier_destroy(&s.barrier);
    kit_remove(&k);
}

FAN_TEST(journal_faults, a_disk_that_does_not_answer_blocks_nobody_for_ever)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    unsigned char *payload = calloc(1, FANI_JOURNAL_PAYLOAD_MAX);
    fan_status status = FAN_OK;
    uint64_t appended = 0;
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.io = &kit_io;
    options.buffer_bytes = 1; /* the least there is: 4 MiB */
    kit_script_set(KIT_FAIL, 0, 0, 0);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, NULL), FAN_OK);
    atomic_store(&kit_now.stuck, 1);
    while (status == FAN_OK && appended < 100) {
        status = fani_journal_append(journal, 1, payload, FANI_JOURNAL_PAYLOAD_MAX - 64,
                                     fan_deadline_in_ms(20), NULL, &error);
        appended += status == FAN_OK;
    }
    EXPECT_I64(status, FAN_E_TIMEOUT);
    EXPECT_TRUE(appended >= 2 && appended <= 4);
    EXPECT_I64(fani_journal_wait_written(journal, 1, fan_deadline_in_ms(5), &error), FAN_E_TIMEOUT);
    EXPECT_I64(fani_journal_close(journal, fan_deadline_in_ms(5), &error), FAN_E_TIMEOUT);
    EXPECT_I64(fani_journal_compact(journal, snapshot_some, NULL, fan_deadline_in_ms(5), &error),
               FAN_E_TIMEOUT);
    atomic_store(&kit_now.stuck, 0);
    EXPECT_I64(fani_journal_append(journal, 1, payload, 5, soon(), NULL, &error), FAN_OK);
    EXPECT_I64(fani_journal_wait_written(journal, appended + 1, soon(), &error), FAN_OK);
    EXPECT_I64(fani_journal_wait_written(journal, appended + 2, soon(), &error), FAN_E_ARGUMENT);
    EXPECT_I64(fani_journal_close(journal, soon(), &error), FAN_OK);
    free(payload);
    kit_remove(&k);
}

/* ---- Compaction ------------------------------------------------------------------------------ */

/* A sum in place of its terms, while other threads add: they hold each other off with `lock`. */
typedef struct counting {
    fani_journal *journal;
    pthread_mutex_t lock;
    uint64_t sum;
} counting;

static fan_status snapshot_sum(void *user, fani_journal_snapshot *to, fan_error *error)
{
    counting *c = user;
    return fani_journal_snapshot_add(to, 2, &c->sum, sizeof c->sum, error);
}

static void *count_on(void *argument)
{
    counting *c = argument;
    for (uint64_t i = 1; i <= 3000; i++) {
        pthread_mutex_lock(&c->lock);
        c->sum += i;
        EXPECT_I64(fani_journal_append(c->journal, 1, &i, sizeof i, soon(), NULL, NULL), FAN_OK);
        if (fani_journal_wants_compact(c->journal))
            EXPECT_I64(fani_journal_compact(c->journal, snapshot_sum, c, soon(), NULL), FAN_OK);
        pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}

static fan_status see_sum(void *user, const fani_journal_record *record, fan_error *error)
{
    (void)error;
    uint64_t *sum = user, value;
    memcpy(&value, record->payload, sizeof value);
    *sum = record->kind == 2 ? value : *sum + value;
    return FAN_OK;
}

FAN_TEST(journal_faults, compaction_bounds_the_file_and_loses_nothing)
{
    enum { THREADS = 4, LIMIT = 4096 };
    kit_folder k;
    kit_seen seen;
    pthread_t threads[THREADS];
    counting c = {.lock = PTHREAD_MUTEX_INITIALIZER};
    uint64_t sum = 0;
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.compact_bytes = LIMIT;
    options.write_ms = 1;
    ASSERT_I64(fani_journal_open(&options, k.path, &c.journal, NULL), FAN_OK);
    for (int i = 0; i < THREADS; i++)
        ASSERT_I64(pthread_create(&threads[i], NULL, count_on, &c), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    EXPECT_I64(fani_journal_compact(c.journal, snapshot_sum, &c, soon(), NULL), FAN_OK);
    EXPECT_TRUE(fani_journal_bytes(c.journal) < LIMIT);
    EXPECT_TRUE(!fani_journal_wants_compact(c.journal));
    fani_journal_visitor visitor = {.record = see_sum, .user = &sum};
    EXPECT_I64(fani_journal_read(k.path, false, &visitor, NULL), FAN_OK);
    EXPECT_U64(sum, THREADS * 3000ULL * 3001 / 2);
    pthread_mutex_lock(&c.lock);
    c.sum += 7;
    uint64_t seven = 7;
    EXPECT_I64(fani_journal_append(c.journal, 1, &seven, sizeof seven, soon(), NULL, NULL), FAN_OK);
    pthread_mutex_unlock(&c.lock);
    EXPECT_I64(fani_journal_close(c.journal, soon(), NULL), FAN_OK);
    sum = 0;
    EXPECT_I64(fani_journal_read(k.path, false, &visitor, NULL), FAN_OK);
    EXPECT_U64(sum, c.sum);
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}

static fan_status snapshot_never(void *user, fani_journal_snapshot *to, fan_error *error)
{
    (void)fani_journal_snapshot_add(to, 1, "half", 4, NULL);
    if (error)
        *error = (fan_error){.status = FAN_E_CANCELLED, .text = "not today"};
    return *(fan_status *)user;
}

FAN_TEST(journal_faults, a_snapshot_that_fails_leaves_the_old_file)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    fan_status answer = FAN_E_CANCELLED;
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, NULL), FAN_OK);
    kit_append(journal, 1, 7);
    EXPECT_I64(fani_journal_compact(journal, snapshot_never, &answer, soon(), &error),
               FAN_E_CANCELLED);
    EXPECT_STR(error.text, "not today");
    kit_append(journal, 8, 7);
    EXPECT_I64(fani_journal_close(journal, soon(), NULL), FAN_OK);
    EXPECT_I64(kit_read(k.path, false, &seen, NULL), FAN_OK);
    EXPECT_U64(seen.count, 14);
    EXPECT_I64(seen.wrong + seen.gaps, 0);
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}
