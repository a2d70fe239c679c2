/* Gauss-Legendre points and weights: published ones, those of PARI and Arb, and what they
 * integrate. */
#include "shim/shim.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "kernel/integrate/integral.h"

/* Abramowitz and Stegun, table 25.4 (order 20); order 5 in closed form. */
FAN_TEST(gauss, points_are_those_published)
{
    static const double known[10][2] = {
        {0.0765265211334973337546404, 0.1527533871307258506980843},
        {0.2277858511416450780804962, 0.1491729864726037467878287},
        {0.3737060887154195606725482, 0.1420961093183820513292983},
        {0.5108670019508270980043641, 0.1316886384491766268984945},
        {0.6360536807265150254528367, 0.1181945319615184173123774},
        {0.7463319064601507926143051, 0.1019301198172404350367501},
        {0.8391169718222188233945291, 0.0832767415767047487247581},
        {0.9122344282513259058677524, 0.0626720483341090635695065},
        {0.9639719272779137912676661, 0.0406014298003869413310400},
        {0.9931285991850949247861224, 0.0176140071391521183118620},
    };
    fani_gauss_point points[20];
    fani_gauss_legendre(20, points);
    for (int i = 0; i < 10; i++) {
        EXPECT_NEAR(2 * points[10 + i].offset - 1, known[i][0], DBL_EPSILON);
        EXPECT_NEAR(1 - 2 * points[9 - i].offset, known[i][0], DBL_EPSILON);
        EXPECT_NEAR(2 * points[10 + i].weight, known[i][1], known[i][1] * DBL_EPSILON);
        EXPECT_NEAR(2 * points[9 - i].weight, known[i][1], known[i][1] * DBL_EPSILON);
    }
    fani_gauss_legendre(5, points);
    const double inner = sqrt(5 - 2 * sqrt(10.0 / 7)) / 3;
    const double outer = sqrt(5 + 2 * sqrt(10.0 / 7)) / 3;
    EXPECT_NEAR(points[2].offset, 0.5, 0);
    EXPECT_NEAR(2 * points[3].offset - 1, inner, DBL_EPSILON);
    EXPECT_NEAR(2 * points[4].offset - 1, outer, DBL_EPSILON);
    EXPECT_NEAR(2 * points[0].weight, (322 - 13 * sqrt(70)) / 900, DBL_EPSILON);
    EXPECT_NEAR(2 * points[1].weight, (322 + 13 * sqrt(70)) / 900, DBL_EPSILON);
    EXPECT_NEAR(2 * points[2].weight, 128.0 / 225, DBL_EPSILON);
    fani_gauss_legendre(1, points);
    EXPECT_NEAR(points[0].offset, 0.5, 0);
    EXPECT_NEAR(points[0].weight, 1, 0);
}

/* Points near an end, where 1 - x has few digits of x, where the recurrence gives way to the
 * series, and in the middle, and their weights: (1 - x) / 2 and w / 2 of intnumgaussinit(n) of
 * PARI/GP 2.15 at 60 digits, for orders of 1000, 100000 and 131072 of
 * arb_hypgeom_legendre_p_ui_root of Arb 2.23. */
