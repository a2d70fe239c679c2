/* A program whose only test skips itself. */
#include "shim.h"

FAN_TEST(selftest, skips)
{
    SKIP("no %s here", "sensor");
    shim_fail(__FILE__, __LINE__, "went on after a skip");
}
