#include "task/inside.h"

_Thread_local fani_inside fani_inside_now;
