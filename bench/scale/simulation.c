#include "simulation.h"

#include <math.h>
#include <stdlib.h>

#include "batches.h"
#include "events.h"
#include "exec/batching.h"
#include "loads.h"

enum {
    BATCH_ITEMS_MAX = 65536, /* map.c */
    QUEUE_BYTES = 256 << 20, /* of an executor that was not told otherwise */
    AHEAD = 512,             /* map.c: twice the front's depth, which is 256 a worker */
    AHEAD_FEW = 8,    /* and of what is work for all of a host, or until an item's time is known */
    PUSH_EVERY = 64,  /* dispatch.c */
    SHORT_NS = 20000, /* dispatch.c */
    LEAST_NS = 100,   /* dispatch.c */
    ANSWERS_NS = 50000,  /* answers.c: WAIT_NS */
    MATCHES_A_STEP = 32, /* link.c */
};

/* Someone that rank 0 sends batches to: a rank, or a host through its leader. Peer 0 is rank 0. */
typedef struct peer {
    double idle_since, busy_until; /* of the thread that drives MPI */
    double step_at;                /* its next step that is planned, or infinity */
    double worked_ns;              /* the core time that thread has taken */
    double finished_since;
    scale_list arrived;  /* messages not seen yet */
    scale_list waiting;  /* batches for workers */
    scale_list finished; /* batches to be answered */
    scale_list writing;  /* rank 0's next message to it */
    uint32_t finished_count;
    uint32_t slots, idle; /* its workers, and those without work */
    bool leads;           /* it relays for other ranks */
    uint32_t last_piece;
    uint32_t taken;       /* batches begun by its workers to the last item, and not told yet */
    uint32_t asks;        /* so many of them rank 0 has heard of */
    uint32_t next_asking; /* the peer that asked after this one */
    double credit_ns;     /* rank 0: work that each of its workers may have, as dispatch.c has it */
    bool answered;        /* and nothing has come since */
    bool remote;
} peer;

enum { ARRIVES, ASKS, STEPS, ENDS };

typedef struct simulation {
    const scale_system *system;
    const scale_workload *work;
    const scale_observer *observer;
    scale_costs costs;
    bool out_of_memory;
    scale_events events;
    scale_loads loads;
    peer *peers;
    uint32_t peer_count, all_workers;

    scale_batches batches;

    scale_list posted; /* rank 0: not given to anyone yet */
    size_t posted_count;
    scale_list messages; /* rank 0: written, not yet sent */
    uint32_t asking;     /* rank 0: a chain of peers with asks, ended by 0 */
    scale_list ready;    /* FAN_ORDER_COMPLETED: finished, not yet delivered */

    /* map.c's side */
    int32_t cut_first, cut_last; /* those not delivered, in index order */
    uint64_t taken, held_items, delivered;
    uint64_t out;
    uint32_t last_batch;
    fani_item_time item;
    double batch_ns;
    bool cutting; /* interrupted by something that ends earlier */
    double last_delivery;
    scale_result result;
} simulation;

/* ---- Time ----------------------------------------------------------------------------------- */

static void plan(simulation *s, scale_event event)
{
    if (!scale_events_add(&s->events, event))
        s->out_of_memory = true;
}

static void plan_step(simulation *s, uint32_t p, double at)
{
    at = fmax(at, s->peers[p].busy_until);
    if (at >= s->peers[p].step_at)
        return;
    s->peers[p].step_at = at;
    plan(s, (scale_event){.at = at, .kind = STEPS, .peer = p});
}

/* Uses the core of the thread that drives MPI. Without a spare core it shares with the workers, all
 * getting alike; what they lose is seen to when they end. */
static void spend(const simulation *s, peer *who, double *clock, double cost)
{
    double workers = s->system->workers;
    bool crowded = !s->system->spare_core && who->idle == 0;
    *clock += crowded ? cost * (workers + 1) / workers : cost;
    who->worked_ns += cost;
}

/* Another thread of the process has something for the one that drives MPI. */
static void ring(simulation *s, uint32_t p, double at)
{
    bool sleeps_now = at > s->peers[p].idle_since + s->costs.spin;
    plan_step(s, p, sleeps_now ? at + s->costs.wake : at);
}

