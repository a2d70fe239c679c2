/* The table of jobs. Adding one is a file of its own, a line here and its tasks below. */
#include "job/job_internal.h"

#include <string.h>

#include "job/curves.h"
#include "job/left.h"
#include "job/near.h"
#include "job/sieve.h"
#include "job/weak_ring.h"

static const fani_job_kind *const kinds[] = {
    &fani_job_gcd,       &fani_job_factor,   &fani_job_divisors,
    &fani_job_integrate, &fani_job_weakkeys, &fani_job_command,
};

static const fan_task *const tasks[] = {
    &fani_task_gcd,
    &fani_task_factor,
    &fani_task_factor_function,
    &fani_task_sieve,
    &fani_task_divisors,
    &fani_task_divisors_function,
    &fani_task_integrate_block,
    &fani_task_integrate_add,
    &fani_task_integrate_work,
    &fani_task_integrate_scan,
    &fani_task_weakkeys_product,
    &fani_task_weakkeys_multiply,
    &fani_task_weakkeys_join,
    &fani_task_weakkeys_part,
    &fani_task_weakkeys_root,
    &fani_task_weakkeys_step,
    &fani_task_weakkeys_block,
    &fani_task_weakkeys_check,
    &fani_task_weakkeys_ring,
    &fani_task_known_modulus,
    &fani_task_known_reduce,
    &fani_task_known_product,
    &fani_task_known_meet,
    &fani_task_command,
    &fani_task_near,
    &fani_task_curves,
    &fani_task_factor_more,
    NULL,
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

const fani_job_kind *fani_job_kind_find(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (!strcmp(kinds[i]->name, name))
            return kinds[i];
    return NULL;
}

const char *fan_job_task_name(size_t i, const char **summary)
{
    if (i >= KINDS)
        return NULL;
    if (summary)
        *summary = kinds[i]->summary;
    return kinds[i]->name;
}

const fan_task *const *fan_job_tasks(void)
{
    return tasks;
}
