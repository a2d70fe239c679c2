#include "relay.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/batching.h"
#include "instance.h"

enum {
    /* Answers wait for others only where rank 0 has not written since the last ones left: so
     * messages grow where rank 0 is slow, and only there (docs/scaling.md). */
    HOLD_NS = 100000,
    HOLD_BYTES = 64 << 10,
    DUE_NS = 1000000,      /* answers to less work than this are expected at once */
    LEAST_CHUNK_NS = 5000, /* less work than this stays together */
    ALIGNMENT = 16,
};

/* An order on its way through. */
struct fani_passing {
    fani_order order;
    fani_mpi_args *args; /* NULL: none */
    double ns;
    uint32_t next; /* of the same member, place + 1; 0: none */
};

/* What stands before each message in one of a leader. */
typedef struct section {
    uint64_t size;
    uint64_t tag;
} section;

/* ---- Who talks to whom --------------------------------------------------------------------- */

bool fani_relay_init(fani_relay *relay, unsigned ranks)
{
    relay->held_end = &relay->held;
    relay->members = calloc(ranks ? ranks : 1, sizeof *relay->members);
    return relay->members != NULL;
}

void fani_relay_destroy(fani_relay *relay)
{
    while (relay->held) {
        fani_message *message = relay->held;
        relay->held = message->next;
        free(message);
    }
    while (relay->ranges) {
        fani_passed_range *range = relay->ranges;
        relay->ranges = range->next;
        free(range);
    }
    free(relay->members);
    free(relay->passed);
    free(relay->passing);
    *relay = (fani_relay){0};
}

static void add_member(fani_mpi *self, int rank)
{
    self->peers[rank].member = self->relay.count;
    self->relay.members[self->relay.count++] = (fani_member){.rank = rank};
}

/* Rank 0 talks to the ranks of its own host itself. */
void fani_relay_arrange(fani_mpi *self, bool wanted)
{
    for (int r = 0; r < self->size; r++) {
        fani_peer *peer = &self->peers[r];
        peer->via = wanted && peer->leader != self->peers[0].leader ? peer->leader : r;
        self->peers[peer->via].carries |= peer->via != r;
        if (self->rank == 0 && r > 0 && peer->via == r)
            self->targets[self->target_count++] = r;
    }
    self->up = self->peers[self->rank].via == self->rank ? 0 : self->peers[self->rank].via;
    if (self->rank != 0 && self->up == 0)
        for (int r = self->rank; r < self->size; r++)
            if (self->peers[r].via == self->rank)
                add_member(self, r);
    self->relay.leads = self->relay.count > 1;
    if (self->relay.leads)
        self->up = self->rank;
    fani_relay_count_workers(self);
}

void fani_relay_count_workers(fani_mpi *self)
{
    for (int r = 0; r < self->size; r++)
        self->peers[r].serves = 0;
    for (int r = 0; r < self->size; r++)
        self->peers[self->peers[r].via].serves += self->peers[r].workers;
    self->relay.workers = self->peers[self->rank].serves;
}

/* ---- Breaking ------------------------------------------------------------------------------ */

static void out_of_memory(fani_mpi *self)
{
    fani_link_break(&self->link, FAN_E_MEMORY, "no memory to pass a message on");
}

static void malformed(fani_mpi *self)
{
    fani_link_break(&self->link, FAN_E_PROTOCOL, "a malformed message to or from a host's leader");
}

static void give_up(fani_mpi *self, fan_status status)
{
    if (status == FAN_E_MEMORY)
        out_of_memory(self);
    else
        malformed(self);
}

/* ---- Who has what -------------------------------------------------------------------------- */

static bool note_passed(fani_relay *relay, const fani_passing *what, uint32_t member)
{
    uint32_t place = (uint32_t)what->order.ticket;
    if (place >= relay->passed_room) {
        size_t room = relay->passed_room ? relay->passed_room : 64;
        while (room <= place)
            room *= 2;
        fani_passed *passed =
            room <= UINT32_MAX ? reallocarray(relay->passed, room, sizeof *passed) : NULL;
        if (!passed)
            return false;
        memset(passed + relay->passed_room, 0, (room - relay->passed_room) * sizeof *passed);
        relay->passed = passed;
        relay->passed_room = (uint32_t)room;
    }
    relay->passed[place] = (fani_passed){.use = (uint32_t)(what->order.ticket >> 32),
                                         .out = true,
                                         .member = member,
                                         .ns = what->ns,
                                         .args = what->args};
    relay->out++;
    relay->members[member].out++;
    relay->members[member].out_ns += what->ns;
    return true;
}

