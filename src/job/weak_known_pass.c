#include "job/weak_known_pass.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernel/gcd/weak_codec.h"

enum {
    MEET_LIMBS = 1 << 16, /* of moduli that travel together: 512 KiB */
    MEET_LIMBS_LEAST = 1 << 13,
    ITEM_LIMBS_MAX = 1 << 27, /* 1 GiB: an item is to be well below 2 GiB */
};

/* ---- Maps ------------------------------------------------------------------------------------ */

typedef struct pass pass;

/* Fills the pack of the next item; none is left: leaves it empty. */
typedef fan_status (*filler)(pass *p, fani_weak_packer *item, fan_error *error);

/* Takes the next reply. */
typedef fan_status (*taker)(pass *p, const unsigned char *bytes, size_t size, fan_error *error);

struct pass {
    fani_job_run *run;
    const fani_known_file *file;
    const char *what;
    filler fill;
    taker take;
    fani_weak_packer item;
    uint64_t items_left; /* that may be handed out */
    bool is_chain;       /* an item needs the reply of the one before */
    size_t most;         /* on their way at the same time */
    size_t handed_out, answered;
    /* Of fill and take: */
    fani_known_stream products;
    size_t next_group;
    const fani_known_plan *plan;
    uint64_t group_at; /* where the group that is read in pieces begins, among all limbs of them */
    size_t group_left; /* its limbs that are still to be read: the lowest ones */
    mpz_t above;       /* what is left of the others */
    fani_known_moduli moduli;
    size_t meet_limbs;
    uint64_t *firsts; /* of each item: its first slot */
    size_t first_count, taken;
    fani_known_met *met;
    const fani_mpzs *numbers;
    size_t next_number;
    fani_mpzs *out;
};

static fan_status no_memory(fan_error *error)
{
    fani_error_set(error, FAN_E_MEMORY, "no memory for a pass over the known keys");
    return FAN_E_MEMORY;
}

static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    (void)max_items, (void)max_bytes; /* an item is a message of its own */
    pass *p = user;
    fani_weak_packer_free(&p->item);
    if (!p->items_left)
        return FAN_OK;
    if (p->handed_out - p->answered >= p->most)
        return FAN_E_BUSY;
    fan_status status = p->fill(p, &p->item, error);
    if (status != FAN_OK || !p->item.count)
        return status;
    p->items_left--;
    p->handed_out++;
    *items = fani_weak_packer_bytes(&p->item);
    return FAN_OK;
}

static fan_status item_failed(const pass *p, const fan_outcome *outcome, fan_error *error)
{
    fan_status status = FAN_E_FAILED;
    if (outcome->kind == FAN_OUTCOME_LOST)
        status = FAN_E_LOST;
    else if (outcome->kind == FAN_OUTCOME_TIMED_OUT)
        status = FAN_E_TIMEOUT;
    return fani_error_set(error, status, "%s %" PRIu64 " of the known keys %s: %s", p->what,
                          outcome->index, fan_outcome_name(outcome->kind), outcome->text);
}

static fan_status put(void *user, const fan_outcome *outcomes, size_t count, fan_error *error)
{
    pass *p = user;
    fan_status status = FAN_OK;
    for (size_t i = 0; i < count && status == FAN_OK; i++) {
        const fan_outcome *o = &outcomes[i];
        fani_run_wrote(p->run, o->captured, "%s %" PRIu64, p->what, o->index);
        if (o->kind != FAN_OUTCOME_OK)
            return item_failed(p, o, error);
        status = p->take(p, o->bytes, o->size, error);
        if (status == FAN_E_PROTOCOL)
            fani_error_set(error, status, "the reply of %s %" PRIu64 " is malformed", p->what,
                           o->index);
        else if (status == FAN_E_MEMORY)
            no_memory(error);
    }
    p->answered += count;
    return status;
}

/* Runs items until there are no more of them, or as many as may be handed out; as many at the same
 * time as have room. */
