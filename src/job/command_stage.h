/* Files of commands: the folder of copies that each finds in FANFOLD_STAGE, and one of its own in
 * FANFOLD_STAGE_OUT, whose files are published once it has ended well. */
#ifndef FANI_COMMAND_STAGE_H
#define FANI_COMMAND_STAGE_H

#include "fanfold/executor.h"

typedef struct fani_command_stage fani_command_stage;

/* Appends what tasks are told: whether commands see the copies; the folder that files are published
 * in, and one in it for what is not whole yet (NULL: none); the folders of hosts (near.h).
 * FAN_E_MEMORY. */
fan_status fani_command_stage_tell(fan_buffer *to, bool sees_copies, const char *out,
                                   const char *scratch, const fan_buffer *table);

/* Reads it back, in a worker; *stage is NULL where size is 0. FAN_E_PROTOCOL, FAN_E_MEMORY,
 * FAN_E_UNAVAILABLE: nothing was copied to this host. */
fan_status fani_command_stage_new(const void *bytes, size_t size, fani_command_stage **stage);

/* NULL is accepted. */
void fani_command_stage_free(fani_command_stage *stage);

/* The variables of the next command, for fan_process_options.environment; NULL: none. Its own
 * folder is new and empty. Valid until end. FAN_E_OUTPUT. Here and below `stage` may be NULL, and
 * then there is nothing to be done. */
fan_status fani_command_stage_begin(fani_command_stage *stage, const char *const **environment,
                                    fan_error *error);

/* The command has ended well: what is in its folder is published as folder `number` (from 1), which
 * appears whole, in the place of one of an earlier attempt. Without files there will be none.
 * `cancelled` is asked meanwhile. Errors: FAN_E_OUTPUT, FAN_E_INPUT, FAN_E_MEMORY, FAN_E_CANCELLED.
 */
fan_status fani_command_stage_publish(const fani_command_stage *stage, uint64_t number,
                                      bool (*cancelled)(void *user), void *user, fan_error *error);

/* Removes the command's folder. */
void fani_command_stage_end(fani_command_stage *stage);

#endif
