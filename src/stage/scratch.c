#include "stage/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "stage/journal_holder.h"

#define PASSING "fanfold-job-"
#define STAYING "fanfold-stage-"

enum {
    OWNER = 128, /* room for what a name says of it */
    TRIES = 30,
};

/* ---- Where ----------------------------------------------------------------------------------- */

fan_status fani_scratch_base(char **base, fan_error *error)
{
    static const char *const names[] = {"SLURM_TMPDIR", "TMPDIR"};
    const char *folder = NULL, *name = "the default";
    struct stat info;
    for (size_t i = 0; i < sizeof names / sizeof *names && (!folder || !*folder); i++) {
        folder = getenv(names[i]);
        name = folder && *folder ? names[i] : name;
    }
    folder = folder && *folder ? folder : "/tmp";
    *base = realpath(folder, NULL);
    int code = *base ? 0 : errno;
    if (*base && stat(*base, &info) != 0)
        code = errno;
    else if (*base && !S_ISDIR(info.st_mode))
        code = ENOTDIR;
    if (!code)
        return FAN_OK;
    free(*base);
    *base = NULL;
    fani_error_errno(error, FAN_E_OUTPUT, code, "the folder for files of this node, %s (%s)",
                     folder, name);
    return FAN_E_OUTPUT;
}

bool fani_scratch_is_own(const char *folder)
{
    struct stat info;
    return stat(folder, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           !(info.st_mode & 0022);
}

/* ---- Private folders ------------------------------------------------------------------------- */

fan_status fani_scratch_name(bool passing, char name[static FANI_SCRATCH_NAME], fan_error *error)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "no random name for a folder");
    snprintf(name, FANI_SCRATCH_NAME, "%s%016" PRIx64, passing ? PASSING : STAYING, random);
    return FAN_OK;
}

/* What tells whether the processes of a folder can be seen from here: the running system, and the
 * space that their numbers are of. */
static uint64_t where_of(const fani_journal_holder *self)
{
    char text[256];
    int size =
        snprintf(text, sizeof text, "%s %s %" PRIu64, self->host, self->boot, self->processes);
    return XXH3_64bits(text, (size_t)size) >> 16;
}

/* Whose a folder is, for its name. */
static fan_status write_owner(fani_scratch_life life, char text[static OWNER], fan_error *error)
{
    fani_journal_holder self, parent;
    *text = '\0';
    if (life == FANI_SCRATCH_STAYS)
        return FAN_OK;
    if (!fani_journal_holder_self(0, &self))
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "no random number for a folder");
    parent = self;
    if (life == FANI_SCRATCH_PARENT)
        fani_journal_holder_set_process(&parent, getppid());
    snprintf(text, OWNER, "-%d-%" PRIu64 "-%d-%" PRIu64 "-%012" PRIx64, (int)self.pid, self.started,
             (int)parent.pid, parent.started, where_of(&self));
    return FAN_OK;
}

static bool is_private(const struct stat *info)
{
    return S_ISDIR(info->st_mode) && info->st_uid == geteuid() && !(info->st_mode & 0077);
}

/* 0, or an errno. */
static int make_private(const char *path, bool may_be_there)
{
    struct stat info;
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST || !may_be_there)
        return errno;
    if (lstat(path, &info) != 0)
        return errno;
    return is_private(&info) ? 0 : EEXIST;
}

fan_status fani_scratch_make(const char *base, const char *name, fani_scratch_life life,
                             char **path, fan_error *error)
{
    char owner[OWNER];
    *path = NULL;
    fan_status status = write_owner(life, owner, error);
    if (status != FAN_OK)
        return status;
    if (asprintf(path, "%s/%s%s", base, name, owner) < 0) {
        *path = NULL;
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a folder");
    }
    int code = make_private(*path, life == FANI_SCRATCH_STAYS);
    if (!code)
        return FAN_OK;
    fani_error_errno(error, FAN_E_OUTPUT, code, "the folder %s can't be made", *path);
    fani_error_place(error, *path, 0, 0);
    free(*path);
    *path = NULL;
    return FAN_E_OUTPUT;
}

