#include "job/weak_known_pass.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernel/gcd/weak_codec.h"

enum {
    ROUND_ITEMS = 32,         /* remainders that are held at once */
    MEET_LIMBS = 1 << 16,     /* of moduli that travel together: 512 KiB */
    MODULUS_TIMES = 4,        /* an item reduces at least so many times what it reduces by */
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
    /* Of fill and take: */
    fani_known_stream products;
    size_t next_group, least_limbs;
    fani_known_moduli moduli;
    uint64_t *firsts; /* of each item: its first slot */
    size_t first_count, taken;
    fani_known_met *met;
    const fani_mpzs *numbers;
    size_t next_number;
    fani_mpzs *out;
};

static fan_status no_memory(fan_error *error)
{
    return fani_error_set(error, FAN_E_MEMORY, "no memory for a pass over the known keys");
}

static fan_status pull(void *user, size_t max_items, size_t max_bytes, fan_items *items,
                       fan_error *error)
{
    (void)max_items, (void)max_bytes; /* an item is a message of its own */
    pass *p = user;
    fani_weak_packer_free(&p->item);
    if (!p->items_left)
        return FAN_OK;
    fan_status status = p->fill(p, &p->item, error);
    if (status != FAN_OK || !p->item.count)
        return status;
    p->items_left--;
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
    return status;
}

/* Runs items until there are no more of them, or as many as may be handed out. */
static fan_status map(pass *p, const fan_task *task, const fan_shared *shared, fan_error *error)
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
    fan_status status = fan_map(p->run->executor, task, fan_source_callback(pull, p, UINT64_MAX),
                                fan_sink_callback(put, p), &options, &summary);
    fani_weak_packer_free(&p->item);
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
    while (end < p->file->head.groups && limbs < p->least_limbs &&
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
static fan_status multiply_all(fani_job_run *run, const fan_shared *modulus, fani_mpzs *numbers,
                               fan_error *error)
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
        status = map(&p, &fani_task_known_reduce, modulus, error);
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
static fan_status reduce_groups(fani_job_run *run, const fani_known_file *file, size_t limbs,
                                const fan_shared *modulus, mpz_ptr residue, fan_error *error)
{
    size_t least = MODULUS_TIMES * limbs;
    fani_mpzs residues = {0};
    pass p = {.run = run,
              .file = file,
              .what = "remainder",
              .fill = fill_groups,
              .take = take_number,
              .products = {.file = file, .section = FANI_KNOWN_PRODUCTS},
              .least_limbs =
                  least > FANI_KNOWN_GROUP_LIMBS / 2 ? least : FANI_KNOWN_GROUP_LIMBS / 2,
              .out = &residues};
    fan_status status = FAN_OK;
    while (p.next_group < file->head.groups && status == FAN_OK) {
        p.items_left = ROUND_ITEMS;
        status = map(&p, &fani_task_known_reduce, modulus, error);
        if (status == FAN_OK)
            status = multiply_all(run, modulus, &residues, error);
    }
    if (status == FAN_OK && residues.count != 1)
        status = fani_error_set(error, FAN_E_PROTOCOL, "remainders of known keys are missing");
    if (status == FAN_OK)
        mpz_swap(residue, residues.values);
    fani_known_stream_free(&p.products);
    fani_mpzs_free(&residues);
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

static fan_status make_modulus(fani_job_run *run, const fani_mpzs *nodes, fani_mpzs *modulus,
                               fan_error *error)
{
    pass p = {.run = run,
              .what = "reciprocal",
              .fill = fill_nodes,
              .take = take_modulus,
              .items_left = 1,
              .numbers = nodes,
              .out = modulus};
    fan_status status = map(&p, &fani_task_known_modulus, NULL, error);
    if (status == FAN_OK && modulus->count != 2)
        status = fani_error_set(error, FAN_E_PROTOCOL, "the reciprocal is missing");
    return status;
}

fan_status fani_known_residue(fani_job_run *run, const fani_known_file *file,
                              const fani_weak_packer *nodes, mpz_ptr residue, fan_error *error)
{
    fani_mpzs tops = {0}, modulus = {0};
    fani_weak_packer packer = {0};
    fani_weak_pack pack = {0};
    fan_shared shared;
    fan_status status = fani_weak_packer_open(nodes, &pack);
    for (size_t i = 0; i < pack.count && status == FAN_OK; i++) {
        mpz_t view = {0};
        fani_weak_pack_view(&pack, i, view);
        status = fani_mpzs_push(&tops, view);
    }
    fani_weak_pack_close(&pack);
    status = status == FAN_OK ? make_modulus(run, &tops, &modulus, error) : no_memory(error);
    fani_mpzs_free(&tops);
    pass p = {.numbers = &modulus};
    if (status == FAN_OK)
        status = fill_nodes(&p, &packer, error);
    if (status == FAN_OK)
        status = share(run, fani_weak_packer_bytes(&packer), &shared, error);
    if (status == FAN_OK) {
        status = reduce_groups(run, file, mpz_size(modulus.values), &shared, residue, error);
        status = unshare(run, shared, status, error);
    }
    fani_weak_packer_free(&packer);
    fani_mpzs_free(&modulus);
    return status;
}

/* ---- What meets a number --------------------------------------------------------------------- */

static fan_status fill_moduli(pass *p, fani_weak_packer *item, fan_error *error)
{
    uint64_t first = p->moduli.next;
    fan_status status = fani_known_moduli_next(&p->moduli, MEET_LIMBS, item, error);
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

fan_status fani_known_meet(fani_job_run *run, const fani_known_file *file, mpz_srcptr number,
                           fani_known_met *met, fan_error *error)
{
    fani_weak_packer packer = {0};
    fan_shared shared;
    pass p = {.run = run,
              .file = file,
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
        status = map(&p, &fani_task_known_meet, &shared, error);
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
    fan_status status = map(&p, &fani_task_known_product, NULL, error);
    if (status == FAN_OK && products->count != p.first_count)
        status = fani_error_set(error, FAN_E_PROTOCOL, "products of keys are missing");
    *sizes = p.firsts;
    return status;
}
