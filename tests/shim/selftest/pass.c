/* A program whose only test passes. */
#include "shim.h"

FAN_TEST(selftest, passes)
{
    EXPECT_I64(2 + 2, 4);
    ASSERT_STR("a", "a");
}
