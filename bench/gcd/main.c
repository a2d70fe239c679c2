/* gcd on one core beside what people use today, each on the same pairs in one run, every answer
 * checked against GMP. CPU time, medians of interleaved repetitions.
 *
 * --only words, integers, text */
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "gcd.h"

void gcd_use_isa(const char *name)
{
    if (name)
        setenv("FANFOLD_ISA", name, 1);
    else
        unsetenv("FANFOLD_ISA");
}

bool gcd_has_isa(const char *name)
{
    fani_isa isa = FANI_ISA_SCALAR;
    return fani_isa_named(name, &isa) && isa <= fani_isa_machine();
}

static bool is_wanted(const bench_options *options, const char *part)
{
    return !options->only || !strcmp(options->only, part);
}

int main(int argc, char **argv)
{
    bench_options options;
    int code = bench_options_read(
        argc, argv, "gcd on one core beside others (--only words, integers, text).", &options);
    if (code >= 0)
        return code;
    bench_print_machine(&options);
    bench_table *table = bench_table_new("gcd", 2, "work\tby\tCPU ns an item\tspread %\tratio");
    if (is_wanted(&options, "words"))
        gcd_hold_words(&options, table);
    for (unsigned bits = 128; is_wanted(&options, "integers") && bits <= 32768; bits *= 2)
        gcd_hold_integers(bits, &options, table);
    bench_table_print(table, &options);
    if (is_wanted(&options, "text")) {
        table = bench_table_new("gcd_text", 1, "lines\tMB\tCPU ns a line\tMB/s");
        gcd_hold_text(&options, table);
        bench_table_print(table, &options);
    }
    return 0;
}