static fani_passed *find_passed(const fani_relay *relay, uint64_t ticket)
{
    uint32_t place = (uint32_t)ticket;
    fani_passed *passed = place < relay->passed_room ? &relay->passed[place] : NULL;
    return passed && passed->out && passed->use == ticket >> 32 ? passed : NULL;
}

/* The member with the least for each of its workers. */
static uint32_t least_loaded(const fani_mpi *self)
{
    const fani_relay *relay = &self->relay;
    uint32_t best = 0;
    double least = 0;
    bool any = false;
    for (uint32_t m = 0; m < relay->count; m++) {
        const fani_member *member = &relay->members[m];
        unsigned workers = self->peers[member->rank].workers;
        double mine = workers ? (member->out_ns + member->out) / workers : 0;
        if (!workers || (any && mine >= least))
            continue;
        any = true;
        best = m;
        least = mine;
    }
    return best;
}

/* ---- Orders -------------------------------------------------------------------------------- */

static bool make_room(fani_relay *relay, uint32_t count)
{
    if (count <= relay->passing_room)
        return true;
    fani_passing *passing = reallocarray(relay->passing, count, sizeof *passing);
    if (!passing)
        return false;
    relay->passing = passing;
    relay->passing_room = count;
    return true;
}

/* The arguments of an order, which stay here for the members that come later. NULL: it has none, or
 * memory is short: the leader runs it itself, or says so. */
static fani_mpi_args *args_of(fani_mpi *self, const fani_order *order)
{
    if (!order->args ||
        (order->args_bytes &&
         !fani_mpi_args_keep(self, order->args, order->args_bytes, order->args_size)))
        return NULL;
    fani_mpi_args *args = self->args;
    while (args && args->id != order->args)
        args = args->next;
    if (args && !args->told)
        args->told = calloc((size_t)self->size, sizeof *args->told);
    return args && args->told ? args : NULL;
}

static fan_status read_orders(fani_mpi *self, fani_parcel *parcel)
{
    fani_relay *relay = &self->relay;
    double items = 0;
    fan_status status = make_room(relay, parcel->count) ? FAN_OK : FAN_E_MEMORY;
    for (uint32_t i = 0; i < parcel->count && !status; i++) {
        fani_passing *one = &relay->passing[i];
        status = fani_order_read(parcel, &one->order);
        one->next = 0;
        if (status)
            break;
        one->args = args_of(self, &one->order);
        items += (double)one->order.items.count;
    }
    double item_ns = items > 0 ? (double)parcel->head.work_ns / items : 0;
    for (uint32_t i = 0; i < parcel->count && !status; i++)
        relay->passing[i].ns = item_ns * (double)relay->passing[i].order.items.count;
    return status;
}

static bool give(fani_relay *relay, uint32_t place, uint32_t m)
{
    fani_member *member = &relay->members[m];
    if (member->last)
        relay->passing[member->last - 1].next = place + 1;
    else
        member->first = place + 1;
    member->last = place + 1;
    member->count++;
    return note_passed(relay, &relay->passing[place], m);
}

/* Some neighbouring orders at a time: to look at all members for each would cost more than it. */
static fan_status share_out(fani_mpi *self, const fani_parcel *parcel)
{
    fani_relay *relay = &self->relay;
    double chunk = (double)parcel->head.work_ns / (2.0 * relay->count), given = 0;
    if (chunk > 0 && chunk < LEAST_CHUNK_NS)
        chunk = LEAST_CHUNK_NS;
    uint32_t m = 0;
    for (uint32_t i = 0; i < parcel->count; i++) {
        const fani_passing *one = &relay->passing[i];
        bool stays = one->order.args && !one->args;
        if (i == 0 || given >= chunk) {
            m = least_loaded(self);
            given = 0;
        }
        given += one->ns;
        if (!give(relay, i, stays ? 0 : m))
            return FAN_E_MEMORY;
    }
    return FAN_OK;
}

