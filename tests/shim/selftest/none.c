/* A program that registers no test: it must fail. */
#include "shim.h"

int main(int argc, char **argv)
{
    return shim_main(argc, argv);
}
