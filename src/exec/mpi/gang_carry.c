/* What goes from rank to rank while a gang runs: bytes, who has returned, how it ended; and the
 * search for deadlocks. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gang.h"

enum { LOOK_NS = 5 * 1000 * 1000, TEXT_MOST = FANI_GANG_TEXT - 1 };

fani_message *fani_gang_message(const fani_mpi_gang *gang, int rank, const fani_gang_head *head,
                                size_t size)
{
    fani_message *message = fani_message_new(rank, FANI_TAG_GANG, sizeof *head + size);
    if (message) {
        fani_gang_head whole = *head;
        whole.gang = gang->id;
        memcpy(message->bytes, &whole, sizeof whole);
    }
    return message;
}

/* Of the kinds that are counted. */
static void send_counted(fani_mpi_gang *gang, fani_message *message)
{
    gang->sent++;
    fani_link_send(&gang->self->link, message);
}

static bool is_here(const fani_mpi_gang *gang, size_t member)
{
    return gang->rank_of[member] == gang->self->rank;
}

static size_t member_here(const fani_mpi_gang *gang, size_t i)
{
    return gang->first[gang->self->rank] + i;
}

static bool hosts(const fani_mpi_gang *gang, int rank)
{
    return gang->first[rank + 1] > gang->first[rank];
}

/* ---- Bytes --------------------------------------------------------------------------------- */

/* Processes among the members can write anything anywhere in their region. */
static void spoiled(const fani_mpi_gang *gang)
{
    fani_gang_end(&gang->link, FAN_E_FAILED, "a member wrote over the memory of its gang");
}

/* Bytes that member `i` here may send on to a member elsewhere now. */
static size_t sendable(const fani_mpi_gang *gang, size_t i, size_t to)
{
    fani_gang_ring *ring = fani_gang_ring_of(&gang->link, member_here(gang, i), to);
    size_t capacity = fani_gang_capacity(&gang->link);
    uint64_t tail = atomic_load(&ring->tail), held = atomic_load(&ring->head) - tail;
    uint64_t under_way = tail - gang->room_from[i * gang->members + to];
    if (held > capacity || under_way > capacity) {
        spoiled(gang);
        return 0;
    }
    return held < capacity - under_way ? (size_t)held : capacity - (size_t)under_way;
}

static bool send_bytes(fani_mpi_gang *gang, size_t i, size_t to)
{
    size_t from = member_here(gang, i), size = sendable(gang, i, to), done = 0;
    if (!size)
        return false;
    const fani_gang_head head = {
        .kind = FANI_GANG_DATA, .from = (uint32_t)from, .to = (uint32_t)to};
    fani_message *message = fani_gang_message(gang, gang->rank_of[to], &head, size);
    if (message &&
        fani_gang_take(&gang->link, to, from, message->bytes + sizeof head, size, &done) == FAN_OK)
        message->size = sizeof head + done;
    send_counted(gang, message); /* NULL breaks the link */
    return true;
}

/* Half a ring is enough to be told of: a sender without room has filled a whole one. */
static bool taken_due(const fani_mpi_gang *gang, size_t i, size_t from)
{
    fani_gang_ring *ring = fani_gang_ring_of(&gang->link, from, member_here(gang, i));
    return atomic_load(&ring->tail) - gang->taken[i * gang->members + from] >=
           fani_gang_capacity(&gang->link) / 2;
}

static bool tell_taken(fani_mpi_gang *gang, size_t i, size_t from)
{
    if (!taken_due(gang, i, from))
        return false;
    size_t to = member_here(gang, i);
    fani_gang_ring *ring = fani_gang_ring_of(&gang->link, from, to);
    const fani_gang_head head = {.kind = FANI_GANG_TAKEN,
                                 .from = (uint32_t)from,
                                 .to = (uint32_t)to,
                                 .value = atomic_load(&ring->tail)};
    gang->taken[i * gang->members + from] = head.value;
    send_counted(gang, fani_gang_message(gang, gang->rank_of[from], &head, 0));
    return true;
}

