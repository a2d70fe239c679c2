/* Work on the regions of an item, group by group. */
#include <stdalign.h>
#include <string.h>

#include "base/isa.h"
#include "cubature.h"

enum { LANES = FANI_CUBATURE_LANES };

static fani_cubature_group_work *group_work_of(fani_isa isa)
{
    switch (isa) {
#ifdef __x86_64__
    case FANI_ISA_AVX512:
        return fani_cubature_group_avx512;
    case FANI_ISA_AVX2:
        return fani_cubature_group_avx2;
#endif
    default:
        return fani_cubature_group_baseline;
    }
}

size_t fani_cubature_item_size(size_t d)
{
    return sizeof(fani_cubature_item) + 2 * d * FANI_CUBATURE_REGIONS * sizeof(double);
}

size_t fani_cubature_told_size(size_t components)
{
    return sizeof(fani_cubature_told) + 2 * components * sizeof(double);
}

size_t fani_cubature_reply_size(size_t components)
{
    return sizeof(fani_bad_values) + FANI_CUBATURE_REGIONS * fani_cubature_told_size(components);
}

fan_status fani_cubature_work(const fani_integrand *f, const fani_domain *domain,
                              const unsigned char *item, unsigned char *reply)
{
    const fani_cubature_item *head = (const fani_cubature_item *)(const void *)item;
    const double *boxes = (const double *)(const void *)(item + sizeof *head);
    const size_t d = domain->dimension, told = fani_cubature_told_size(f->components);
    fani_cubature_group_work *const work = group_work_of(fani_isa_wanted());
    fani_bad_values bad = {0};
    fan_status status = FAN_OK;
    alignas(64) double sums[FANI_COMPONENTS_MAX * FANI_CUBATURE_SLOTS * LANES];
    if (head->count > FANI_CUBATURE_REGIONS || head->rule.shape >= FANI_SYMMETRIC_SHAPES)
        return FAN_E_PROTOCOL;
    for (size_t at = 0; status == FAN_OK && at < head->count; at += LANES) {
        const fani_cubature_group group = {
            .f = f,
            .domain = domain,
            .rule = &head->rule,
            .count = head->count - at < LANES ? (size_t)head->count - at : LANES,
            .centre = boxes + at * d,
            .half = boxes + (FANI_CUBATURE_REGIONS + at) * d,
            .sums = sums,
            .out = reply + sizeof bad + at * told,
            .bad = &bad};
        status = work(&group);
    }
    /* The regions that are not there: replies are compared and kept as bytes. */
    memset(reply + sizeof bad + head->count * told, 0,
           (FANI_CUBATURE_REGIONS - head->count) * told);
    memcpy(reply, &bad, sizeof bad);
    return status;
}
