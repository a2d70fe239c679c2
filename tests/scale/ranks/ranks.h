/* What main.c and test_ranks.c share. */
#ifndef FAN_TESTS_SCALE_RANKS_H
#define FAN_TESTS_SCALE_RANKS_H

#include "world.h"

extern const fan_task *const ranks_tasks[];

#endif
