/* bench/integrate_many: integrals over several dimensions beside hcubature and GSL. */
#include "many.h"

int main(int argc, char **argv)
{
    bench_options options;
    const int code = bench_options_read(argc, argv,
                                        "Integrals over several dimensions: solved, reached, lies "
                                        "and time beside hcubature, rates beside GSL.",
                                        &options);
    if (code >= 0)
        return code;
    bench_print_machine(&options);
    many_set(&options);
    many_rates(&options);
    return 0;
}
