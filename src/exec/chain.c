/* Futures that wait for others, and waiting for several. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/future.h"

/* ---- Held futures: the front's lock is held -------------------------------------------------- */

static void hold(fan_future *future)
{
    fani_front *front = future->front;
    future->held = true;
    future->last_held = NULL;
    future->next_held = front->held;
    if (front->held)
        front->held->last_held = future;
    front->held = future;
}

static void unhold(fan_future *future)
{
    future->held = false;
    if (future->last_held)
        future->last_held->next_held = future->next_held;
    else
        future->front->held = future->next_held;
    if (future->next_held)
        future->next_held->last_held = future->last_held;
}

/* Takes a link out of the list that it is in, if it still is in one. */
static void unlink_from(fani_link_to *link)
{
    fani_link_to **at = link->from ? &link->from->dependents : NULL;
    while (at && *at && *at != link)
        at = &(*at)->next;
    if (at && *at)
        *at = link->next;
    link->from = NULL;
}

fan_future *fani_future_take_held(fani_front *front, fan_future *future)
{
    pthread_mutex_lock(&front->lock);
    fan_future *found = !future ? front->held : future->held ? future : NULL;
    if (found)
        unhold(found);
    for (size_t i = 0; found && i < found->links_count; i++)
        unlink_from(&found->links[i]);
    pthread_mutex_unlock(&front->lock);
    return found;
}

/* What one that it waits for came to: its reply becomes the input, or its failure the reason. */
static void learn(fan_future *future, fan_future *from)
{
    fan_outcome outcome = fani_replies_outcome(&from->standing->replies, 0);
    char text[300];
    if (outcome.kind != FAN_OUTCOME_OK && !future->why_not) {
        (void)snprintf(text, sizeof text, "an item that it waited for %s: %.200s",
                       fan_outcome_name(outcome.kind), outcome.text);
        future->why_not = strdup(text);
    }
    if (outcome.kind != FAN_OUTCOME_OK || !future->feed)
        return;
    if (fani_future_give_input(future, outcome.bytes, outcome.size))
        fani_future_charge_input(future);
    else
        future->why_not = strdup("out of memory");
}

/* Puts `future` into the list of one that it waits for; false where that is done. */
static bool wait_for(fan_future *future, fan_future *other, fani_link_to *link)
{
    *link = (fani_link_to){.next = other->dependents, .from = other, .dependent = future};
    other->dependents = link;
    if (!(atomic_fetch_or(&other->batch.state, FANI_FUTURE_OBSERVED) & FANI_FUTURE_DONE))
        return true;
    unlink_from(link);
    return false;
}

/* Ends futures that can't run one after another: each may bring others here, and a long chain must
 * not become a deep stack. */
static void end_in_turn(fan_future *future)
{
    fani_front *front = future->front;
    pthread_mutex_lock(&front->lock);
    future->next_held = NULL;
    if (front->failing_first)
        front->failing_last->next_held = future;
    else
        front->failing_first = future;
    front->failing_last = future;
    bool mine = !front->failing_ends;
    front->failing_ends = true;
    while (mine && (future = front->failing_first)) {
        front->failing_first = future->next_held;
        pthread_mutex_unlock(&front->lock);
        fani_future_end_unposted(future, future->why_not);
        pthread_mutex_lock(&front->lock);
    }
    if (mine)
        front->failing_ends = false;
    pthread_mutex_unlock(&front->lock);
}

/* Posts a future that does not wait any more, or ends it where it can't run. The caller has
 * entered. */
static void post_or_end(fan_future *future)
{
    if (future->why_not)
        end_in_turn(future);
    else
        fani_front_post_again(future->front, &future->batch);
}

fan_status fani_future_after(fan_future *future, fan_future *const *after, size_t count)
{
    fani_front *front = future->front;
    if (!count)
        return FAN_E_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!after[i] || after[i]->front != front)
            return FAN_E_ARGUMENT;
    future->links = calloc(count, sizeof *future->links);
    if (!future->links)
        return FAN_E_MEMORY;
    future->links_count = count;
    pthread_mutex_lock(&front->lock);
    for (size_t i = 0; i < count; i++) {
        if (wait_for(future, after[i], &future->links[i]))
            future->waits_for++;
        else
            learn(future, after[i]);
    }
    bool ready = future->waits_for == 0;
    if (!ready)
        hold(future);
    pthread_mutex_unlock(&front->lock);
    if (ready)
        post_or_end(future);
    return FAN_OK;
}

/* The next future that has `from` alone to wait for, or NULL. The lock is held. */
static fan_future *next_to_start(fan_future *from)
{
    while (from->dependents) {
        fani_link_to *link = from->dependents;
        fan_future *dependent = link->dependent;
        unlink_from(link);
        learn(dependent, from);
        if (--dependent->waits_for == 0) {
            unhold(dependent);
            return dependent;
        }
    }
    return NULL;
}

void fani_future_start_dependents(fan_future *future)
{
    fani_front *front = future->front;
    for (;;) {
        pthread_mutex_lock(&front->lock);
        fan_future *next = next_to_start(future);
        pthread_mutex_unlock(&front->lock);
        if (!next)
            return;
        fani_shard *shard = fani_front_enter(front);
        post_or_end(next);
        fani_front_leave(shard);
    }
}

/* ---- Waiting for several ------------------------------------------------------------------- */

typedef struct several {
    fan_future *const *futures;
    size_t count;
    size_t which;
} several;

static bool any_done(void *user)
{
    several *s = user;
    for (s->which = 0; s->which < s->count; s->which++)
        if (atomic_load(&s->futures[s->which]->batch.state) & FANI_FUTURE_DONE)
            return true;
    return false;
}

fan_status fan_wait_any(fan_future *const futures[], size_t count, fan_deadline deadline,
                        size_t *which)
{
    several s = {.futures = futures, .count = count};
    if (!count || !futures || !which || !futures[0])
        return FAN_E_ARGUMENT;
    fani_front *front = futures[0]->front;
    for (size_t i = 1; i < count; i++)
        if (!futures[i] || futures[i]->front != front)
            return FAN_E_ARGUMENT;
    if (!fani_front_may_wait(front))
        return FAN_E_ARGUMENT;
    if (!fani_front_wait(front, &front->ended, any_done, &s, deadline))
        return FAN_E_TIMEOUT;
    *which = s.which;
    return FAN_OK;
}

fan_status fan_wait_all(fan_future *const futures[], size_t count, fan_deadline deadline)
{
    fan_outcome outcome;
    for (size_t i = 0; i < count; i++) {
        fan_status status = fan_future_result(futures[i], deadline, &outcome);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}