/* An order as it goes to a member in the message `parcel`. */
static fani_order order_for(const fani_passing *one, int rank, uint64_t parcel)
{
    fani_order order = one->order;
    order.args_bytes = NULL;
    if (one->args && one->args->told[rank] != FANI_ARGS_THERE && one->args->parcel != parcel) {
        order.args_bytes = one->args->bytes;
        one->args->parcel = parcel;
    }
    return order;
}

static size_t parts(const fani_mpi *self, const fani_member *member)
{
    const fani_relay *relay = &self->relay;
    unsigned workers = self->peers[member->rank].workers;
    double ns = 0;
    for (uint32_t i = member->first; i; i = relay->passing[i - 1].next)
        ns += relay->passing[i - 1].order.is_short ? relay->passing[i - 1].ns : 0;
    size_t most = (size_t)(ns / LEAST_CHUNK_NS) + 1;
    return most < workers ? most : workers;
}

static fani_message *write_parcel(fani_mpi *self, const fani_member *member, uint64_t limit)
{
    fani_relay *relay = &self->relay;
    uint64_t measured = ++self->parcels, sent = ++self->parcels;
    size_t size = sizeof(fani_parcel_head);
    for (uint32_t i = member->first; i; i = relay->passing[i - 1].next) {
        fani_order order = order_for(&relay->passing[i - 1], member->rank, measured);
        size += fani_order_size(&order, limit);
    }
    fani_message *message = fani_message_new(member->rank, FANI_TAG_ORDERS, size);
    if (!message)
        return NULL;
    const fani_parcel_head head = {.magic = FANI_ORDERS_MAGIC,
                                   .count = member->count,
                                   .reply_limit = limit,
                                   .parts = parts(self, member)};
    memcpy(message->bytes, &head, sizeof head);
    unsigned char *at = message->bytes + sizeof head;
    for (uint32_t i = member->first; i; i = relay->passing[i - 1].next) {
        fani_passing *one = &relay->passing[i - 1];
        fani_order order = order_for(one, member->rank, sent);
        at = fani_order_write(&order, limit, at);
        /* There for certain once an order of a message that brings them is answered. */
        if (one->args && one->args->parcel == sent)
            find_passed(relay, order.ticket)->brings_args = true;
    }
    return message;
}

/* The leader's own part is run from the message in place; *message is NULL then. */
static void run_own(fani_mpi *self, fani_message **message)
{
    fani_relay *relay = &self->relay;
    const fani_member *own = &relay->members[0];
    fani_packet *packet = fani_packet_new(self, own->count);
    if (!packet) {
        out_of_memory(self);
        return;
    }
    packet->came = *message;
    *message = NULL;
    for (uint32_t i = own->first; i; i = relay->passing[i - 1].next)
        fani_mpi_packet_order(self, packet, &relay->passing[i - 1].order);
    fani_packet_show(packet);
    fani_packet_start(packet, parts(self, own));
}

static void deal_out(fani_mpi *self, fani_message **message, uint64_t limit)
{
    fani_relay *relay = &self->relay;
    for (uint32_t m = 1; m < relay->count; m++) {
        const fani_member *member = &relay->members[m];
        if (!member->count)
            continue;
        self->peers[member->rank].told++;
        fani_link_send(&self->link, write_parcel(self, member, limit));
    }
    if (relay->members[0].count)
        run_own(self, message);
}

void fani_relay_orders_came(fani_mpi *self, fani_message *message)
{
    fani_relay *relay = &self->relay;
    fani_parcel parcel;
    fan_status status = fani_parcel_open(&parcel, message->bytes, message->size);
    for (uint32_t m = 0; m < relay->count; m++)
        relay->members[m].first = relay->members[m].last = relay->members[m].count = 0;
    if (!status)
        status = read_orders(self, &parcel);
    if (!status)
        status = share_out(self, &parcel);
    if (status)
        give_up(self, status);
    else
        deal_out(self, &message, parcel.head.reply_limit);
    relay->answered = false;
    relay->stale = true;
    free(message);
}

/* ---- Ranges -------------------------------------------------------------------------------- */

static fan_status pass_range(fani_mpi *self, const fani_announced *range, const fani_order *order,
                             fani_mpi_args *args)
{
    fani_relay *relay = &self->relay;
    fani_passed_range *passed = malloc(sizeof *passed);
    if (!passed)
        return FAN_E_MEMORY;
    *passed = (fani_passed_range){
        .next = relay->ranges, .part = range->part, .args = order->args, .ranks = relay->count};
    relay->ranges = passed;
    for (uint32_t m = 1; m < relay->count; m++) {
        int rank = relay->members[m].rank;
        fani_order one = *order;
        one.args_bytes = args && args->told[rank] != FANI_ARGS_THERE ? args->bytes : NULL;
        self->peers[rank].told++;
        fani_link_send(&self->link, fani_claims_announcement(range, &one, rank));
    }
    return FAN_OK;
}

