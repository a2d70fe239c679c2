#include "stage/spill.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

typedef struct extent {
    uint64_t at, size;
} extent;

typedef struct extents {
    extent *items;
    size_t count, room;
} extents;

struct fani_spill {
    fani_spill_open open;
    void *user;
    char *name;
    int fd;        /* -1: not needed yet */
    uint64_t size; /* of the file */
    uint64_t used;
    extents unused; /* by their places, none beside another */
    extents given;  /* not to be used again yet */
    extents marked; /* the same, until it is settled */
};

fani_spill *fani_spill_new(fani_spill_open open, void *user, const char *name)
{
    fani_spill *spill = calloc(1, sizeof *spill);
    if (!spill)
        return NULL;
    *spill = (fani_spill){.open = open, .user = user, .fd = -1, .name = strdup(name)};
    if (spill->name)
        return spill;
    free(spill);
    return NULL;
}

void fani_spill_free(fani_spill *spill)
{
    if (!spill)
        return;
    free(spill->unused.items);
    free(spill->given.items);
    free(spill->marked.items);
    free(spill->name);
    free(spill);
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* Room for one more before number i. False: no memory; the place is then lost until the file is
 * emptied. */
static bool insert(extents *list, size_t i, extent e)
{
    if (!list->items || list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        extent *items = realloc(list->items, room * sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->room = room;
    }
    memmove(list->items + i + 1, list->items + i, (list->count - i) * sizeof *list->items);
    list->items[i] = e;
    list->count++;
    return true;
}

static void erase(extents *list, size_t i)
{
    list->count--;
    memmove(list->items + i, list->items + i + 1, (list->count - i) * sizeof *list->items);
}

/* The first that ends behind `place`. */
static size_t find(const extents *list, uint64_t place)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle].at + list->items[middle].size <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_unused(extents *list, extent e)
{
    size_t i = find(list, e.at);
    if (i < list->count && e.at + e.size == list->items[i].at) {
        e.size += list->items[i].size;
        erase(list, i);
    }
    if (i && list->items[i - 1].at + list->items[i - 1].size == e.at)
        list->items[i - 1].size += e.size;
    else
        (void)insert(list, i, e);
}

/* The first place that is large enough; else behind all. */
static uint64_t choose(fani_spill *spill, uint64_t size)
{
    extents *unused = &spill->unused;
    for (size_t i = 0; i < unused->count; i++) {
        extent *e = &unused->items[i];
        uint64_t at = e->at;
        if (e->size < size)
            continue;
        e->at += size;
        e->size -= size;
        if (!e->size)
            erase(unused, i);
        return at;
    }
    spill->size += size;
    return spill->size - size;
}

void fani_spill_go_on(fani_spill *spill, int fd, uint64_t size)
{
    spill->fd = fd;
    spill->size = size;
    if (size)
        add_unused(&spill->unused, (extent){.size = size});
}

bool fani_spill_claim(fani_spill *spill, uint64_t place, uint64_t size)
{
    extents *unused = &spill->unused;
    size_t i = find(unused, place);
    if (i == unused->count || !size)
        return false;
    extent whole = unused->items[i];
    if (place < whole.at || size > whole.size || place - whole.at > whole.size - size)
        return false;
    extent before = {.at = whole.at, .size = place - whole.at};
    extent behind = {.at = place + size, .size = whole.size - size - before.size};
    erase(unused, i);
    if (behind.size)
        (void)insert(unused, i, behind);
    if (before.size)
        (void)insert(unused, i, before);
    spill->used += size;
    return true;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static fan_status fail(const fani_spill *spill, fan_status status, int code, const char *doing,
                       fan_error *error)
{
    fani_error_errno(error, status, code, "%s can't be %s", spill->name, doing);
    fani_error_place(error, spill->name, 0, 0);
    return status;
}

/* 0 or an errno code. */
static int put(int fd, const unsigned char *bytes, size_t size, uint64_t place)
{
    while (size) {
        ssize_t n = pwrite(fd, bytes, size, (off_t)place);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : ENOSPC;
        bytes += n;
        place += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

fan_status fani_spill_write(fani_spill *spill, const void *bytes, size_t size, uint64_t *place,
                            fan_error *error)
{
    fan_status status = spill->fd < 0 ? spill->open(spill->user, &spill->fd, error) : FAN_OK;
    if (status != FAN_OK)
        return status;
    uint64_t at = choose(spill, size);
    int code = put(spill->fd, bytes, size, at);
    if (code) {
        add_unused(&spill->unused, (extent){.at = at, .size = size});
        return fail(spill, FAN_E_OUTPUT, code, "written", error);
    }
    spill->used += size;
    *place = at;
    return FAN_OK;
}

fan_status fani_spill_read(const fani_spill *spill, uint64_t place, size_t size, void *to,
                           fan_error *error)
{
    unsigned char *at = to;
    while (size) {
        ssize_t n = pread(spill->fd, at, size, (off_t)place);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(spill, FAN_E_INPUT, errno, "read", error);
        if (!n) {
            fani_error_set(error, FAN_E_INPUT, "%s has become too short", spill->name);
            fani_error_place(error, spill->name, 0, 0);
            return FAN_E_INPUT;
        }
        at += n;
        place += (uint64_t)n;
        size -= (size_t)n;
    }
    return FAN_OK;
}

void fani_spill_give(fani_spill *spill, uint64_t place, uint64_t size)
{
    extents *given = &spill->given;
    extent *last = given->count ? &given->items[given->count - 1] : NULL;
    spill->used -= size;
    if (last && last->at + last->size == place)
        last->size += size;
    else
        (void)insert(given, given->count, (extent){.at = place, .size = size});
}

bool fani_spill_mark(fani_spill *spill)
{
    extents given = spill->given;
    if (!given.count || spill->marked.count)
        return false;
    spill->given = spill->marked;
    spill->marked = given;
    return true;
}

fan_status fani_spill_settle(fani_spill *spill, fan_error *error)
{
    extents *marked = &spill->marked;
    for (size_t i = 0; i < marked->count; i++)
        add_unused(&spill->unused, marked->items[i]);
    marked->count = 0;
    if (spill->used || spill->given.count || !spill->size)
        return FAN_OK;
    while (ftruncate(spill->fd, 0))
        if (errno != EINTR)
            return fail(spill, FAN_E_OUTPUT, errno, "emptied", error);
    spill->size = 0;
    spill->unused.count = 0;
    return FAN_OK;
}

uint64_t fani_spill_used(const fani_spill *spill)
{
    return spill->used;
}
