/* A program that is to be killed: this one, started as "--victim HOW". */
#ifndef FAN_TESTS_VICTIM_H
#define FAN_TESTS_VICTIM_H

#include "faults.h"

/* Opens workers and keeps them busy until it is killed. Writes one byte to its standard output when
 * it has come as far as `how` says. */
int fault_victim(const char *how);

#endif