void fani_relay_range_came(fani_mpi *self, const fani_message *message)
{
    fani_announced range;
    fani_parcel parcel;
    fani_order order;
    fani_mpi_args *args = NULL;
    fan_status status = message->size < sizeof range ? FAN_E_PROTOCOL : FAN_OK;
    if (!status)
        status =
            fani_parcel_open(&parcel, message->bytes + sizeof range, message->size - sizeof range);
    if (!status)
        status = fani_order_read(&parcel, &order);
    if (!status) {
        memcpy(&range, message->bytes, sizeof range);
        args = args_of(self, &order);
        status = order.args && !args ? FAN_E_MEMORY : pass_range(self, &range, &order, args);
    }
    if (status)
        give_up(self, status);
    self->relay.answered = false;
}

/* A member claims no more of a range. */
static void range_over(fani_mpi *self, int rank, uint64_t part)
{
    fani_passed_range **at = &self->relay.ranges;
    while (*at && (*at)->part != part)
        at = &(*at)->next;
    fani_passed_range *range = *at;
    if (!range)
        return;
    fani_mpi_args *args = range->args ? self->args : NULL;
    while (args && args->id != range->args)
        args = args->next;
    if (args && args->told)
        args->told[rank] = FANI_ARGS_THERE;
    if (--range->ranks)
        return;
    *at = range->next;
    free(range);
}

/* ---- Answers ------------------------------------------------------------------------------- */

static fan_status note_answer(fani_mpi *self, const fani_message *message,
                              const fani_answer *answer)
{
    fani_relay *relay = &self->relay;
    uint32_t m = self->peers[message->peer].member;
    if (message->tag == FANI_TAG_CLAIMED) {
        if (!answer->count && !answer->many)
            range_over(self, message->peer, answer->ticket);
        return FAN_OK;
    }
    fani_passed *passed = find_passed(relay, answer->ticket);
    if (!passed || passed->member != m)
        return FAN_E_PROTOCOL;
    fani_member *member = &relay->members[m];
    passed->out = false;
    relay->out--;
    member->out--;
    member->out_ns = member->out ? member->out_ns - passed->ns : 0;
    if (passed->brings_args)
        passed->args->told[message->peer] = FANI_ARGS_THERE;
    return FAN_OK;
}

static void hold(fani_relay *relay, fani_message *message, uint32_t answers)
{
    message->next = NULL;
    if (!relay->held)
        relay->held_since = fani_clock_ns();
    *relay->held_end = message;
    relay->held_end = &message->next;
    relay->held_bytes += message->size;
    relay->held_answers += answers;
    atomic_store_explicit(&relay->waiting, true, memory_order_relaxed);
}

void fani_relay_answers_came(fani_mpi *self, fani_message *message)
{
    fani_answers_read answers;
    fani_answer answer;
    fan_status status = self->peers[message->peer].via == self->rank
                            ? fani_answers_open(&answers, message->bytes, message->size)
                            : FAN_E_PROTOCOL;
    uint32_t count = status ? 0 : answers.count;
    for (uint32_t i = 0; i < count && !status; i++) {
        status = fani_answer_next(&answers, &answer);
        if (!status)
            status = note_answer(self, message, &answer);
    }
    self->relay.stale = true;
    if (!status) {
        hold(&self->relay, message, count);
        return;
    }
    malformed(self);
    free(message);
}

