/* Who may write an output: locks of dead runs, of other hosts, and what --break-lock does. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kept.h"

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* A holder on another host; its lock says that it beats each beat_ms. */
typedef struct stranger {
    pthread_t thread;
    _Atomic bool ends;
    int fd;
    unsigned beats, beat_ms;
} stranger;

static void beat(stranger *s)
{
    char text[600];
    int size = snprintf(text, sizeof text,
                        "fanfold lock 1\nnonce 00000000deadbeef\nbeats %020u\nepoch 0000000001\n"
                        "beat_ms %u\nhost elsewhere\nboot 00000000-0000-0000-0000-000000000000\n"
                        "processes 1\npid 4711\nstarted 815\njob -\ncluster -\nrestarts 0\n"
                        "since 2026-01-01T00:00:00Z\n",
                        ++s->beats, s->beat_ms);
    EXPECT_I64(pwrite(s->fd, text, (size_t)size, 0), size);
}

static void *beat_on(void *user)
{
    stranger *s = user;
    while (!atomic_load(&s->ends)) {
        beat(s);
        pause_ms(20);
    }
    return NULL;
}

/* Lies beside what a killed run has left. */
static bool place_stranger(stranger *s, unsigned beat_ms)
{
    *s = (stranger){.beat_ms = beat_ms};
    kept_clear();
    kept_copy("then", "target");
    (void)unlink(in_folder("target.journal.lock"));
    s->fd = open(in_folder("target.journal.lock"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (s->fd >= 0)
        beat(s);
    return s->fd >= 0;
}

/* False: it was taken, as it is where this program pauses for three beats. */
static bool is_respected(const kept_job *job, unsigned beat_ms)
{
    static const char *const options[] = {"--resume", "--restart", "--resume --repair"};
    static ran r;
    stranger s;
    bool respected = true;
    SHIM_CHECK(place_stranger(&s, beat_ms) && !pthread_create(&s.thread, NULL, beat_on, &s),
               return false, "no stranger");
    setting how = kept_setting("serial");
    for (size_t i = 0; i < 3 && respected; i++) {
        run(&how, kept_line(job, "serial", options[i]), &r);
        respected = r.code == 3;
        if (!respected)
            break;
        EXPECT_CONTAINS(r.err, "pid 4711 on host elsewhere since 2026-01-01");
        EXPECT_CONTAINS(r.err, "s to see whether pid 4711 on host elsewhere");
        EXPECT_CONTAINS(r.err, "--break-lock takes it away");
        SHIM_CHECK(kept_same("target.part", "then.part") &&
                       kept_same("target.journal", "then.journal"),
                   (void)0, "%s changed what is not its own", options[i]);
    }
    if (respected) {
        run(&how, kept_line(job, "serial", "--resume --break-lock"), &r);
        kept_expect_right(job, &r, "a lock of another host, broken");
    }
    atomic_store(&s.ends, true);
    pthread_join(s.thread, NULL);
    close(s.fd);
    return respected;
}

FAN_TEST(locks, one_of_another_host_is_respected_while_it_beats)
{
    kept_job job;
    bool respected = false;
    if (!kept_factor(&job, 10000, 5) || !kept_killed(&job, 60))
        return;
    for (unsigned beat_ms = 100; beat_ms < 10000 && !respected && !shim_failed(); beat_ms *= 4)
        respected = is_respected(&job, beat_ms);
    EXPECT_TRUE(respected);
    tidy();
}

FAN_TEST(locks, one_of_another_host_is_stale_when_it_stands_still)
{
    static ran r;
    kept_job job;
    stranger s;
    if (!kept_factor(&job, 10000, 5) || !kept_killed(&job, 60) || !place_stranger(&s, 100))
        return;
    setting how = kept_setting("serial");
    run(&how, kept_line(&job, "serial", "--resume"), &r);
    kept_expect_right(&job, &r, "a lock of another host without beats");
    close(s.fd);
    tidy();
}

/* Also where another process has its number now. */
FAN_TEST(locks, one_of_a_killed_run_heals_itself)
{
    kept_job job;
    if (!kept_factor(&job, 10000, 5) || !kept_killed(&job, 60))
        return;
    EXPECT_TRUE(kept_size("target.journal.lock") > 0); /* it has left one */
    kept_expect_resumes(&job, "serial", "the lock of a killed run");
    static char text[TEXT];
    char self[32];
    snprintf(self, sizeof self, "\npid %d", (int)getpid());
    kept_clear();
    kept_copy("then", "target");
    EXPECT_TRUE(read_text(in_folder("then.journal.lock"), text));
    FILE *lock = fopen(in_folder("target.journal.lock"), "we");
    ASSERT_TRUE(lock != NULL);
    char *pid = strstr(text, "\npid "), *rest = pid ? strchr(pid + 1, '\n') : NULL;
    ASSERT_TRUE(rest != NULL);
    fprintf(lock, "%.*s%s%s", (int)(pid - text), text, self, rest);
    ASSERT_I64(fclose(lock), 0);
    kept_expect_resumes(&job, "serial", "a lock whose process is another one now");
    tidy();
}
