/* A thread that looks at the clock for a front: batches with a timeout, batches that wait before
 * they run again. It exists only in executors where one of the two was asked for. */
#ifndef FANI_WATCH_H
#define FANI_WATCH_H

#include "exec/settle.h"

/* Starts the watch of a front, if it has none yet. FAN_E_SYSTEM, FAN_E_MEMORY. No lock is held. */
fan_status fani_watch_start(fani_front *front);

/* Watches over a posted batch with a timeout. Needs the watch. */
void fani_watch_time(fani_front *front, fani_batch *batch);

/* Posts a batch `delay_ns` from now. Needs the watch. The lock is held. */
void fani_watch_delay(fani_front *front, fani_batch *batch, int64_t delay_ns);

/* Takes a batch out of the list it is in. The lock is held. */
void fani_watch_forget(fani_front *front, fani_care *care);

/* The first delayed batch that is `root` or came from it (NULL: any), or NULL. The lock is held. */
fani_care *fani_watch_delayed(fani_front *front, const fani_batch *root);

/* Ends the watch; NULL is accepted. */
void fani_watch_end(struct fani_watch *watch);

#endif
