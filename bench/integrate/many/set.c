/* The set: what each method solves, claims and lies about, at 1e-5 with 10^7 evaluations. */
#include <math.h>
#include <stdio.h>
#include <string.h>

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
                      many_answer *answer, double *absolute, char *chosen)
{
    *absolute = 0;
    *chosen = '\0';
    if (!method)
        return many_hcubature_problem(p, rel, budget, answer);
    const fani_goal goal = {.rel = rel, .evaluations_max = budget, .seed = 1};
    fani_estimate e;
    if (fani_integrate_rounds(method, &p->f, &p->domain, &goal, &e, NULL) != FAN_OK)
        return false;
    *answer = (many_answer){e.value[0], e.error[0], e.evaluations};
    *absolute = e.absolute;
    memcpy(chosen, e.chosen, sizeof e.chosen);
    return true;
}

/* A problem that the method can't do counts as one not solved. */
static void add(score *s, const fani_method *method, const many_problem *p, uint64_t budget)
{
    many_answer a;
    double absolute;
    char chosen[FANI_CHOSEN_SIZE];
    const double before = bench_thread_ns();
    s->problems++;
    if (!answer_of(method, p, budget, &a, &absolute, chosen))
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

void many_each(const char *path)
{
    static const fani_method *const both[] = {&fani_method_auto_many, NULL};
    many_problem *problems = NULL;
    const size_t count = many_problems_read(path, &problems);
    puts("problem\tmethod\tvalue\terror\texact\tallowed\tevaluations\tclaims\tns\tchosen");
    for (size_t i = 0; i < count; i++) {
        for (size_t m = 0; m < sizeof both / sizeof both[0]; m++) {
            const many_problem *p = &problems[i];
            char chosen[FANI_CHOSEN_SIZE];
            many_answer a = {0};
            double absolute = 0;
            const double before = bench_thread_ns();
            const bool done = answer_of(both[m], p, 10000000, &a, &absolute, chosen);
            const double noise = 50 * 0x1p-52 * absolute;
            printf("%s\t%s\t%.17g\t%.3g\t%.17g\t%.3g\t%llu\t%d\t%.0f\t%s\n", p->name,
                   both[m] ? both[m]->name : "hcubature", a.value, a.error, p->exact,
                   fmax(rel * fabs(p->exact), noise), (unsigned long long)a.evaluations,
                   done && a.error <= fmax(rel * fabs(a.value), noise), bench_thread_ns() - before,
                   chosen);
        }
    }
    many_problems_free(problems, count);
}

void many_set(const char *path, const bench_options *options)
{
    many_problem *problems = NULL;
    const size_t count = many_problems_read(path, &problems);
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
