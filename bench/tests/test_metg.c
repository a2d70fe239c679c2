/* The search for METG(50 %) against schedulers whose cost an item is known: the efficiency of items
 * of d ns is d / (d + cost), so the METG is the cost. */
#include "metg.h"
#include "shim.h"

static const double step_ns = 1.25;

/* Runs a search to its end; gives the number of places that were measured. */
static int search(bench_metg *metg, double cost_ns, double at_least_ns)
{
    int place, steps = 0;
    while ((place = bench_metg_next(metg)) >= 0 && steps < 100) {
        double item_ns = at_least_ns + step_ns * (double)bench_metg_iterations(place);
        bench_metg_tell(metg, place, item_ns, item_ns / (item_ns + cost_ns));
        steps++;
    }
    return steps;
}

FAN_TEST(bench_metg, finds_the_cost_from_any_guess)
{
    static const double costs[] = {5, 20, 163, 2000, 150000, 4e6};
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        for (int guess = 0; guess < BENCH_METG_GRID; guess += 29) {
            bench_metg metg = bench_metg_begin(guess);
            double ns;
            EXPECT_TRUE(search(&metg, costs[i], 1) <= 20);
            EXPECT_TRUE(bench_metg_result(&metg, &ns) == BENCH_METG_FOUND);
            EXPECT_TRUE(ns > 0.97 * costs[i] && ns < 1.03 * costs[i]);
        }
    }
}

FAN_TEST(bench_metg, a_good_guess_saves_steps)
{
    bench_metg metg = bench_metg_begin(bench_metg_place(2000 / step_ns));
    EXPECT_TRUE(search(&metg, 2000, 1) <= 5);
}

FAN_TEST(bench_metg, says_where_the_grid_ends)
{
    double ns;
    bench_metg metg = bench_metg_begin(10);
    search(&metg, 0.5, 1);
    EXPECT_TRUE(bench_metg_result(&metg, &ns) == BENCH_METG_BELOW);
    EXPECT_TRUE(ns == 1); /* what an empty item takes */
    metg = bench_metg_begin(10);
    search(&metg, 1e9, 1);
    EXPECT_TRUE(bench_metg_result(&metg, &ns) == BENCH_METG_ABOVE);
    metg = bench_metg_begin(10);
    EXPECT_TRUE(bench_metg_result(&metg, &ns) == BENCH_METG_UNKNOWN);
}

FAN_TEST(bench_metg, the_grid_rises)
{
    for (int place = 1; place < BENCH_METG_GRID; place++) {
        EXPECT_TRUE(bench_metg_iterations(place) > bench_metg_iterations(place - 1));
        EXPECT_TRUE(bench_metg_place((double)bench_metg_iterations(place)) == place);
    }
    EXPECT_TRUE(bench_metg_iterations(0) == 0);
}
