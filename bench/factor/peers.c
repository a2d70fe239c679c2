/* What people use today: commands, FLINT, PARI, GMP-ECM. */
#include "factor.h"

#include <ecm.h>
#include <errno.h>
#include <flint/fmpz_factor.h>
#include <flint/ulong_extras.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As if all numbers had been taken, where only every z->every-th was. */
static double for_all(const numbers *z, double ns)
{
    size_t taken = (z->count + z->every - 1) / z->every;
    return ns * (double)z->count / (double)taken;
}

static FILE *temporary_file(void)
{
    FILE *file = tmpfile();
    if (!file)
        bench_fail("no temporary files: %s", strerror(errno));
    return file;
}

/* ---- Commands that print "n: p q r" ---------------------------------------------------------- */

static void check_line(numbers *z, size_t i, char *line, const char *name)
{
    char *colon = strstr(line, ": ");
    line[strcspn(line, "\n")] = '\0';
    numbers_check(z, i, colon ? strdup(colon + 2) : strdup(""), name);
}

static double by_child(numbers *z, char *const argv[])
{
    FILE *input = temporary_file(), *output = temporary_file();
    char *line = NULL;
    size_t room = 0;
    for (size_t i = 0; i < z->count; i += z->every)
        gmp_fprintf(input, "%Zd\n", z->n[i]);
    if (fflush(input) != 0)
        bench_fail("writing a temporary file: %s", strerror(errno));
    double ns = bench_child_ns(argv, fileno(input), fileno(output));
    rewind(output);
    for (size_t i = 0; i < z->count && ns >= 0; i += z->every) {
        if (getline(&line, &room, output) <= 0)
            bench_fail("%s has stopped early", argv[0]);
        check_line(z, i, line, argv[0]);
    }
    free(line);
    fclose(input);
    fclose(output);
    return ns < 0 ? ns : for_all(z, ns);
}

double by_coreutils(numbers *z, const char *isa)
{
    (void)isa;
    return by_child(z, (char *[]){"factor", NULL});
}

/* The command of the same build: build/<preset>/bin/fanfold beside build/<preset>/bench. */
double by_command(numbers *z, const char *isa)
{
    char here[4096], command[sizeof here + 16];
    ssize_t length = readlink("/proc/self/exe", here, sizeof here - 1);
    (void)isa;
    if (length <= 0)
        return -1;
    here[length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(here, '/');
        if (!slash)
            return -1;
        *slash = '\0';
    }
    snprintf(command, sizeof command, "%s/bin/fanfold", here);
    return by_child(z, (char *[]){command, "factor", "--executor", "serial", NULL});
}

/* ---- FLINT ----------------------------------------------------------------------------------- */

/* FLINT's factors come in no order: they are multiplied. */
static void check_flint(const numbers *z, size_t i, const fmpz_factor_t found)
{
    fmpz_t product, n;
    fmpz_init(n);
    fmpz_init(product);
    fmpz_factor_expand(product, found);
    fmpz_set_mpz(n, z->n[i]);
    if (!fmpz_equal(product, n))
        bench_fail("FLINT's factors do not multiply to the number");
    fmpz_clear(n);
    fmpz_clear(product);
}

static double flint_words(numbers *z)
{
    double ns = 0;
    for (size_t i = 0; i < z->count; i += z->every) {
        n_factor_t found;
        uint64_t product = 1;
        n_factor_init(&found);
        double before = bench_thread_ns();
        n_factor(&found, z->words[i], 1);
        ns += bench_thread_ns() - before;
        for (int k = 0; k < found.num; k++)
            product *= n_pow(found.p[k], (ulong)found.exp[k]);
        if (product != z->words[i] && z->words[i] != 0)
            bench_fail("FLINT's factors do not multiply to the number");
    }
    return for_all(z, ns);
}

double by_flint(numbers *z, const char *isa)
{
    double ns = 0;
    fmpz_t n;
    (void)isa;
    if (z->words)
        return flint_words(z);
    fmpz_init(n);
    for (size_t i = 0; i < z->count; i += z->every) {
        fmpz_factor_t found;
        fmpz_set_mpz(n, z->n[i]);
        fmpz_factor_init(found);
        double before = bench_thread_ns();
        fmpz_factor(found, n);
        ns += bench_thread_ns() - before;
        check_flint(z, i, found);
        fmpz_factor_clear(found);
    }
    fmpz_clear(n);
    return for_all(z, ns);
}

