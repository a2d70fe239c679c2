/* The set: what each method solves, claims and lies about, at 1e-5 with 10^7 evaluations. */
#include <math.h>
#include <stdio.h>

#include "kernel/integrate/methods_many.h"
#include "many.h"

static const fani_method *const methods[] = {&fani_method_auto_many,  &fani_method_cubature,
                                             &fani_method_cubature9,  &fani_method_cubature11,
                                             &fani_method_cubature13, &fani_method_lattice,
                                             &fani_method_vegas,      &fani_method_product,
                                             &fani_method_nested,     NULL}; /* NULL: hcubature */
static const double rel = 1e-5;

typedef struct score {
    size_t problems, solved, reached, both, lies;
    double evaluations, ns;
} score;

static bool answer_of(const fani_method *method, const many_problem *p, uint64_t budget,
                      many_answer *answer, double *absolute)
{
    *absolute = 0;
    if (!method)
        return many_hcubature_problem(p, rel, budget, answer);
    const fani_goal goal = {.rel = rel, .evaluations_max = budget, .seed = 1};
    fani_estimate e;
    if (fani_integrate_rounds(method, &p->f, &p->domain, &goal, &e, NULL) != FAN_OK)
        return false;
    *answer = (many_answer){e.value[0], e.error[0], e.evaluations};
    *absolute = e.absolute;
    return true;
}

/* A problem that the method can't do counts as one not solved. */
static void add(score *s, const fani_method *method, const many_problem *p, uint64_t budget)
{
    many_answer a;
    double absolute;
    const double before = bench_thread_ns();
    s->problems++;
    if (!answer_of(method, p, budget, &a, &absolute))
        return;
    s->ns += bench_thread_ns() - before;
    s->evaluations += (double)a.evaluations;
    const double noise = 50 * 0x1p-52 * absolute;
    const double most = fmax(rel * fabs(p->exact), noise), off = fabs(a.value - p->exact);
    const bool reached = a.error <= fmax(rel * fabs(a.value), noise), solved = off <= most;
    s->reached += reached;
    s->solved += solved;
    s->both += reached && solved;
    s->lies += reached && off > 10 * most;
}

void many_set(const bench_options *options)
{
    many_problem *problems = NULL;
    const size_t count = many_problems_read(BENCH_PROBLEMS_ND, &problems);
    if (count == 0)
        bench_fail("no problems");
    const uint64_t budget = options->quick ? 20000 : 10000000;
    bench_table *table = bench_table_new(
        "set", 2, "method\thalf\tproblems\tsolved\treached\tboth\tlies\t10^6 evaluations\tCPU s");
    for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
        for (int half = 'a'; half <= 'b'; half++) {
            score s = {0};
            for (size_t i = 0; i < count; i++) {
                if (problems[i].half == half)
                    add(&s, methods[m], &problems[i], budget);
            }
            bench_table_row(table, "%s\t%c\t%zu\t%zu\t%zu\t%zu\t%zu\t%.1f\t%.2f",
                            methods[m] ? methods[m]->name : "hcubature", half, s.problems, s.solved,
                            s.reached, s.both, s.lies, s.evaluations / 1e6, s.ns / 1e9);
        }
    }
    bench_table_print(table, options);
    many_problems_free(problems, count);
}
