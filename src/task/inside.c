#include "task/inside.h"

static _Thread_local fani_inside inside;

fani_inside fani_inside_enter(fani_inside what)
{
    fani_inside before = inside;
    inside = what;
    return before;
}

void fani_inside_leave(fani_inside before)
{
    inside = before;
}

fani_inside fani_inside_what(void)
{
    return inside;
}

const void *fani_inside_place(void)
{
    return &inside;
}
