#include "link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "check.h"
#include "chunk.h"
#include "tags.h"
#include "testing.h"

enum {
    HEADER_SIZE = 64,
    /* Bytes on their way each way at once (one message may exceed it): what is not sent yet waits
     * in the outbox, so that MPI's own buffers stay small. */
    FLIGHT_BYTES_MAX = 64 << 20,
    FLIGHTS_MAX = 4096,
    MATCHES_A_STEP = 32,
};

_Static_assert(sizeof(fani_message) <= HEADER_SIZE, "the payload follows the header");

/* ---- Messages ------------------------------------------------------------------------------ */

static fani_message *message_sized(int peer, int tag, size_t size, size_t memory)
{
    if (memory > SIZE_MAX - HEADER_SIZE)
        return NULL;
    fani_message *message = malloc(HEADER_SIZE + memory);
    if (message)
        *message = (fani_message){.peer = peer,
                                  .tag = tag,
                                  .size = size,
                                  .bytes = (unsigned char *)message + HEADER_SIZE};
    return message;
}

fani_message *fani_message_new(int peer, int tag, size_t size)
{
    return message_sized(peer, tag, size, size);
}

fani_message *fani_message_borrow(int peer, int tag, unsigned char *bytes, size_t size)
{
    fani_message *message = message_sized(peer, tag, size, 0);
    if (message) {
        message->bytes = bytes;
        message->borrowed = true;
    }
    return message;
}

static void free_chain(fani_message *message)
{
    while (message) {
        fani_message *next = message->next;
        free(message);
        message = next;
    }
}

/* ---- Flights ------------------------------------------------------------------------------- */

/* Room for one more, made before MPI is asked for anything, so that no request is ever lost. */
static bool flights_reserve(fani_flights *flights)
{
    if (flights->count < flights->capacity)
        return true;
    size_t capacity = flights->capacity ? (size_t)flights->capacity * 2 : 64;
    MPI_Request *requests = reallocarray(flights->requests, capacity, sizeof *requests);
    if (requests)
        flights->requests = requests;
    fani_message **messages = reallocarray(flights->messages, capacity, sizeof(fani_message *));
    if (messages)
        flights->messages = messages;
    int *done = reallocarray(flights->done, capacity, sizeof *done);
    if (done)
        flights->done = done;
    MPI_Status *statuses = reallocarray(flights->statuses, capacity, sizeof *statuses);
    if (statuses)
        flights->statuses = statuses;
    if (!requests || !messages || !done || !statuses)
        return false;
    flights->capacity = (int)capacity;
    return true;
}

static void flights_add(fani_flights *flights, MPI_Request request, fani_message *message)
{
    flights->requests[flights->count] = request;
    flights->messages[flights->count] = message;
    flights->count++;
    flights->bytes += message->size;
}

static bool flights_full(const fani_flights *flights, size_t size)
{
    return flights->count >= FLIGHTS_MAX ||
           (flights->count > 0 && flights->bytes + size > FLIGHT_BYTES_MAX);
}

static void flights_clear(fani_flights *flights, bool broken)
{
    if (!broken)
        for (int i = 0; i < flights->count; i++)
            free(flights->messages[i]);
    free(flights->requests);
    free(flights->messages);
    free(flights->done);
    free(flights->statuses);
    *flights = (fani_flights){0};
}

/* Asks MPI which flights have ended; gives them as a chain in the order they began. */
static fani_message *flights_landed(fani_flights *flights, fani_link *link)
{
    if (flights->count == 0)
        return NULL;
    int ended = 0;
    fan_error error;
    if (fani_mpi_check(MPI_Testsome(flights->count, flights->requests, &ended, flights->done,
                                    flights->statuses),
                       "MPI_Testsome", &error)) {
        fani_link_break(link, error.status, error.text);
        return NULL;
    }
    if (ended == MPI_UNDEFINED || ended <= 0)
        return NULL;
    fani_message *chain = NULL, **end = &chain;
    int kept = 0;
    for (int i = 0; i < flights->count; i++) {
        if (flights->requests[i] == MPI_REQUEST_NULL) {
            *end = flights->messages[i];
            end = &flights->messages[i]->next;
            flights->bytes -= flights->messages[i]->size;
            continue;
        }
        flights->requests[kept] = flights->requests[i];
        flights->messages[kept] = flights->messages[i];
        kept++;
    }
    *end = NULL;
    flights->count = kept;
    return chain;
}

/* ---- The link ------------------------------------------------------------------------------ */

