#include "contest.h"

#include <stdlib.h>

void bench_contest_add(bench_contest *c, const char *name, double (*run)(void *user), void *user)
{
    if (c->peer_count == BENCH_PEERS_MAX)
        bench_fail("more than %d peers", BENCH_PEERS_MAX);
    bench_peer *p = bench_alloc(1, sizeof *p);
    p->name = name;
    p->run = run;
    p->user = user;
    c->peers[c->peer_count++] = p;
}

static void measure(bench_contest *c, bench_peer *p, unsigned k)
{
    double ns = p->run(p->user);
    p->absent = ns < 0;
    p->times[k] = ns / (double)c->items;
    if (!p->absent && c->check)
        c->check(c->check_user, p->name);
}

static void add_row(const bench_contest *c, const bench_peer *p, double ns, double first,
                    double spread, bench_table *table)
{
    if (p->absent)
        bench_table_row(table, "%s\t%s\tabsent\t-\t-", c->name, p->name);
    else
        bench_table_row(table, "%s\t%s\t%.4g\t%.0f\t%.2f", c->name, p->name,
                        ns / (c->unit_ns > 0 ? c->unit_ns : 1), 100 * spread, ns / first);
}

void bench_contest_hold(bench_contest *c, const bench_options *options, bench_table *table)
{
    if (options->repetitions > BENCH_REPETITIONS_MAX)
        bench_fail("at most %d repetitions", BENCH_REPETITIONS_MAX);
    for (unsigned k = 0; k < options->repetitions; k++) {
        for (size_t i = 0; i < c->peer_count; i++) {
            if (!c->peers[i]->absent)
                measure(c, c->peers[i], k);
        }
    }
    double first = 0;
    for (size_t i = 0; i < c->peer_count; i++) {
        bench_peer *p = c->peers[i];
        double ns = p->absent ? 0 : bench_median(p->times, options->repetitions);
        if (first == 0)
            first = ns;
        add_row(c, p, ns, first, p->absent ? 0 : bench_spread(p->times, options->repetitions),
                table);
        free(p);
    }
}

size_t bench_scaled(const bench_options *options, size_t items)
{
    return options->quick ? items / 50 + 2 : items;
}