static fan_status map(pass *p, const fan_task *task, const fan_shared *shared,
                      const fani_weak_memory *memory, const fani_weak_item *need, fan_error *error)
{
    const fan_job *job = p->run->job;
    fan_summary *total = &p->run->result->summary, summary = {0};
    fan_map_options options = {.args = shared,
                               .args_size = shared ? sizeof *shared : 0,
                               .batch = 1,
                               .stop = p->run->events.stop,
                               .stop_user = p->run->events.user,
                               .timeout_ms = fani_job_ms(job, FANI_KEY_TIMEOUT),
                               .retries = (uint32_t)fani_job_count(job, FANI_KEY_RETRIES, 0),
                               .backoff_ms = fani_job_ms(job, FANI_KEY_BACKOFF)};
    p->most = p->is_chain ? 1 : fani_weak_in_flight(memory, need);
    fan_status status = fan_map(p->run->executor, task, fan_source_callback(pull, p, UINT64_MAX),
                                fan_sink_callback(put, p), &options, &summary);
    fani_weak_packer_free(&p->item);
    if (memory->limit)
        (void)malloc_trim(0); /* what was given back is not to count any more */
    total->batches += summary.batches;
    total->run_ns += summary.run_ns;
    total->error = summary.error;
    if (status != FAN_OK && error)
        *error = summary.error;
    return status;
}

static fan_status share(const fani_job_run *run, fan_items bytes, fan_shared *shared,
                        fan_error *error)
{
    fan_status status = fan_share(run->executor, bytes.bytes, bytes.size, shared);
    return status == FAN_OK ? FAN_OK
                            : fani_error_set(error, status,
                                             "%zu bytes for a pass over the known keys can't be "
                                             "shared: %s",
                                             bytes.size, fan_status_text(status));
}

static fan_status unshare(const fani_job_run *run, fan_shared shared, fan_status status,
                          fan_error *error)
{
    fan_status dropped = fan_unshare(run->executor, shared);
    if (status != FAN_OK || dropped == FAN_OK)
        return status;
    return fani_error_set(error, dropped, "what a pass over the known keys shared stays: %s",
                          fan_status_text(dropped));
}

/* Appends a number that came as its limbs. */
static fan_status take_number(pass *p, const unsigned char *bytes, size_t size, fan_error *error)
{
    (void)error;
    size_t limbs = size / sizeof(mp_limb_t);
    if (!limbs || size % sizeof(mp_limb_t))
        return FAN_E_PROTOCOL;
    if (fani_mpzs_resize(p->out, p->out->count + 1) != FAN_OK)
        return FAN_E_MEMORY;
    mpz_ptr value = p->out->values + p->out->count - 1;
    memcpy(mpz_limbs_write(value, (mp_size_t)limbs), bytes, size);
    mpz_limbs_finish(value, (mp_size_t)limbs);
    return mpz_sgn(value) ? FAN_OK : FAN_E_PROTOCOL;
}

/* ---- The residue ----------------------------------------------------------------------------- */

/* The next groups of the state, of so many limbs that reducing them is worth an item. */
static fan_status fill_groups(pass *p, fani_weak_packer *item, fan_error *error)
{
    const fani_known_group *groups = p->file->groups;
    size_t first = p->next_group, end = first, limbs = 0;
    while (end < p->file->head.groups && limbs < p->plan->item_limbs &&
           (end == first || limbs + groups[end].limbs <= ITEM_LIMBS_MAX))
        limbs += (size_t)groups[end++].limbs;
    if (end == first)
        return FAN_OK;
    if (fani_weak_packer_begin(item, end - first, limbs) != FAN_OK)
        return no_memory(error);
    fan_status status = FAN_OK;
    for (size_t g = first; g < end && status == FAN_OK; g++)
        status = fani_known_product_next(
            &p->products, g, fani_weak_packer_add(item, (size_t)groups[g].limbs), error);
    p->next_group = end;
    return status;
}

/* The next lower limbs of a group, and above them what the others have left; of a new group once
 * its piece is there and there are two remainders at most. */
static fan_status fill_piece(pass *p, fani_weak_packer *item, fan_error *error)
{
    size_t above = mpz_size(p->above), room = p->plan->piece - above;
    if (!p->group_left && (p->out->count > 1 || p->next_group == p->file->head.groups))
        return FAN_OK;
    if (!p->group_left)
        p->group_left = (size_t)p->file->groups[p->next_group].limbs;
    size_t part = p->group_left < room ? p->group_left : room;
    if (fani_weak_packer_begin(item, 1, part + above) != FAN_OK)
        return no_memory(error);
    mp_limb_t *at = fani_weak_packer_add(item, part + above);
    fan_status status =
        fani_known_product_part(p->file, p->group_at + p->group_left - part, part, at, error);
    memcpy(at + part, mpz_limbs_read(p->above), above * sizeof *at);
    if (status == FAN_OK && !at[part + above - 1])
        status = fani_known_product_none(p->file, error);
    p->group_left -= part;
    return status;
}