double primes_by_flint(numbers *z, const char *isa)
{
    double ns = 0;
    (void)isa;
    for (size_t i = 0; i < z->count; i++) {
        double before = bench_thread_ns();
        int prime = n_is_prime(z->words[i]);
        ns += bench_thread_ns() - before;
        if (!prime)
            bench_fail("FLINT does not know a prime");
    }
    return ns;
}

/* ---- PARI ------------------------------------------------------------------------------------ */

static void write_numbers(const numbers *z, FILE *script)
{
    fprintf(script, "v=[");
    for (size_t i = 0; i < z->count; i++)
        gmp_fprintf(script, "%s%Zd", i == 0 ? "" : ",\\\n", z->n[i]);
    fprintf(script, "];\n");
}

/* gp, which measures itself and prints milliseconds first: its start is not in it. Each further
 * line is the answer for a number. */
static double by_gp(numbers *z, const char *program)
{
    FILE *script = temporary_file(), *answer = temporary_file();
    char *line = NULL;
    size_t room = 0;
    double ms = -1;
    write_numbers(z, script);
    fputs(program, script);
    if (fflush(script) != 0)
        bench_fail("writing a temporary file: %s", strerror(errno));
    bool ran = bench_child_ns((char *[]){"gp", "-f", "-q", "-s", "400000000", NULL}, fileno(script),
                              fileno(answer)) >= 0;
    rewind(answer);
    if (ran && getline(&line, &room, answer) > 0)
        ms = strtod(line, NULL);
    for (size_t i = 0; i < z->count && ms >= 0; i++) {
        if (getline(&line, &room, answer) <= 0)
            bench_fail("gp has stopped early");
        line[strcspn(line, "\n")] = '\0';
        numbers_check(z, i, strdup(line), "PARI");
    }
    free(line);
    fclose(script);
    fclose(answer);
    return ms * 1e6;
}

double by_pari(numbers *z, const char *isa)
{
    (void)isa;
    return by_gp(z, "w=vector(#v);gettime();for(i=1,#v,w[i]=factor(v[i]));t=gettime();print(t);\n"
                    "for(i=1,#v,f=w[i];s=\"\";for(k=1,#f~,for(e=1,f[k,2],s=concat(s,concat("
                    "if(s==\"\",\"\",\" \"),Str(f[k,1])))));print(s));\nquit\n");
}

/* Ten times over, as gp counts milliseconds. */
double primes_by_pari(numbers *z, const char *isa)
{
    (void)isa;
    double ns = by_gp(z, "w=vector(#v);gettime();for(k=1,10,for(i=1,#v,w[i]=isprime(v[i])));"
                         "t=gettime();print(t);\nfor(i=1,#v,print(if(w[i],v[i],0)));\nquit\n");
    return ns / 10;
}

/* ---- GMP-ECM --------------------------------------------------------------------------------- */

/* Curves until a prime comes out, with the first bound that is worth while for so many digits (its
 * README has them from 15 digits on). */
static double split(mpz_ptr n, double b1, mpz_ptr divisor)
{
    double ns = 0;
    ecm_params params;
    ecm_init(params);
    mpz_set_ui(divisor, 1);
    for (unsigned long curve = 0; mpz_cmp_ui(divisor, 1) <= 0 || mpz_cmp(divisor, n) >= 0;
         curve++) {
        ecm_reset(params);
        params->param = ECM_PARAM_SUYAMA;
        mpz_set_ui(params->sigma, 42 + curve);
        double before = bench_thread_ns();
        if (ecm_factor(divisor, n, b1, params) < 0)
            bench_fail("GMP-ECM fails");
        ns += bench_thread_ns() - before;
    }
    ecm_clear(params);
    return ns;
}

double by_gmp_ecm(numbers *z, const char *isa)
{
    static const double b1[] = {400, 2000, 5000, 11000, 50000};
    static const unsigned digits[] = {12, 15, 19, 20};
    double ns = 0;
    size_t bound = 0;
    mpz_t divisor, copy;
    mpz_inits(divisor, copy, NULL);
    (void)isa;
    while (bound < sizeof digits / sizeof digits[0] && z->digits > digits[bound])
        bound++;
    for (size_t i = 0; i < z->count; i += z->every) {
        mpz_set(copy, z->n[i]);
        ns += split(copy, b1[bound], divisor);
        if (!mpz_divisible_p(z->n[i], divisor))
            bench_fail("GMP-ECM's divisor is none");
    }
    mpz_clears(divisor, copy, NULL);
    return for_all(z, ns);
}
