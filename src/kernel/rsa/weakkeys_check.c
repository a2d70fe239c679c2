/* The checks of single keys as the public API has them. */
#include "base/error.h"
#include "checks.h"

#include <stdlib.h>
#include <string.h>

/* Moduli checked at once. */
enum { BLOCK = 64 };

const char *fan_weakkeys_weakness_name(unsigned weakness)
{
    switch (weakness) {
    case FAN_WEAKKEYS_INVALID:
        return "invalid";
    case FAN_WEAKKEYS_DUPLICATE:
        return "duplicate";
    case FAN_WEAKKEYS_SHARED:
        return "shared";
    case FAN_WEAKKEYS_SMALL_FACTOR:
        return "small-factor";
    case FAN_WEAKKEYS_SQUARE:
        return "square";
    case FAN_WEAKKEYS_CLOSE:
        return "close";
    case FAN_WEAKKEYS_TINY:
        return "tiny";
    case FAN_WEAKKEYS_EXPONENT:
        return "exponent";
    case FAN_WEAKKEYS_ROCA:
        return "roca";
    default:
        return NULL;
    }
}

static size_t bytes_of(mpz_srcptr value)
{
    return (mpz_sizeinbase(value, 2) + 7) / 8;
}

/* Gives a finding copies of the factors, in one block. */
static fan_status keep_factors(fan_weakkeys_checked *finding, const fani_mpzs *factors)
{
    size_t size = factors->count * sizeof(fan_weakkeys_number);
    if (!factors->count)
        return FAN_OK;
    for (size_t i = 0; i < factors->count; i++)
        size += bytes_of(factors->values + i);
    fan_weakkeys_number *block = malloc(size);
    if (!block)
        return FAN_E_MEMORY;
    unsigned char *at = (unsigned char *)(block + factors->count);
    for (size_t i = 0; i < factors->count; i++) {
        size_t written = 0;
        mpz_export(at, &written, 1, 1, 1, 0, factors->values + i);
        block[i] = (fan_weakkeys_number){.bytes = at, .size_bytes = written};
        at += written;
    }
    finding->found_factors = block;
    finding->found_count = factors->count;
    return FAN_OK;
}

static fan_status add_finding(fan_weakkeys_checks *report, size_t *capacity,
                              fan_weakkeys_checked finding)
{
    if (report->finding_count == *capacity) {
        size_t more = *capacity ? 2 * *capacity : 16;
        fan_weakkeys_checked *room = reallocarray(report->findings, more, sizeof *room);
        if (!room)
            return FAN_E_MEMORY;
        report->findings = room;
        *capacity = more;
    }
    report->findings[report->finding_count++] = finding;
    return FAN_OK;
}

static unsigned exponent_weakness(const fan_weakkeys_number *exponent)
{
    return exponent && exponent->bytes &&
                   (exponent->negative ||
                    fani_rsa_exponent_is_weak(exponent->bytes, exponent->size_bytes))
               ? FAN_WEAKKEYS_EXPONENT
               : 0;
}

/* What the caller has asked for, and what has been found. */
typedef struct checking {
    fani_rsa_checker *checker;
    const fan_weakkeys_number *moduli, *exponents;
    unsigned checks;
    fan_weakkeys_checks *report;
    size_t capacity;
} checking;

static fan_status report_one(checking *c, size_t key, mpz_srcptr modulus, unsigned weakness)
{
    fani_mpzs factors = {0};
    fan_weakkeys_checked finding = {.index = key, .weakness = weakness};
    if (mpz_cmp_ui(modulus, 2) >= 0 && (c->checks & FAN_WEAKKEYS_EXPONENT))
        finding.weakness |= exponent_weakness(c->exponents ? c->exponents + key : NULL);
    if (!finding.weakness)
        return FAN_OK;
    fan_status status = fani_rsa_split(c->checker, modulus, weakness, &factors);
    if (status == FAN_OK)
        status = keep_factors(&finding, &factors);
    if (status == FAN_OK)
        status = add_finding(c->report, &c->capacity, finding);
    if (status != FAN_OK)
        free((void *)(uintptr_t)finding.found_factors);
    fani_mpzs_free(&factors);
    return status;
}

static fan_status check_block(checking *c, size_t first, size_t count, fani_mpzs *moduli)
{
    unsigned weakness[BLOCK];
    fan_status status = fani_mpzs_resize(moduli, count);
    for (size_t i = 0; status == FAN_OK && i < count; i++) {
        const fan_weakkeys_number *n = &c->moduli[first + i];
        mpz_import(moduli->values + i, n->size_bytes, 1, 1, 1, 0, n->bytes);
        if (n->negative)
            mpz_neg(moduli->values + i, moduli->values + i);
    }
    if (status == FAN_OK)
        status = fani_rsa_check(c->checker, moduli->values, count, c->checks, weakness);
    for (size_t i = 0; status == FAN_OK && i < count; i++)
        status = report_one(c, first + i, moduli->values + i, weakness[i]);
    return status;
}

fan_status fan_weakkeys_check(const fan_weakkeys_number *moduli,
                              const fan_weakkeys_number *exponents, size_t count, unsigned checks,
                              fan_weakkeys_checks **report, fan_error *error)
{
    fani_mpzs block = {0};
    if ((count && !moduli) || (checks & ~(unsigned)FAN_WEAKKEYS_CHECKS) || !report)
        return fani_error_set(error, FAN_E_ARGUMENT, "no moduli, no report or unknown checks");
    checking c = {.moduli = moduli,
                  .exponents = exponents,
                  .checks = checks ? checks : (unsigned)FAN_WEAKKEYS_CHECKS,
                  .checker = fani_rsa_checker_new(fani_isa_wanted()),
                  .report = calloc(1, sizeof *c.report)};
    fan_status status = c.checker && c.report ? FAN_OK : FAN_E_MEMORY;
    for (size_t i = 0; status == FAN_OK && i < count; i += BLOCK)
        status = check_block(&c, i, count - i < BLOCK ? count - i : BLOCK, &block);
    fani_rsa_checker_free(c.checker);
    fani_mpzs_free(&block);
    if (status != FAN_OK) {
        fan_weakkeys_checks_free(c.report);
        return fani_error_set(error, status, "no memory to check keys");
    }
    *report = c.report;
    return FAN_OK;
}

void fan_weakkeys_checks_free(fan_weakkeys_checks *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->finding_count; i++)
        free((void *)(uintptr_t)report->findings[i].found_factors);
    free(report->findings);
    free(report);
}
