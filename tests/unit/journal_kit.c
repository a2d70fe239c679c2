#include "journal_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/shim.h"

void kit_make(kit_folder *k)
{
    strcpy(k->folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fan_journal_XXXXXX"
                                                    : "/tmp/fan_journal_XXXXXX");
    ASSERT_TRUE(mkdtemp(k->folder) != NULL);
    snprintf(k->path, sizeof k->path, "%s/j", k->folder);
    snprintf(k->copy, sizeof k->copy, "%s/copy", k->folder);
}

int kit_files(const kit_folder *k)
{
    int count = -2; /* itself and the one above */
    DIR *dir = opendir(k->folder);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

void kit_remove(kit_folder *k)
{
    DIR *dir = opendir(k->folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    EXPECT_I64(rmdir(k->folder), 0);
}

bool kit_exists(const kit_folder *k, const char *name)
{
    char path[2 * KIT_PATH];
    snprintf(path, sizeof path, "%s/%s", k->folder, name);
    return access(path, F_OK) == 0;
}

size_t kit_load(const char *path, unsigned char *bytes, size_t size)
{
    size_t used = 0;
    ssize_t n = 1;
    int fd = open(path, O_RDONLY);
    while (fd >= 0 && n > 0 && used < size) {
        n = read(fd, bytes + used, size - used);
        used += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return used;
}

void kit_store(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT_TRUE(fd >= 0);
    EXPECT_I64(write(fd, bytes, size), (ssize_t)size);
    EXPECT_I64(close(fd), 0);
}

/* ---- Records --------------------------------------------------------------------------------- */

uint32_t kit_kind(uint64_t sequence)
{
    return (uint32_t)(sequence % 5);
}

size_t kit_payload(uint64_t sequence, unsigned char payload[static 256])
{
    size_t size = (size_t)(sequence * 37 % 101);
    for (size_t i = 0; i < size; i++)
        payload[i] = (unsigned char)(sequence * 31 + i * 7 + 1);
    return size;
}

static fan_status see_record(void *user, const fani_journal_record *record, fan_error *error)
{
    (void)error;
    kit_seen *seen = user;
    unsigned char payload[256];
    size_t size = kit_payload(record->sequence, payload);
    seen->wrong += size != record->size || record->kind != kit_kind(record->sequence) ||
                   memcmp(payload, record->payload, size) != 0 || record->sequence <= seen->last ||
                   record->epoch < seen->epoch;
    seen->epoch = record->epoch;
    seen->gaps += record->sequence != seen->last + 1;
    seen->first = seen->count++ ? seen->first : record->sequence;
    seen->last = record->sequence;
    if (record->synced)
        seen->synced = record->sequence;
    return FAN_OK;
}

static void see_fact(void *user, const char *key, const char *value)
{
    (void)value;
    kit_seen *seen = user;
    seen->facts += strlen(key) > 0;
}

static void see_loss(void *user, const fani_journal_loss *loss)
{
    kit_seen *seen = user;
    if (seen->losses < KIT_LOSSES)
        seen->lost[seen->losses] = *loss;
    seen->losses++;
}

fani_journal_visitor kit_visitor(kit_seen *seen)
{
    *seen = (kit_seen){0};
    return (fani_journal_visitor){
        .record = see_record, .fact = see_fact, .lost = see_loss, .user = seen};
}

fan_status kit_read(const char *path, bool repair, kit_seen *seen, fan_error *error)
{
    fani_journal_visitor visitor = kit_visitor(seen);
    return fani_journal_read(path, repair, &visitor, error);
}

fani_journal_options kit_options(kit_seen *seen)
{
    static const fani_journal_fact facts[] = {
        {"job", "factor"}, {"input", "sha256:12ab"}, {"isa", "avx2"}};
    fani_journal_options options = {.identity = facts,
                                    .identity_count = 3,
                                    .write_ms = 5,
                                    .sync_ms = 20,
                                    .visitor = kit_visitor(seen)};
    return options;
}

void kit_append(fani_journal *journal, uint64_t next, uint64_t count)
{
    unsigned char payload[256];
    fan_error error = {0};
    for (uint64_t i = next; i < next + count; i++) {
        uint64_t sequence = 0;
        size_t size = kit_payload(i, payload);
        fan_status status = fani_journal_append(journal, kit_kind(i), payload, size, FAN_FOREVER,
                                                &sequence, &error);
        if (status != FAN_OK || sequence != i) {
            shim_fail(__FILE__, __LINE__, "record %llu got %llu: %s", (unsigned long long)i,
                      (unsigned long long)sequence, error.text);
            return;
        }
    }
}

void kit_write(const kit_folder *k, uint64_t groups, uint64_t each)
{
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    fani_journal_options options = kit_options(&seen);
    ASSERT_I64(fani_journal_open(&options, k->path, &journal, &error), FAN_OK);
    for (uint64_t i = 0; i < groups; i++) {
        kit_append(journal, 1 + i * each, each);
        EXPECT_I64(fani_journal_flush(journal, true, FAN_FOREVER, NULL), FAN_OK);
    }
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, &error), FAN_OK);
}

/* ---- File operations that go wrong ----------------------------------------------------------- */

kit_script kit_now;

void kit_script_set(kit_mode mode, int at, int every, int errno_code)
{
    kit_now.at = 0; /* nothing goes wrong while the rest is set */
    kit_now.calls = kit_now.fired = kit_now.syncs = kit_now.slow_sync_ms = kit_now.stuck = 0;
    kit_now.durable = 0;
    kit_now.named_unsynced = kit_now.named = kit_now.settled = 0;
    kit_now.mode = mode;
    kit_now.every = every;
    kit_now.errno_code = errno_code;
    kit_now.at = at;
}

/* Whether this call is to go wrong. */
static bool fires(void)
{
    int call = atomic_fetch_add(&kit_now.calls, 1) + 1;
    bool now = kit_now.at && (call == kit_now.at || (kit_now.every && call > kit_now.at &&
                                                     (call - kit_now.at) % kit_now.every == 0));
    if (!now)
        return false;
    atomic_fetch_add(&kit_now.fired, 1);
    if (kit_now.mode == KIT_KILL)
        kill(getpid(), SIGKILL);
    return true;
}

/* Sets errno for a call that fails; short ones and those that are never interrupted go on. */
static bool fails(bool interruptible)
{
    if (!fires() || kit_now.mode == KIT_SHORT)
        return false;
    errno = kit_now.mode == KIT_INTERRUPT ? EINTR : kit_now.errno_code;
    return kit_now.mode == KIT_FAIL || interruptible;
}

static int kit_open_at(int folder, const char *name, int flags, mode_t mode)
{
    return fails(false) ? -1 : openat(folder, name, flags, mode);
}

static ssize_t kit_do_write(int fd, const void *bytes, size_t size)
{
    while (atomic_load(&kit_now.stuck))
        poll(NULL, 0, 1);
    int before = atomic_load(&kit_now.fired);
    if (fails(true))
        return -1;
    bool cut = kit_now.mode == KIT_SHORT && atomic_load(&kit_now.fired) > before && size > 1;
    return write(fd, bytes, cut ? size / 2 : size);
}

static void note_sync(int fd)
{
    struct stat info;
    int n = atomic_fetch_add(&kit_now.syncs, 1);
    if (n < 64)
        kit_now.order[n] = fd;
    if (kit_now.slow_sync_ms)
        poll(NULL, 0, kit_now.slow_sync_ms);
    if (fstat(fd, &info) == 0)
        atomic_store(&kit_now.durable, info.st_size);
}

static int kit_fdatasync(int fd)
{
    if (fails(true))
        return -1;
    note_sync(fd);
    return 0;
}

static int kit_fsync(int fd)
{
    struct stat info;
    if (fails(true))
        return -1;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        atomic_store(&kit_now.durable, info.st_size);
    else
        atomic_store(&kit_now.settled, atomic_load(&kit_now.named));
    return 0;
}

/* A journal's new file gets its name. */
static void note_naming(int folder, const char *from)
{
    struct stat info;
    if (!strstr(from, ".tmp-"))
        return;
    atomic_fetch_add(&kit_now.named, 1);
    if (fstatat(folder, from, &info, 0) != 0 || info.st_size != atomic_load(&kit_now.durable))
        atomic_fetch_add(&kit_now.named_unsynced, 1);
}

static int kit_truncate(int fd, off_t size)
{
    return fails(false) ? -1 : ftruncate(fd, size);
}

static int kit_link_at(int folder, const char *from, const char *to)
{
    if (fails(false))
        return -1;
    note_naming(folder, from);
    return linkat(folder, from, folder, to, 0);
}

static int kit_link_fd(int fd, int folder, const char *to)
{
    return fails(false) ? -1 : fani_journal_system_io.link_fd(fd, folder, to);
}

static int kit_rename_at(int folder, const char *from, const char *to)
{
    if (fails(false))
        return -1;
    note_naming(folder, from);
    return renameat(folder, from, folder, to);
}

static int kit_unlink_at(int folder, const char *name)
{
    return fails(false) ? -1 : unlinkat(folder, name, 0);
}

/* Linux closes the descriptor whatever close answers. */
static int kit_close(int fd)
{
    bool failed = fails(true);
    int code = errno;
    (void)close(fd);
    errno = code;
    return failed ? -1 : 0;
}

const fani_journal_io kit_io = {
    .open_at = kit_open_at,
    .write = kit_do_write,
    .fdatasync = kit_fdatasync,
    .fsync = kit_fsync,
    .truncate = kit_truncate,
    .link_at = kit_link_at,
    .link_fd = kit_link_fd,
    .rename_at = kit_rename_at,
    .unlink_at = kit_unlink_at,
    .close = kit_close,
};
