/* Messages above the limit of a link travel in parts: with a limit of 4 KiB, so that every kind of
 * message does. */
#include <stdlib.h>
#include <time.h>

#include "exec/mpi/link.h"
#include "exec/mpi/testing.h"
#include "world.h"

enum { LIMIT = 4096 };

static fan_executor *open_limited(const char *local, const char *host)
{
    const struct fani_mpi_testing testing = {.message_limit = LIMIT,
                                             .host = host ? host : the_world()->host};
    fan_mpi_options mpi = world_options();
    mpi.local = local;
    mpi.testing = &testing;
    return world_open(&mpi, 1);
}

/* ---- The link ------------------------------------------------------------------------------ */

static const size_t sizes[] = {
    LIMIT - 1, 0, LIMIT, 3 * LIMIT + 1, LIMIT + 1, 1, 2 * LIMIT, 60 * LIMIT - 1, 16,
};
enum { SIZES = sizeof sizes / sizeof *sizes, ROUNDS = 2 };

typedef struct inbox {
    int came; /* messages, of all ranks */
    int wrong;
    int placed;
    unsigned char *room; /* where those of tag 3 go */
} inbox;

static unsigned char byte_of(int from, size_t number, size_t at)
{
    return (unsigned char)(pattern(at) + (size_t)from * 31 + number);
}

static void take(void *user, fani_message *message)
{
    inbox *in = user;
    size_t number = message->size ? message->bytes[0] : 0;
    in->came++;
    in->wrong += message->borrowed != (message->tag == 3);
    in->placed += message->tag == 3;
    /* The first byte gives its number, and that its size. */
    in->wrong += number >= SIZES || (message->size && sizes[number] != message->size);
    for (size_t i = 1; i < message->size && number < SIZES; i++)
        in->wrong += message->bytes[i] != byte_of(message->peer, number, i);
    free(message);
}

/* One at a time has tag 3: the test sends the next one when it is here. */
static unsigned char *give_room(void *user, int peer, int tag, size_t size)
{
    inbox *in = user;
    (void)peer, (void)size;
    return tag == 3 ? in->room : NULL;
}

static void ignore(void *user, int peer)
{
    (void)user, (void)peer;
}

static void fill(unsigned char *bytes, size_t number)
{
    for (size_t i = 1; i < sizes[number]; i++)
        bytes[i] = byte_of(the_world()->rank, number, i);
    if (sizes[number])
        bytes[0] = (unsigned char)number;
}

static void send_all(fani_link *link)
{
    for (int round = 0; round < ROUNDS; round++)
        for (size_t n = 0; n < SIZES; n++)
            for (int r = 0; r < the_world()->size; r++) {
                fani_message *message = fani_message_new(r, 1 + (int)(n % 2), sizes[n]);
                fill(message->bytes, n);
                fani_link_send(link, message);
            }
}

static void step_until(fani_link *link, const int *count, int wanted)
{
    fan_deadline end = fan_deadline_in_ms(120000);
    struct timespec now;
    do {
        fani_link_step(link);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((*count < wanted || atomic_load(&link->unsent)) &&
             now.tv_sec * INT64_C(1000000000) + now.tv_nsec < end);
    EXPECT_I64(*count, wanted);
    EXPECT_U64(atomic_load(&link->unsent), 0);
    EXPECT_I64(fani_link_broken(link, NULL), FAN_OK);
}

FAN_TEST(mpi_parts, messages_of_all_sizes_to_all)
{
    fani_link link;
    inbox in = {.room = malloc(61 * LIMIT)};
    const fani_link_user user = {.place = give_room, .handle = take, .heard = ignore, .user = &in};
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    ASSERT_I64(fani_link_init(&link, comm, &user, NULL), FAN_OK);
    link.limit = LIMIT;
    send_all(&link);
    step_until(&link, &in.came, ROUNDS * SIZES * the_world()->size);
    /* And from memory of the sender's into memory of the receiver's, around a ring. */
    unsigned char *bytes = malloc(61 * LIMIT);
    for (size_t n = 0; n < SIZES; n++) {
        MPI_Barrier(MPI_COMM_WORLD);
        fill(bytes, n);
        int next = (the_world()->rank + 1) % the_world()->size;
        fani_link_send(&link, fani_message_borrow(next, 3, bytes, sizes[n]));
        step_until(&link, &in.placed, (int)n + 1);
        EXPECT_U64(atomic_load(&link.borrowed), 0);
    }
    EXPECT_I64(in.wrong, 0);
    MPI_Barrier(MPI_COMM_WORLD);
    fani_link_destroy(&link);
    MPI_Comm_free(&comm);
    free(bytes);
    free(in.room);
}

/* ---- The executor -------------------------------------------------------------------------- */

enum { ITEMS = 420, BELOW = 400 };

typedef struct echoed {
    const unsigned char *bytes;
    const uint64_t *offsets;
    size_t pulled;
    int wrong;
} echoed;

static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    echoed *e = user;
    size_t count = ITEMS - e->pulled < max_items ? ITEMS - e->pulled : max_items;
    (void)error, (void)max_bytes;
    items->bytes = e->bytes;
    items->offsets = e->offsets + e->pulled;
    items->count = count;
    e->pulled += count;
    return FAN_OK;
}

