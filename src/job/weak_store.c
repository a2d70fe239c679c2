#include "job/weak_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"

enum { VERSION = 1, SUFFIX_MAX = 32, READ_MAX = 1 << 30 };

typedef struct head {
    char magic[8];
    uint64_t version;
    uint64_t identity;
    uint64_t what;
    uint64_t size;
    uint64_t check;
} head;

static head head_of(const fani_weak_store *store, fani_weak_list list, size_t level,
                    const unsigned char *bytes, size_t size)
{
    return (head){.magic = "FANSCAN",
                  .version = VERSION,
                  .identity = store->identity,
                  .what = (uint64_t)list << 32 | level,
                  .size = size,
                  .check = XXH3_64bits(bytes, size)};
}

/* The caller's to free; NULL: out of memory. */
static char *name_of(const fani_weak_store *store, fani_weak_list list, size_t level)
{
    size_t room = strlen(store->base) + SUFFIX_MAX;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s.scan-%c%zu", store->base, (char)list, level);
    return path;
}

static fan_status write_all(fani_writer *writer, const head *h, const unsigned char *bytes,
                            fan_error *error)
{
    fan_status status = fani_writer_make_private(writer, error);
    if (status == FAN_OK)
        status = fani_writer_add(writer, h, sizeof *h, error);
    if (status == FAN_OK)
        status = fani_writer_add(writer, bytes, (size_t)h->size, error);
    return status == FAN_OK ? fani_writer_publish(writer, error) : status;
}

fan_status fani_weak_store_save(const fani_weak_store *store, fani_weak_list list, size_t level,
                                const fani_weak_packer *packer, fan_error *error)
{
    fan_items all = fani_weak_packer_bytes(packer);
    head h = head_of(store, list, level, all.bytes, all.size);
    char *path = name_of(store, list, level);
    fani_writer *writer = NULL;
    if (!path)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to keep a level of the scan");
    fan_status status = fani_writer_to_name(path, &writer, error);
    if (status == FAN_OK && store->fence)
        fani_writer_set_fence(writer, store->fence);
    if (status == FAN_OK)
        status = write_all(writer, &h, all.bytes, error);
    fani_writer_free(writer);
    free(path);
    return status;
}

static bool read_all(int fd, void *bytes, size_t size)
{
    for (char *at = bytes; size > 0;) {
        ssize_t got = read(fd, at, size < READ_MAX ? size : READ_MAX);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* The file's pack, whose size the system confirms before there is memory for it. */
static bool read_pack(int fd, const fani_weak_store *store, fani_weak_list list, size_t level,
                      fan_buffer *pack)
{
    head h, want;
    struct stat info;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode) || !read_all(fd, &h, sizeof h) ||
        (uint64_t)info.st_size != h.size + sizeof h)
        return false;
    pack->bytes = malloc(h.size ? (size_t)h.size : 1);
    pack->size = pack->capacity = (size_t)h.size;
    if (!pack->bytes || !read_all(fd, pack->bytes, pack->size))
        return false;
    want = head_of(store, list, level, pack->bytes, pack->size);
    return !memcmp(&h, &want, sizeof h);
}

bool fani_weak_store_load(const fani_weak_store *store, fani_weak_list list, size_t level,
                          size_t count, fani_weak_packer *packer)
{
    fan_buffer bytes = {0};
    char *path = store->base && store->resumes ? name_of(store, list, level) : NULL;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    bool loaded = fd >= 0 && read_pack(fd, store, list, level, &bytes) &&
                  fani_weak_packer_adopt(packer, &bytes) == FAN_OK;
    if (loaded && packer->count != count) {
        fani_weak_packer_free(packer);
        loaded = false;
    }
    fan_buffer_clear(&bytes);
    if (fd >= 0)
        close(fd);
    free(path);
    return loaded;
}

void fani_weak_store_remove(const fani_weak_store *store, fani_weak_list list, size_t level)
{
    char *path = store->base ? name_of(store, list, level) : NULL;
    if (path)
        (void)unlink(path);
    free(path);
}

void fani_weak_store_clear(const fani_weak_store *store, size_t levels)
{
    static const fani_weak_list lists[] = {FANI_WEAK_PRODUCTS, FANI_WEAK_SUMS, FANI_WEAK_FRACTIONS};
    for (size_t level = 0; level < levels; level++)
        for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++)
            fani_weak_store_remove(store, lists[k], level);
}
