/* Ctrl-C and its kin: the first asks the run to end in order, the second ends it at once. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdint.h>
#include <sys/types.h>

/* Catches SIGINT, SIGTERM and SIGHUP (those not ignored by whoever started the command) and ignores
 * SIGPIPE. After the first signal the command has `grace_ms` to end in order, then it is ended; 0:
 * as long as it takes. */
void signals_install(uint64_t grace_ms);

/* The number of the first signal caught, 0 for none. Any thread. */
int signals_caught(void);

/* A process group that dies with an ending at once; 0: none. */
void signals_set_group(pid_t group);

#endif