/* ---- Workers -------------------------------------------------------------------------------- */

static uint32_t piece_items(simulation *s, peer *at, const scale_batch *b)
{
    uint32_t left = b->count - b->taken;
    if (s->system->shape != SCALE_SPLIT)
        return left;
    size_t items = fani_batching_items(&(fani_batching){.workers = at->slots,
                                                        .item_ns = s->item.ns,
                                                        .last = at->last_piece,
                                                        .most = left,
                                                        .remaining = left});
    at->last_piece = (uint32_t)items;
    return (uint32_t)items;
}

/* A batch that is split has to be followed by the next before it ends, or the host would wait for
 * its slowest worker each time: its leader asks as soon as nothing is left to take. */
static void all_taken(simulation *s, uint32_t p, double at)
{
    if (s->system->shape != SCALE_SPLIT)
        return;
    if (p == 0) {
        scale_loads_change(&s->loads, 0, -1);
    } else {
        s->peers[p].taken++;
        ring(s, p, at);
    }
}

/* Gives waiting work to idle workers. */
static void start_work(simulation *s, uint32_t p, double at)
{
    peer *here = &s->peers[p];
    while (here->idle && here->waiting.first != SCALE_NONE) {
        int32_t number = here->waiting.first;
        scale_batch *b = &s->batches.all[number];
        uint32_t items = piece_items(s, here, b);
        double run_ns = 0;
        for (uint32_t i = 0; i < items; i++)
            run_ns += scale_duration(s->work, b->first + b->taken + i);
        double cost = (b->taken == 0 ? s->costs.work : 0) +
                      (s->system->shape == SCALE_SPLIT ? s->costs.claim : 0);
        b->taken += items;
        if (b->taken == b->count) {
            scale_list_take(&s->batches, &here->waiting);
            all_taken(s, p, at);
        }
        here->idle--;
        s->result.pieces++;
        plan(s, (scale_event){.at = at + cost + run_ns,
                              .kind = ENDS,
                              .peer = p,
                              .batch = number,
                              .items = items,
                              .run_ns = run_ns,
                              .taken_ns = here->worked_ns});
    }
}

/* As dispatch.c has it: such batches share messages, and so do their answers. */
static bool are_short(const simulation *s)
{
    return s->system->shape != SCALE_SPLIT && s->batch_ns > 0 && s->batch_ns <= SHORT_NS;
}

/* There is one. */
static int32_t take_posted(simulation *s, uint32_t p)
{
    int32_t number = scale_list_take(&s->batches, &s->posted);
    s->posted_count--;
    s->batches.all[number].peer = p;
    scale_loads_change(&s->loads, p, 1);
    return number;
}

static void learn_item(simulation *s, const scale_batch *b)
{
    double ns = b->run_ns / b->count;
    fani_item_time_learn(&s->item, ns);
}

/* A whole host works on a batch that its leader splits. */
static void learn_batch(simulation *s, const scale_batch *b)
{
    double ns = b->run_ns / (s->system->shape == SCALE_SPLIT ? s->peers[b->peer].slots : 1) + 1;
    s->batch_ns = s->batch_ns > 0 ? 0.75 * s->batch_ns + 0.25 * ns : ns;
}

/* map_done. */
static void finish(simulation *s, int32_t number)
{
    scale_batch *b = &s->batches.all[number];
    b->finished = true;
    s->out--;
    if (s->system->shape != SCALE_SPLIT)
        scale_loads_change(&s->loads, b->peer, -1);
    learn_item(s, b);
    if (!s->system->learn_own || b->peer == 0)
        learn_batch(s, b);
    if (s->system->completed)
        scale_list_add(&s->batches, &s->ready, number);
}

/* As many as its workers can run at once: rank 0 gives them to itself without its dispatcher. */
static void feed_own(simulation *s, double at)
{
    uint32_t most = s->system->shape == SCALE_SPLIT ? 1 : s->system->workers;
    while (s->posted.first != SCALE_NONE && s->loads.out[0] < most) {
        int32_t number = take_posted(s, 0);
        scale_list_add(&s->batches, &s->peers[0].waiting, number);
    }
    start_work(s, 0, at);
}

