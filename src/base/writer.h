/* Writing results: buffered, every error kept, to a descriptor or to a file that appears complete
 * or not at all. */
#ifndef FANI_WRITER_H
#define FANI_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "fanfold/status.h"

typedef struct fani_writer fani_writer;

/* A writer to a descriptor that stays open and the caller's. `name` is for messages. FAN_E_MEMORY.
 * A writer belongs to one thread at a time. It never touches signals: a caller that may write to a
 * closed pipe ignores SIGPIPE. */
fan_status fani_writer_to_fd(int fd, const char *name, fani_writer **writer, fan_error *error);

/* A writer to the file `path`: bytes go to a new file beside it (without a name where the file
 * system can have that, so that a killed program leaves nothing), which fani_writer_publish moves
 * into its place. The mode is 0666 without the umask's bits. Links are followed and stay. A target
 * that is a device or a FIFO is written directly, and so is a descriptor of this process by its
 * name
 * (/dev/stdout, /dev/fd/3), whatever it is open on. Errors: FAN_E_OUTPUT with
 * file and errno, FAN_E_MEMORY. */
fan_status fani_writer_to_file(const char *path, fani_writer **writer, fan_error *error);

/* As fani_writer_to_file for a name that nobody has chosen (it is derived from another one):
 * whatever has it is replaced, and neither followed nor written to. A folder is not: FAN_E_OUTPUT
 * of publishing. */
fan_status fani_writer_to_name(const char *path, fani_writer **writer, fan_error *error);

/* As fani_writer_to_name for the name of an entry of an open folder, which stays the caller's.
 * `shown` is the name for messages. */
fan_status fani_writer_to_entry(int folder, const char *entry, const char *shown,
                                fani_writer **writer, fan_error *error);

/* As fani_writer_to_file, but the new file has a name from the beginning, the target's with
 * `suffix` behind it, and stays when the writer is freed without publishing: another run goes on
 * with it. `keep`: bytes of an existing one to go on after; what follows them is cut off.
 * UINT64_MAX: begin with an empty one in its place. Links at that name are not followed. Publishing
 * fails where another file has been given that name meanwhile. Errors: FAN_E_OUTPUT (also where it
 * is no plain file of ours, or shorter than `keep`), FAN_E_MEMORY. */
fan_status fani_writer_to_part(const char *path, const char *suffix, uint64_t keep,
                               fani_writer **writer, fan_error *error);

/* Puts a copy of such a part's first `keep` bytes in its place, as a whole and synced: who still
 * has the old one open writes to a file that has no name any more. Errors: FAN_E_OUTPUT, as above;
 * FAN_E_MEMORY. */
fan_status fani_writer_part_renew(const char *path, const char *suffix, uint64_t keep,
                                  fan_error *error);

/* The part is not to stay after all: it goes when the writer is freed, unless another file has been
 * given its name meanwhile. */
void fani_writer_discard(fani_writer *writer);

/* Removes the part now, unless another file has been given its name. Errors: FAN_E_OUTPUT. */
fan_status fani_writer_remove_part(fani_writer *writer, fan_error *error);

/* Whether there is such a part of this target, which is another file than the target. Who was
 * killed just after it had published a part leaves the target with the part's name as well: then
 * is_published. */
bool fani_writer_part_exists(const char *path, const char *suffix);
bool fani_writer_part_is_published(const char *path, const char *suffix);

/* Takes that second name away from such a target. Errors: FAN_E_OUTPUT. */
fan_status fani_writer_part_forget(const char *path, const char *suffix, fan_error *error);

/* Opens such a part to look at it; a link is not followed. The caller closes it. -1: there is none
 * (ENOENT), or it can't be read (errno). */
int fani_writer_part_open(const char *path, const char *suffix);

/* Has `seen` called with all bytes that go out, in order, when they do: what was added is seen by
 * the next flush that ends well. */
void fani_writer_watch(fani_writer *writer,
                       void (*seen)(void *user, const void *bytes, size_t size), void *user);

/* What the bytes that go out are turned into before (compressed): `through` gets all of them, in
 * order, cut anywhere, and with `end` that there are no more; it calls pass_on with what they
 * become. To be called before anything is added. Errors of `through` are kept as others are. */