fan_status fani_link_init(fani_link *link, MPI_Comm comm, const fani_link_user *user,
                          fan_error *error)
{
    *link = (fani_link){.comm = comm, .user = *user, .limit = FANI_LINK_LIMIT};
    link->outbox_end = &link->outbox;
    int code = pthread_mutex_init(&link->lock, NULL);
    return code ? fani_error_errno(error, FAN_E_SYSTEM, code, "pthread_mutex_init") : FAN_OK;
}

void fani_link_destroy(fani_link *link)
{
    bool broken = atomic_load(&link->broken);
    flights_clear(&link->sends, broken);
    flights_clear(&link->receives, broken);
    free_chain(link->outbox);
    if (!broken) {
        free(link->next_out);
        fani_chunk_clear(link);
    }
    pthread_mutex_destroy(&link->lock);
}

fani_message *fani_link_room(fani_link *link, int peer, int tag, size_t size)
{
    unsigned char *place =
        link->user.place ? link->user.place(link->user.user, peer, tag, size) : NULL;
    fani_message *message =
        place ? fani_message_borrow(peer, tag, place, size) : fani_message_new(peer, tag, size);
    if (!message) {
        char text[128];
        snprintf(text, sizeof text, "no memory for a message of %zu bytes from rank %d", size,
                 peer);
        fani_link_break(link, FAN_E_MEMORY, text);
    }
    return message;
}

void fani_link_send(fani_link *link, fani_message *message)
{
    if (!message) {
        fani_link_break(link, FAN_E_MEMORY, "no memory for a message");
        return;
    }
    message->next = NULL;
    atomic_fetch_add(&link->unsent, 1);
    if (message->borrowed)
        atomic_fetch_add(&link->borrowed, 1);
    pthread_mutex_lock(&link->lock);
    *link->outbox_end = message;
    link->outbox_end = &message->next;
    pthread_mutex_unlock(&link->lock);
}

void fani_link_break(fani_link *link, fan_status status, const char *text)
{
    pthread_mutex_lock(&link->lock);
    if (!atomic_load(&link->broken)) {
        fani_error_set(&link->why_broken, status, "%s", text);
        atomic_store(&link->broken, true);
    }
    pthread_mutex_unlock(&link->lock);
}

fan_status fani_link_broken(fani_link *link, fan_error *error)
{
    if (!atomic_load(&link->broken))
        return FAN_OK;
    pthread_mutex_lock(&link->lock);
    fan_status status = link->why_broken.status;
    if (error)
        *error = link->why_broken;
    pthread_mutex_unlock(&link->lock);
    return status;
}

static void sent_whole(fani_link *link, fani_message *message)
{
    if (message->borrowed)
        atomic_fetch_sub(&link->borrowed, 1);
    atomic_fetch_sub(&link->unsent, 1);
    free(message);
}

static void sent(fani_link *link, fani_message *message)
{
    if (message->whole && fani_chunk_done(message))
        sent_whole(link, message->whole);
    sent_whole(link, message);
}

static fani_message *next_message(fani_link *link)
{
    if (link->next_out || atomic_load(&link->unsent) == (size_t)link->sends.count)
        return link->next_out;
    pthread_mutex_lock(&link->lock);
    fani_message *message = link->outbox;
    if (message) {
        link->outbox = message->next;
        if (!link->outbox)
            link->outbox_end = &link->outbox;
    }
    pthread_mutex_unlock(&link->lock);
    link->next_out = message;
    return message;
}

/* NOLINTBEGIN(clang-analyzer-optin.mpi.MPI-Checker): requests that have not ended go into the
 * flights, where MPI_Testsome completes them; the checker looks at one function at a time. */

/* Starts one send. Short ones have ended before MPI_Isend returns, and are not worth a place among
 * the flights. */
static void start_send(fani_link *link, fani_message *message)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int ended = 0;
    fan_error error;
    fan_status status = fani_mpi_check(MPI_Isend(message->bytes, (int)message->size, MPI_BYTE,
                                                 message->peer, message->tag, link->comm, &request),
                                       "MPI_Isend", &error);
    if (!status)
        status = fani_mpi_check(MPI_Test(&request, &ended, MPI_STATUS_IGNORE), "MPI_Test", &error);
    if (status)
        fani_link_break(link, status, error.text);
    if (link->traffic && message->tag != FANI_TAG_HEARTBEAT)
        link->traffic[message->peer].sent++;
    if (ended)
        sent(link, message);
    else
        flights_add(&link->sends, request, message);
}

static bool start_sends(fani_link *link)
{
    bool moved = false;
    while (!atomic_load(&link->broken)) {
        fani_message *message = next_message(link);
        bool is_long = message && message->size > link->limit;
        if (!message || flights_full(&link->sends, is_long ? link->limit : message->size))
            break;
        if (is_long)
            message = fani_chunk_cut(link);
        else
            link->next_out = NULL;
        if (!message || !flights_reserve(&link->sends)) {
            fani_link_break(link, FAN_E_MEMORY, "no memory to keep track of a send");
            break;
        }
        start_send(link, message);
        moved = true;
    }
    return moved;
}

