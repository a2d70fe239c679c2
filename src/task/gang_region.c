#include "task/gang_region.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/event.h"

enum {
    CAPACITY_MOST = 65536,
    CAPACITY_LEAST = 4096,
    ALL_RINGS =
        16 << 20, /* what the rings of a gang may take together, where it is not too large */
    MEMBERS_MAX = 4096,
    SPINS = 200,
    LOOK_NS =
        20 * 1000 * 1000, /* a waiting member looks around this often: a cancel wakes nobody */
    KIND_BITS = 2,
    PEER_BITS = 16,
    PEERS_SHOWN = 8,
};
static const uint64_t region_magic = UINT64_C(0x31676e61676e6166);

/* ---- Layout -------------------------------------------------------------------------------- */

static uint32_t capacity_for(size_t members)
{
    uint32_t capacity = CAPACITY_MOST;
    while (capacity > CAPACITY_LEAST && capacity * members * members > ALL_RINGS)
        capacity /= 2;
    return capacity;
}

static size_t head_size(size_t members)
{
    return sizeof(fani_gang_region) + members * sizeof(fani_gang_member);
}

static size_t ring_size(uint32_t capacity)
{
    return sizeof(fani_gang_ring) + capacity;
}

size_t fani_gang_region_size(size_t members)
{
    if (members < 1 || members > MEMBERS_MAX)
        return 0;
    return head_size(members) + members * members * ring_size(capacity_for(members));
}

void fani_gang_region_init(fani_gang_region *region, size_t members)
{
    region->magic = region_magic;
    region->size = fani_gang_region_size(members);
    region->members = (uint32_t)members;
    region->capacity = capacity_for(members);
}

fani_gang_region *fani_gang_region_new(size_t members)
{
    size_t size = fani_gang_region_size(members);
    if (!size)
        return NULL;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    /* cppcheck-suppress invalidFunctionArg ; memory without a file has no descriptor */
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    fani_gang_region_init(at, members);
    return at;
}

void fani_gang_region_free(fani_gang_region *region)
{
    if (region)
        munmap(region, region->size);
}

bool fani_gang_region_sound(const fani_gang_region *region, size_t size, size_t member)
{
    return region && size >= sizeof *region && region->magic == region_magic &&
           region->size == size && fani_gang_region_size(region->members) == size &&
           region->capacity == capacity_for(region->members) && member < region->members;
}

size_t fani_gang_capacity(const fani_gang_link *link)
{
    return capacity_for(link->members);
}

fani_gang_ring *fani_gang_ring_of(const fani_gang_link *link, size_t from, size_t to)
{
    size_t place = (from * link->members + to) * ring_size(capacity_for(link->members));
    return (void *)((unsigned char *)link->region + head_size(link->members) + place);
}

/* ---- Waking -------------------------------------------------------------------------------- */

/* Only who waits is woken: it says so, then looks once more, before it sleeps. */
static void nudge(fani_gang_region *region, size_t member)
{
    fani_gang_member *m = &region->member[member];
    if (atomic_load(&m->waits) & ((1 << KIND_BITS) - 1)) {
        atomic_fetch_add(&m->door, 1);
        fani_futex_wake(&m->door, INT32_MAX);
    }
}

static void moved(const fani_gang_link *link, size_t peer)
{
    if (link->moved)
        link->moved(link->user, peer);
}

/* ---- Bytes --------------------------------------------------------------------------------- */

static void copy_in(fani_gang_ring *ring, size_t capacity, uint64_t at, const unsigned char *bytes,
                    size_t size)
{
    size_t place = at % capacity, first = capacity - place;
    if (first > size)
        first = size;
    memcpy(ring->bytes + place, bytes, first);
    memcpy(ring->bytes, bytes + first, size - first);
}

static void copy_out(const fani_gang_ring *ring, size_t capacity, uint64_t at, unsigned char *bytes,
                     size_t size)
{
    size_t place = at % capacity, first = capacity - place;
    if (first > size)
        first = size;
    memcpy(bytes, ring->bytes + place, first);
    memcpy(bytes + first, ring->bytes, size - first);
}

fan_status fani_gang_put(const fani_gang_link *link, size_t from, size_t to, const void *bytes,
                         size_t size, size_t *done)
{
    size_t capacity = fani_gang_capacity(link);
    fani_gang_ring *ring = fani_gang_ring_of(link, from, to);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t tail = atomic_load(&ring->tail);
    if (head - tail > capacity)
        return FAN_E_PROTOCOL;
    size_t room = capacity - (size_t)(head - tail);
    *done = size < room ? size : room;
    if (*done == 0)
        return FAN_OK;
    copy_in(ring, capacity, head, bytes, *done);
    atomic_store(&ring->head, head + *done);
    nudge(link->region, to);
    moved(link, to);
    return FAN_OK;
}

