#include "ring.h"

/* Fills the room at the end of the ring where a frame did not fit. */
enum { KIND_PADDING = 0xff };

/* What was passed is given back at this part of the ring. */
enum { RELEASE_PART = 16 };

/* So far ahead of a frame memory is asked for. */
enum { EXPECTED = 3 * FANI_PROCESSES_LINE };

_Static_assert(sizeof(fani_processes_frame) == FANI_PROCESSES_FRAME, "half a line");

static uint64_t frame_bytes(uint64_t size)
{
    return (FANI_PROCESSES_FRAME + size + FANI_PROCESSES_LINE - 1) / FANI_PROCESSES_LINE *
           FANI_PROCESSES_LINE;
}

static fani_processes_frame *frame_at(const fani_processes_ring *ring, uint64_t position)
{
    return (fani_processes_frame *)(void *)(ring->bytes + (position & (ring->capacity - 1)));
}

/* Asks for the memory of a frame to come, to have it here when it is wanted: the other end had it
 * last. */
static void expect(const fani_processes_ring *ring, uint64_t position)
{
    fani_fetch_to_write(ring->bytes + (position & (ring->capacity - 1)));
}

static bool has_room(fani_processes_ring *ring, uint64_t bytes)
{
    if (ring->capacity - (ring->at - ring->far) >= bytes)
        return true;
    uint64_t far = atomic_load_explicit(&ring->ends->tail, memory_order_acquire);
    if (far - ring->far > ring->at - ring->far) { /* behind what it was, or beyond what there is */
        ring->broken = true;
        return false;
    }
    ring->far = far;
    return ring->capacity - (ring->at - far) >= bytes;
}

static fani_processes_frame *put_frame(fani_processes_ring *ring, uint64_t size)
{
    fani_processes_frame *frame = frame_at(ring, ring->at);
    frame->size = (uint32_t)size;
    atomic_store_explicit(&frame->claim, FANI_PROCESSES_WAITING, memory_order_relaxed);
    ring->next = ring->at + frame_bytes(size);
    expect(ring, ring->next + EXPECTED);
    return frame;
}

fani_processes_frame *fani_processes_ring_reserve(fani_processes_ring *ring, size_t size)
{
    uint64_t need = frame_bytes(size);
    uint64_t to_end = ring->capacity - (ring->at & (ring->capacity - 1));
    uint64_t skip = need > to_end ? to_end : 0;
    if (!has_room(ring, skip + need))
        return NULL;
    if (skip) {
        put_frame(ring, skip - FANI_PROCESSES_FRAME)->kind = KIND_PADDING;
        ring->at = ring->next;
    }
    return put_frame(ring, size);
}

/* A frame that was released may be overwritten already: its position tells. */
static bool released(const fani_processes_ring *ring, uint64_t position)
{
    return position < atomic_load_explicit(&ring->ends->tail, memory_order_acquire);
}

bool fani_processes_ring_take_back(fani_processes_ring *ring, uint64_t position)
{
    uint32_t waiting = FANI_PROCESSES_WAITING;
    return !released(ring, position) &&
           atomic_compare_exchange_strong(&frame_at(ring, position)->claim, &waiting,
                                          FANI_PROCESSES_REVOKED);
}

bool fani_processes_ring_untaken(const fani_processes_ring *ring, uint64_t position)
{
    return !released(ring, position) &&
           atomic_load(&frame_at(ring, position)->claim) == FANI_PROCESSES_WAITING;
}

bool fani_processes_ring_begun(const fani_processes_ring *ring, uint64_t position)
{
    return !released(ring, position) &&
           atomic_load(&frame_at(ring, position)->claim) == FANI_PROCESSES_BEGUN;
}

/* Finds the frame at this end's position. Its numbers are copied before they are checked. */
static fan_status read_frame(fani_processes_ring *ring, fani_processes_message *message)
{
    fani_processes_frame *frame = frame_at(ring, ring->at);
    uint64_t available = ring->far - ring->at;
    uint64_t to_end = ring->capacity - (ring->at & (ring->capacity - 1));
    *message = (fani_processes_message){
        .frame = frame,
        .bytes = (unsigned char *)frame + FANI_PROCESSES_FRAME,
        .size = frame->size,
        .kind = frame->kind,
        .flags = frame->flags,
        .context = frame->context,
        .posting = frame->posting,
    };
    if (message->size > ring->capacity)
        return FAN_E_PROTOCOL;
    uint64_t bytes = frame_bytes(message->size);
    if (bytes > available || bytes > to_end)
        return FAN_E_PROTOCOL;
    ring->next = ring->at + bytes;
    if (available > bytes + EXPECTED) /* the producer is past it */
        expect(ring, ring->next + EXPECTED);
    return FAN_OK;
}

fan_status fani_processes_ring_peek(fani_processes_ring *ring, fani_processes_message *message)
{
    for (;;) {
        if (ring->far == ring->at)
            ring->far = atomic_load_explicit(&ring->ends->head, memory_order_acquire);
        if (ring->far == ring->at) {
            *message = (fani_processes_message){0};
            return FAN_OK;
        }
        if (ring->far - ring->at > ring->capacity || ring->far % FANI_PROCESSES_LINE)
            return FAN_E_PROTOCOL;
        fan_status status = read_frame(ring, message);
        if (status != FAN_OK || message->kind != KIND_PADDING)
            return status;
        fani_processes_ring_pass(ring);
    }
}

void fani_processes_ring_release(fani_processes_ring *ring)
{
    if (ring->released == ring->at)
        return;
    ring->released = ring->at;
    atomic_store_explicit(&ring->ends->tail, ring->at, memory_order_release);
}

void fani_processes_ring_release_some(fani_processes_ring *ring)
{
    if (ring->at - ring->released >= ring->capacity / RELEASE_PART)
        fani_processes_ring_release(ring);
}
