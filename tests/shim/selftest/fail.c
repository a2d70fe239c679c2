/* A program in which one test fails and the others don't. run.sh looks for the texts. */
#include "shim.h"

FAN_TEST(selftest, passes)
{
    EXPECT_TRUE(true);
}

FAN_TEST(selftest, fails)
{
    EXPECT_I64(2 + 2, 5);
    EXPECT_STR("left", "right");
    EXPECT_NEAR(NAN, 0.0, 1.0);
    EXPECT_CONTAINS("hay", "needle");
    ASSERT_U64(1, 2);
    shim_fail(__FILE__, __LINE__, "went on after an assert");
}