/* ---- Removing -------------------------------------------------------------------------------- */

/* Opens a folder to remove what is in it; where it can't be read or written, it is made so, as it
 * is ours. */
static DIR *open_to_empty(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(folder, name, 0700, 0) == 0)
        fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    (void)fchmod(fd, 0700); /* where that fails, so will the removing */
    DIR *entries = fdopendir(fd);
    if (!entries)
        (void)close(fd); /* only opened */
    return entries;
}

static bool remove_at(int folder, const char *name)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return false;
    DIR *entries = open_to_empty(folder, name);
    if (!entries)
        return errno == ENOENT;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    while ((entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)remove_at(dirfd(entries), entry->d_name); /* the folder tells whether it went */
    (void)closedir(entries);                                /* only read */
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/* What a process that is being ended still writes there is not to keep the folder. */
bool fani_scratch_remove(const char *path)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int tries = 0;
    while (!remove_at(AT_FDCWD, path)) {
        if (errno != ENOTEMPTY || ++tries == TRIES)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

/* Whether the processes that a name tells of are known to be dead. */
static bool is_dead(const char *name, const fani_journal_holder *self)
{
    fani_journal_holder first = *self, second = *self;
    int pids[2], end = 0;
    uint64_t where;
    /* NOLINTNEXTLINE(cert-err34-c): a number that is too large names no process */
    int found = sscanf(name, PASSING "%*16[0-9a-f]-%d-%" SCNu64 "-%d-%" SCNu64 "-%12" SCNx64 "%n",
                       &pids[0], &first.started, &pids[1], &second.started, &where, &end);
    if (found != 5 || name[end] || pids[0] < 1 || pids[1] < 1 || where != where_of(self))
        return false;
    first.pid = pids[0];
    second.pid = pids[1];
    return fani_journal_holder_life(&first, self) == FANI_JOURNAL_DEAD &&
           fani_journal_holder_life(&second, self) == FANI_JOURNAL_DEAD;
}

static bool is_private_at(int base, const char *name)
{
    struct stat info;
    return fstatat(base, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && is_private(&info);
}

void fani_scratch_sweep(const char *base)
{
    fani_journal_holder self;
    DIR *entries = opendir(base);
    const struct dirent *entry;
    if (entries && fani_journal_holder_self(0, &self)) {
        /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
        while ((entry = readdir(entries)) != NULL)
            if (!strncmp(entry->d_name, PASSING, strlen(PASSING)) &&
                is_private_at(dirfd(entries), entry->d_name) && is_dead(entry->d_name, &self))
                (void)remove_at(dirfd(entries), entry->d_name); /* what stays is in nobody's way */
    }
    if (entries)
        (void)closedir(entries); /* only read */
}

/* Whether a name is all that fani_scratch_name gives: less of it would begin those of others. */
static bool is_whole_name(const char *name)
{
    int end = 0;
    bool passes = sscanf(name, PASSING "%*16[0-9a-f]%n", &end) == 0 && end;
    if (!passes)
        (void)sscanf(name, STAYING "%*16[0-9a-f]%n", &end);
    return end == (int)strlen(passes ? PASSING : STAYING) + 16 && !name[end];
}

void fani_scratch_remove_named(const char *base, const char *name)
{
    DIR *entries = is_whole_name(name) ? opendir(base) : NULL;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    while (entries && (entry = readdir(entries)) != NULL)
        if (!strncmp(entry->d_name, name, strlen(name)) &&
            is_private_at(dirfd(entries), entry->d_name))
            (void)remove_at(dirfd(entries), entry->d_name); /* a later run removes what stays */
    if (entries)
        (void)closedir(entries); /* only read */
}
