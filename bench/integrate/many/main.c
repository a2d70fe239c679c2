/* bench/integrate_many: integrals over several dimensions beside hcubature and GSL. */
#include "many.h"

int main(int argc, char **argv)
{
    bench_options options;
    const char *set = bench_option_take(&argc, argv, "--set", false);
    const bool each = bench_option_take(&argc, argv, "--each", true) != NULL;
    const int code = bench_options_read(argc, argv,
                                        "Integrals over several dimensions: solved, reached, lies "
                                        "and time beside hcubature, rates\n"
                                        "beside GSL. --set FILE takes other problems than "
                                        "problems_nd.tsv, and those alone; --each\n"
                                        "prints a line for each problem by auto and by hcubature.",
                                        &options);
    if (code >= 0)
        return code;
    if (each) {
        many_each(set ? set : BENCH_PROBLEMS_ND);
        return 0;
    }
    bench_print_machine(&options);
    many_set(set ? set : BENCH_PROBLEMS_ND, &options);
    if (!set)
        many_rates(&options);
    return 0;
}