/* ---- Ends ---------------------------------------------------------------------------------- */

/* A rank hears that a member has returned after all that it sent there; not where it returned with
 * a fault, which ended the gang before. */
static bool left_due(const fani_mpi_gang *gang, size_t i, int rank)
{
    size_t from = member_here(gang, i);
    if (gang->left_told[i * (size_t)gang->self->size + (size_t)rank] ||
        fani_gang_get_state(&gang->link, from) != FANI_GANG_RETURNED ||
        fani_gang_ended(&gang->link, NULL) != FAN_OK)
        return false;
    for (size_t to = gang->first[rank]; to < gang->first[rank + 1]; to++) {
        fani_gang_ring *ring = fani_gang_ring_of(&gang->link, from, to);
        if (atomic_load(&ring->head) != atomic_load(&ring->tail) &&
            fani_gang_get_state(&gang->link, to) != FANI_GANG_RETURNED)
            return false;
    }
    return true;
}

static bool tell_left(fani_mpi_gang *gang, size_t i, int rank)
{
    if (!left_due(gang, i, rank))
        return false;
    const fani_gang_head head = {.kind = FANI_GANG_LEFT, .from = (uint32_t)member_here(gang, i)};
    gang->left_told[i * (size_t)gang->self->size + (size_t)rank] = true;
    send_counted(gang, fani_gang_message(gang, rank, &head, 0));
    return true;
}

/* Rank 0 hears of it without members too: it answers for the gang. */
static bool tell_end(fani_mpi_gang *gang)
{
    char text[FANI_GANG_TEXT];
    if (gang->end_told || atomic_load(&gang->link.region->ended) != 2)
        return false;
    gang->end_told = true;
    const fani_gang_head head = {.kind = FANI_GANG_ENDED,
                                 .value = (uint64_t)fani_gang_ended(&gang->link, text)};
    for (int r = 0; r < gang->self->size; r++) {
        if (r == gang->self->rank || (r != 0 && !hosts(gang, r)))
            continue;
        fani_message *message = fani_gang_message(gang, r, &head, strlen(text));
        if (message)
            memcpy(message->bytes + sizeof head, text, strlen(text));
        send_counted(gang, message);
    }
    return true;
}

/* ---- Deadlock ------------------------------------------------------------------------------ */

/* Each rank on which nobody can go on reports so, with how many messages it has sent and received.
 * Once all have, and as many were received as sent, rank 0 asks all once more. Where all answers
 * are the same as the reports, no rank did anything between its report and its answer, and all
 * reports were in before the first answer: so there was a moment when nobody could go on and no
 * message was under way. */

/* Whether something waits to be carried from here. */
static bool carries(const fani_mpi_gang *gang)
{
    for (size_t i = 0; i < gang->here; i++) {
        for (size_t other = 0; other < gang->members; other++)
            if (!is_here(gang, other) && (sendable(gang, i, other) || taken_due(gang, i, other)))
                return true;
        for (int r = 0; r < gang->self->size; r++)
            if (r != gang->self->rank && hosts(gang, r) && left_due(gang, i, r))
                return true;
    }
    return false;
}

static fani_gang_report look(const fani_mpi_gang *gang, char *text)
{
    fani_gang_report report = {.sent = gang->sent, .received = gang->received};
    uint64_t before = 0;
    size_t waiting = 0;
    report.stuck = fani_gang_stuck(&gang->link, &before, &waiting) && !carries(gang) &&
                   fani_gang_stuck(&gang->link, &report.sign, &waiting) && before == report.sign;
    report.waiting = waiting;
    fani_gang_describe(&gang->link, text);
    return report;
}

static bool same(const fani_gang_report *a, const fani_gang_report *b)
{
    return a->stuck == b->stuck && a->sign == b->sign && a->sent == b->sent &&
           a->received == b->received;
}

