/* What a journal does to files, as a table, so that tests can make each call fail or be the last.
 */
#ifndef FANI_JOURNAL_IO_H
#define FANI_JOURNAL_IO_H

#include <stddef.h>
#include <sys/types.h>

#include "fanfold/status.h"

/* The calls of the same names; they answer as those do, with errno. */
typedef struct fani_journal_io {
    int (*open_at)(int folder, const char *name, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *bytes, size_t size);
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*truncate)(int fd, off_t size);
    int (*link_at)(int folder, const char *from, const char *to);
    int (*link_fd)(int fd, int folder, const char *to); /* a first name for an O_TMPFILE */
    int (*rename_at)(int folder, const char *from, const char *to);
    int (*unlink_at)(int folder, const char *name);
    int (*close)(int fd);
} fani_journal_io;

extern const fani_journal_io fani_journal_system_io;

/* Writes all of it, through short writes and interruptions. 0, or -1 with errno. */
int fani_journal_write_all(const fani_journal_io *io, int fd, const void *bytes, size_t size);

/* These go on when interrupted. A folder that its file system can't sync counts as synced. Linux
 * closes a descriptor even where close is interrupted. 0, or -1 with errno. */
int fani_journal_sync_data(const fani_journal_io *io, int fd);
int fani_journal_sync_folder(const fani_journal_io *io, int folder);
int fani_journal_close_fd(const fani_journal_io *io, int fd);

/* A place for files: a folder kept open, so that a change of the working folder does not matter. */
typedef struct fani_journal_place {
    const fani_journal_io *io;
    int folder;
    char *path; /* as the caller gave it, for messages */
    char *name; /* its last part */
} fani_journal_place;

/* Opens the folder of `path`. Errors: FAN_E_OUTPUT with file and errno, FAN_E_MEMORY. */
fan_status fani_journal_place_open(const fani_journal_io *io, const char *path,
                                   fani_journal_place *place, fan_error *error);
void fani_journal_place_close(fani_journal_place *place);

/* Fills an error: "PATH can't be DOING: text of errno", with the place's path as its file. */
fan_status fani_journal_place_error(const fani_journal_place *place, fan_status status,
                                    int errno_code, const char *doing, fan_error *error);

#endif