typedef fan_status (*fani_writer_through)(void *user, const void *bytes, size_t size, bool end,
                                          fan_error *error);
void fani_writer_pass_through(fani_writer *writer, fani_writer_through through, void *user);
fan_status fani_writer_pass_on(fani_writer *writer, const void *bytes, size_t size,
                               fan_error *error);

/* Flushes, and tells `through`, where there is one, that this was all; publishing does it too. */
fan_status fani_writer_end(fani_writer *writer, fan_error *error);

/* The file that would be written under this name: where links at its end lead, or the name itself
 * where they can't be followed. The caller's to free; NULL: out of memory. */
char *fani_writer_target(const char *path);

/* Whether a file can be published under this name: it is one, or nothing yet, or that can't be told
 * at the moment. */
bool fani_writer_publishes(const char *path);

/* The descriptor that is written to: the writer's. */
int fani_writer_fd(const fani_writer *writer);

/* Makes the file to be published readable and writable by its owner alone; to be called before
 * anything is added. Changes nothing where bytes go elsewhere. Errors: FAN_E_OUTPUT. */
fan_status fani_writer_make_private(fani_writer *writer, fan_error *error);

/* Lets everybody execute the file to be published who may read it. As make_private. */
fan_status fani_writer_make_executable(fani_writer *writer, fan_error *error);

/* Adds bytes. After the first error nothing is written any more and every call answers that error.
 * Errors: FAN_E_OUTPUT with file and errno. */
fan_status fani_writer_add(fani_writer *writer, const void *bytes, size_t size, fan_error *error);

/* Hands everything added so far to the system. */
fan_status fani_writer_flush(fani_writer *writer, fan_error *error);

/* These flush only where somebody may read along, that is not for a file to be published: show at
 * once, tick when something has been waiting for 100 ms. */
fan_status fani_writer_show(fani_writer *writer, fan_error *error);
fan_status fani_writer_tick(fani_writer *writer, fan_error *error);

/* Flushes; a file is synced, closed, renamed to its name, and its folder synced. To be called once,
 * last; a failed one leaves no file behind and an older one as it was. */
fan_status fani_writer_publish(fani_writer *writer, fan_error *error);

/* As publish, but what stands at the name already stays: then *exists is true, and what was written
 * goes. Of several programs that do this at the same time one wins. */
fan_status fani_writer_publish_new(fani_writer *writer, bool *exists, fan_error *error);

/* Keeps a program that has lost what it writes from publishing late. The file to be published is
 * first given the name that belongs to `id`, then `still_ours` is asked, and then it is renamed.
 * Whoever takes over sees to it that `still_ours` fails from now on, and then calls clear: a rename
 * that comes later finds nothing to rename. A part keeps its own name beside that one until it is
 * published; without links, and at the file systems that have none, it has but its own, and who is
 * stopped just before the rename may find another part there. Not for publish_new. */
typedef struct fani_writer_fence {
    uint64_t id; /* no two writers at the same time in one folder have the same */
    fan_status (*still_ours)(void *user, fan_error *error);
    void *user;
} fani_writer_fence;

/* Publishing fails with what `still_ours` answers where that is no FAN_OK. To be called before. */
void fani_writer_set_fence(fani_writer *writer, const fani_writer_fence *fence);

/* Removes what was about to be published behind that fence as a file of the folder that the target
 * of `path` is in; none, or no such folder, is no error. Errors: FAN_E_OUTPUT with file and errno,
 * FAN_E_MEMORY. */
fan_status fani_writer_clear_fence(const char *path, uint64_t id, fan_error *error);

/* Bytes added so far. */
uint64_t fani_writer_bytes(const fani_writer *writer);

/* Frees; a file that was not published is removed. NULL is accepted. */
void fani_writer_free(fani_writer *writer);

/* Syncs the folder `path`, relative to an open one, so that what was made or renamed in it stays.
 * Those that can't be synced (the file system can't, or they can't be read) are let be. -1: errno
 * says why. */
int fani_sync_folder(int folder, const char *path);

#endif
