/* The queues of the threads executor against plain lists, by many random steps. */
#include <stdlib.h>
#include <string.h>

#include "exec/threads/queue.h"
#include "shim.h"

enum { BATCHES = 6000, STEPS = 60000 };

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* What the inbox should hold, in order. */
typedef struct model {
    fani_batch *batches[BATCHES];
    size_t count;
} model;

static void model_insert(model *m, size_t at, fani_batch *batch)
{
    memmove(&m->batches[at + 1], &m->batches[at], (m->count - at) * sizeof(fani_batch *));
    m->batches[at] = batch;
    m->count++;
}

static void model_push(model *m, fani_batch *batch)
{
    size_t at = m->count;
    while (at && m->batches[at - 1]->priority < batch->priority)
        at--;
    model_insert(m, at, batch);
}

static void model_push_first(model *m, fani_batch *batch)
{
    size_t at = 0;
    while (at < m->count && m->batches[at]->priority > batch->priority)
        at++;
    model_insert(m, at, batch);
}

static void model_remove(model *m, size_t at)
{
    m->count--;
    memmove(&m->batches[at], &m->batches[at + 1], (m->count - at) * sizeof(fani_batch *));
}

static void expect_taken(model *m, fani_batch **taken, size_t count, size_t most)
{
    ASSERT_TRUE(count <= most && count <= m->count);
    EXPECT_TRUE((count > 0) == (m->count > 0 && most > 0));
    for (size_t i = 0; i < count; i++) {
        EXPECT_TRUE(taken[i] == m->batches[0]);
        EXPECT_I64(taken[i]->priority, taken[0]->priority);
        model_remove(m, 0);
    }
}

FAN_TEST(team_queue, the_inbox_keeps_the_order_whatever_is_put_in_or_taken_out)
{
    fani_inbox inbox = {0};
    model *m = calloc(1, sizeof *m);
    fani_batch *all = calloc(BATCHES, sizeof *all), *taken[FANI_HAND];
    size_t used = 0;
    uint64_t state = 7;
    ASSERT_TRUE(m && all);
    for (size_t step = 0; step < STEPS; step++) {
        uint64_t what = next_random(&state) % 100;
        if (what < 45 && used < BATCHES) {
            fani_batch *batch = &all[used++];
            uint64_t kind = next_random(&state) % 20;
            batch->priority = kind == 0 ? 3 : kind == 1 ? -2 : 0;
            model_push(m, batch);
            fani_inbox_push(&inbox, batch);
        } else if (what < 60) {
            size_t most = next_random(&state) % FANI_HAND + 1;
            expect_taken(m, taken, fani_inbox_take(&inbox, taken, most), most);
        } else if (what < 90 && m->count) {
            size_t at = next_random(&state) % m->count;
            EXPECT_TRUE(fani_inbox_remove(&inbox, m->batches[at]) == m->batches[at]);
            fani_batch *gone = m->batches[at];
            model_remove(m, at);
            gone->home = NULL;
            EXPECT_TRUE(fani_inbox_remove(&inbox, gone) == NULL);
        } else if (m->count) {
            size_t count = fani_inbox_take(&inbox, taken, 5);
            expect_taken(m, taken, count, 5);
            while (count) { /* too early: back again */
                model_push_first(m, taken[--count]);
                fani_inbox_push_first(&inbox, taken[count]);
            }
        }
        EXPECT_U64(fani_inbox_count(&inbox), m->count);
        if (m->count)
            EXPECT_I64(fani_inbox_priority(&inbox), m->batches[0]->priority);
    }
    fani_inbox_free(&inbox);
    free(all);
    free(m);
}

FAN_TEST(team_queue, holes_do_not_make_the_inbox_grow)
{
    fani_inbox inbox = {0};
    fani_batch first = {0}, *passing = calloc(2, sizeof *passing);
    ASSERT_TRUE(passing != NULL);
    fani_inbox_push(&inbox, &first); /* stays at the head all the time */
    for (size_t i = 0; i < 100000; i++) {
        fani_inbox_push(&inbox, &passing[i % 2]);
        if (i)
            EXPECT_TRUE(fani_inbox_remove(&inbox, &passing[(i + 1) % 2]) != NULL);
    }
    EXPECT_U64(fani_inbox_count(&inbox), 2);
    EXPECT_TRUE(inbox.size <= 4096);
    EXPECT_TRUE(fani_inbox_remove(&inbox, NULL) == &first);
    fani_inbox_free(&inbox);
    free(passing);
}

FAN_TEST(team_queue, members_of_a_gang_are_taken_alone)
{
    fani_inbox inbox = {0};
    fani_batch plain[4] = {0}, member[2] = {0}, *taken[FANI_HAND];
    member[0].gang = member[1].gang = (void *)&inbox; /* any address */
    for (int i = 0; i < 2; i++)
        fani_inbox_push(&inbox, &plain[i]);
    fani_inbox_push(&inbox, &member[0]);
    fani_inbox_push(&inbox, &member[1]);
    for (int i = 2; i < 4; i++)
        fani_inbox_push(&inbox, &plain[i]);
    size_t alone = 0, together = 0;
    for (size_t n; (n = fani_inbox_take(&inbox, taken, FANI_HAND));) {
        if (taken[0]->gang)
            EXPECT_U64(n, 1);
        alone += taken[0]->gang != NULL;
        together += taken[0]->gang ? 0 : n;
    }
    EXPECT_U64(alone, 2);
    EXPECT_U64(together, 4);
    fani_inbox_free(&inbox);
}

FAN_TEST(team_queue, hands_give_half_and_lose_nothing)
{
    fani_batch batches[FANI_HAND] = {0};
    for (unsigned count = 0; count <= FANI_HAND; count++) {
        fani_hand victim = {0}, thief = {0};
        for (unsigned i = 0; i < count; i++)
            victim.batches[victim.last++] = &batches[i];
        fani_hand_rob(&thief, &victim);
        EXPECT_U64(fani_hand_count(&thief), (count + 1) / 2);
        EXPECT_U64(fani_hand_count(&victim) + fani_hand_count(&thief), count);
        if (count > 3) {
            EXPECT_TRUE(fani_hand_remove(&thief, thief.batches[thief.first + 1]) != NULL);
            EXPECT_TRUE(fani_hand_remove(&thief, &batches[0]) == NULL); /* the victim's */
        }
        unsigned at = 0;
        for (fani_batch *batch; (batch = fani_hand_pop(&victim)); at++)
            EXPECT_TRUE(batch == &batches[at]);
    }
}
