#include "task/inside.h"

static _Thread_local bool inside;

bool fani_inside_enter(void)
{
    bool before = inside;
    inside = true;
    return before;
}

void fani_inside_leave(bool before)
{
    inside = before;
}

bool fani_inside(void)
{
    return inside;
}
