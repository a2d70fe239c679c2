#include "rigorous_arb_functions.h"

#include <acb_hypgeom.h>
#include <arb_hypgeom.h>

/* ---- Where boxes lie ------------------------------------------------------------------------- */

static bool is_real(const acb_t z)
{
    return arb_is_zero(acb_imagref(z));
}

static bool leaves_axis(const acb_t z)
{
    return !arb_contains_zero(acb_imagref(z));
}

/* |re z| < 1 for certain. */
static bool is_within_one(const arb_t x)
{
    arb_t one, size;
    arb_init(one);
    arb_init(size);
    arb_one(one);
    arb_abs(size, x);
    const bool is_within = arb_lt(size, one);
    arb_clear(one);
    arb_clear(size);
    return is_within;
}

/* Everything from 0 to 1. */
static void unit(acb_t out)
{
    acb_zero(out);
    arb_unit_interval(acb_realref(out));
}

/* From 0 to the greatest number of x. */
static void from_zero(arb_t out, const arb_t x, slong bits)
{
    arb_t zero;
    arb_init(zero);
    arb_union(out, zero, x, bits);
    arb_clear(zero);
}

static void set_real(acb_t out, const arb_t x)
{
    arb_set(acb_realref(out), x);
    arb_zero(acb_imagref(out));
}

/* Whether all of x is 0 or more, or may count as such: what is less is so little beside the rest
 * that it comes from the ball's own width. Where an integrand is not defined on a part of the
 * range, balls of that part alone are not. */
static bool is_hardly_negative(const arb_t x)
{
    enum { BITS = 30, SMALL = 16 }; /* 2^-SMALL of the rest */
    arf_t low, high;
    bool is_hardly = arb_is_nonnegative(x);
    if (is_hardly || arb_is_negative(x) || !arb_is_finite(x))
        return is_hardly;
    arf_init(low);
    arf_init(high);
    arb_get_lbound_arf(low, x, BITS);
    arb_get_ubound_arf(high, x, BITS);
    arf_neg(low, low);
    arf_mul_2exp_si(low, low, SMALL);
    is_hardly = arf_cmp(low, high) <= 0;
    arf_clear(low);
    arf_clear(high);
    return is_hardly;
}

/* ---- Truth ----------------------------------------------------------------------------------- */

typedef enum truth { NO, YES, EITHER } truth;

static truth truth_of(const acb_t z)
{
    if (acb_is_zero(z))
        return NO;
    return acb_is_finite(z) && !arb_contains_zero(acb_realref(z)) ? YES : EITHER;
}

static void set_truth(acb_t out, truth t, fani_ball_call call)
{
    if (t == EITHER && call.analytic)
        acb_indeterminate(out);
    else if (t == EITHER)
        unit(out);
    else
        acb_set_si(out, t == YES);
}

static truth not(truth t)
{
    return t == EITHER ? EITHER : t == NO ? YES : NO;
}

/* Whether a < b, or a <= b. */
static truth is_less(const acb_t a, const acb_t b, bool or_equal, slong bits)
{
    arb_t d;
    truth t = EITHER;
    arb_init(d);
    arb_sub(d, acb_realref(b), acb_realref(a), bits);
    if (arb_is_positive(d) || (or_equal && arb_is_nonnegative(d)))
        t = YES;
    else if (arb_is_negative(d) || (!or_equal && arb_is_nonpositive(d)))
        t = NO;
    arb_clear(d);
    return t;
}

static truth is_equal(const acb_t a, const acb_t b, slong bits)
{
    acb_t d;
    if (a == b && acb_is_finite(a))
        return YES; /* the same node */
    acb_init(d);
    acb_sub(d, a, b, bits);
    const truth t = truth_of(d);
    acb_clear(d);
    return not(t);
}

static truth both(truth a, truth b)
{
    return a == NO || b == NO ? NO : a == YES && b == YES ? YES : EITHER;
}

static void choose(acb_t out, truth t, const acb_t yes, const acb_t no, fani_ball_call call)
{
    if (t != EITHER)
        acb_set(out, t == YES ? yes : no);
    else if (call.analytic)
        acb_indeterminate(out);
    else
        acb_union(out, yes, no, call.bits);
}

