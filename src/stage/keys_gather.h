/* Entries of a key file that may go on over several lines: rows of a table, by quotes, and JSON, by
 * brackets. Where nothing closes them, their lines are taken again, each by itself: one that is
 * damaged costs no other. */
#ifndef FANI_STAGE_KEYS_GATHER_H
#define FANI_STAGE_KEYS_GATHER_H

#include "keys_scan.h"

/* Whether a line that begins so, behind blanks, is JSON: an object, an array of them, or a bracket
 * of an array whose objects have lines of their own. */
bool fani_key_is_json(const fani_key_scanner *s, const char *text);

/* Takes the line that was read: delivers it, or begins to gather. Errors: a callback's,
 * FAN_E_MEMORY. */
fan_status fani_key_take_row(fani_key_scanner *s);
fan_status fani_key_take_json(fani_key_scanner *s);

/* Takes the next line of a row or JSON text being gathered. */
fan_status fani_key_take_more(fani_key_scanner *s);

/* Gives up what was gathered: its lines come again. */
fan_status fani_key_take_alone(fani_key_scanner *s);

#endif