static fan_status check_echo(void *user, const fan_outcome *outcomes, size_t count,
                             fan_error *error)
{
    echoed *e = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        const fan_outcome *o = &outcomes[i];
        uint64_t from = e->offsets[o->index], size = e->offsets[o->index + 1] - from;
        e->wrong += o->kind != FAN_OUTCOME_OK || o->size != size;
        for (size_t b = 0; b < size && o->size == size; b++)
            e->wrong += o->bytes[b] != e->bytes[from + size - 1 - b];
    }
    return FAN_OK;
}

/* Inputs and replies whose messages have every length around the limit, whatever goes before the
 * bytes in them. */
static void echo_around(fan_executor *executor, size_t middle, size_t batch)
{
    static unsigned char bytes[ITEMS * (3 * LIMIT + 30)];
    uint64_t offsets[ITEMS + 1] = {0};
    for (size_t i = 0; i < ITEMS; i++)
        offsets[i + 1] = offsets[i] + middle - BELOW + i;
    for (size_t i = 0; i < offsets[ITEMS]; i++)
        bytes[i] = pattern(i);
    echoed e = {.bytes = bytes, .offsets = offsets};
    fan_map_options options = {.batch = batch};
    EXPECT_I64(fan_map(executor, &task_echo, fan_source_callback(pull, &e, ITEMS),
                       fan_sink_callback(check_echo, &e), &options, NULL),
               FAN_OK);
    EXPECT_I64(e.wrong, 0);
}

static void echo_all(const char *local)
{
    fan_executor *executor = open_limited(local, NULL);
    if (executor && the_world()->rank == 0) {
        echo_around(executor, 400, 1);
        echo_around(executor, LIMIT, 1);
        echo_around(executor, 3 * LIMIT, 1);
        echo_around(executor, LIMIT, 50);
    }
    world_close(executor);
}

FAN_TEST(mpi_parts, inputs_and_replies)
{
    echo_all("threads");
}

FAN_TEST(mpi_parts, inputs_and_replies_of_processes)
{
    echo_all("processes");
}

FAN_TEST(mpi_parts, arguments_and_errors)
{
    fan_executor *executor = open_limited(NULL, NULL);
    static unsigned char args[5 * LIMIT];
    uint64_t words[64];
    if (executor && the_world()->rank == 0) {
        int failed = 0;
        fan_map_options options = {.args = args, .args_size = sizeof args, .batch = 8};
        for (uint64_t i = 0; i < 64; i++)
            words[i] = i;
        EXPECT_I64(fan_map(executor, &task_picky, fan_source_array(words, 8, 64),
                           fan_sink_callback(count_failed, &failed), &options, NULL),
                   FAN_OK);
        EXPECT_I64(failed, 9);
    }
    world_close(executor);
}

/* Every rank a host of its own: the bytes go down the tree of leaders. */
FAN_TEST(mpi_parts, shares)
{
    static const char *const hosts[] = {"a", "b", "c", "d", "e"};
    fan_executor *executor = open_limited(NULL, hosts[the_world()->rank % 5]);
    for (size_t n = 0; n < SIZES && executor && the_world()->rank == 0; n++) {
        unsigned char *bytes = malloc(sizes[n] + 1);
        uint64_t words[20] = {0}, sums[20];
        fan_shared shared = {0};
        fill(bytes, n);
        EXPECT_I64(fan_share(executor, bytes, sizes[n], &shared), FAN_OK);
        fan_map_options options = {.args = &shared.id, .args_size = sizeof shared.id, .batch = 1};
        EXPECT_I64(fan_map(executor, &task_sum, fan_source_array(words, 8, 20),
                           fan_sink_array(sums, 8, 20), &options, NULL),
                   FAN_OK);
        for (int i = 0; i < 20; i++)
            EXPECT_U64(sums[i], digest(bytes, sizes[n]));
        EXPECT_I64(fan_unshare(executor, shared), FAN_OK);
        free(bytes);
    }
    world_close(executor);
}

/* ---- Above 2 GiB --------------------------------------------------------------------------- */

/* Two replies that fit, in one batch whose message is longer than MPI can count. */
FAN_TEST(mpi_parts, above_2_gib)
{
    if (!the_world()->with_long || the_world()->size == 1)
        SKIP("takes 10 GB of memory: for --long, and more than one rank");
    fan_executor *executor = world_open_threads(1);
    if (executor && the_world()->rank == 0) {
        uint64_t lengths[4];
        int failed = 0;
        for (int i = 0; i < 4; i++)
            lengths[i] = 1100000000;
        fan_map_options options = {.batch = 2};
        EXPECT_I64(fan_map(executor, &task_grow, fan_source_array(lengths, 8, 4),
                           fan_sink_callback(count_failed, &failed), &options, NULL),
                   FAN_OK);
        EXPECT_I64(failed, 0);
    }
    world_close(executor);
}
