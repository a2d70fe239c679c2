/* How far probes are from a panel's polynomial, for the file of an instruction set that includes
 * this one after its vectors (vector_*.h) and defines PANEL_PROBE. Lanes do not meet: the bits are
 * the same however many a register holds. */
#include <math.h>

enum { PAIRS = FANI_PANEL_PAIRS, ROOM = (FANI_PANEL_PROBES_MAX + 1) / 2 + LANES };

/* The polynomial's even and odd part at u. No division: the products without one factor each come
 * from those of the factors before and behind it. */
static inline void parts_at(const fani_panel_polynomial *p, vec u, vec *even, vec *odd)
{
    vec factor[PAIRS];
    vec before[PAIRS];
    const vec z = u * u;
    vec product = spread(1);
#pragma GCC unroll 16
    for (int i = 0; i < PAIRS; i++) {
        factor[i] = z - spread(fani_panel_squares[i]);
        before[i] = product;
        product = product * factor[i];
    }
    vec evens = spread(0);
    vec odds = spread(0);
    vec behind = spread(1);
#pragma GCC unroll 16
    for (int i = PAIRS - 1; i >= 0; i--) {
        const vec others = before[i] * behind;
        evens += spread(p->even[i]) * others;
        odds += spread(p->odd[i]) * others;
        behind = behind * factor[i];
    }
    *even = z * evens + spread(p->middle) * product;
    *odd = u * odds;
}

static double scalar_difference(double value, double even, double odd, double largest)
{
    const double off = fabs(value - (even + odd));
    return off > largest ? off : largest;
}

double PANEL_PROBE(const fani_panel_polynomial *p, const double *u, const double *values,
                   size_t count)
{
    double even[ROOM];
    double odd[ROOM];
    double lanes[LANES];
    const size_t pairs = (count + 1) / 2;
    const double *opposite = values + pairs;
    vec worst = spread(0);
    size_t k = 0;
    for (; k + LANES <= count - pairs; k += LANES) {
        vec e;
        vec o;
        parts_at(p, load(u + k), &e, &o);
        worst = greater_of(magnitude(load(values + k) - (e + o)), worst);
        worst = greater_of(magnitude(load(opposite + k) - (e - o)), worst);
    }
    store(lanes, worst);
    double largest = 0;
    for (size_t i = 0; i < LANES; i++)
        largest = lanes[i] > largest ? lanes[i] : largest;
    for (size_t at = k; at < pairs; at += LANES) {
        vec e;
        vec o;
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = u[at + i < pairs ? at + i : pairs - 1];
        parts_at(p, load(lanes), &e, &o);
        store(even + at, e);
        store(odd + at, o);
    }
    for (; k < pairs; k++) {
        largest = scalar_difference(values[k], even[k], odd[k], largest);
        if (pairs + k < count)
            largest = scalar_difference(opposite[k], even[k], -odd[k], largest);
    }
    return largest;
}