/* False: the dispatcher of that rank took core time from this worker, which ends later. */
static bool really_ended(simulation *s, const scale_event *event)
{
    const peer *here = &s->peers[event->peer];
    double owed = (here->worked_ns - event->taken_ns) / here->slots;
    if (s->system->spare_core || owed < 1)
        return true;
    scale_event later = *event;
    later.at += owed;
    later.taken_ns = here->worked_ns;
    plan(s, later);
    return false;
}

static void work_ended(simulation *s, const scale_event *event)
{
    uint32_t p = event->peer;
    peer *here = &s->peers[p];
    scale_batch *b = &s->batches.all[event->batch];
    if (!really_ended(s, event))
        return;
    if (s->observer)
        s->observer->ran(s->observer->user, b->first + b->done, event->items, p, event->at);
    b->done += event->items;
    b->run_ns += event->run_ns;
    here->idle++;
    if (p == 0)
        s->result.rank0_items += event->items;
    if (b->done < b->count) {
        start_work(s, p, event->at);
        return;
    }
    if (p == 0) {
        finish(s, event->batch);
        start_work(s, 0, event->at + s->costs.end);
        feed_own(s, event->at + s->costs.end);
    } else {
        if (here->finished_count++ == 0)
            here->finished_since = event->at;
        scale_list_add(&s->batches, &here->finished, event->batch);
        start_work(s, p, event->at);
    }
    ring(s, p, event->at + (here->leads ? s->costs.latency_local : 0));
}

/* ---- Messages ------------------------------------------------------------------------------- */

static double bytes_cost(const simulation *s, const scale_batch *b, uint32_t item_bytes)
{
    return s->costs.per_byte * b->count * item_bytes;
}

static void send(simulation *s, uint32_t to, uint32_t between, int32_t head, double at)
{
    double latency = s->peers[between].remote ? s->costs.latency_remote : s->costs.latency_local;
    s->result.messages++;
    plan(s, (scale_event){.at = at + latency, .kind = ARRIVES, .peer = to, .batch = head});
}

static void message_arrived(simulation *s, const scale_event *event)
{
    peer *here = &s->peers[event->peer];
    scale_message_add(&s->batches, &here->arrived, event->batch);
    plan_step(s, event->peer, scale_notice(&s->costs, here->idle_since, event->at));
}

static void ask_arrived(simulation *s, const scale_event *event)
{
    peer *asks = &s->peers[event->peer];
    asks->asks += event->items;
    if (asks->asks == event->items) {
        asks->next_asking = s->asking;
        s->asking = event->peer;
    }
    plan_step(s, 0, scale_notice(&s->costs, s->peers[0].idle_since, event->at));
}

/* ---- Ranks other than 0 --------------------------------------------------------------------- */

/* A leader that has answered holds further replies until rank 0 has written again, they are half of
 * what its host works on, or time is up: so messages grow where rank 0 is slow, and only there. A
 * rank holds those of short batches while more of them wait. */
static bool may_answer(simulation *s, uint32_t p, double at)
{
    const peer *here = &s->peers[p];
    bool leads = here->leads;
    bool holds = leads ? here->answered && 2 * here->finished_count < here->slots
                       : are_short(s) && here->waiting.first != SCALE_NONE;
    double until = here->finished_since + (leads ? s->costs.gather : ANSWERS_NS);
    if (here->finished_count == 0)
        return false;
    if (!holds || at >= until)
        return true;
    plan_step(s, p, until);
    return false;
}

static void answer(simulation *s, uint32_t p, double *clock)
{
    peer *here = &s->peers[p];
    bool leads = here->leads, together = leads || are_short(s);
    scale_list message = scale_list_empty;
    while (here->finished.first != SCALE_NONE) {
        int32_t b = scale_list_take(&s->batches, &here->finished);
        s->batches.all[b].dry = here->waiting.first == SCALE_NONE;
        scale_list_add(&s->batches, &message, b);
        spend(s, here, clock, bytes_cost(s, &s->batches.all[b], s->system->reply_bytes));
        spend(s, here, clock, leads ? s->costs.relay : 0);
        if (!together) {
            spend(s, here, clock, s->costs.send);
            send(s, 0, p, b, *clock);
            message = scale_list_empty;
        }
    }
    here->finished_count = 0;
    if (!together)
        return;
    here->answered = true;
    spend(s, here, clock, s->costs.send);
    send(s, 0, p, message.first, *clock);
}

