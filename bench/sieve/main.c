/* The quadratic sieve of large numbers on one core: whole factorizations of balanced semiprimes
 * beside PARI, FLINT, msieve and YAFU; collecting relations alone; how it spreads out.
 *
 * --digits A,B,...   lengths (50,60,70; collecting 50,60; spreading out 80,85,...,110)
 * --numbers K        semiprimes of each length (3; collecting and spreading out 1)
 * --isa NAME         one instruction set alone
 * --collect          relations alone; so with --until, --leading and --params
 * --until PERCENT    of the columns: below 100 the time needed is estimated from what was found,
 *                    which holds for one large prime alone (100)
 * --leading K        so many leading coefficients, however many cycles there are by then
 * --params base,blocks,large,small,slack,pair,a_prime
 * --scaling          times foreseen for 1 to 1000 cores, as in docs/sieve-scaling.md */
#include <stdlib.h>
#include <string.h>

#include "sieve.h"

typedef enum sieve_mode { WHOLE, COLLECT, SCALING, BY_FLINT } sieve_mode;

bool sieve_next_length(const char **at, unsigned *digits)
{
    char *end;
    if (**at == '\0')
        return false;
    *digits = (unsigned)strtoul(*at, &end, 10);
    if (end == *at || (*end != ',' && *end != '\0') || *digits < 25 || *digits > 115)
        bench_fail("sieve: --digits wants lengths from 25 to 115, separated by commas");
    *at = *end ? end + 1 : end;
    return true;
}

static void read_params(const char *text, sieve_options *options)
{
    fani_qs_params *p = &options->params;
    uint32_t *const field[] = {&p->base,  &p->blocks, &p->large,  &p->small,
                               &p->slack, &p->pair,   &p->a_prime};
    enum { FIELDS = sizeof field / sizeof field[0] };
    options->has_params = true;
    for (unsigned i = 0; i < FIELDS; i++) {
        char *end;
        *field[i] = (uint32_t)strtoul(text, &end, 10);
        if (end == text || *end != (i + 1 < FIELDS ? ',' : 0))
            bench_fail("sieve: --params wants seven numbers");
        text = end + 1;
    }
}

/* An option with a value; false: none of these. */
static bool read_value(const char *name, const char *value, sieve_options *options,
                       sieve_mode *mode)
{
    if (strcmp(name, "--digits") == 0) {
        options->digits = value;
    } else if (strcmp(name, "--numbers") == 0) {
        options->numbers = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--isa") == 0) {
        options->isa = value;
    } else if (strcmp(name, "--until") == 0) {
        options->until = strtod(value, NULL);
        *mode = COLLECT;
    } else if (strcmp(name, "--leading") == 0) {
        options->leading = strtoull(value, NULL, 10);
        *mode = COLLECT;
    } else if (strcmp(name, "--params") == 0) {
        read_params(value, options);
        *mode = COLLECT;
    } else {
        return false;
    }
    return true;
}

/* Takes the options of its own out of argv; returns how many arguments are left. */
static int read_own(int argc, char **argv, sieve_options *options, sieve_mode *mode)
{
    int left = 1;
    bool repeated = false;
    for (int i = 1; i < argc; i++) {
        repeated = repeated || strcmp(argv[i], "--repetitions") == 0;
        if (strcmp(argv[i], "--collect") == 0)
            *mode = COLLECT;
        else if (strcmp(argv[i], "--scaling") == 0)
            *mode = SCALING;
        else if (strcmp(argv[i], "--by-flint") == 0)
            *mode = BY_FLINT;
        else if (i + 1 < argc && read_value(argv[i], argv[i + 1], options, mode))
            i++;
        else
            argv[left++] = argv[i];
    }
    argv[left] = NULL;
    options->repetitions = repeated;
    return left;
}

static void set_defaults(sieve_options *options, sieve_mode mode)
{
    static const char *const digits[] = {"50,60,70", "50,60", "80,85,90,95,100,105,110"};
    bool quick = options->common.quick;
    if (options->repetitions)
        options->repetitions = options->common.repetitions;
    if (quick)
        options->repetitions = 1;
    if (!options->digits)
        options->digits = quick ? "45" : digits[mode];
    if (!options->numbers)
        options->numbers = quick || mode != WHOLE ? 1 : 3;
}

int main(int argc, char **argv)
{
    sieve_options options = {.until = 100};
    sieve_mode mode = WHOLE;
    argc = read_own(argc, argv, &options, &mode);
    if (mode == BY_FLINT)
        return sieve_by_flint();
    int code = bench_options_read(argc, argv,
                                  "The quadratic sieve of large numbers beside its peers "
                                  "(options of its own: bench/sieve/main.c).",
                                  &options.common);
    if (code >= 0)
        return code;
    set_defaults(&options, mode);
    bench_print_machine(&options.common);
    if (mode == WHOLE)
        sieve_whole(&options);
    if (mode == COLLECT || options.common.quick)
        sieve_collect(&options);
    if (mode == SCALING || options.common.quick)
        sieve_scaling(&options);
    return 0;
}