/* The remainder of a group, or of what was read of it. */
static fan_status take_piece(pass *p, const unsigned char *bytes, size_t size, fan_error *error)
{
    fan_status status = take_number(p, bytes, size, error);
    if (status != FAN_OK)
        return status;
    if (p->group_left) {
        mpz_swap(p->above, p->out->values + p->out->count - 1);
        return fani_mpzs_resize(p->out, p->out->count - 1);
    }
    mpz_set_ui(p->above, 0);
    p->group_at += p->file->groups[p->next_group++].limbs;
    return FAN_OK;
}

/* Two numbers of a list; one that is left over alone is none of this. */
static fan_status fill_pair(pass *p, fani_weak_packer *item, fan_error *error)
{
    mpz_srcptr a = p->numbers->values + p->next_number, b = a + 1;
    if (p->numbers->count - p->next_number < 2)
        return FAN_OK;
    if (fani_weak_packer_begin(item, 2, mpz_size(a) + mpz_size(b)) != FAN_OK ||
        fani_weak_packer_put(item, a, mpz_size(a)) != FAN_OK ||
        fani_weak_packer_put(item, b, mpz_size(b)) != FAN_OK)
        return no_memory(error);
    p->next_number += 2;
    return FAN_OK;
}

/* The product of all, modulo what is shared, is the one that is left. */
static fan_status multiply_all(fani_job_run *run, const fan_shared *modulus,
                               const fani_weak_memory *memory, const fani_known_plan *plan,
                               fani_mpzs *numbers, fan_error *error)
{
    fan_status status = FAN_OK;
    while (numbers->count > 1 && status == FAN_OK) {
        fani_mpzs next = {0};
        pass p = {.run = run,
                  .what = "product",
                  .fill = fill_pair,
                  .take = take_number,
                  .items_left = UINT64_MAX,
                  .numbers = numbers,
                  .out = &next};
        status = map(&p, &fani_task_known_reduce, modulus, memory, &plan->pair, error);
        if (status == FAN_OK && numbers->count % 2 &&
            fani_mpzs_push(&next, numbers->values + numbers->count - 1) != FAN_OK)
            status = no_memory(error);
        if (status == FAN_OK && next.count != numbers->count / 2 + numbers->count % 2)
            status = fani_error_set(error, FAN_E_PROTOCOL, "products of known keys are missing");
        fani_mpzs_free(numbers);
        *numbers = next;
    }
    return status;
}

/* Reduces all groups by what is shared. */
static fan_status reduce_groups(fani_job_run *run, const fani_known_file *file,
                                const fan_shared *modulus, const fani_weak_memory *memory,
                                const fani_known_plan *plan, fani_mpzs *residues, fan_error *error)
{
    fani_mpzs found = {0};
    pass p = {.run = run,
              .file = file,
              .what = "remainder",
              .fill = plan->piece ? fill_piece : fill_groups,
              .take = plan->piece ? take_piece : take_number,
              .is_chain = plan->piece > 0,
              .products = {.file = file, .section = FANI_KNOWN_PRODUCTS},
              .plan = plan,
              .out = &found};
    fan_status status = FAN_OK;
    mpz_init(p.above);
    while (p.next_group < file->head.groups && status == FAN_OK) {
        p.items_left = plan->piece ? UINT64_MAX : plan->round;
        status = map(&p, &fani_task_known_reduce, modulus, memory, &plan->reduce, error);
        if (status == FAN_OK)
            status = multiply_all(run, modulus, memory, plan, &found, error);
    }
    mpz_clear(p.above);
    if (status == FAN_OK && found.count != 1)
        status = fani_error_set(error, FAN_E_PROTOCOL, "remainders of known keys are missing");
    if (status == FAN_OK && fani_mpzs_move(residues, &found) != FAN_OK)
        status = no_memory(error);
    fani_known_stream_free(&p.products);
    fani_mpzs_free(&found);
    return status;
}

/* The nodes, once. */
static fan_status fill_nodes(pass *p, fani_weak_packer *item, fan_error *error)
{
    const fani_mpzs *nodes = p->numbers;
    size_t limbs = 0;
    for (size_t i = 0; i < nodes->count; i++)
        limbs += mpz_size(nodes->values + i);
    if (fani_weak_packer_begin(item, nodes->count, limbs) != FAN_OK)
        return no_memory(error);
    for (size_t i = 0; i < nodes->count; i++)
        (void)fani_weak_packer_put(item, nodes->values + i, mpz_size(nodes->values + i));
    return FAN_OK;
}