static void ask(simulation *s, uint32_t p, double *clock)
{
    peer *here = &s->peers[p];
    spend(s, here, clock, s->costs.send);
    s->result.messages++;
    plan(s, (scale_event){.at = *clock + s->costs.latency_remote,
                          .kind = ASKS,
                          .peer = p,
                          .items = here->taken});
    here->taken = 0;
}

static bool see_arrived(simulation *s, uint32_t p, double *clock)
{
    peer *here = &s->peers[p];
    bool relays = here->leads || s->system->shape == SCALE_SPLIT, moved = false;
    double hop = here->leads ? s->costs.latency_local + s->costs.receive : 0;
    while (here->arrived.first != SCALE_NONE) {
        moved = true;
        here->answered = false;
        scale_list message = {scale_message_take(&s->batches, &here->arrived), SCALE_NONE};
        spend(s, here, clock, s->costs.receive);
        while (message.first != SCALE_NONE) {
            int32_t b = scale_list_take(&s->batches, &message);
            spend(s, here, clock, bytes_cost(s, &s->batches.all[b], s->system->item_bytes));
            spend(s, here, clock, relays ? s->costs.relay : 0);
            scale_list_add(&s->batches, &here->waiting, b);
            start_work(s, p, *clock + s->costs.wake + hop);
        }
    }
    return moved;
}

static void step_rank(simulation *s, uint32_t p, double at)
{
    peer *here = &s->peers[p];
    double clock = at;
    bool moved = see_arrived(s, p, &clock), asks = here->taken > 0;
    bool answers = may_answer(s, p, at);
    if (asks)
        ask(s, p, &clock);
    if (answers)
        answer(s, p, &clock);
    moved = moved || asks || answers;
    if (moved)
        here->idle_since = here->busy_until = clock;
}

/* ---- Rank 0 --------------------------------------------------------------------------------- */

/* Puts a batch into the message for its peer. */
static void write_message(simulation *s, int32_t number)
{
    peer *to = &s->peers[s->batches.all[number].peer];
    if (to->writing.first == SCALE_NONE)
        scale_message_add(&s->batches, &s->messages, number);
    scale_list_add(&s->batches, &to->writing, number);
}

/* Who has the least, if it has room. A batch that is split keeps all workers of its host busy, and
 * counts until they have taken all of it. */
static bool room_for_batch(const simulation *s, uint32_t *p)
{
    *p = scale_loads_least(&s->loads);
    size_t out = s->loads.out[*p];
    out -= s->system->shape == SCALE_SPLIT && out;
    double share = s->batch_ns * (double)s->posted_count / (2.0 * s->all_workers);
    return fani_batching_room(s->loads.slots[*p], out, (double)out * s->batch_ns, s->batch_ns,
                              fmin(s->peers[*p].credit_ns, share));
}

/* How many batches a peer gets at once: of short ones as much work as the policy says. */
static size_t load_batches(const simulation *s, uint32_t p)
{
    double each = fmax(s->batch_ns, LEAST_NS);
    double ns =
        fani_batching_message_ns(s->peers[p].slots, s->all_workers, each * (double)s->posted_count);
    return are_short(s) && p > 0 && ns > each ? (size_t)(ns / each) : 1;
}

static void give(simulation *s, uint32_t p, double *clock)
{
    peer *own = &s->peers[0];
    int32_t number = take_posted(s, p);
    if (p == 0) {
        spend(s, own, clock, s->system->shape == SCALE_SPLIT ? s->costs.relay : 0);
        scale_list_add(&s->batches, &own->waiting, number);
    } else {
        write_message(s, number);
    }
}