static void name_deadlock(fani_mpi_gang *gang)
{
    char text[FANI_GANG_TEXT] = "deadlock, every member waits for another: ";
    size_t used = strlen(text);
    const char *comma = "";
    for (int r = 0; r < gang->self->size && used < TEXT_MOST; r++) {
        if (!gang->seen[r].text[0])
            continue;
        int length = snprintf(text + used, sizeof text - used, "%s%s", comma, gang->seen[r].text);
        used += length > 0 ? (size_t)length : 0;
        comma = ", ";
    }
    fani_gang_end(&gang->link, FAN_E_FAILED, text);
}

static void report_to(fani_mpi_gang *gang, const fani_gang_report *report, const char *text,
                      uint64_t round);

/* Whether all have reported that they are stuck, and nothing is under way. */
static bool all_stuck(const fani_mpi_gang *gang)
{
    uint64_t sent = 0, received = 0, waiting = 0;
    for (int r = 0; r < gang->self->size; r++) {
        const fani_gang_report *report = &gang->seen[r].report;
        if (hosts(gang, r) && !report->stuck)
            return false;
        sent += report->sent;
        received += report->received;
        waiting += report->waiting;
    }
    return sent == received && waiting;
}

static void ask_all(fani_mpi_gang *gang)
{
    char text[FANI_GANG_TEXT];
    gang->round++;
    gang->round_holds = true;
    gang->asked = 0;
    for (int r = 0; r < gang->self->size; r++)
        gang->asked += hosts(gang, r);
    const fani_gang_head head = {.kind = FANI_GANG_ASK, .value = gang->round};
    for (int r = 1; r < gang->self->size; r++)
        if (hosts(gang, r))
            fani_link_send(&gang->self->link, fani_gang_message(gang, r, &head, 0));
    if (gang->here) {
        fani_gang_report mine = look(gang, text);
        report_to(gang, &mine, text, gang->round);
    }
}

/* A report came, at rank 0. */
static void hear(fani_mpi_gang *gang, int rank, const fani_gang_report *report, const char *text,
                 uint64_t round)
{
    fani_gang_seen *seen = &gang->seen[rank];
    bool answers = round && round == gang->round && gang->asked;
    if (answers)
        gang->round_holds = gang->round_holds && same(report, &seen->report);
    seen->report = *report;
    snprintf(seen->text, sizeof seen->text, "%s", text);
    gang->asked -= answers;
    if (gang->asked || !all_stuck(gang) || fani_gang_ended(&gang->link, NULL) != FAN_OK)
        return;
    if (answers && gang->round_holds)
        name_deadlock(gang);
    else
        ask_all(gang);
}

static void report_to(fani_mpi_gang *gang, const fani_gang_report *report, const char *text,
                      uint64_t round)
{
    const fani_gang_head head = {.kind = FANI_GANG_REPORT, .value = round};
    size_t length = strlen(text);
    gang->last = *report;
    if (gang->self->rank == 0) {
        hear(gang, 0, report, text, round);
        return;
    }
    fani_message *message = fani_gang_message(gang, 0, &head, sizeof *report + length);
    if (message) {
        memcpy(message->bytes + sizeof head, report, sizeof *report);
        memcpy(message->bytes + sizeof head + sizeof *report, text, length);
    }
    fani_link_send(&gang->self->link, message);
}

/* Looks now and then; what rank 0 knows already is not said again. */
static void look_for_deadlock(fani_mpi_gang *gang)
{
    char text[FANI_GANG_TEXT];
    int64_t now = fani_clock_ns();
    if (!gang->here || gang->here == gang->members || now < gang->look_due ||
        fani_gang_ended(&gang->link, NULL) != FAN_OK)
        return;
    gang->look_due = now + LOOK_NS;
    fani_gang_report report = look(gang, text);
    if (report.stuck && !same(&report, &gang->last))
        report_to(gang, &report, text, 0);
}

/* ---- Out ----------------------------------------------------------------------------------- */

