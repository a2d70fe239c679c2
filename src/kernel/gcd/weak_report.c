#include "weak_split.h"

#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>

#define SHOWN FAN_WEAKKEYS_SHARES_SHOWN

/* What describing the keys one after another needs. */
typedef struct describer {
    const fani_weak_set *set;
    const fani_weak_split *split;
    size_t *seen; /* per key: 1 + the last key that counted it as a partner */
    mpz_t gcd;
    mpz_t power;
} describer;

static size_t bytes_of(mpz_srcptr value)
{
    return (mpz_sizeinbase(value, 2) + 7) / 8;
}

static void export_number(fan_weakkeys_number *out, unsigned char **at, mpz_srcptr value)
{
    size_t size = 0;
    mpz_export(*at, &size, 1, 1, 1, 0, value);
    *out = (fan_weakkeys_number){.bytes = *at, .size_bytes = size};
    *at += size;
}

/* The gcd of a listed modulus with the product of all other keys, from the powers of its pieces. */
static void gcd_with_others(describer *d, size_t w)
{
    const fani_weak_split *split = d->split;
    mpz_set_ui(d->gcd, 1);
    for (size_t k = split->first_piece[w]; k < split->first_piece[w + 1]; k++) {
        size_t element = split->pieces.pairs[k].right;
        size_t own = split->exponents[k], others = split->total[element] - own;
        mpz_pow_ui(d->power, split->base.values + element, own < others ? own : others);
        mpz_mul(d->gcd, d->gcd, d->power);
    }
}

static size_t count_factors(const fani_weak_split *split, size_t w)
{
    size_t count = 0;
    for (size_t k = split->first_piece[w]; k < split->first_piece[w + 1]; k++)
        count += split->exponents[k];
    return count > 1 ? count : 0;
}

/* Fills gcd and factors. One block, which `factors` begins, holds them and all their bytes. */
static fan_status describe_numbers(describer *d, size_t w, fan_weakkeys_finding *finding)
{
    const fani_weak_split *split = d->split;
    size_t count = count_factors(split, w);
    size_t size = bytes_of(d->gcd);
    for (size_t k = split->first_piece[w]; count > 0 && k < split->first_piece[w + 1]; k++)
        size += split->exponents[k] * bytes_of(split->base.values + split->pieces.pairs[k].right);
    fan_weakkeys_number *block = malloc(count * sizeof *block + size);
    if (!block)
        return FAN_E_MEMORY;
    unsigned char *at = (unsigned char *)(block + count);
    export_number(&finding->gcd, &at, d->gcd);
    size_t factor = 0;
    for (size_t k = split->first_piece[w]; count > 0 && k < split->first_piece[w + 1]; k++)
        for (size_t e = 0; e < split->exponents[k]; e++)
            export_number(&block[factor++], &at, split->base.values + split->pieces.pairs[k].right);
    finding->factors = block;
    finding->factor_count = count;
    return FAN_OK;
}

/* Puts a partner among the smallest ones shown, which stay sorted. */
static void show_partner(fan_weakkeys_finding *finding, size_t key)
{
    size_t shown = finding->shares_count < SHOWN ? finding->shares_count : SHOWN;
    if (shown == SHOWN && key > finding->shares_with[SHOWN - 1])
        return;
    size_t at = shown < SHOWN ? shown : SHOWN - 1;
    for (; at > 0 && finding->shares_with[at - 1] > key; at--)
        finding->shares_with[at] = finding->shares_with[at - 1];
    finding->shares_with[at] = key;
}

/* An element that only its own key has adds nobody, so most keys have one list to walk. */
static void describe_partners(describer *d, size_t w, fan_weakkeys_finding *finding)
{
    const fani_weak_split *split = d->split;
    size_t self = finding->index;
    for (size_t k = split->first_piece[w]; k < split->first_piece[w + 1]; k++) {
        size_t element = split->pieces.pairs[k].right;
        size_t end = split->first_member[element + 1];
        for (size_t m = split->first_member[element]; m < end; m++) {
            size_t key = split->members[m];
            if (key == self || d->seen[key] == self + 1)
                continue;
            d->seen[key] = self + 1;
            show_partner(finding, key);
            finding->shares_count++;
        }
    }
}

/* Describes one key, where it is to be listed. */
static fan_status describe(describer *d, size_t key, fan_weakkeys_report *report)
{
    fan_weakkeys_finding *finding = &report->findings[report->finding_count];
    size_t slot = d->set->slot[key];
    *finding = (fan_weakkeys_finding){.index = key};
    if (slot == FANI_WEAK_INVALID) {
        finding->weakness = FAN_WEAKKEYS_INVALID;
        report->summary.invalid++;
        report->finding_count++;
        return FAN_OK;
    }
    size_t w = d->split->listed_of[slot];
    if (w == FANI_WEAK_UNLISTED)
        return FAN_OK;
    if (d->set->copies[slot] > 1) {
        finding->weakness |= FAN_WEAKKEYS_DUPLICATE;
        report->summary.duplicates++;
    }
    if (w < d->split->shared_count) {
        finding->weakness |= FAN_WEAKKEYS_SHARED;
        report->summary.shared++;
    }
    gcd_with_others(d, w);
    describe_partners(d, w, finding);
    fan_status status = describe_numbers(d, w, finding);
    if (!status)
        report->finding_count++;
    return status;
}

static size_t count_listed(const fani_weak_set *set, const fani_weak_split *split)
{
    size_t count = 0;
    for (size_t key = 0; key < set->key_count; key++)
        count += set->slot[key] == FANI_WEAK_INVALID ||
                 split->listed_of[set->slot[key]] != FANI_WEAK_UNLISTED;
    return count;
}

static fan_status describe_all(const fani_weak_set *set, const fani_weak_split *split,
                               fan_weakkeys_report *report)
{
    describer d = {.set = set, .split = split};
    d.seen = calloc(set->key_count + 1, sizeof *d.seen);
    report->findings = calloc(count_listed(set, split) + 1, sizeof *report->findings);
    fan_status status = d.seen && report->findings ? FAN_OK : FAN_E_MEMORY;
    mpz_inits(d.gcd, d.power, NULL);
    for (size_t key = 0; key < set->key_count && !status; key++)
        status = fani_weak_is_halted(&set->halt) ? FAN_E_CANCELLED : describe(&d, key, report);
    mpz_clears(d.gcd, d.power, NULL);
    free(d.seen);
    return status;
}

fan_status fani_weak_report_build(const fani_weak_set *set, mpz_srcptr gcds,
                                  fan_weakkeys_report **report, fan_error *error)
{
    fani_weak_split split;
    fan_status status = fani_weak_split_build(&split, set, gcds, error);
    if (status)
        return status;
    fan_weakkeys_report *made = calloc(1, sizeof *made);
    status = made ? describe_all(set, &split, made) : FAN_E_MEMORY;
    fani_weak_split_free(&split);
    if (status) {
        fan_weakkeys_report_free(made);
        return fani_error_set(error, status,
                              status == FAN_E_CANCELLED ? "stopped while weak keys were described"
                                                        : "no memory to describe the weak keys");
    }
    made->summary.keys = set->key_count;
    made->summary.distinct = set->distinct.count;
    *report = made;
    return FAN_OK;
}

void fan_weakkeys_report_free(fan_weakkeys_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->finding_count; i++)
        free((void *)(uintptr_t)report->findings[i].factors);
    free(report->findings);
    free(report);
}
