/* Weak keys: which moduli of a set share a factor with another one, and which factors. */
#ifndef FANFOLD_WEAKKEYS_H
#define FANFOLD_WEAKKEYS_H

#include "fanfold/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The largest number of partners that a finding names; the rest are counted. */
#define FAN_WEAKKEYS_SHARES_SHOWN 8

/* An integer: `size_bytes` bytes, most significant first; leading zero bytes are allowed in inputs
 * and never made in results. No bytes mean 0. */
typedef struct fan_weakkeys_number {
    const unsigned char *bytes;
    size_t size_bytes;
    bool negative;
} fan_weakkeys_number;

/* Why a key is listed: a set of these bits. */
typedef enum fan_weakkeys_weakness {
    FAN_WEAKKEYS_INVALID = 1,   /* below 2: it took no part in the scan */
    FAN_WEAKKEYS_DUPLICATE = 2, /* another key has the same modulus */
    FAN_WEAKKEYS_SHARED = 4,    /* it has a common factor with a different modulus */
    /* Found by fan_weakkeys_check in the key alone: */
    FAN_WEAKKEYS_SMALL_FACTOR = 8, /* a prime below 2^16 divides it, and it is not that prime */
    FAN_WEAKKEYS_SQUARE = 16,      /* it is the square of an integer */
    FAN_WEAKKEYS_CLOSE = 32,     /* its factors are so close that 64 steps of Fermat's method do */
    FAN_WEAKKEYS_TINY = 64,      /* it has fewer than 1024 bits */
    FAN_WEAKKEYS_EXPONENT = 128, /* the public exponent is 1 or even */
    FAN_WEAKKEYS_ROCA = 256,     /* it has the fingerprint of primes k * M + 65537^a mod M */
    FAN_WEAKKEYS_CHECKS = 504    /* all that fan_weakkeys_check looks for */
} fan_weakkeys_weakness;

/* The name of one bit, as outputs have it: "shared", "small-factor", ...; NULL: there is none. The
 * text lives for ever. Any thread. */
FAN_API const char *fan_weakkeys_weakness_name(unsigned weakness);

/* One listed key. `gcd` is taken with the product of all other valid keys, copies counted (so the
 * modulus itself for a duplicate; no bytes for an invalid key). `factors` is the finest split that
 * gcds within the set give, ascending, with multiplicity; the factors need not be prime. There are
 * none where the key stays whole. `shares_with` names the first other keys, by index, that have a
 * common factor with this one, copies included; `shares_count` counts all of them. */
typedef struct fan_weakkeys_finding {
    size_t index;
    unsigned weakness;
    fan_weakkeys_number gcd;
    const fan_weakkeys_number *factors;
    size_t factor_count;
    size_t shares_with[FAN_WEAKKEYS_SHARES_SHOWN];
    size_t shares_count;
} fan_weakkeys_finding;

/* Totals over all keys of a scan. A key can count as duplicate and as shared. */
typedef struct fan_weakkeys_summary {
    size_t keys;
    size_t distinct; /* different valid moduli */
    size_t invalid;
    size_t duplicates; /* keys, not pairs: three equal ones count 3 */
    size_t shared;
} fan_weakkeys_summary;

/* Findings in input order. Owned by the caller; free with fan_weakkeys_report_free. */
typedef struct fan_weakkeys_report {
    fan_weakkeys_summary summary;
    fan_weakkeys_finding *findings;
    size_t finding_count;
} fan_weakkeys_report;

/* Zero everywhere gives the defaults. */
typedef struct fan_weakkeys_options {
    size_t block_keys; /* moduli in one remainder tree: less memory, more time; 0: half of all. The
                          results do not depend on it */
} fan_weakkeys_options;

/* Finds every weak key of a set, on the calling thread. Call fan_weakkeys_scan, which tells the
 * size of the options.
 *
 * keys: `count` moduli of any sizes, borrowed for the call; 0, 1 and negative ones are listed as
 * invalid. NULL where there are none. options: may be NULL.
 * On success *report is the caller's, to be freed by fan_weakkeys_report_free; on error it is
 * untouched. Errors: FAN_E_ARGUMENT (no keys, or no place for the report), FAN_E_MEMORY.
 * Any thread; touches nothing shared. GMP ends the program when its own memory runs out.
 * Method: batch gcd by a scaled remainder tree (D. J. Bernstein, "Scaled remainder trees", 2004),
 * then a coprime base of the weak moduli (the same, "Factoring into coprimes in
 * essentially linear time", 2005). */
FAN_API fan_status fan_weakkeys_scan_sized(const fan_weakkeys_number *keys, size_t count,
                                           const fan_weakkeys_options *options, size_t options_size,
                                           fan_weakkeys_report **report, fan_error *error);

static inline fan_status fan_weakkeys_scan(const fan_weakkeys_number *keys, size_t count,
                                           const fan_weakkeys_options *options,
                                           fan_weakkeys_report **report, fan_error *error)
{
    return fan_weakkeys_scan_sized(keys, count, options, sizeof *options, report, error);
}

/* Frees a report and all that its findings point to. NULL is fine. Any thread. */
FAN_API void fan_weakkeys_report_free(fan_weakkeys_report *report);

/* One key in which a check has found something. `found_factors` is the split that the checks give,
 * ascending, with multiplicity, its product the modulus; what is above 2^16 need not be prime.
 * There are none where no check splits it. */
typedef struct fan_weakkeys_checked {
    size_t index;
    unsigned weakness;
    const fan_weakkeys_number *found_factors;
    size_t found_count;
} fan_weakkeys_checked;

/* Findings in input order. Owned by the caller; free with fan_weakkeys_checks_free. */
typedef struct fan_weakkeys_checks {
    fan_weakkeys_checked *findings;
    size_t finding_count;
} fan_weakkeys_checks;

/* Looks at each key by itself, on the calling thread: some microseconds for one of 2048 bits.
 *
 * moduli: `count` of them, of any sizes, borrowed for the call; those below 2 have nothing. NULL
 * where there are none. exponents: as many, or NULL; an exponent whose `bytes` are NULL is not
 * known. checks: FAN_WEAKKEYS_* bits from SMALL_FACTOR on; 0 means all of them. A sound key of 512
 * bits or more is taken for a ROCA key with a probability below 2^-150, and has none of the other
 * weaknesses by chance.
 * On success *report is the caller's, to be freed by fan_weakkeys_checks_free; on error it is
 * untouched. Errors: FAN_E_ARGUMENT (no moduli, no place for the report, or bits that are no
 * check), FAN_E_MEMORY.
 * Any thread; touches nothing shared. GMP ends the program when its own memory runs out.
 * Method: remainders modulo the primes below 2^16; Fermat's factorization; for ROCA, whether the
 * modulus is a power of 65537 modulo a product of small primes (M. Nemec et al., "The
 * return of Coppersmith's attack", 2017). */
FAN_API fan_status fan_weakkeys_check(const fan_weakkeys_number *moduli,
                                      const fan_weakkeys_number *exponents, size_t count,
                                      unsigned checks, fan_weakkeys_checks **report,
                                      fan_error *error);

/* Frees a report and all that its findings point to. NULL is fine. Any thread. */
FAN_API void fan_weakkeys_checks_free(fan_weakkeys_checks *report);

#ifdef __cplusplus
}
#endif
#endif