fan_status fani_gang_take(const fani_gang_link *link, size_t to, size_t from, void *bytes,
                          size_t size, size_t *done)
{
    size_t capacity = fani_gang_capacity(link);
    fani_gang_ring *ring = fani_gang_ring_of(link, from, to);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load(&ring->head);
    if (head - tail > capacity)
        return FAN_E_PROTOCOL;
    size_t there = (size_t)(head - tail);
    *done = size < there ? size : there;
    if (*done == 0)
        return FAN_OK;
    copy_out(ring, capacity, tail, bytes, *done);
    atomic_store(&ring->tail, tail + *done);
    nudge(link->region, from);
    moved(link, from);
    return FAN_OK;
}

/* Whether a member's wait is over: a byte to take, or room for one. */
static bool can_go_on(const fani_gang_link *link, size_t self, fani_gang_wait_kind kind,
                      size_t peer)
{
    bool receives = kind == FANI_GANG_RECEIVES;
    const fani_gang_ring *ring =
        fani_gang_ring_of(link, receives ? peer : self, receives ? self : peer);
    uint64_t held = atomic_load(&ring->head) - atomic_load(&ring->tail);
    return receives ? held != 0 : held < fani_gang_capacity(link);
}

/* ---- States and the end --------------------------------------------------------------------- */

static void nudge_all(const fani_gang_link *link)
{
    for (size_t i = 0; i < link->members; i++)
        nudge(link->region, i);
}

void fani_gang_set_state(const fani_gang_link *link, size_t member, fani_gang_state state)
{
    atomic_store(&link->region->member[member].state, state);
    if (state == FANI_GANG_RETURNED)
        nudge_all(link);
    moved(link, SIZE_MAX);
}

fani_gang_state fani_gang_get_state(const fani_gang_link *link, size_t member)
{
    return atomic_load(&link->region->member[member].state);
}

void fani_gang_end(const fani_gang_link *link, fan_status status, const char *text)
{
    fani_gang_region *region = link->region;
    uint32_t goes_on = 0;
    if (!atomic_compare_exchange_strong(&region->ended, &goes_on, 1))
        return;
    region->status = status;
    snprintf(region->text, sizeof region->text, "%s", text);
    atomic_store(&region->ended, 2);
    nudge_all(link);
    moved(link, SIZE_MAX);
}

/* The memory may be another process's to spoil. A member that died while it said why has at least
 * ended the gang. */
fan_status fani_gang_ended(const fani_gang_link *link, char *text)
{
    const fani_gang_region *region = link->region;
    uint32_t ended = atomic_load(&region->ended);
    if (!ended)
        return FAN_OK;
    if (ended == 1) {
        if (text)
            snprintf(text, FANI_GANG_TEXT, "a member ended in the middle of saying why");
        return FAN_E_LOST;
    }
    if (text) {
        memcpy(text, region->text, FANI_GANG_TEXT);
        text[FANI_GANG_TEXT - 1] = '\0';
    }
    uint32_t status = region->status;
    return status > FAN_OK && status <= FAN_E_PROTOCOL ? (fan_status)status : FAN_E_LOST;
}

/* ---- Deadlock ------------------------------------------------------------------------------ */

static fani_gang_wait_kind wait_kind(uint64_t waits)
{
    return (fani_gang_wait_kind)(waits & ((1 << KIND_BITS) - 1));
}

static size_t wait_peer(uint64_t waits)
{
    return (waits >> KIND_BITS) & ((1 << PEER_BITS) - 1);
}

/* Whether a member waits, or will never do anything again; adds its wait to the sign. */
static bool member_rests(const fani_gang_link *link, size_t i, uint64_t *sign, size_t *waiting)
{
    uint64_t waits = atomic_load(&link->region->member[i].waits);
    bool waits_now = wait_kind(waits) != FANI_GANG_AWAKE;
    fani_gang_state state = fani_gang_get_state(link, i);
    *sign = *sign * 31 + waits;
    *waiting += waits_now;
    return waits_now || state == FANI_GANG_RETURNED || state == FANI_GANG_ELSEWHERE;
}

static bool all_rest(const fani_gang_link *link, uint64_t *sign, size_t *waiting)
{
    *sign = *waiting = 0;
    for (size_t i = 0; i < link->members; i++)
        if (!member_rests(link, i, sign, waiting))
            return false;
    return true;
}

