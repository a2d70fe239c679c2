/* The rings between the program and a worker image. */
#include <pthread.h>
#include <stdlib.h>

#include "exec/processes/ring.h"
#include "shim/shim.h"

enum { CAPACITY = 4096 };

typedef struct pair {
    fani_processes_ends ends;
    _Alignas(64) unsigned char bytes[CAPACITY];
    fani_processes_ring producer, consumer;
} pair;

static pair *new_pair(void)
{
    pair *p = aligned_alloc(64, sizeof *p);
    if (!p)
        abort();
    memset(p, 0, sizeof *p);
    p->producer = p->consumer =
        (fani_processes_ring){.ends = &p->ends, .bytes = p->bytes, .capacity = CAPACITY};
    return p;
}

/* The n-th message: its size and bytes follow from n. */
static size_t size_of(uint64_t n)
{
    return (size_t)(n * 2654435761u % (CAPACITY / 4));
}

static unsigned char byte_of(uint64_t n, size_t i)
{
    return (unsigned char)(n * 31 + i * 7);
}

static bool put(fani_processes_ring *ring, uint64_t n, uint64_t *position)
{
    size_t size = size_of(n);
    fani_processes_frame *frame = fani_processes_ring_reserve(ring, size);
    if (!frame)
        return false;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)(frame + 1))[i] = byte_of(n, i);
    frame->kind = 1;
    frame->posting = n;
    frame->controls = (uint32_t)n + 5;
    *position = fani_processes_ring_publish(ring);
    return true;
}

static bool is_message(const fani_processes_message *message, uint64_t n)
{
    bool same = message->size == size_of(n) && message->posting == n &&
                message->frame->controls == n + 5 && (uintptr_t)message->bytes % 32 == 0;
    for (size_t i = 0; same && i < message->size; i++)
        same = message->bytes[i] == byte_of(n, i);
    return same;
}

static void pass(pair *p)
{
    fani_processes_ring_pass(&p->consumer);
    fani_processes_ring_release(&p->consumer);
}

FAN_TEST(processes_ring, empty_ring_has_nothing)
{
    pair *p = new_pair();
    fani_processes_message message;
    EXPECT_I64(fani_processes_ring_peek(&p->consumer, &message), FAN_OK);
    EXPECT_TRUE(!message.frame);
    EXPECT_TRUE(!fani_processes_ring_waiting(&p->consumer));
    free(p);
}

/* Filled until nothing fits, then emptied, many times over: every wrap and padding comes by. */
FAN_TEST(processes_ring, messages_come_out_as_they_went_in)
{
    pair *p = new_pair();
    uint64_t in = 0, out = 0, position;
    fani_processes_message message;
    for (int round = 0; round < 5000; round++) {
        while (put(&p->producer, in, &position))
            in++;
        uint64_t keep = (uint64_t)round % 3;
        while (out + keep < in) {
            ASSERT_I64(fani_processes_ring_peek(&p->consumer, &message), FAN_OK);
            ASSERT_TRUE(message.frame && is_message(&message, out));
            pass(p);
            out++;
            EXPECT_TRUE(fani_processes_ring_waiting(&p->consumer) == (out < in));
        }
    }
    EXPECT_TRUE(in > 10000);
    EXPECT_TRUE(!p->producer.broken);
    free(p);
}

FAN_TEST(processes_ring, largest_message_fits_wherever_the_ring_stands)
{
    pair *p = new_pair();
    fani_processes_message message;
    for (int i = 0; i < 300; i++) {
        size_t size = i % 2 ? (size_t)i : CAPACITY / 4 - FANI_PROCESSES_FRAME;
        fani_processes_frame *frame = fani_processes_ring_reserve(&p->producer, size);
        ASSERT_TRUE(frame != NULL);
        frame->kind = 1;
        fani_processes_ring_publish(&p->producer);
        ASSERT_I64(fani_processes_ring_peek(&p->consumer, &message), FAN_OK);
        ASSERT_U64(message.size, size);
        pass(p);
    }
    free(p);
}

static void *produce(void *argument)
{
    pair *p = argument;
    uint64_t position;
    for (uint64_t n = 0; n < 100000;)
        if (put(&p->producer, n, &position))
            n++;
        else
            sched_yield();
    return NULL;
}