/* Arb's own encloses a ball around 0 to both sides. */
static void absolute(acb_t out, const acb_t z, fani_ball_call call)
{
    arf_t most;
    if (!is_real(z) || call.analytic || !arb_contains_zero(acb_realref(z)) || !acb_is_finite(z)) {
        acb_real_abs(out, z, call.analytic, call.bits);
        return;
    }
    arf_init(most);
    arb_get_abs_ubound_arf(most, acb_realref(z), call.bits);
    acb_zero(out);
    arb_set_arf(acb_realref(out), most);
    from_zero(acb_realref(out), acb_realref(out), call.bits);
    arf_clear(most);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void truncated(acb_t out, const acb_t z, fani_ball_call call)
{
    acb_t down, up;
    acb_init(down);
    acb_init(up);
    acb_real_floor(down, z, call.analytic, call.bits);
    acb_real_ceil(up, z, call.analytic, call.bits);
    if (arb_is_nonnegative(acb_realref(z)))
        acb_set(out, down);
    else if (arb_is_nonpositive(acb_realref(z)))
        acb_set(out, up);
    else
        choose(out, EITHER, down, up, call);
    acb_clear(down);
    acb_clear(up);
}

/* To a whole number, whichever way ties go. */
static void rounded(acb_t out, const acb_t z, fani_ball_call call)
{
    acb_t x, low, high;
    acb_init(x);
    acb_init(low);
    acb_init(high);
    acb_set_d(x, 0.5);
    acb_add(x, z, x, call.bits);
    acb_real_floor(high, x, call.analytic, call.bits);
    acb_real_ceil(low, x, call.analytic, call.bits);
    acb_sub_ui(low, low, 1, call.bits);
    acb_union(out, low, high, call.bits);
    acb_clear(x);
    acb_clear(low);
    acb_clear(high);
}

/* a - b * trunc(a / b), or with the nearest whole number in place of trunc. */
static void remainder_of(acb_t out, const acb_t a, const acb_t b, bool nearest, fani_ball_call call)
{
    acb_t q;
    acb_init(q);
    acb_div(q, a, b, call.bits);
    if (nearest)
        rounded(q, q, call);
    else
        truncated(q, q, call);
    acb_mul(q, q, b, call.bits);
    acb_sub(out, a, q, call.bits);
    acb_clear(q);
}

static void copy_sign(acb_t out, const acb_t a, const acb_t b, fani_ball_call call)
{
    acb_t zero, plus, minus;
    acb_init(zero);
    acb_init(plus);
    acb_init(minus);
    absolute(plus, a, call);
    acb_neg(minus, plus);
    truth t = is_less(zero, b, false, call.bits);
    t = t == NO && !arb_is_negative(acb_realref(b)) ? EITHER : t;
    choose(out, t, plus, minus, call);
    acb_clear(zero);
    acb_clear(plus);
    acb_clear(minus);
}

/* ---- Functions with branch cuts -------------------------------------------------------------- */

static void square_root(acb_t out, const acb_t z, fani_ball_call call)
{
    if (!is_real(z))
        acb_sqrt_analytic(out, z, call.analytic, call.bits);
    else if (call.analytic ? !arb_is_positive(acb_realref(z)) : !is_hardly_negative(acb_realref(z)))
        acb_indeterminate(out);
    else {
        arb_sqrtpos(acb_realref(out), acb_realref(z), call.bits);
        arb_zero(acb_imagref(out));
    }
}

static void logarithm(acb_t out, const acb_t z, fani_ball_call call)
{
    if (!is_real(z))
        acb_log_analytic(out, z, call.analytic, call.bits);
    else if (!arb_is_positive(acb_realref(z)))
        acb_indeterminate(out);
    else {
        arb_log(acb_realref(out), acb_realref(z), call.bits);
        arb_zero(acb_imagref(out));
    }
}

/* To the base `base`. */
static void logarithm_to(acb_t out, const acb_t z, ulong base, fani_ball_call call)
{
    arb_t scale;
    arb_init(scale);
    arb_log_ui(scale, base, call.bits);
    logarithm(out, z, call);
    acb_div_arb(out, out, scale, call.bits);
    arb_clear(scale);
}

static void logarithm_of_one_and(acb_t out, const acb_t z, fani_ball_call call)
{
    acb_t x;
    acb_init(x);
    acb_add_ui(x, z, 1, call.bits);
    logarithm(x, x, call);
    if (acb_is_finite(x))
        acb_log1p(out, z, call.bits);
    else
        acb_indeterminate(out);
    acb_clear(x);
}

/* 0 to the greatest of the base, to a positive power. */
static void power_from_zero(acb_t out, const acb_t a, const acb_t b, slong bits)
{
    arf_t most;
    arb_t x;
    arf_init(most);
    arb_init(x);
    arb_get_ubound_arf(most, acb_realref(a), bits);
    arb_set_arf(x, most);
    if (arb_is_positive(x))
        arb_pow(x, x, acb_realref(b), bits);
    else
        arb_zero(x);
    from_zero(x, x, bits);
    set_real(out, x);
    arf_clear(most);
    arb_clear(x);
}

static void power(acb_t out, const acb_t a, const acb_t b, fani_ball_call call)
{
    if (acb_is_int(b) || !is_real(b) || !is_real(a)) {
        acb_pow_analytic(out, a, b, call.analytic, call.bits);
    } else if (arb_is_positive(acb_realref(a))) {
        arb_pow(acb_realref(out), acb_realref(a), acb_realref(b), call.bits);
        arb_zero(acb_imagref(out));
    } else if (!call.analytic && is_hardly_negative(acb_realref(a)) &&
               arb_is_positive(acb_realref(b)) && acb_is_finite(b)) {
        power_from_zero(out, a, b, call.bits);
    } else {
        acb_indeterminate(out);
    }
}

static void power_of(acb_t out, const acb_t z, double exponent, fani_ball_call call)
{
    acb_t b;
    acb_init(b);
    acb_set_d(b, exponent);
    power(out, z, b, call);
    acb_clear(b);
}

/* The real root, whatever the sign. */
static void cube_root(acb_t out, const acb_t z, fani_ball_call call)
{
    acb_t x;
    mag_t most;
    acb_init(x);
    mag_init(most);
    if (arb_is_positive(acb_realref(z))) {
        acb_root_ui(out, z, 3, call.bits);
    } else if (arb_is_negative(acb_realref(z))) {
        acb_neg(x, z);
        acb_root_ui(x, x, 3, call.bits);
        acb_neg(out, x);
    } else if (!call.analytic && acb_is_finite(z)) {
        arb_get_mag(most, acb_realref(z));
        mag_root(most, most, 3);
        acb_zero(out);
        arb_add_error_mag(acb_realref(out), most);
    } else {
        acb_indeterminate(out);
    }
    acb_clear(x);
    mag_clear(most);
}

/* Whether x is hardly anywhere beyond -1 and 1. */
static bool is_hardly_beyond_one(const arb_t x, slong bits)
{
    arb_t left, right;
    arb_init(left);
    arb_init(right);
    arb_add_ui(left, x, 1, bits);
    arb_sub_ui(right, x, 1, bits);
    arb_neg(right, right);
    const bool is_hardly = is_hardly_negative(left) && is_hardly_negative(right);
    arb_clear(left);
    arb_clear(right);
    return is_hardly;
}

/* asin, or acos: between 0 and pi, or half of that to both sides. */
static void arc(acb_t out, const acb_t z, bool cosine, fani_ball_call call)
{
    const bool is_inside = is_within_one(acb_realref(z));
    arb_t x;
    if (leaves_axis(z) || is_inside) {
        if (cosine)
            acb_acos(out, z, call.bits);
        else
            acb_asin(out, z, call.bits);
        return;
    }
    if (call.analytic || !is_hardly_beyond_one(acb_realref(z), call.bits)) {
        acb_indeterminate(out);
        return;
    }
    arb_init(x);
    arb_const_pi(x, call.bits);
    if (cosine) {
        from_zero(x, x, call.bits);
        set_real(out, x);
    } else {
        arb_mul_2exp_si(x, x, -1);
        acb_zero(out);
        arb_add_error(acb_realref(out), x);
    }
    arb_clear(x);
}

/* Holomorphic but for the imaginary axis from i and -i on. */
static bool crosses_imaginary_cut(const acb_t z)
{
    return arb_contains_zero(acb_realref(z)) && !is_within_one(acb_imagref(z));
}

static void arc_hyperbolic_cosine(acb_t out, const acb_t z, fani_ball_call call)
{
    acb_t x, y;
    acb_init(x);
    acb_init(y);
    acb_sub_ui(x, z, 1, call.bits);
    if (is_real(z) && !call.analytic && is_hardly_negative(acb_realref(x))) {
        acb_add_ui(y, z, 1, call.bits);
        acb_mul(x, x, y, call.bits);
        arb_sqrtpos(acb_realref(x), acb_realref(x), call.bits);
        acb_add(x, x, z, call.bits);
        logarithm(out, x, call);
    } else if (leaves_axis(z) || arb_is_positive(acb_realref(x))) {
        acb_acosh(out, z, call.bits);
    } else {
        acb_indeterminate(out);
    }
    acb_clear(x);
    acb_clear(y);
}

static void arc_hyperbolic_tangent(acb_t out, const acb_t z, fani_ball_call call)
{
    if (leaves_axis(z) || is_within_one(acb_realref(z)))
        acb_atanh(out, z, call.bits);
    else
        acb_indeterminate(out);
}

/* The angle of the point (x, y): by atan where one of them has a sign. */
static void angle(acb_t out, const acb_t y, const acb_t x, fani_ball_call call)
{
    acb_t q, turn;
    acb_init(q);
    acb_init(turn);
    acb_const_pi(turn, call.bits);
    acb_mul_2exp_si(turn, turn, -1);
    const bool by_x = arb_is_positive(acb_realref(x));
    const bool up = arb_is_positive(acb_realref(y)), down = arb_is_negative(acb_realref(y));
    if (by_x || up || down) {
        acb_div(q, by_x ? y : x, by_x ? x : y, call.bits);
        if (call.analytic && crosses_imaginary_cut(q))
            acb_indeterminate(q);
        else
            acb_atan(q, q, call.bits);
        if (by_x)
            acb_set(out, q);
        else if (up)
            acb_sub(out, turn, q, call.bits);
        else {
            acb_neg(turn, turn);
            acb_sub(out, turn, q, call.bits);
        }
    } else if (!call.analytic && acb_is_finite(x) && acb_is_finite(y)) {
        acb_mul_2exp_si(turn, turn, 1);
        acb_zero(out);
        arb_add_error(acb_realref(out), acb_realref(turn));
    } else {
        acb_indeterminate(out);
    }
    acb_clear(q);
    acb_clear(turn);
}

/* Squares of real numbers are not negative, whatever the ball around 0 that is their product. */
static void square(acb_t out, const acb_t z, fani_ball_call call)
{
    arf_t most;
    if (!is_real(z) || call.analytic || !arb_contains_zero(acb_realref(z)) || !acb_is_finite(z)) {
        acb_sqr(out, z, call.bits);
        return;
    }
    arf_init(most);
    arb_get_abs_ubound_arf(most, acb_realref(z), call.bits);
    acb_zero(out);
    arb_set_arf(acb_realref(out), most);
    arb_sqr(acb_realref(out), acb_realref(out), call.bits);
    from_zero(acb_realref(out), acb_realref(out), call.bits);
    arf_clear(most);
}

static void hypotenuse(acb_t out, const acb_t a, const acb_t b, fani_ball_call call)
{
    acb_t x, y;
    acb_init(x);
    acb_init(y);
    square(x, a, call);
    square(y, b, call);
    acb_add(x, x, y, call.bits);
    square_root(out, x, call);
    acb_clear(x);
    acb_clear(y);
}

/* ---- Special functions ----------------------------------------------------------------------- */

static void bessel(acb_t out, const acb_t z, ulong order, bool second, fani_ball_call call)
{
    acb_t n;
    acb_init(n);
    acb_set_ui(n, order);
    if (!second)
        acb_hypgeom_bessel_j(out, n, z, call.bits);
    else if (leaves_axis(z) || arb_is_positive(acb_realref(z)))
        acb_hypgeom_bessel_y(out, n, z, call.bits);
    else
        acb_indeterminate(out);
    if (is_real(z) && acb_is_finite(out))
        arb_zero(acb_imagref(out)); /* they are real there */
    acb_clear(n);
}

/* log|gamma|: to the right of 0, and at real points elsewhere. */
static void log_gamma(acb_t out, const acb_t z, fani_ball_call call)
{
    arb_t x;
    if (arb_is_positive(acb_realref(z))) {
        acb_lgamma(out, z, call.bits);
        return;
    }
    if (!is_real(z) || call.analytic) {
        acb_indeterminate(out);
        return;
    }
    arb_init(x);
    arb_gamma(x, acb_realref(z), call.bits);
    arb_abs(x, x);
    if (arb_is_positive(x)) {
        arb_log(x, x, call.bits);
        set_real(out, x);
    } else {
        acb_indeterminate(out);
    }
    arb_clear(x);
}

static void power_of_two(acb_t out, const acb_t z, slong bits)
{
    arb_t log_2;
    arb_init(log_2);
    arb_const_log2(log_2, bits);
    acb_mul_arb(out, z, log_2, bits);
    acb_exp(out, out, bits);
    arb_clear(log_2);
}

/* ---- By operator ----------------------------------------------------------------------------- */

/* What compares or chooses. False: it does not. */
static bool decide(fani_operator op, acb_t out, const acb_struct *const z[3], fani_ball_call call)
{
    switch (op) {
    case FANI_OP_NOT:
        set_truth(out, not(truth_of(z[0])), call);
        return true;
    case FANI_OP_LESS:
        set_truth(out, is_less(z[0], z[1], false, call.bits), call);
        return true;
    case FANI_OP_LESS_EQUAL:
        set_truth(out, is_less(z[0], z[1], true, call.bits), call);
        return true;
    case FANI_OP_GREATER:
        set_truth(out, is_less(z[1], z[0], false, call.bits), call);
        return true;
    case FANI_OP_GREATER_EQUAL:
        set_truth(out, is_less(z[1], z[0], true, call.bits), call);
        return true;
    case FANI_OP_EQUAL:
        set_truth(out, is_equal(z[0], z[1], call.bits), call);
        return true;
    case FANI_OP_NOT_EQUAL:
        set_truth(out, not(is_equal(z[0], z[1], call.bits)), call);
        return true;
    case FANI_OP_AND:
        set_truth(out, both(truth_of(z[0]), truth_of(z[1])), call);
        return true;
    case FANI_OP_OR:
        set_truth(out, not(both(not(truth_of(z[0])), not(truth_of(z[1])))), call);
        return true;
    case FANI_OP_SELECT:
        choose(out, truth_of(z[0]), z[1], z[2], call);
        return true;
    default:
        return false;
    }
}

/* What has steps or kinks. False: it has none. */
static bool bend(fani_operator op, acb_t out, const acb_struct *const z[3], fani_ball_call call)
{
    const int analytic = call.analytic;
    switch (op) {
    case FANI_OP_ABS:
    case FANI_OP_FABS:
        absolute(out, z[0], call);
        return true;
    case FANI_OP_FLOOR:
        acb_real_floor(out, z[0], analytic, call.bits);
        return true;
    case FANI_OP_CEIL:
        acb_real_ceil(out, z[0], analytic, call.bits);
        return true;
    case FANI_OP_TRUNC:
        truncated(out, z[0], call);
        return true;
    case FANI_OP_ROUND:
    case FANI_OP_RINT:
    case FANI_OP_NEARBYINT:
        rounded(out, z[0], call);
        return true;
    case FANI_OP_MAX:
    case FANI_OP_FMAX:
        acb_real_max(out, z[0], z[1], analytic, call.bits);
        return true;
    case FANI_OP_MIN:
    case FANI_OP_FMIN:
        acb_real_min(out, z[0], z[1], analytic, call.bits);
        return true;
    case FANI_OP_FDIM: {
        acb_t d, zero;
        acb_init(d);
        acb_init(zero);
        acb_sub(d, z[0], z[1], call.bits);
        acb_real_max(out, d, zero, analytic, call.bits);
        acb_clear(d);
        acb_clear(zero);
        return true;
    }
    case FANI_OP_FMOD:
        remainder_of(out, z[0], z[1], false, call);
        return true;
    case FANI_OP_REMAINDER:
        remainder_of(out, z[0], z[1], true, call);
        return true;
    case FANI_OP_COPYSIGN:
        copy_sign(out, z[0], z[1], call);
        return true;
    default:
        return false;
    }
}

/* What has a branch cut or a domain. False: it has none. */
static bool branch(fani_operator op, acb_t out, const acb_struct *const z[3], double exponent,
                   fani_ball_call call)
{
    switch (op) {
    case FANI_OP_POWER:
        power_of(out, z[0], exponent, call);
        return true;
    case FANI_OP_POW:
        power(out, z[0], z[1], call);
        return true;
    case FANI_OP_SQRT:
        square_root(out, z[0], call);
        return true;
    case FANI_OP_CBRT:
        cube_root(out, z[0], call);
        return true;
    case FANI_OP_HYPOT:
        hypotenuse(out, z[0], z[1], call);
        return true;
    case FANI_OP_LOG:
        logarithm(out, z[0], call);
        return true;
    case FANI_OP_LOG2:
        logarithm_to(out, z[0], 2, call);
        return true;
    case FANI_OP_LOG10:
        logarithm_to(out, z[0], 10, call);
        return true;
    case FANI_OP_LOG1P:
        logarithm_of_one_and(out, z[0], call);
        return true;
    case FANI_OP_ASIN:
    case FANI_OP_ACOS:
        arc(out, z[0], op == FANI_OP_ACOS, call);
        return true;
    case FANI_OP_ATAN:
    case FANI_OP_ASINH:
        if (call.analytic && crosses_imaginary_cut(z[0]))
            acb_indeterminate(out);
        else if (op == FANI_OP_ATAN)
            acb_atan(out, z[0], call.bits);
        else
            acb_asinh(out, z[0], call.bits);
        return true;
    case FANI_OP_ATAN2:
        angle(out, z[0], z[1], call);
        return true;
    case FANI_OP_ACOSH:
        arc_hyperbolic_cosine(out, z[0], call);
        return true;
    case FANI_OP_ATANH:
        arc_hyperbolic_tangent(out, z[0], call);
        return true;
    case FANI_OP_LGAMMA:
        log_gamma(out, z[0], call);
        return true;
    case FANI_OP_Y0:
    case FANI_OP_Y1:
        bessel(out, z[0], op == FANI_OP_Y1, true, call);
        return true;
    default:
        return false;
    }
}

/* What is meromorphic: Arb's functions are not finite where it is not. */
static void compute(fani_operator op, acb_t out, const acb_struct *const z[3], fani_ball_call call)
{
    const slong bits = call.bits;
    switch (op) {
    case FANI_OP_COPY:
        acb_set(out, z[0]);
        break;
    case FANI_OP_NEGATE:
        acb_neg(out, z[0]);
        break;
    case FANI_OP_SQUARE:
        square(out, z[0], call);
        break;
    case FANI_OP_ADD:
        acb_add(out, z[0], z[1], bits);
        break;
    case FANI_OP_SUBTRACT:
        acb_sub(out, z[0], z[1], bits);
        break;
    case FANI_OP_MULTIPLY:
        acb_mul(out, z[0], z[1], bits);
        break;
    case FANI_OP_DIVIDE:
        acb_div(out, z[0], z[1], bits);
        break;
    case FANI_OP_EXP:
        acb_exp(out, z[0], bits);
        break;
    case FANI_OP_EXP2:
        power_of_two(out, z[0], bits);
        break;
    case FANI_OP_EXPM1:
        acb_expm1(out, z[0], bits);
        break;
    case FANI_OP_SIN:
        acb_sin(out, z[0], bits);
        break;
    case FANI_OP_COS:
        acb_cos(out, z[0], bits);
        break;
    case FANI_OP_TAN:
        acb_tan(out, z[0], bits);
        break;
    case FANI_OP_SINH:
        acb_sinh(out, z[0], bits);
        break;
    case FANI_OP_COSH:
        acb_cosh(out, z[0], bits);
        break;
    case FANI_OP_TANH:
        acb_tanh(out, z[0], bits);
        break;
    case FANI_OP_ERF:
        acb_hypgeom_erf(out, z[0], bits);
        break;
    case FANI_OP_ERFC:
        acb_hypgeom_erfc(out, z[0], bits);
        break;
    case FANI_OP_J0:
    case FANI_OP_J1:
        bessel(out, z[0], op == FANI_OP_J1, false, call);
        break;
    case FANI_OP_TGAMMA:
        acb_gamma(out, z[0], bits);
        break;
    default: /* what is not known has no enclosure */
        acb_indeterminate(out);
        break;
    }
}

void fani_ball_operator(fani_operator op, acb_t out, const acb_struct *const operands[3],
                        double exponent, fani_ball_call call)
{
    if (!decide(op, out, operands, call) && !bend(op, out, operands, call) &&
        !branch(op, out, operands, exponent, call))
        compute(op, out, operands, call);
}