static bool end_sends(fani_link *link)
{
    fani_message *chain = flights_landed(&link->sends, link);
    bool moved = chain != NULL;
    while (chain) {
        fani_message *message = chain;
        chain = chain->next;
        sent(link, message);
    }
    return moved;
}

static void landed(fani_link *link, fani_message *message)
{
    if (message->tag < FANI_TAG_LONG)
        link->user.handle(link->user.user, message);
    else
        fani_chunk_landed(link, message);
}

/* Receives a matched message of `size` bytes: at once where it is here already. */
static void start_receive(fani_link *link, MPI_Message *match, int peer, int tag, int size)
{
    fani_message *message = tag == FANI_TAG_PART ? fani_chunk_room(link, peer, (size_t)size)
                                                 : fani_link_room(link, peer, tag, (size_t)size);
    if (!message)
        return;
    link->heads += tag == FANI_TAG_LONG;
    MPI_Request request = MPI_REQUEST_NULL;
    int ended = 0;
    fan_error error;
    fan_status status = fani_mpi_check(MPI_Imrecv(message->bytes, size, MPI_BYTE, match, &request),
                                       "MPI_Imrecv", &error);
    if (!status)
        status = fani_mpi_check(MPI_Test(&request, &ended, MPI_STATUS_IGNORE), "MPI_Test", &error);
    if (status)
        fani_link_break(link, status, error.text);
    if (link->traffic && tag != FANI_TAG_HEARTBEAT)
        link->traffic[peer].received++;
    if (ended)
        landed(link, message);
    else
        flights_add(&link->receives, request, message);
}

/* NOLINTEND(clang-analyzer-optin.mpi.MPI-Checker) */

static bool match_one(fani_link *link, int tag)
{
    int found = 0, size = 0;
    MPI_Message match = MPI_MESSAGE_NULL;
    MPI_Status status;
    fan_error error;
    if (fani_mpi_check(MPI_Improbe(MPI_ANY_SOURCE, tag, link->comm, &found, &match, &status),
                       "MPI_Improbe", &error) ||
        (found &&
         fani_mpi_check(MPI_Get_count(&status, MPI_BYTE, &size), "MPI_Get_count", &error))) {
        fani_link_break(link, error.status, error.text);
        return false;
    }
    if (!found)
        return false;
    start_receive(link, &match, status.MPI_SOURCE, status.MPI_TAG, size);
    return true;
}

/* Nothing overtakes the head of a long message, nor is more taken in than there is room for; but
 * signs of life are heard all the same. */
static int wanted_tag(const fani_link *link)
{
    bool full =
        link->heads || flights_full(&link->receives, 0) || link->receives.bytes > FLIGHT_BYTES_MAX;
    return full ? FANI_TAG_HEARTBEAT : MPI_ANY_TAG;
}

static bool start_receives(fani_link *link)
{
    bool moved = false;
    for (int i = 0; i < MATCHES_A_STEP && !atomic_load(&link->broken); i++) {
        if (!flights_reserve(&link->receives)) {
            fani_link_break(link, FAN_E_MEMORY, "no memory to keep track of a receive");
            break;
        }
        if (!match_one(link, wanted_tag(link)))
            break;
        moved = true;
    }
    return moved;
}

static bool end_receives(fani_link *link)
{
    fani_message *chain = flights_landed(&link->receives, link);
    bool moved = chain != NULL;
    while (chain) {
        fani_message *message = chain;
        chain = chain->next;
        landed(link, message);
    }
    return moved;
}

void fani_link_send_now(fani_link *link, fani_message *message)
{
    if (!message || !flights_reserve(&link->sends)) {
        free(message);
        fani_link_break(link, FAN_E_MEMORY, "no memory to keep track of a send");
        return;
    }
    atomic_fetch_add(&link->unsent, 1);
    start_send(link, message);
}

void fani_link_push(fani_link *link)
{
    start_sends(link);
}

bool fani_link_step(fani_link *link)
{
    if (atomic_load(&link->broken))
        return false;
    bool moved = start_sends(link);
    moved |= end_sends(link);
    moved |= end_receives(link);
    moved |= start_receives(link);
    atomic_store_explicit(&link->in_flight, link->sends.count + link->receives.count > 0,
                          memory_order_relaxed);
    return moved;
}

bool fani_link_in_flight(const fani_link *link)
{
    return atomic_load_explicit(&link->in_flight, memory_order_relaxed);
}