/* fani_mpi_distribute: it looks at every peer for each message. */
static bool distribute(simulation *s, double *clock)
{
    bool moved = false;
    uint32_t p;
    while (s->posted.first != SCALE_NONE) {
        spend(s, &s->peers[0], clock, s->costs.scan * s->peer_count);
        if (!room_for_batch(s, &p))
            break;
        moved = true;
        if (s->system->shape != SCALE_SPLIT && !s->peers[p].leads)
            s->peers[p].writing = scale_list_empty; /* each time a message of its own */
        for (size_t left = load_batches(s, p); left && s->posted.first != SCALE_NONE; left--)
            give(s, p, clock);
    }
    start_work(s, 0, *clock + s->costs.wake);
    return moved;
}

static void send_messages(simulation *s, double *clock)
{
    peer *own = &s->peers[0];
    while (s->messages.first != SCALE_NONE) {
        int32_t head = scale_message_take(&s->batches, &s->messages);
        uint32_t p = s->batches.all[head].peer;
        for (int32_t b = head; b != SCALE_NONE; b = s->batches.all[b].next)
            spend(s, own, clock, bytes_cost(s, &s->batches.all[b], s->system->item_bytes));
        spend(s, own, clock, s->costs.send);
        s->peers[p].writing = scale_list_empty;
        send(s, p, p, head, *clock);
    }
}

static bool receive_messages(simulation *s, double *clock)
{
    peer *own = &s->peers[0];
    int left = MATCHES_A_STEP;
    for (; left && own->arrived.first != SCALE_NONE; left--) {
        scale_list message = {scale_message_take(&s->batches, &own->arrived), SCALE_NONE};
        spend(s, own, clock, s->costs.receive);
        const scale_batch *first = &s->batches.all[message.first];
        double *credit = &s->peers[first->peer].credit_ns;
        *credit = fani_batching_adapt(*credit, first->dry && s->posted_count > 0);
        while (message.first != SCALE_NONE) {
            int32_t b = scale_list_take(&s->batches, &message);
            spend(s, own, clock, bytes_cost(s, &s->batches.all[b], s->system->reply_bytes));
            spend(s, own, clock, s->costs.end);
            finish(s, b);
        }
    }
    return left < MATCHES_A_STEP;
}

static bool receive_asks(simulation *s, double *clock)
{
    bool moved = s->asking != 0;
    while (s->asking) {
        peer *asks = &s->peers[s->asking];
        spend(s, &s->peers[0], clock, s->costs.receive);
        scale_loads_change(&s->loads, s->asking, -(int)asks->asks);
        asks->asks = 0;
        s->asking = asks->next_asking;
    }
    return moved;
}

/* ---- The map -------------------------------------------------------------------------------- */

static size_t queue_items(const simulation *s)
{
    return s->system->queue_items ? s->system->queue_items
                                  : fani_batching_queue_items(s->all_workers, QUEUE_BYTES);
}

static size_t items_max(const simulation *s)
{
    size_t most = queue_items(s);
    if (!s->system->batch)
        most /= (size_t)2 * s->all_workers;
    return most < 1 ? 1 : most < BATCH_ITEMS_MAX ? most : BATCH_ITEMS_MAX;
}

/* Items for every worker of a host at once; at the end less than half of what is left for each
 * host. */
static size_t host_items(const simulation *s, size_t each)
{
    uint64_t most = (s->work->count - s->taken) / 2 / s->peer_count;
    size_t items = each * s->peers[0].slots;
    return items < most ? items : most > 0 ? (size_t)most : 1;
}

/* The work that the policy wants in a batch: asked of itself, with nothing in its way. */
static double policy_work_ns(uint32_t workers)
{
    const fani_batching free_choice = {.workers = workers,
                                       .item_ns = 1,
                                       .last = SIZE_MAX / 8,
                                       .most = SIZE_MAX / 8,
                                       .remaining = UINT64_MAX};
    return (double)fani_batching_items(&free_choice);
}

/* What the policy is told of the time of an item: less, where batches are to have more work. */
static double item_ns_told(const simulation *s)
{
    double least = s->system->least_ns * s->all_workers, work = policy_work_ns(s->all_workers);
    return least > work ? s->item.ns * work / least : s->item.ns;
}

