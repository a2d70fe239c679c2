/* The kernel of small.h, once for each instruction set. Who includes it defines KERNEL (its name),
 * V (a vector of 64-bit lanes), LANES, ROWS (vectors worked on at once), and on them
 * WIDEN(p) (LANES values of 32 bits), SPREAD(p) (one of 64 bits), ZERO, ADD, SUB, AND, MUL (of the
 * lower halves), HIGH (the upper half), LOW (the lower half), ADD_IF_LESS(r, a, b, m) (r + m in
 * lanes with a < b, all below 2^63), ANY_LE(a, b) (whether a <= b in a lane). */

/* x / 2^32 modulo m, below 2^32. x - q * m ends in 32 zeros, so that the halves can be subtracted.
 */
static inline V reduce(V x, V m, V inverse)
{
    V taken = HIGH(MUL(MUL(x, inverse), m)), high = HIGH(x);
    return ADD_IF_LESS(SUB(high, taken), high, taken, m);
}

/* sum := sum * 2^(25 * 82) modulo m. */
static inline V shift_chunk(V sum, const fani_rsa_small_table *t, size_t j)
{
    V m = WIDEN(&t->modulus[j]), inverse = WIDEN(&t->inverse[j]);
    return reduce(MUL(reduce(sum, m, inverse), WIDEN(&t->shift[j])), m, inverse);
}

static inline bool has_divisor(V sum, const fani_rsa_small_table *t, size_t j)
{
    V r = reduce(sum, WIDEN(&t->modulus[j]), WIDEN(&t->inverse[j]));
    bool first = ANY_LE(LOW(MUL(r, WIDEN(&t->prime_inverse[0][j]))), WIDEN(&t->most[0][j]));
    return first | ANY_LE(LOW(MUL(r, WIDEN(&t->prime_inverse[1][j]))), WIDEN(&t->most[1][j]));
}

#define UNROLLED _Pragma("GCC unroll 8")

/* Without unrolling all of its loops the compiler would keep the sums in memory. */
void KERNEL(const fani_rsa_small_table *t, const uint64_t *digits, size_t count,
            bool found[static FANI_RSA_SMALL_NUMBERS])
{
    bool any[FANI_RSA_SMALL_NUMBERS] = {false};
    for (size_t j = 0; j < FANI_RSA_SMALL_PAIRS; j += (size_t)LANES * ROWS) {
        const uint32_t *weight = &t->weights[j / FANI_RSA_SMALL_BLOCK][0][j % FANI_RSA_SMALL_BLOCK];
        V sums[FANI_RSA_SMALL_NUMBERS][ROWS];
        size_t end = count, size = (count - 1) % FANI_RSA_SMALL_DIGITS + 1;
        UNROLLED for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
            UNROLLED for (size_t row = 0; row < ROWS; row++) sums[k][row] = ZERO;
        for (;;) {
            const uint64_t *from = digits + (end - size);
            for (size_t i = 0; i < size; i++) {
                V weights[ROWS];
                UNROLLED for (size_t row = 0; row < ROWS; row++) weights[row] =
                    WIDEN(&weight[i * FANI_RSA_SMALL_BLOCK + row * LANES]);
                UNROLLED for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
                {
                    V d = SPREAD(from + i + k * count);
                    UNROLLED for (size_t row = 0; row < ROWS; row++) sums[k][row] =
                        ADD(sums[k][row], MUL(weights[row], d));
                }
            }
            end -= size;
            if (!end)
                break;
            size = FANI_RSA_SMALL_DIGITS;
            UNROLLED for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
                UNROLLED for (size_t row = 0; row < ROWS; row++) sums[k][row] =
                    shift_chunk(sums[k][row], t, j + row * LANES);
        }
        UNROLLED for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
            UNROLLED for (size_t row = 0; row < ROWS; row++) any[k] |=
            has_divisor(sums[k][row], t, j + row * LANES);
    }
    for (size_t k = 0; k < FANI_RSA_SMALL_NUMBERS; k++)
        found[k] = any[k];
}
