/* A build without Arb says so. */
#include "shim/shim.h"

#include "kernel/integrate/rigorous.h"

FAN_TEST(rigorous, is_not_in_this_build)
{
    const fan_expression_names names = {.variables = (const char *[]){"x"}, .variable_count = 1};
    fani_proof *proof = NULL;
    fan_error error = {0};
    const char *const texts[] = {"x", "0", "1"};
    EXPECT_TRUE(fan_rigorous_version() == NULL);
    EXPECT_I64(fani_proof_make(texts, &names, NULL, &proof, &error), FAN_E_UNSUPPORTED);
    EXPECT_CONTAINS(error.text, "libflint-arb-dev");
    EXPECT_TRUE(proof == NULL);
    void *state = NULL;
    EXPECT_I64(fani_method_rigorous.open(NULL, NULL, NULL, &state, &error), FAN_E_UNSUPPORTED);
}