static size_t batch_items(const simulation *s)
{
    bool splits = s->system->shape == SCALE_SPLIT;
    size_t most = items_max(s);
    if (s->system->batch)
        return s->system->batch < most ? s->system->batch : most;
    size_t items = fani_batching_items(&(fani_batching){
        .workers = s->all_workers,
        .item_ns = item_ns_told(s),
        .last = splits ? s->last_batch / s->peers[0].slots : s->last_batch,
        .most = most,
        .remaining = s->work->count - s->taken,
    });
    return splits ? host_items(s, items) : items;
}

static bool room(const simulation *s)
{
    size_t queue = queue_items(s);
    bool splits = s->system->shape == SCALE_SPLIT;
    bool few = splits || (!s->system->batch && s->item.ns <= 0);
    uint64_t ahead = s->system->ahead ? s->system->ahead : few ? AHEAD_FEW : AHEAD;
    uint64_t takers = splits ? s->peer_count : s->all_workers;
    return s->taken < s->work->count && s->out < ahead * takers &&
           (s->held_items == 0 || s->held_items + batch_items(s) <= queue);
}

static bool cut(simulation *s, double *clock)
{
    size_t items = batch_items(s);
    int32_t number = scale_batch_new(&s->batches);
    if (number == SCALE_NONE) {
        s->out_of_memory = true;
        return false;
    }
    if (items > s->work->count - s->taken)
        items = (size_t)(s->work->count - s->taken);
    s->batches.all[number] = (scale_batch){.first = s->taken,
                                           .count = (uint32_t)items,
                                           .next = SCALE_NONE,
                                           .next_message = SCALE_NONE,
                                           .next_cut = SCALE_NONE};
    if (s->cut_last == SCALE_NONE)
        s->cut_first = number;
    else
        s->batches.all[s->cut_last].next_cut = number;
    s->cut_last = number;
    s->taken += items;
    s->held_items += items;
    s->last_batch = (uint32_t)items;
    s->out++;
    s->result.batches++;
    spend(s, &s->peers[0], clock, s->costs.cut);
    scale_list_add(&s->batches, &s->posted, number);
    s->posted_count++;
    feed_own(s, *clock);
    return true;
}

/* The next finished batch in the map's order, or SCALE_NONE. */
static int32_t next_finished(simulation *s)
{
    if (s->system->completed)
        return s->ready.first == SCALE_NONE ? SCALE_NONE : scale_list_take(&s->batches, &s->ready);
    int32_t number = s->cut_first;
    if (number == SCALE_NONE || !s->batches.all[number].finished)
        return SCALE_NONE;
    s->cut_first = s->batches.all[number].next_cut;
    if (s->cut_first == SCALE_NONE)
        s->cut_last = SCALE_NONE;
    return number;
}

static bool deliver(simulation *s, double *clock)
{
    int32_t number = next_finished(s);
    if (number == SCALE_NONE)
        return false;
    uint32_t count = s->batches.all[number].count;
    spend(s, &s->peers[0], clock, s->costs.per_item * count);
    s->held_items -= count;
    s->delivered += count;
    s->last_delivery = *clock;
    scale_batch_free(&s->batches, number);
    return true;
}

/* fani_mpi_push: it receives nothing. */
static void push(simulation *s, double *clock)
{
    distribute(s, clock);
    send_messages(s, clock);
}

/* Cuts batches while there is room, and delivers one by one, until neither is left or something
 * else happens first: an own batch that ends tells how long items are. */
static bool step_map(simulation *s, double *clock)
{
    bool moved = false;
    s->cutting = false;
    for (;;) {
        bool cuts = room(s);
        if (cuts && !cut(s, clock))
            return moved;
        if (cuts && s->posted_count % PUSH_EVERY == 0)
            push(s, clock);
        if (!cuts && !deliver(s, clock))
            return moved;
        moved = true;
        if (scale_events_next(&s->events) < *clock) {
            s->cutting = true;
            return true;
        }
    }
}