/* Keeps the pack of the modulus: in numbers, as the list has them. */
static fan_status take_modulus(pass *p, const unsigned char *bytes, size_t size, fan_error *error)
{
    fani_weak_pack pack;
    (void)error;
    fan_status status = fani_weak_pack_open(&pack, bytes, size);
    if (status != FAN_OK)
        return status;
    if (pack.count != 2 || !fani_weak_pack_size(&pack, 0))
        status = FAN_E_PROTOCOL;
    for (size_t i = 0; i < pack.count && status == FAN_OK; i++) {
        mpz_t view = {0};
        fani_weak_pack_view(&pack, i, view);
        status = fani_mpzs_push(p->out, view);
    }
    fani_weak_pack_close(&pack);
    return status;
}

static fan_status make_modulus(fani_job_run *run, const fani_mpzs *nodes,
                               const fani_weak_memory *memory, const fani_known_plan *plan,
                               fani_mpzs *modulus, fan_error *error)
{
    pass p = {.run = run,
              .what = "reciprocal",
              .fill = fill_nodes,
              .take = take_modulus,
              .items_left = 1,
              .numbers = nodes,
              .out = modulus};
    fan_status status = map(&p, &fani_task_known_modulus, NULL, memory, &plan->modulus, error);
    if (status == FAN_OK && modulus->count != 2)
        status = fani_error_set(error, FAN_E_PROTOCOL, "the reciprocal is missing");
    return status;
}

/* The residue by some nodes. */
static fan_status residue_by(fani_job_run *run, const fani_known_file *file, const fani_mpzs *nodes,
                             const fani_weak_memory *memory, const fani_known_plan *plan,
                             fani_mpzs *residues, fan_error *error)
{
    fani_mpzs modulus = {0};
    fani_weak_packer packer = {0};
    fan_shared shared;
    fan_status status = make_modulus(run, nodes, memory, plan, &modulus, error);
    pass p = {.numbers = &modulus};
    if (status == FAN_OK)
        status = fill_nodes(&p, &packer, error);
    fani_mpzs_free(&modulus);
    if (status == FAN_OK)
        status = share(run, fani_weak_packer_bytes(&packer), &shared, error);
    if (status == FAN_OK) {
        status = reduce_groups(run, file, &shared, memory, plan, residues, error);
        status = unshare(run, shared, status, error);
    }
    fani_weak_packer_free(&packer);
    return status;
}

fan_status fani_known_residues(fani_job_run *run, const fani_known_file *file,
                               const fani_weak_packer *nodes, const fani_weak_memory *memory,
                               const fani_known_plan *plan, fani_mpzs *residues, fan_error *error)
{
    mpz_t views[2] = {0};
    fani_weak_pack pack = {0};
    fan_status status = fani_weak_packer_open(nodes, &pack);
    if (status != FAN_OK)
        return no_memory(error);
    size_t each = plan->halves ? 1 : pack.count;
    for (size_t i = 0; i < pack.count; i++)
        fani_weak_pack_view(&pack, i, views[i]);
    for (size_t i = 0; i < pack.count && status == FAN_OK; i += each) {
        const fani_mpzs some = {.values = views[i], .count = each};
        status = residue_by(run, file, &some, memory, plan, residues, error);
    }
    fani_weak_pack_close(&pack);
    return status;
}

/* ---- What meets a number --------------------------------------------------------------------- */

static fan_status fill_moduli(pass *p, fani_weak_packer *item, fan_error *error)
{
    uint64_t first = p->moduli.next;
    fan_status status = fani_known_moduli_next(&p->moduli, p->meet_limbs, item, error);
    if (status != FAN_OK || !item->count)
        return status;
    uint64_t *firsts = reallocarray(p->firsts, p->first_count + 1, sizeof *firsts);
    if (!firsts)
        return no_memory(error);
    p->firsts = firsts;
    p->firsts[p->first_count++] = first;
    return FAN_OK;
}

static fan_status take_met(pass *p, const unsigned char *bytes, size_t size, fan_error *error)
{
    fani_mpzs list = {0};
    fani_known_met *met = p->met;
    uint64_t first = p->firsts[p->taken++];
    fan_status status = fani_weak_decode(bytes, size, &list, error);
    if (status == FAN_OK && list.count % 2)
        status = FAN_E_PROTOCOL;
    for (size_t i = 0; i + 1 < list.count && status == FAN_OK; i += 2) {
        uint64_t slot = first + mpz_get_ui(list.values + i) - 1;
        uint64_t *slots = reallocarray(met->slots, met->gcds.count + 1, sizeof *slots);
        if (slots)
            met->slots = slots;
        if (slot >= p->file->head.distinct)
            status = FAN_E_PROTOCOL;
        else if (!slots || fani_mpzs_push(&met->gcds, list.values + i + 1) != FAN_OK)
            status = FAN_E_MEMORY;
        else
            slots[met->gcds.count - 1] = slot;
    }
    fani_mpzs_free(&list);
    return status;
}

