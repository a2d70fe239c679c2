/* bench/integrate_oned: one-dimensional integrals beside GSL's. */
#include "oned.h"

int main(int argc, char **argv)
{
    bench_options options;
    const int code = bench_options_read(
        argc, argv, "Integrals over one variable: solved, reached, lies and time beside GSL's.",
        &options);
    if (code >= 0)
        return code;
    bench_print_machine(&options);
    oned_easy(&options);
    oned_scan(&options);
    oned_set(&options);
    return 0;
}