static void step_rank0(simulation *s, double at)
{
    peer *own = &s->peers[0];
    double clock = at;
    bool moved = s->cutting;
    if (!s->cutting) {
        moved = distribute(s, &clock);
        send_messages(s, &clock);
        moved |= receive_messages(s, &clock);
        moved |= receive_asks(s, &clock);
    }
    moved |= step_map(s, &clock);
    own->busy_until = clock;
    if (!moved)
        return;
    own->idle_since = clock;
    plan_step(s, 0, clock);
}

/* ---- All ------------------------------------------------------------------------------------ */

static fan_status begin(simulation *s)
{
    const scale_system *system = s->system;
    uint32_t direct = scale_direct_ranks(system), host = system->ranks_a_host;
    s->all_workers = system->ranks * system->workers;
    s->peer_count = direct + (uint32_t)(((uint64_t)system->ranks - direct + host - 1) / host);
    s->peers = calloc(s->peer_count, sizeof *s->peers);
    uint32_t *slots = calloc(s->peer_count, sizeof *slots);
    for (uint32_t p = 0; s->peers && slots && p < s->peer_count; p++) {
        uint32_t workers = scale_ranks_of(system, p) * system->workers;
        s->peers[p] =
            (peer){.step_at = INFINITY,
                   .arrived = scale_list_empty,
                   .waiting = scale_list_empty,
                   .finished = scale_list_empty,
                   .writing = scale_list_empty,
                   .slots = workers,
                   .idle = workers,
                   .leads = system->shape == SCALE_LEADERS && scale_ranks_of(system, p) > 1,
                   .remote = system->shape == SCALE_SPLIT ? p > 0 : p >= host};
        slots[p] = system->shape == SCALE_SPLIT ? 1 : workers;
    }
    bool fits = s->peers && slots && scale_loads_init(&s->loads, s->peer_count, slots);
    free(slots);
    return fits ? FAN_OK : FAN_E_MEMORY;
}

static void happen(simulation *s, const scale_event *event)
{
    peer *here = &s->peers[event->peer];
    if (event->kind == ARRIVES) {
        message_arrived(s, event);
    } else if (event->kind == ASKS) {
        ask_arrived(s, event);
    } else if (event->kind == ENDS) {
        work_ended(s, event);
    } else if (event->at == here->step_at) { /* else an earlier one took its place */
        here->step_at = INFINITY;
        if (event->peer == 0)
            step_rank0(s, event->at);
        else
            step_rank(s, event->peer, event->at);
    }
}

static fan_status run(simulation *s)
{
    scale_event event;
    plan_step(s, 0, 0);
    while (s->delivered < s->work->count && scale_events_take(&s->events, &event)) {
        s->result.events++;
        happen(s, &event);
        if (s->out_of_memory)
            return FAN_E_MEMORY;
    }
    return s->delivered < s->work->count ? FAN_E_LOST : FAN_OK;
}

static void sum_up(simulation *s)
{
    scale_result *r = &s->result;
    r->makespan_ns = s->last_delivery;
    r->items = s->delivered;
    for (uint64_t i = 0; i < s->work->count; i++)
        r->sum_ns += scale_duration(s->work, i);
    double core_ns = r->makespan_ns * s->all_workers;
    r->efficiency = core_ns > 0 ? r->sum_ns / core_ns : 1;
    r->dispatcher_busy = core_ns > 0 ? s->peers[0].worked_ns / r->makespan_ns : 0;
}

fan_status scale_simulate(const scale_system *system, const scale_workload *work,
                          const scale_observer *observer, scale_result *result)
{
    simulation s = {.system = system,
                    .work = work,
                    .observer = observer,
                    .costs = system->costs,
                    .batches = scale_batches_none,
                    .posted = scale_list_empty,
                    .messages = scale_list_empty,
                    .ready = scale_list_empty,
                    .cut_first = SCALE_NONE,
                    .cut_last = SCALE_NONE};
    fan_status status = scale_check(system, work);
    if (!status)
        status = begin(&s);
    if (!status)
        status = run(&s);
    if (!status) {
        sum_up(&s);
        *result = s.result;
    }
    scale_loads_clear(&s.loads);
    scale_events_clear(&s.events);
    free(s.peers);
    scale_batches_clear(&s.batches);
    return status;
}
