/* A program that is to be killed: this one, started as "--victim HOW". */
#ifndef FAN_TESTS_VICTIM_H
#define FAN_TESTS_VICTIM_H

#include "faults.h"

/* Opens workers and keeps them busy until it is killed. Writes one byte to its standard output when
 * it has come as far as `how` says. */
int fault_victim(const char *how);

/* Of "--suspended KIND": one that is to be stopped with all its workers (test_still.c). */
int fault_suspended(const char *kind);

#endif
