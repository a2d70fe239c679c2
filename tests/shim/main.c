/* The main of test programs that need nothing before their tests. */
#include "shim.h"

int main(int argc, char **argv)
{
    return shim_main(argc, argv);
}