FAN_TEST(gauss, points_of_high_order_are_those_of_pari_and_arb)
{
    static const struct {
        unsigned order, index;
        double offset, weight;
    } known[] = {
        {7, 0, 0.02544604382862073773690516, 0.06474248308443484663530572},
        {7, 1, 0.1292344072003027800680676, 0.1398526957446383339507339},
        {7, 2, 0.2970774243113014165466968, 0.1909150252525594724751849},
        {64, 0, 0.0003474791321139302715471878, 0.0008916403608482164736480396},
        {64, 1, 0.001829941614022360326537750, 0.002073516630281233817643768},
        {64, 30, 0.4635034391061004802752285, 0.02428773372075171346739953},
        {101, 0, 0.0001403302351148621158006975, 0.0003601158532009318508827731},
        {101, 1, 0.0007392440051212458730523794, 0.0008379463802495144399554158},
        {101, 49, 0.4845268327175508978443805, 0.01546822584429870916825482},
        {500, 0, 5.771623893521674777717911e-6, 1.481182224274141857575274e-5},
        {500, 1, 3.041009273148220336082316e-5, 3.447853641334493748510879e-5},
        {500, 248, 0.4952923906049530120454580, 0.003138313523902332992875835},
        {1000, 0, 1.444350962244715061854874e-6, 3.706669208216035758738416e-6},
        {1000, 15, 0.0006113958040142770120970981, 7.761381454035045383852961e-5},
        {1000, 16, 0.0006914714102706408710963017, 8.253726639786996192977493e-5},
        {1000, 499, 0.4992149947599584030854975, 0.001570009190091433893497970},
        {1024, 0, 1.377472720779824190896908e-6, 3.535038205091294935647903e-6},
        {1024, 1, 7.257807485777616204320117e-6, 8.228863789948434053402899e-6},
        {1024, 510, 0.4977001601745433697628376, 0.001533215737358596742486315},
        {100000, 0, 1.445782032798498524566810e-10, 3.710343581792359010609536e-10},
        {100000, 15, 6.121260367936728273248324e-8, 7.772235614666741992741750e-9},
        {100000, 16, 6.923157688864591080382462e-8, 8.265710803871122526600552e-9},
        {100000, 17, 7.774402528663050410939537e-8, 8.759185991662365445777035e-9},
        {100000, 49999, 0.4999921460576361584887190, 1.570788472639111374571222e-5},
        {131072, 7, 8.629843700546174619439443e-9, 2.226119439183124719910877e-9},
        {131072, 65535, 0.4999940079104055165351746, 1.198417918839320484524419e-5},
    };
    fani_gauss_point *points = malloc(FAN_INTEGRAL_ORDER_MAX * sizeof *points);
    ASSERT_TRUE(points);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const fani_gauss_point *p = &points[known[i].index];
        if (i == 0 || known[i].order != known[i - 1].order)
            fani_gauss_legendre(known[i].order, points);
        EXPECT_NEAR(p->offset, known[i].offset, known[i].offset * DBL_EPSILON);
        EXPECT_NEAR(p->weight, known[i].weight, known[i].weight * DBL_EPSILON);
        p = &points[known[i].order - 1 - known[i].index];
        EXPECT_NEAR(p->offset, 1 - known[i].offset, DBL_EPSILON / 2);
    }
    free(points);
}

/* All points and weights of a rule at once: the integrals over 0..1 of 1, x and cos(n x), which
 * turns as fast as the points of order n can follow. */
static void check_gauss(unsigned n, fani_gauss_point *points)
{
    long double sum = 0, first = 0, wave = 0;
    bool rising = true;
    fani_gauss_legendre(n, points);
    for (unsigned i = 0; i < n; i++) {
        sum += points[i].weight;
        first += (long double)points[i].weight * points[i].offset;
        wave += points[i].weight * cosl(n * (long double)points[i].offset);
        rising = rising && points[i].offset > (i ? points[i - 1].offset : 0);
    }
    EXPECT_NEAR((double)(sum - 1), 0, 1e-15);
    EXPECT_NEAR((double)(first - 0.5L), 0, 1e-15);
    if (n > 30) /* an offset is rounded, and the wave turns n times as fast */
        EXPECT_NEAR((double)(wave - sinl(n) / n), 0, 1e-15 + 1e-16 * n);
    EXPECT_TRUE(rising && points[n - 1].offset < 1);
}

FAN_TEST(gauss, rules_integrate_waves_at_every_order)
{
    fani_gauss_point *points = malloc(FAN_INTEGRAL_ORDER_MAX * sizeof *points);
    ASSERT_TRUE(points);
    for (unsigned n = 1; n <= FAN_INTEGRAL_ORDER_MAX; n += n < 200 ? 1 : n / 2)
        check_gauss(n, points);
    check_gauss(FAN_INTEGRAL_ORDER_MAX, points);
    free(points);
}

static double one(void *context, const double *point)
{
    (void)context;
    return *point > 2 ? NAN : 1;
}

/* The number of all points is counted without overflow. */
FAN_TEST(gauss, too_many_points_are_refused)
{
    fan_integral_result r;
    fan_error error = {0};
    fan_integral integral = {.scalar = one,
                             .dimension = 1,
                             .ranges = &(fan_range){0, 1},
                             .points = UINT64_C(1) << 50,
                             .rule = FAN_RULE_GAUSS,
                             .order = FAN_INTEGRAL_ORDER_MAX};
    EXPECT_I64(fan_integrate(&integral, &r, &error), FAN_E_TOO_LARGE);
    EXPECT_CONTAINS(error.text, "more than 2^62 points");
    integral.points = 2;
    ASSERT_I64(fan_integrate(&integral, &r, &error), FAN_OK);
    EXPECT_NEAR(r.value, 1, 2e-15);
}