FAN_TEST(processes_ring, two_threads)
{
    pair *p = new_pair();
    pthread_t thread;
    ASSERT_I64(pthread_create(&thread, NULL, produce, p), 0);
    for (uint64_t n = 0; n < 100000;) {
        fani_processes_message message;
        if (fani_processes_ring_peek(&p->consumer, &message) != FAN_OK ||
            (message.frame && !is_message(&message, n))) {
            shim_fail(__FILE__, __LINE__, "message %llu is not what was sent",
                      (unsigned long long)n);
            break;
        }
        if (!message.frame) {
            sched_yield();
            continue;
        }
        pass(p);
        n++;
    }
    if (shim_failed())
        pthread_cancel(thread);
    pthread_join(thread, NULL);
    free(p);
}

FAN_TEST(processes_ring, a_frame_is_begun_or_taken_back_never_both)
{
    pair *p = new_pair();
    uint64_t first, second;
    fani_processes_message message;
    ASSERT_TRUE(put(&p->producer, 1, &first) && put(&p->producer, 2, &second));
    EXPECT_TRUE(fani_processes_ring_take_back(&p->producer, second));
    EXPECT_TRUE(!fani_processes_ring_take_back(&p->producer, second));

    ASSERT_I64(fani_processes_ring_peek(&p->consumer, &message), FAN_OK);
    EXPECT_TRUE(!fani_processes_ring_begun(&p->producer, first));
    EXPECT_TRUE(fani_processes_ring_begin(&message));
    EXPECT_TRUE(fani_processes_ring_begun(&p->producer, first));
    EXPECT_TRUE(!fani_processes_ring_take_back(&p->producer, first));
    pass(p);
    EXPECT_TRUE(!fani_processes_ring_begun(&p->producer, first));
    EXPECT_TRUE(!fani_processes_ring_take_back(&p->producer, first));

    ASSERT_I64(fani_processes_ring_peek(&p->consumer, &message), FAN_OK);
    EXPECT_TRUE(!fani_processes_ring_begin(&message));
    EXPECT_TRUE(!fani_processes_ring_begun(&p->producer, second));
    free(p);
}

/* A released frame's place may hold another's bytes: it can't be taken back by its old position. */
FAN_TEST(processes_ring, an_overwritten_frame_is_not_taken_back)
{
    pair *p = new_pair();
    uint64_t old, position;
    fani_processes_message message;
    ASSERT_TRUE(put(&p->producer, 0, &old));
    ASSERT_I64(fani_processes_ring_peek(&p->consumer, &message), FAN_OK);
    pass(p);
    for (uint64_t n = 1; put(&p->producer, n, &position); n++)
        ;
    EXPECT_TRUE(!fani_processes_ring_take_back(&p->producer, old));
    free(p);
}

/* What a worker gone wild may leave behind must be refused and never read past the ring. */
FAN_TEST(processes_ring, nonsense_is_refused)
{
    static const uint32_t sizes[] = {UINT32_MAX, CAPACITY, CAPACITY - 1, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pair *p = new_pair();
        fani_processes_message message;
        fani_processes_frame *frame = fani_processes_ring_reserve(&p->producer, 64);
        ASSERT_TRUE(frame != NULL);
        frame->kind = 1;
        fani_processes_ring_publish(&p->producer);
        frame->size = sizes[i];
        EXPECT_I64(fani_processes_ring_peek(&p->consumer, &message), FAN_E_PROTOCOL);
        free(p);
    }
    static const uint64_t heads[] = {UINT64_MAX, CAPACITY + 32, 33};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        pair *p = new_pair();
        fani_processes_message message;
        atomic_store(&p->ends.head, heads[i]);
        EXPECT_I64(fani_processes_ring_peek(&p->consumer, &message), FAN_E_PROTOCOL);
        free(p);
    }
}

FAN_TEST(processes_ring, a_wild_tail_breaks_the_producer_and_nothing_else)
{
    pair *p = new_pair();
    uint64_t position;
    while (put(&p->producer, 3, &position))
        ;
    atomic_store(&p->ends.tail, UINT64_MAX - 5);
    EXPECT_TRUE(!fani_processes_ring_reserve(&p->producer, CAPACITY / 4));
    EXPECT_TRUE(p->producer.broken);
    free(p);
}
