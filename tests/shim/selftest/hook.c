/* A program whose test passes, but whose hook finds a failure elsewhere, as on another rank. */
#include "shim.h"

FAN_TEST(selftest, passes_here)
{
    EXPECT_TRUE(true);
}

static void elsewhere(const char *failures)
{
    shim_fail(__FILE__, __LINE__, "failed elsewhere, here \"%s\"", failures);
}

int main(int argc, char **argv)
{
    shim_after_each(elsewhere);
    return shim_main(argc, argv);
}
