/* What writer.c and writer_part.c share. */
#ifndef FANI_WRITER_INTERNAL_H
#define FANI_WRITER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/writer.h"

enum { FANI_WRITER_BUFFER = 1 << 18 };

struct fani_writer {
    char *name;   /* as the caller gave it, for messages */
    char *target; /* where links at its end lead; NULL: the caller's descriptor */
    int fd;
    int folder;       /* -1: no file to publish */
    bool owned;       /* fd is ours to close */
    char *temporary;  /* the new file's name; NULL: it has none yet */
    bool stays;       /* also where it is not published */
    struct stat part; /* which file a part is; st_ino 0: it is none */
    char *left;       /* the first name of a part that has got a second, `temporary` */
    unsigned char *buffer;
    size_t used;
    int64_t waiting_since; /* when the oldest byte in the buffer came; 0: not known yet */
    uint64_t bytes;
    void (*seen)(void *user, const void *bytes, size_t size); /* or NULL */
    void *seen_user;
    fani_writer_through through; /* or NULL */
    void *through_user;
    bool through_ended;
    fani_writer_fence fence; /* still_ours NULL: none */
    fan_status failed;
    int failed_errno;
    const char *failed_doing;
};

/* With a name and a buffer alone. NULL: out of memory, said. */
fani_writer *fani_writer_make(const char *name, fan_error *error);

/* Keeps errno as the writer's error, and answers it: the file can't be `doing`. */
fan_status fani_writer_fail(fani_writer *w, const char *doing, fan_error *error);

/* Writes all of it, through short writes, interruptions and descriptors that do not block. 0, or -1
 * with errno; so do the next ones. */
int fani_write_all(int fd, const unsigned char *bytes, size_t size);

/* An interrupted one has not failed: it is asked again. Any other error is final, because a later
 * call may answer that all is well when the bytes are gone. */
int fani_sync_to_disk(int fd);

/* What follows the last slash. */
const char *fani_writer_base_name(const char *path);

/* Makes w->target the file that the links at its end lead to; one that leads to a descriptor of
 * this process is w->fd then. */
int fani_writer_follow_links(fani_writer *w);

/* Opens the target's folder, or a new file in it. */
fan_status fani_writer_open_folder(fani_writer *w, fan_error *error);
fan_status fani_writer_open_new(fani_writer *w, fan_error *error);

/* Makes a new file or, with `fd` not below 0, gives this one its name, w->temporary: one that
 * nobody can foresee; links are not followed. Answers a descriptor (0 for `fd`), or -1. */
int fani_writer_make_temporary(fani_writer *w, int fd);

/* Where a descriptor is found as a file. */
void fani_writer_descriptor_path(int fd, char path[static 32]);

/* Whether a part still has its name: another run may have put its own there. */
bool fani_writer_has_its_name(const fani_writer *w);

/* Gives a part a second name, `to`, which nobody else makes, and leaves its first one to
 * fani_writer_part_drop: that may be another run's by now, but what is linked is what is open here.
 * Where links can't be it is to be published by its first name. -1: errno; ESTALE: it has no name
 * any more. */
int fani_writer_part_link(fani_writer *w, const char *to);

/* Gives `to` to a copy of a part that has lost its name, and goes on with that. -1: errno. */
int fani_writer_part_copy(fani_writer *w, const char *to);

/* Removes the first name of a part that was published by its second, unless it is another run's by
 * now. -1: errno. */
int fani_writer_part_drop(fani_writer *w);

#endif
