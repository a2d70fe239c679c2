/* Shared data: one copy per host, in three steps that rank 0 waits for. No step is a collective
 * call: ranks that are busy elsewhere, or mix several executors, only make it slower.
 *
 * 1. Room: rank 0 asks the leaders (one rank per host), each makes a segment and has the ranks of
 *    its host map it. All answer. Whatever can fail for want of memory fails here.
 * 2. Bytes: in chunks down a binary tree of leaders, each passing on what has come straight from
 *    its segment. The other leaders answer when all is there and has gone on.
 * 3. Commit: each rank gives the data to its inner executor and answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "instance.h"

enum { CHUNK_BYTES = 4 << 20 };

/* ---- What a rank holds --------------------------------------------------------------------- */

static fani_mpi_share **find(fani_mpi *self, uint64_t id)
{
    fani_mpi_share **at = &self->shares;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static fani_mpi_share *add(fani_mpi *self, uint64_t id, fan_error *error)
{
    fani_mpi_share *share = calloc(1, sizeof *share);
    if (!share) {
        fani_error_set(error, FAN_E_MEMORY, "no memory for a share");
        return NULL;
    }
    *share = (fani_mpi_share){.id = id, .segment = FANI_SEGMENT_NONE, .next = self->shares};
    self->shares = share;
    return share;
}

static void forget(fani_mpi *self, uint64_t id)
{
    fani_mpi_share **at = find(self, id), *share = *at;
    if (!share)
        return;
    *at = share->next;
    if (self->filling == share)
        self->filling = NULL;
    if (share->committed)
        fan_unshare(self->inner, (fan_shared){.id = id});
    fani_segment_clear(&share->segment);
    free(share);
}

void fani_mpi_shares_clear(fani_mpi *self)
{
    while (self->shares) {
        fani_mpi_share *share = self->shares;
        self->shares = share->next;
        fani_segment_clear(&share->segment);
        free(share);
    }
    self->filling = NULL;
}

/* ---- Messages ------------------------------------------------------------------------------ */

static void order(fani_mpi *self, int rank, int tag, const fani_mpi_share_order *what)
{
    fani_message *message = fani_message_new(rank, tag, sizeof *what);
    if (message)
        memcpy(message->bytes, what, sizeof *what);
    fani_link_send(&self->link, message);
}

static void answer(fani_mpi *self, uint64_t id, fan_status status, const char *text)
{
    fani_mpi_share_answer what = {.id = id, .status = status};
    snprintf(what.text, sizeof what.text, "%.*s", (int)sizeof what.text - 1, text);
    fani_message *message = fani_message_new(0, FANI_TAG_SHARE_ANSWER, sizeof what);
    if (message)
        memcpy(message->bytes, &what, sizeof what);
    fani_link_send(&self->link, message);
}

static bool leads(const fani_mpi *self, int rank)
{
    return self->peers[rank].leader == rank;
}

static bool shares_host(const fani_mpi *self, int rank)
{
    return rank != self->rank && self->peers[rank].leader == self->rank;
}

static void order_host(fani_mpi *self, const fani_mpi_share_order *what)
{
    for (int r = 0; r < self->size; r++)
        if (shares_host(self, r))
            order(self, r, FANI_TAG_SHARE_MAP, what);
}

static void order_all(fani_mpi *self, int tag, uint64_t id)
{
    for (int r = 1; r < self->size; r++)
        order(self, r, tag, &(fani_mpi_share_order){.id = id, .fd = -1});
}

/* The leaders to which this one passes bytes on: of the n-th leader the 2n+1-th and 2n+2-th. */
static int below(const fani_mpi *self, int children[2])
{
    int count = 0, mine = -1, place = 0;
    for (int r = 0; r < self->size; r++) {
        if (!leads(self, r))
            continue;
        if (r == self->rank)
            mine = place;
        else if (mine >= 0 && (place == 2 * mine + 1 || place == 2 * mine + 2))
            children[count++] = r;
        place++;
    }
    return count;
}

static void pass_on(fani_mpi *self, unsigned char *bytes, size_t size)
{
    int children[2];
    int count = below(self, children);
    for (int i = 0; i < count; i++)
        fani_link_send(&self->link,
                       fani_message_borrow(children[i], FANI_TAG_SHARE_BYTES, bytes, size));
}

/* ---- Ranks other than 0 -------------------------------------------------------------------- */

/* Step 1 on a leader. */
static void make_room(fani_mpi *self, const fani_mpi_share_order *what)
{
    fan_error error = {0};
    fan_status status = FAN_E_MEMORY;
    fani_mpi_share *share = add(self, what->id, &error);
    if (share)
        status = fani_segment_create(&share->segment, (size_t)what->size, &error);
    fani_mpi_share_order map = *what;
    map.pid = getpid();
    map.fd = status ? -1 : share->segment.fd;
    order_host(self, &map);
    if (!status) {
        share->expected = (size_t)what->size;
        share->told = share->expected == 0;
        self->filling = share->told ? NULL : share;
    }
    answer(self, what->id, status, error.text);
}

/* Step 1 on another rank of the host. */
static void map_room(fani_mpi *self, const fani_mpi_share_order *what)
{
    fan_error error = {0};
    fan_status status = FAN_E_MEMORY;
    if (what->fd < 0)
        fani_error_set(&error, status, "rank %d has no room", self->peers[self->rank].leader);
    fani_mpi_share *share = what->fd < 0 ? NULL : add(self, what->id, &error);
    if (share)
        status = fani_segment_map(&share->segment, (pid_t)what->pid, (int)what->fd,
                                  (size_t)what->size, &error);
    answer(self, what->id, status, error.text);
}

/* Step 2. Receives start in order and fill the segment in order, but may end in any. */
unsigned char *fani_mpi_share_place(fani_mpi *self, size_t size)
{
    fani_mpi_share *share = self->filling;
    if (!share || size > share->expected - share->matched)
        return NULL;
    unsigned char *place = share->segment.bytes + share->matched;
    share->matched += size;
    return place;
}

static void bytes_came(fani_mpi *self, const fani_message *message)
{
    if (!message->borrowed || !self->filling) {
        fani_link_break(&self->link, FAN_E_PROTOCOL, "bytes of a share that nobody asked for");
        return;
    }
    self->filling->filled += message->size;
    pass_on(self, message->bytes, message->size);
}

bool fani_mpi_share_step(fani_mpi *self)
{
    fani_mpi_share *share = self->filling;
    if (!share || share->filled < share->expected || atomic_load(&self->link.borrowed))
        return false;
    share->told = true;
    self->filling = NULL;
    answer(self, share->id, FAN_OK, "");
    return true;
}

/* Step 3. */
static void commit(fani_mpi *self, uint64_t id)
{
    fan_error error = {0};
    fani_mpi_share *share = *find(self, id);
    fan_status status = FAN_E_PROTOCOL;
    if (!share)
        fani_error_set(&error, status, "a share that nobody announced");
    else if (share->segment.fd < 0)
        status = FAN_OK; /* mapped for reading from the start */
    else
        status = fani_segment_protect(&share->segment, &error);
    if (!status)
        status = fani_front_share_as(self->inner_front, id, share->segment.bytes,
                                     share->segment.size, &error);
    if (!status)
        share->committed = true;
    answer(self, id, status, error.text);
}

/* ---- Rank 0 -------------------------------------------------------------------------------- */

static void answer_came(fani_mpi *self, const fani_message *message)
{
    fani_mpi_share_answer what;
    if (message->size != sizeof what || self->rank != 0) {
        fani_link_break(&self->link, FAN_E_PROTOCOL, "a malformed answer to a share");
        return;
    }
    memcpy(&what, message->bytes, sizeof what);
    what.text[sizeof what.text - 1] = '\0';
    if (what.status != FAN_OK && self->share_error.status == FAN_OK)
        fani_error_set(&self->share_error, (fan_status)what.status, "rank %d: %s", message->peer,
                       what.text);
    atomic_fetch_add(&self->answers, 1);
}

void fani_mpi_share_came(fani_mpi *self, fani_message *message)
{
    fani_mpi_share_order what = {0};
    if (message->tag == FANI_TAG_SHARE_ANSWER)
        answer_came(self, message);
    else if (message->tag == FANI_TAG_SHARE_BYTES)
        bytes_came(self, message);
    else if (message->size != sizeof what)
        fani_link_break(&self->link, FAN_E_PROTOCOL, "a malformed order about a share");
    else {
        memcpy(&what, message->bytes, sizeof what);
        if (message->tag == FANI_TAG_SHARE)
            make_room(self, &what);
        else if (message->tag == FANI_TAG_SHARE_MAP)
            map_room(self, &what);
        else if (message->tag == FANI_TAG_SHARE_COMMIT)
            commit(self, what.id);
        else
            forget(self, what.id);
    }
    free(message);
}

typedef struct awaited {
    fani_mpi *self;
    unsigned answers;
} awaited;

static bool all_answered(const void *user)
{
    const awaited *what = user;
    return atomic_load(&what->self->answers) >= what->answers &&
           !atomic_load(&what->self->link.borrowed);
}

/* Waits until `answers` ranks have answered and no byte of the caller's is on its way any more. */
static fan_status await(fani_mpi *self, unsigned answers, fan_error *error)
{
    awaited what = {.self = self, .answers = answers};
    fan_status status = fani_mpi_until(self, all_answered, &what, FAN_FOREVER);
    if (status == FAN_E_UNSUPPORTED)
        return fani_error_set(error, status,
                              "only the main thread may wait: MPI was initialized "
                              "with MPI_THREAD_FUNNELED");
    if (status)
        fani_link_broken(&self->link, error);
    pthread_mutex_lock(&self->drive);
    fan_error bad = self->share_error;
    self->share_error.status = FAN_OK;
    atomic_store(&self->answers, 0);
    pthread_mutex_unlock(&self->drive);
    if (!status && bad.status) {
        status = bad.status;
        if (error)
            *error = bad;
    }
    return status;
}

static unsigned count_leaders(const fani_mpi *self)
{
    unsigned count = 0;
    for (int r = 0; r < self->size; r++)
        count += leads(self, r);
    return count;
}

static bool has_company(const fani_mpi *self)
{
    for (int r = 0; r < self->size; r++)
        if (shares_host(self, r))
            return true;
    return false;
}

static fan_status step_room(fani_mpi *self, const fani_share *share, fan_error *error)
{
    fani_mpi_share_order what = {.id = share->id, .size = share->size, .fd = -1};
    fani_mpi_share *own = NULL;
    fan_status status = FAN_OK;
    pthread_mutex_lock(&self->drive);
    if (has_company(self)) {
        own = add(self, share->id, error);
        status = own ? fani_segment_create(&own->segment, share->size, error) : FAN_E_MEMORY;
        if (!status && share->size)
            memcpy(own->segment.bytes, share->bytes, share->size);
    }
    if (!status) {
        what.pid = getpid();
        what.fd = own ? own->segment.fd : -1;
        order_host(self, &what);
        for (int r = 1; r < self->size; r++)
            if (leads(self, r))
                order(self, r, FANI_TAG_SHARE, &what);
    }
    pthread_mutex_unlock(&self->drive);
    return status ? status : await(self, (unsigned)self->size - 1, error);
}

static fan_status step_bytes(fani_mpi *self, const fani_share *share, fan_error *error)
{
    unsigned others = count_leaders(self) - 1;
    if (others == 0 || share->size == 0)
        return FAN_OK;
    unsigned char *bytes = (unsigned char *)(uintptr_t)share->bytes; /* MPI only reads them */
    for (size_t at = 0; at < share->size; at += CHUNK_BYTES)
        pass_on(self, bytes + at,
                share->size - at < CHUNK_BYTES ? share->size - at : (size_t)CHUNK_BYTES);
    return await(self, others, error);
}

static fan_status step_commit(fani_mpi *self, const fani_share *share, fan_error *error)
{
    fan_status status =
        fani_front_share_as(self->inner_front, share->id, share->bytes, share->size, error);
    if (status || self->size == 1)
        return status;
    order_all(self, FANI_TAG_SHARE_COMMIT, share->id);
    status = await(self, (unsigned)self->size - 1, error);
    if (status)
        fan_unshare(self->inner, (fan_shared){.id = share->id});
    return status;
}

static void drop(fani_mpi *self, uint64_t id)
{
    pthread_mutex_lock(&self->drive);
    order_all(self, FANI_TAG_SHARE_DROP, id);
    forget(self, id); /* rank 0's copy for its host */
    pthread_mutex_unlock(&self->drive);
    fani_bell_ring(&self->bell);
}

fan_status fani_mpi_share_op(void *user, const fani_share *share, uint64_t *sent, fan_error *error)
{
    fani_mpi *self = user;
    fan_status status = FAN_OK;
    bool gone = atomic_load(&self->close_sent);
    if (share->drop) {
        status = fan_unshare(self->inner, (fan_shared){.id = share->id});
        if (self->size > 1 && !gone)
            drop(self, share->id);
        return status;
    }
    if (gone)
        return fani_error_set(error, FAN_E_CLOSED, "the other ranks were told to close");
    if (self->size > 1)
        status = step_room(self, share, error);
    if (!status && self->size > 1)
        status = step_bytes(self, share, error);
    if (!status)
        status = step_commit(self, share, error);
    if (!status)
        *sent += count_leaders(self) - 1 + has_company(self);
    else if (self->size > 1)
        drop(self, share->id);
    return status;
}
