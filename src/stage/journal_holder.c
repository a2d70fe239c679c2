#include "stage/journal_holder.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STAT_SIZE = 1024, DECIMAL = 10 };

/* The first bytes of a small file as text, its line end cut off. */
static bool read_small(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, size - 1);
    (void)close(fd); /* only read */
    if (n <= 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

/* Copies a name into a lock's text: blanks and control characters would end it. */
static void copy_word(char *to, size_t size, const char *from)
{
    size_t i = 0;
    for (; from && from[i] && i + 1 < size; i++)
        to[i] = isgraph((unsigned char)from[i]) ? from[i] : '_';
    to[i] = '\0';
    if (i == 0)
        memcpy(to, "-", 2);
}

/* ---- Processes ------------------------------------------------------------------------------- */

/* What /proc says of a process: its state, threads and starting time. False: nothing. */
static bool process_stat(pid_t pid, char *state, uint64_t *threads, uint64_t *started)
{
    char path[64], text[STAT_SIZE];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!read_small(path, text, sizeof text))
        return false;
    /* The second field is a name in parentheses and may hold anything. */
    const char *at = strrchr(text, ')');
    if (!at)
        return false;
    return sscanf(at + 1,
                  " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %" SCNu64
                  " %*d %" SCNu64,
                  state, threads, started) == 3;
}

static uint64_t own_namespace(void)
{
    struct stat info;
    return stat("/proc/self/ns/pid", &info) == 0 ? (uint64_t)info.st_ino : 0;
}

static uint32_t number_in_environment(const char *name)
{
    const char *text = getenv(name);
    return text ? (uint32_t)strtoul(text, NULL, DECIMAL) : 0;
}

bool fani_journal_holder_self(uint32_t beat_ms, fani_journal_holder *self)
{
    char state;
    uint64_t threads;
    time_t now = time(NULL);
    struct tm utc;
    *self = (fani_journal_holder){
        .beat_ms = beat_ms, .pid = getpid(), .processes = own_namespace(), .beats = 1};
    while (!self->nonce) {
        if (getrandom(&self->nonce, sizeof self->nonce, 0) != (ssize_t)sizeof self->nonce)
            return false;
    }
    char name[sizeof self->host] = "";
    (void)gethostname(name, sizeof name - 1); /* without a name it is "-" */
    copy_word(self->host, sizeof self->host, name);
    if (!read_small("/proc/sys/kernel/random/boot_id", self->boot, sizeof self->boot))
        memcpy(self->boot, "-", 2);
    if (!process_stat(self->pid, &state, &threads, &self->started))
        self->started = 0;
    copy_word(self->job, sizeof self->job, getenv("SLURM_JOB_ID"));
    copy_word(self->cluster, sizeof self->cluster, getenv("SLURM_CLUSTER_NAME"));
    self->restarts = number_in_environment("SLURM_RESTART_COUNT");
    memcpy(self->since, "-", 2);
    if (gmtime_r(&now, &utc))
        (void)strftime(self->since, sizeof self->since, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return true;
}

static fani_journal_life process_life(const fani_journal_holder *holder)
{
    char state;
    uint64_t threads, started;
    if (kill(holder->pid, 0) != 0 && errno == ESRCH)
        return FANI_JOURNAL_DEAD;
    if (!process_stat(holder->pid, &state, &threads, &started))
        return FANI_JOURNAL_LIVES;
    if (holder->started && started != holder->started)
        return FANI_JOURNAL_DEAD;
    /* A zombie writes no more, unless only its first thread has ended. */
    return (state == 'Z' || state == 'X') && threads <= 1 ? FANI_JOURNAL_DEAD : FANI_JOURNAL_LIVES;
}

static bool known(const char *word)
{
    return strcmp(word, "-") != 0;
}

fani_journal_life fani_journal_holder_life(const fani_journal_holder *holder,
                                           const fani_journal_holder *self)
{
    bool boots = known(holder->boot) && known(self->boot);
    if (holder->pid == 0)
        return FANI_JOURNAL_DEAD;
    if (boots && strcmp(holder->boot, self->boot) == 0 && holder->processes == self->processes)
        return process_life(holder);
    if (boots && strcmp(holder->boot, self->boot) != 0 && known(self->host) &&
        strcmp(holder->host, self->host) == 0)
        return FANI_JOURNAL_DEAD; /* this host has been started again since */
    bool requeued = known(self->job) && strcmp(holder->job, self->job) == 0 &&
                    strcmp(holder->cluster, self->cluster) == 0 &&
                    holder->restarts < self->restarts;
    return requeued ? FANI_JOURNAL_DEAD : FANI_JOURNAL_ELSEWHERE;
}

/* ---- Text ------------------------------------------------------------------------------------ */

void fani_journal_holder_text(const fani_journal_holder *holder,
                              char text[static FANI_JOURNAL_HOLDER_SIZE])
{
    const fani_journal_holder *h = holder;
    int n = snprintf(text, FANI_JOURNAL_HOLDER_SIZE,
                     "fanfold lock 1\nnonce %016" PRIx64 "\nbeats %020" PRIu64 "\nepoch %010" PRIu32
                     "\nbeat_ms %" PRIu32 "\nhost %s\nboot %s\nprocesses %" PRIu64
                     "\npid %d\nstarted %" PRIu64 "\njob %s\ncluster %s\nrestarts %" PRIu32
                     "\nsince %s\n",
                     h->nonce, h->beats, h->epoch, h->beat_ms, h->host, h->boot, h->processes,
                     (int)h->pid, h->started, h->job, h->cluster, h->restarts, h->since);
    memset(text + n, '\n', (size_t)(FANI_JOURNAL_HOLDER_SIZE - n));
}

bool fani_journal_holder_parse(char text[static FANI_JOURNAL_HOLDER_SIZE],
                               fani_journal_holder *holder)
{
    fani_journal_holder *h = holder;
    int pid;
    text[FANI_JOURNAL_HOLDER_SIZE - 1] = '\0';
    *h = (fani_journal_holder){0};
    int fields = sscanf(
        text,
        "fanfold lock 1 nonce %16" SCNx64 " beats %20" SCNu64 " epoch %10" SCNu32
        " beat_ms %10" SCNu32 " host %127s boot %63s processes %20" SCNu64
        " pid %11d started %20" SCNu64 " job %63s cluster %63s restarts %10" SCNu32 " since %31s",
        &h->nonce, &h->beats, &h->epoch, &h->beat_ms, h->host, h->boot, &h->processes, &pid,
        &h->started, h->job, h->cluster, &h->restarts, h->since);
    h->pid = pid;
    return fields == 13 && h->nonce && pid >= 0;
}

void fani_journal_holder_describe(const fani_journal_holder *holder, char *text, size_t size)
{
    int n = snprintf(text, size, "pid %d on host %s since %s", (int)holder->pid, holder->host,
                     holder->since);
    if (known(holder->job) && n > 0 && (size_t)n < size)
        snprintf(text + n, size - (size_t)n, ", Slurm job %s", holder->job);
}