bool fani_gang_carry(fani_mpi_gang *gang)
{
    bool moved = false;
    /* Workers that are processes can't say that there is something. */
    if (atomic_exchange(&gang->dirty, false) || !gang->near) {
        for (size_t i = 0; i < gang->here; i++) {
            for (size_t other = 0; other < gang->members; other++) {
                if (is_here(gang, other))
                    continue;
                moved |= send_bytes(gang, i, other);
                moved |= tell_taken(gang, i, other);
            }
            for (int r = 0; r < gang->self->size; r++)
                if (r != gang->self->rank && hosts(gang, r))
                    moved |= tell_left(gang, i, r);
        }
        moved |= tell_end(gang);
    }
    if (!moved)
        look_for_deadlock(gang);
    return moved;
}

/* ---- In ------------------------------------------------------------------------------------ */

static bool data_came(fani_mpi_gang *gang, const fani_gang_head *head, const unsigned char *bytes,
                      size_t size)
{
    size_t done = 0;
    if (!is_here(gang, head->to) || is_here(gang, head->from))
        return false;
    if (fani_gang_put(&gang->link, head->from, head->to, bytes, size, &done) != FAN_OK ||
        done != size)
        spoiled(gang);
    return true;
}

static bool taken_came(fani_mpi_gang *gang, const fani_gang_head *head)
{
    if (!is_here(gang, head->from))
        return false;
    size_t i = head->from - gang->first[gang->self->rank];
    gang->room_from[i * gang->members + head->to] = head->value;
    atomic_store(&gang->dirty, true);
    return true;
}

static bool end_came(fani_mpi_gang *gang, const fani_gang_head *head, const unsigned char *bytes,
                     size_t size)
{
    char text[FANI_GANG_TEXT];
    snprintf(text, sizeof text, "%.*s", size < TEXT_MOST ? (int)size : TEXT_MOST,
             (const char *)bytes);
    gang->end_told = true; /* whoever said so says it to all */
    fani_gang_end(&gang->link,
                  head->value && head->value <= FAN_E_PROTOCOL ? (fan_status)head->value
                                                               : FAN_E_FAILED,
                  text);
    return true;
}

static bool report_came(fani_mpi_gang *gang, int rank, const fani_gang_head *head,
                        const unsigned char *bytes, size_t size)
{
    char text[FANI_GANG_TEXT];
    fani_gang_report report;
    if (gang->self->rank != 0 || size < sizeof report)
        return false;
    memcpy(&report, bytes, sizeof report);
    size -= sizeof report;
    snprintf(text, sizeof text, "%.*s", size < TEXT_MOST ? (int)size : TEXT_MOST,
             (const char *)bytes + sizeof report);
    hear(gang, rank, &report, text, head->value);
    return true;
}

static bool ask_came(fani_mpi_gang *gang, const fani_gang_head *head)
{
    char text[FANI_GANG_TEXT];
    fani_gang_report report = look(gang, text);
    report_to(gang, &report, text, head->value);
    return true;
}

bool fani_gang_carried(fani_mpi_gang *gang, int rank, const fani_gang_head *head,
                       const unsigned char *bytes, size_t size)
{
    if (head->from >= gang->members || head->to >= gang->members)
        return false;
    switch (head->kind) {
    case FANI_GANG_DATA:
        gang->received++;
        return data_came(gang, head, bytes, size);
    case FANI_GANG_TAKEN:
        gang->received++;
        return taken_came(gang, head);
    case FANI_GANG_LEFT:
        gang->received++;
        fani_gang_set_state(&gang->link, head->from, FANI_GANG_RETURNED);
        return true;
    case FANI_GANG_ENDED:
        gang->received++;
        return end_came(gang, head, bytes, size);
    case FANI_GANG_REPORT:
        return report_came(gang, rank, head, bytes, size);
    case FANI_GANG_ASK:
        return ask_came(gang, head);
    default:
        return false;
    }
}
