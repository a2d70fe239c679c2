#include "loop.h"

#include <math.h>

double bench_cosine_loop(double h, size_t points)
{
    double sum = 0;
    for (size_t i = 0; i < points; i++)
        sum += cos((double)i * h);
    return sum * h;
}
