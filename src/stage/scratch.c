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
#include <unistd.h>

#include "base/error.h"
#include "base/writer.h"
#include "stage/journal_holder.h"
#include "stage/walk.h"

#define PASSING "fanfold-job-"
#define STAYING "fanfold-stage-"
#define OWNER ".owner"

enum { HOLDERS = 2 }; /* in the file of owners, one behind the other */

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
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "no random name for a folder");
    snprintf(name, FANI_SCRATCH_NAME, "%s%016" PRIx64 "%016" PRIx64, passing ? PASSING : STAYING,
             random[0], random[1]);
    return FAN_OK;
}

static bool is_private(const struct stat *info)
{
    return S_ISDIR(info->st_mode) && info->st_uid == geteuid() && !(info->st_mode & 0077);
}

fan_status fani_scratch_make(const char *base, const char *name, char **path, fan_error *error)
{
    struct stat info;
    *path = fani_walk_join(base, name);
    if (!*path)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a folder");
    int code = mkdir(*path, 0700) == 0 ? 0 : errno;
    if (code == EEXIST) {
        code = lstat(*path, &info) == 0 ? 0 : errno;
        code = code || is_private(&info) ? code : EEXIST;
    }
    if (!code)
        return FAN_OK;
    fani_error_errno(error, FAN_E_OUTPUT, code, "the folder %s can't be made", *path);
    fani_error_place(error, *path, 0, 0);
    free(*path);
    *path = NULL;
    return FAN_E_OUTPUT;
}

fan_status fani_scratch_sign(const char *path, bool parent, fan_error *error)
{
    char text[HOLDERS * FANI_JOURNAL_HOLDER_SIZE];
    fani_journal_holder self, other;
    fani_writer *writer = NULL;
    if (!fani_journal_holder_self(0, &self))
        return fani_error_errno(error, FAN_E_SYSTEM, errno, "no random number for a folder");
    other = self;
    if (parent)
        fani_journal_holder_set_process(&other, getppid());
    fani_journal_holder_text(&self, text);
    fani_journal_holder_text(&other, text + FANI_JOURNAL_HOLDER_SIZE);
    char *file = fani_walk_join(path, OWNER);
    if (!file)
        return fani_error_set(error, FAN_E_MEMORY, "no memory for the name of a file");
    fan_status status = fani_writer_to_name(file, &writer, error);
    if (status == FAN_OK)
        status = fani_writer_add(writer, text, sizeof text, error);
    if (status == FAN_OK)
        status = fani_writer_publish(writer, error);
    fani_writer_free(writer);
    free(file);
    return status;
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
    bool all = true;
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return false;
    DIR *entries = open_to_empty(folder, name);
    if (!entries)
        return false;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
    while ((entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            all &= remove_at(dirfd(entries), entry->d_name);
    (void)closedir(entries); /* only read */
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 && all;
}

bool fani_scratch_remove(const char *path)
{
    return remove_at(AT_FDCWD, path);
}

/* Whether one of the processes that a folder belongs to may live; so may those that can't be seen
 * from here, and those of a folder that says nothing. */
static bool may_be_used(int folder, const fani_journal_holder *self)
{
    char text[HOLDERS * FANI_JOURNAL_HOLDER_SIZE];
    fani_journal_holder holder;
    int fd = openat(folder, OWNER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return true;
    ssize_t size = read(fd, text, sizeof text);
    (void)close(fd); /* only read */
    if (size != (ssize_t)sizeof text)
        return true;
    for (size_t i = 0; i < HOLDERS; i++)
        if (!fani_journal_holder_parse(text + i * FANI_JOURNAL_HOLDER_SIZE, &holder) ||
            fani_journal_holder_life(&holder, self) != FANI_JOURNAL_DEAD)
            return true;
    return false;
}

static void sweep_one(int base, const char *name, const fani_journal_holder *self)
{
    struct stat info;
    int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    bool dead = fstat(fd, &info) == 0 && is_private(&info) && !may_be_used(fd, self);
    (void)close(fd); /* only looked at */
    if (dead)
        (void)remove_at(base, name); /* what stays is in nobody's way */
}

void fani_scratch_sweep(const char *base)
{
    fani_journal_holder self;
    DIR *entries = opendir(base);
    const struct dirent *entry;
    if (entries && fani_journal_holder_self(0, &self)) {
        /* cppcheck-suppress readdirCalled ; no other thread reads this folder */
        while ((entry = readdir(entries)) != NULL)
            if (!strncmp(entry->d_name, PASSING, strlen(PASSING)))
                sweep_one(dirfd(entries), entry->d_name, &self);
    }
    if (entries)
        (void)closedir(entries); /* only read */
}