static size_t padded(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* All that is held in one message; NULL: out of memory. */
static fani_message *pack(const fani_relay *relay)
{
    size_t size = 0;
    for (const fani_message *one = relay->held; one; one = one->next)
        size += sizeof(section) + padded(one->size);
    fani_message *message = fani_message_new(0, FANI_TAG_HOST_ANSWERS, size);
    unsigned char *at = message ? message->bytes : NULL;
    for (const fani_message *one = relay->held; one && at; one = one->next) {
        const section head = {.size = one->size, .tag = (uint64_t)one->tag};
        memcpy(at, &head, sizeof head);
        at += sizeof head;
        memcpy(at, one->bytes, one->size);
        memset(at + one->size, 0, padded(one->size) - one->size);
        at += padded(one->size);
    }
    return message;
}

bool fani_relay_unpack(const fani_message *message, size_t *at, fani_message *one)
{
    section head;
    size_t left = message->size - *at;
    if (left < sizeof head)
        return false;
    memcpy(&head, message->bytes + *at, sizeof head);
    if (head.size > left - sizeof head || padded((size_t)head.size) > left - sizeof head)
        return false;
    *one = (fani_message){.peer = message->peer,
                          .tag = (int)head.tag,
                          .size = (size_t)head.size,
                          .bytes = message->bytes + *at + sizeof head};
    *at += sizeof head + padded((size_t)head.size);
    return true;
}

static void send_held(fani_mpi *self)
{
    fani_relay *relay = &self->relay;
    fani_message *held = relay->held;
    if (!held)
        return;
    if (!held->next) {
        held->peer = 0;
        fani_link_send(&self->link, held);
        held = NULL;
    } else {
        fani_link_send(&self->link, pack(relay));
    }
    while (held) {
        fani_message *message = held;
        held = message->next;
        free(message);
    }
    relay->held = NULL;
    relay->held_end = &relay->held;
    relay->held_bytes = 0;
    relay->held_answers = 0;
    relay->answered = true;
    atomic_store_explicit(&relay->waiting, false, memory_order_relaxed);
}

static bool may_hold(const fani_relay *relay)
{
    return relay->answered && (relay->out || relay->ranges) &&
           2 * relay->held_answers < relay->workers && relay->held_bytes < HOLD_BYTES &&
           fani_clock_ns() - relay->held_since < HOLD_NS;
}

/* Whether some other member has so little to do that it will soon answer. */
static bool expects_answers(const fani_mpi *self)
{
    const fani_relay *relay = &self->relay;
    for (uint32_t m = 1; m < relay->count; m++) {
        const fani_member *member = &relay->members[m];
        unsigned workers = self->peers[member->rank].workers;
        if (member->out && member->out_ns < (workers ? workers : 1.0) * DUE_NS)
            return true;
    }
    return false;
}

bool fani_relay_step(fani_mpi *self)
{
    fani_relay *relay = &self->relay;
    if (!relay->leads)
        return false;
    bool sends = relay->held && !may_hold(relay);
    if (sends)
        send_held(self);
    if (relay->stale) {
        relay->stale = false;
        atomic_store_explicit(&relay->due, expects_answers(self), memory_order_relaxed);
    }
    return sends;
}

void fani_relay_flush(fani_mpi *self)
{
    if (!self->relay.leads)
        return;
    for (fani_message *message; (message = fani_answers_local(self));)
        fani_relay_answers_came(self, message);
    send_held(self);
}

/* ---- To the members ------------------------------------------------------------------------ */

static void send_revocation(fani_mpi *self, int rank, int tag, uint64_t ticket, bool kill)
{
    const fani_mpi_revocation what = {
        .after = self->peers[rank].told, .ticket = ticket, .kill = kill};
    fani_message *message = fani_message_new(rank, tag, sizeof what);
    if (message)
        memcpy(message->bytes, &what, sizeof what);
    fani_link_send(&self->link, message);
}

bool fani_relay_asked_back(fani_mpi *self, uint64_t ticket, bool kill)
{
    const fani_relay *relay = &self->relay;
    const fani_passed *passed = relay->leads ? find_passed(relay, ticket) : NULL;
    if (!passed || passed->member == 0)
        return false;
    send_revocation(self, relay->members[passed->member].rank, FANI_TAG_REVOKE, ticket, kill);
    return true;
}

void fani_relay_revoke_all(fani_mpi *self, int tag, uint64_t ticket, bool kill)
{
    for (uint32_t m = 1; m < self->relay.count; m++)
        send_revocation(self, self->relay.members[m].rank, tag, ticket, kill);
}

void fani_relay_pass_on(fani_mpi *self, int tag, const void *bytes, size_t size)
{
    for (uint32_t m = 1; m < self->relay.count; m++) {
        fani_message *message = fani_message_new(self->relay.members[m].rank, tag, size);
        if (message && size)
            memcpy(message->bytes, bytes, size);
        fani_link_send(&self->link, message);
    }
}
