/* What vegas does with a block of samples, by each instruction set, beside plain loops. */
#include "shim/shim.h"

#include <math.h>
#include <string.h>

#include "base/isa.h"
#include "base/philox.h"
#include "kernel/integrate/uniform.h"
#include "kernel/integrate/vegas.h"

enum { BINS = FANI_VEGAS_BINS, POINTS = FANI_POINTS_MAX, SETS = 3, SEED = 12345 };

static const fani_vegas_kernels *kernels_of(int set)
{
#ifdef __x86_64__
    static const fani_vegas_kernels *const all[SETS] = {&fani_vegas_baseline, &fani_vegas_avx2,
                                                        &fani_vegas_avx512};
    return set <= (int)fani_isa_machine() ? all[set] : NULL;
#else
    return set == 0 ? &fani_vegas_baseline : NULL;
#endif
}

static double random_unit(uint64_t *at)
{
    return (double)(fani_philox_u64(99, (*at)++) >> 11) * 0x1p-53;
}

static bool same(const double *a, const double *b, size_t count)
{
    bool all = true;
    for (size_t i = 0; i < count; i++)
        all = all && a[i] == b[i];
    return all;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* A grid with bins of very different widths. */
static void put_grid(fani_vegas_block *b)
{
    uint64_t at = 0;
    for (size_t k = 0; k < b->d; k++) {
        double edges[BINS + 1] = {0};
        for (size_t i = 0; i < BINS; i++)
            edges[i + 1] = edges[i] + exp(10 * random_unit(&at));
        for (size_t i = 0; i < BINS; i++) {
            b->widths[k][i] = (edges[i + 1] - edges[i]) / edges[BINS];
            b->offsets[k][i] = edges[i] / edges[BINS] - (double)i * b->widths[k][i];
        }
    }
}

/* Pieces of 1 to `longest` samples until there are `count`, or `most` pieces. */
static void put_pieces(fani_vegas_block *b, size_t count, uint64_t longest, size_t most)
{
    uint64_t at = count;
    size_t i = 0;
    b->starts[0] = 0;
    b->pieces = 0;
    while (i < count) {
        const size_t here = 1 + (size_t)(random_unit(&at) * (double)longest);
        i = b->pieces + 1 == most || here > count - i ? count : i + here;
        b->starts[++b->pieces] = (uint16_t)i;
    }
    b->n = (count + 7) / 8 * 8;
}

/* ---- The map --------------------------------------------------------------------------------- */

typedef struct map_case {
    size_t d, count;
    uint64_t side, cube, longest, most;
} map_case;

/* Point, bin and density of sample i of piece p, by what vegas.h and uniform.h say. */
static void expect_sample(const fani_vegas_block *b, double *const *u, size_t p, size_t i,
                          double bins[][BINS])
{
    double density = ldexp(1, 7 * (int)b->d);
    uint64_t cube = b->cube + p;
    for (size_t k = 0; k < b->d; k++, cube /= b->item->side) {
        const double corner = (double)(cube % b->item->side);
        const double t = (corner + u[k][i]) * ((double)BINS / (double)b->item->side);
        const size_t bin = (size_t)t;
        EXPECT_NEAR(b->x[k][i], b->offsets[k][bin] + b->widths[k][bin] * t, 0);
        EXPECT_TRUE(b->x[k][i] > 0 && b->x[k][i] < 1);
        density *= b->widths[k][bin];
        bins[k][bin] += i % 2 == 0 ? (double)(i + 1) : 0;
    }
    EXPECT_NEAR(b->densities[i], density, 0);
}

static void expect_map(const fani_vegas_kernels *kernels, fani_vegas_block *b, uint64_t first)
{
    static double values[FAN_INTEGRAL_DIMENSION_MAX][POINTS],
        bins[FAN_INTEGRAL_DIMENSION_MAX][BINS], found[FAN_INTEGRAL_DIMENSION_MAX][BINS];
    double *u[FAN_INTEGRAL_DIMENSION_MAX];
    for (size_t k = 0; k < b->d; k++)
        u[k] = values[k];
    memset(bins, 0, sizeof bins);
    memset(found, 0, sizeof found);
    fani_uniform(SEED, 0, first, b->d, b->n, u);
    kernels->map(b, first);
    for (size_t p = 0; p < b->pieces; p++) {
        for (size_t i = b->starts[p]; i < b->starts[p + 1]; i++)
            expect_sample(b, u, p, i, bins);
    }
    for (size_t i = 0; i < b->n; i++)
        b->largest[i] = (double)(i + 1);
    kernels->add_bins(b, found[0]);
    EXPECT_TRUE(same(bins[0], found[0], b->d * BINS));
}

FAN_TEST(vegas_kernels, samples_lie_in_their_cubes_and_bins)
{
    static const map_case cases[] = {
        {6, 256, 6, 40000, 12, POINTS}, {6, 203, 8, 7, 20, POINTS},  {1, 256, 200001, 3, 3, POINTS},
        {16, 256, 2, 60000, 5, POINTS}, {3, 129, 1, 0, 300, 1},      {2, 250, 511, 500, 1, POINTS},
        {5, 32, 7, 16500, 9, POINTS},   {7, 1, 5, 78124, 1, POINTS},
    };
    static fani_vegas_block b;
    for (int set = 0; set < SETS; set++) {
        const fani_vegas_kernels *kernels = kernels_of(set);
        for (size_t c = 0; kernels && c < sizeof cases / sizeof *cases; c++) {
            const map_case *m = &cases[c];
            const fani_vegas_item item = {.seed = SEED, .side = m->side, .cube = m->cube};
            memset(&b, 0, sizeof b);
            b.item = &item;
            b.d = m->d;
            b.cube = m->cube;
            put_grid(&b);
            put_pieces(&b, m->count, m->longest, m->most);
            expect_map(kernels, &b, UINT64_C(7) << 28);
            if (m->cube == 0 || m->count < POINTS)
                continue;
            b.cube += b.pieces - 1; /* the next block: the last cube goes on */
            expect_map(kernels, &b, (UINT64_C(7) << 28) + POINTS);
        }
    }
}

/* ---- Sums ------------------------------------------------------------------------------------ */

enum { COMPONENTS = 3 };

typedef struct sums {
    double pieces[POINTS][COMPONENTS][2], largest[POINTS], all;
} sums;

static void put_values(fani_vegas_block *b, size_t count)
{
    uint64_t at = 1000;
    for (size_t i = 0; i < b->n; i++) {
        b->densities[i] = exp(2 * random_unit(&at));
        for (size_t c = 0; c < COMPONENTS; c++)
            b->values[c][i] = i < count ? 2 * random_unit(&at) - 1 : 0;
    }
    for (size_t c = 0; c < COMPONENTS; c++)
        b->values[c][b->n] = NAN; /* what lies beyond is of no account */
}

static void plain_sums(const fani_vegas_block *b, sums *s)
{
    memset(s, 0, sizeof *s);
    for (size_t p = 0; p < b->pieces; p++) {
        for (size_t i = b->starts[p]; i < b->starts[p + 1]; i++) {
            double largest = 0;
            for (size_t c = 0; c < COMPONENTS; c++) {
                const double v = b->values[c][i] * b->densities[i];
                s->pieces[p][c][0] += v;
                s->pieces[p][c][1] += v * v;
                largest = fmax(largest, fabs(v));
            }
            s->all += largest;
            s->largest[i] = largest * largest;
        }
    }
}

static void kernel_sums(const fani_vegas_kernels *kernels, fani_vegas_block *b, sums *s)
{
    memset(s, 0, sizeof *s);
    for (size_t c = 0; c < COMPONENTS; c++) {
        kernels->weigh(b, c);
        kernels->add(b, c, s->pieces[0][c], COMPONENTS);
    }
    s->all = kernels->square(b);
    memcpy(s->largest, b->largest, b->n * sizeof *b->largest);
}

FAN_TEST(vegas_kernels, sums_of_pieces)
{
    static fani_vegas_block b;
    static sums plain, made, first;
    static const size_t counts[] = {256, 1, 7, 8, 9, 211};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        memset(&b, 0, sizeof b);
        put_pieces(&b, counts[i], 20, POINTS);
        for (int set = 0; set < SETS; set++) {
            const fani_vegas_kernels *kernels = kernels_of(set);
            if (!kernels)
                continue;
            put_values(&b, counts[i]);
            plain_sums(&b, &plain);
            kernel_sums(kernels, &b, &made);
            EXPECT_TRUE(same(made.largest, plain.largest, POINTS));
            EXPECT_NEAR(made.all, plain.all, 1e-13 * plain.all);
            for (size_t p = 0; p < b.pieces; p++) {
                for (size_t c = 0; c < (size_t)2 * COMPONENTS; c++)
                    EXPECT_NEAR(made.pieces[p][c / 2][c % 2], plain.pieces[p][c / 2][c % 2], 1e-13);
            }
            if (set == 0)
                first = made;
            EXPECT_TRUE(made.all == first.all);
            EXPECT_TRUE(
                same(made.pieces[0][0], first.pieces[0][0], (size_t)POINTS * COMPONENTS * 2));
        }
    }
}

FAN_TEST(vegas_kernels, spreads_are_powers)
{
    for (int set = 0; set < SETS; set++) {
        const fani_vegas_kernels *kernels = kernels_of(set);
        double variances[13];
        for (int i = 0; i < 13; i++)
            variances[i] = i < 12 ? ldexp(1, 8 * i - 40) : 0;
        if (kernels)
            kernels->damp(variances, 13);
        for (int i = 0; kernels && i < 13; i++)
            EXPECT_NEAR(variances[i], i < 12 ? ldexp(1, 3 * i - 15) : 0, 0);
    }
}