/* The longest items with which all workers have some to do; short ones where there are none. */
static size_t limbs_to_meet(const fani_weak_memory *memory, size_t number, fani_weak_item *need)
{
    size_t limbs = 2 * (size_t)MEET_LIMBS;
    do {
        limbs /= 2;
        *need = fani_known_meet_item(memory, limbs, number);
    } while (limbs > MEET_LIMBS_LEAST && fani_weak_in_flight(memory, need) < memory->workers);
    return limbs;
}

fan_status fani_known_meet(fani_job_run *run, const fani_known_file *file, mpz_srcptr number,
                           fani_known_met *met, fan_error *error)
{
    const fani_weak_memory memory = fani_weak_memory_of(run);
    fani_weak_item need;
    fani_weak_packer packer = {0};
    fan_shared shared;
    pass p = {.run = run,
              .file = file,
              .meet_limbs = limbs_to_meet(&memory, mpz_size(number), &need),
              .what = "gcds",
              .fill = fill_moduli,
              .take = take_met,
              .items_left = UINT64_MAX,
              .met = met};
    if (fani_weak_packer_begin(&packer, 1, mpz_size(number)) != FAN_OK ||
        fani_weak_packer_put(&packer, number, mpz_size(number)) != FAN_OK)
        return no_memory(error);
    fan_status status = share(run, fani_weak_packer_bytes(&packer), &shared, error);
    if (status == FAN_OK) {
        fani_known_moduli_begin(file, &p.moduli);
        status = map(&p, &fani_task_known_meet, &shared, &memory, &need, error);
        fani_known_moduli_end(&p.moduli);
        status = unshare(run, shared, status, error);
    }
    free(p.firsts);
    fani_weak_packer_free(&packer);
    return status;
}

void fani_known_met_free(fani_known_met *met)
{
    free(met->slots);
    fani_mpzs_free(&met->gcds);
    *met = (fani_known_met){0};
}

/* ---- Products of groups ---------------------------------------------------------------------- */

static fan_status fill_group(pass *p, fani_weak_packer *item, fan_error *error)
{
    const fani_mpzs *moduli = p->numbers;
    size_t first = p->next_number, end = first, limbs = 0;
    while (end < moduli->count &&
           (end == first || limbs + mpz_size(moduli->values + end) <= FANI_KNOWN_GROUP_LIMBS))
        limbs += mpz_size(moduli->values + end++);
    if (end == first)
        return FAN_OK;
    uint64_t *sizes = reallocarray(p->firsts, p->first_count + 1, sizeof *sizes);
    if (sizes)
        p->firsts = sizes;
    if (!sizes || fani_weak_packer_begin(item, end - first, limbs) != FAN_OK)
        return no_memory(error);
    p->firsts[p->first_count++] = end - first;
    for (; first < end; first++)
        (void)fani_weak_packer_put(item, moduli->values + first, mpz_size(moduli->values + first));
    p->next_number = end;
    return FAN_OK;
}

/* The limbs of the longest group, at most. */
static size_t group_of(const fani_mpzs *moduli)
{
    size_t limbs = 0;
    for (size_t i = 0; i < moduli->count && limbs < FANI_KNOWN_GROUP_LIMBS; i++)
        limbs += mpz_size(moduli->values + i);
    return limbs < FANI_KNOWN_GROUP_LIMBS ? limbs : FANI_KNOWN_GROUP_LIMBS;
}

fan_status fani_known_products(fani_job_run *run, const fani_mpzs *moduli, fani_mpzs *products,
                               uint64_t **sizes, fan_error *error)
{
    pass p = {.run = run,
              .what = "product",
              .fill = fill_group,
              .take = take_number,
              .items_left = UINT64_MAX,
              .numbers = moduli,
              .out = products};
    size_t most = group_of(moduli);
    const fani_weak_memory memory = fani_weak_memory_of(run);
    const fani_weak_item need = fani_known_product_item(most, moduli->count);
    fan_status status = map(&p, &fani_task_known_product, NULL, &memory, &need, error);
    if (status == FAN_OK && products->count != p.first_count)
        status = fani_error_set(error, FAN_E_PROTOCOL, "products of keys are missing");
    *sizes = p.firsts;
    return status;
}