/* Whether what a member waits for is there. */
static bool member_will_wake(const fani_gang_link *link, size_t i)
{
    uint64_t waits = atomic_load(&link->region->member[i].waits);
    size_t peer = wait_peer(waits);
    if (wait_kind(waits) == FANI_GANG_AWAKE)
        return false;
    return peer >= link->members || fani_gang_get_state(link, peer) == FANI_GANG_RETURNED ||
           can_go_on(link, i, wait_kind(waits), peer);
}

/* Each wait has its own number: who has the same one before and after was in that wait all the time
 * between. So while it is asked what is there to wake them, nobody is awake who could change it. */
bool fani_gang_stuck(const fani_gang_link *link, uint64_t *sign, size_t *waiting)
{
    uint64_t after;
    if (!all_rest(link, sign, waiting))
        return false;
    for (size_t i = 0; i < link->members; i++)
        if (member_will_wake(link, i))
            return false;
    return all_rest(link, &after, waiting) && after == *sign;
}

void fani_gang_describe(const fani_gang_link *link, char *text)
{
    size_t used = 0, shown = 0;
    text[0] = '\0';
    for (size_t i = 0; i < link->members && used < FANI_GANG_TEXT - 48; i++) {
        uint64_t waits = atomic_load(&link->region->member[i].waits);
        bool sends = wait_kind(waits) == FANI_GANG_SENDS;
        if (wait_kind(waits) == FANI_GANG_AWAKE)
            continue;
        if (shown++ == PEERS_SHOWN) {
            snprintf(text + used, FANI_GANG_TEXT - used, ", ...");
            return;
        }
        used += (size_t)snprintf(
            text + used, FANI_GANG_TEXT - used, "%s%zu %s %zu", used ? ", " : "", i,
            sends ? "waits to send to" : "waits to receive from", wait_peer(waits));
    }
}

static void end_where_stuck(const fani_gang_link *link)
{
    char who[FANI_GANG_TEXT], text[FANI_GANG_TEXT + 64];
    uint64_t sign;
    size_t waiting;
    for (size_t i = 0; i < link->members; i++)
        if (fani_gang_get_state(link, i) == FANI_GANG_ELSEWHERE)
            return; /* whoever knows all ranks judges */
    if (!fani_gang_stuck(link, &sign, &waiting) || !waiting)
        return;
    fani_gang_describe(link, who);
    snprintf(text, sizeof text, "deadlock, every member waits for another: %s", who);
    fani_gang_end(link, FAN_E_FAILED, text);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

/* What ends a wait but what it is for; FAN_E_BUSY: nothing yet. */
static fan_status look(const fani_gang_link *link, size_t self, fani_gang_wait_kind kind,
                       size_t peer, const _Atomic bool *cancelled)
{
    /* In this order: a peer puts, then returns. */
    bool returned = fani_gang_get_state(link, peer) == FANI_GANG_RETURNED;
    fan_status ended = fani_gang_ended(link, NULL);
    if (ended != FAN_OK)
        return ended == FAN_E_CANCELLED ? FAN_E_CANCELLED : FAN_E_LOST;
    if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed))
        return FAN_E_CANCELLED;
    if (returned && kind == FANI_GANG_SENDS)
        return FAN_E_CLOSED;
    if (can_go_on(link, self, kind, peer))
        return FAN_OK;
    return returned ? FAN_E_CLOSED : FAN_E_BUSY;
}

fan_status fani_gang_wait(const fani_gang_link *link, size_t self, fani_gang_wait_kind kind,
                          size_t peer, const _Atomic bool *cancelled)
{
    fani_gang_member *me = &link->region->member[self];
    fan_status status = look(link, self, kind, peer, cancelled);
    for (int i = 0; status == FAN_E_BUSY && i < SPINS; i++) {
        fani_cpu_relax();
        status = look(link, self, kind, peer, cancelled);
    }
    if (status != FAN_E_BUSY)
        return status;
    uint64_t number = (atomic_load(&me->waits) >> (KIND_BITS + PEER_BITS)) + 1;
    uint64_t waits = (number << (KIND_BITS + PEER_BITS)) | ((uint64_t)peer << KIND_BITS) | kind;
    atomic_store(&me->waits, waits);
    for (;;) {
        uint32_t door = atomic_load(&me->door);
        status = look(link, self, kind, peer, cancelled);
        if (status != FAN_E_BUSY)
            break;
        end_where_stuck(link);
        if (fani_gang_ended(link, NULL) == FAN_OK)
            (void)fani_futex_wait(&me->door, door, fani_clock_ns() + LOOK_NS);
    }
    atomic_store(&me->waits, number << (KIND_BITS + PEER_BITS));
    return status;
}
