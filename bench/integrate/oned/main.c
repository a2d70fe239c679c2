/* bench/integrate_oned: one-dimensional integrals beside GSL's. */
#include "oned.h"

int main(int argc, char **argv)
{
    bench_options options;
    const char *set = bench_option_take(&argc, argv, "--set", false);
    const bool each = bench_option_take(&argc, argv, "--each", true) != NULL;
    const int code = bench_options_read(
        argc, argv,
        "Integrals over one variable: solved, reached, lies and time beside GSL's.\n"
        "--set FILE takes other problems than problems_1d.txt, and those alone; --each prints a\n"
        "line for each problem and method.",
        &options);
    if (code >= 0)
        return code;
    if (each) {
        oned_each(set ? set : BENCH_PROBLEMS_1D);
        return 0;
    }
    bench_print_machine(&options);
    if (!set) {
        oned_easy(&options);
        oned_scan(&options);
    }
    oned_set(set ? set : BENCH_PROBLEMS_1D, &options);
    return 0;
}
