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

enum {
    STAT_SIZE = 1024,
    DECIMAL = 10,
    HEX = 16,
    FIRST_NUMBER = 4, /* fields of /proc/PID/stat, from 1 */
    THREADS = 20,
    STARTED = 22,
};

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
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return false;
    *state = at[2];
    at += 3;
    uint64_t fields[STARTED + 1] = {0};
    for (int i = FIRST_NUMBER; i <= STARTED; i++)
        fields[i] = strtoull(at, &at, DECIMAL);
    *threads = fields[THREADS];
    *started = fields[STARTED];
    return *started > 0;
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

void fani_journal_holder_set_process(fani_journal_holder *holder, pid_t pid)
{
    char state;
    uint64_t threads;
    holder->pid = pid;
    if (!process_stat(pid, &state, &threads, &holder->started))
        holder->started = 0;
}

bool fani_journal_holder_self(uint32_t beat_ms, fani_journal_holder *self)
{
    time_t now = time(NULL);
    struct tm utc;
    *self = (fani_journal_holder){.beat_ms = beat_ms, .processes = own_namespace(), .beats = 1};
    while (!self->nonce) {
        if (getrandom(&self->nonce, sizeof self->nonce, 0) != (ssize_t)sizeof self->nonce)
            return false;
    }
    char name[sizeof self->host] = "";
    (void)gethostname(name, sizeof name - 1); /* without a name it is "-" */
    copy_word(self->host, sizeof self->host, name);
    if (!read_small("/proc/sys/kernel/random/boot_id", self->boot, sizeof self->boot))
        memcpy(self->boot, "-", 2);
    fani_journal_holder_set_process(self, getpid());
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

/* What follows a key at the start of a line; "" where the key is not there. */
static const char *value_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? at + strlen(key) : "";
}

static void word_of(const char *text, const char *key, char *word, size_t size)
{
    const char *value = value_of(text, key);
    size_t length = strcspn(value, "\n");
    snprintf(word, size, "%.*s", (int)length, length ? value : "-");
}

static uint64_t number_of(const char *text, const char *key)
{
    return strtoull(value_of(text, key), NULL, DECIMAL);
}

bool fani_journal_holder_parse(char text[static FANI_JOURNAL_HOLDER_SIZE],
                               fani_journal_holder *holder)
{
    static const char first[] = "fanfold lock 1\n";
    text[FANI_JOURNAL_HOLDER_SIZE - 1] = '\0';
    *holder = (fani_journal_holder){
        .nonce = strtoull(value_of(text, "\nnonce "), NULL, HEX),
        .beats = number_of(text, "\nbeats "),
        .epoch = (uint32_t)number_of(text, "\nepoch "),
        .beat_ms = (uint32_t)number_of(text, "\nbeat_ms "),
        .processes = number_of(text, "\nprocesses "),
        .pid = (pid_t)number_of(text, "\npid "),
        .started = number_of(text, "\nstarted "),
        .restarts = (uint32_t)number_of(text, "\nrestarts "),
    };
    word_of(text, "\nhost ", holder->host, sizeof holder->host);
    word_of(text, "\nboot ", holder->boot, sizeof holder->boot);
    word_of(text, "\njob ", holder->job, sizeof holder->job);
    word_of(text, "\ncluster ", holder->cluster, sizeof holder->cluster);
    word_of(text, "\nsince ", holder->since, sizeof holder->since);
    /* The last line is there only when all of it is. */
    return strncmp(text, first, strlen(first)) == 0 && holder->nonce && holder->pid >= 0 &&
           strchr(value_of(text, "\nsince "), '\n');
}

void fani_journal_holder_describe(const fani_journal_holder *holder, char *text, size_t size)
{
    int n = snprintf(text, size, "pid %d on host %s since %s", (int)holder->pid, holder->host,
                     holder->since);
    if (known(holder->job) && n > 0 && (size_t)n < size)
        snprintf(text + n, size - (size_t)n, ", Slurm job %s", holder->job);
}
