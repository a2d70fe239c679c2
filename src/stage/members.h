/* Stores that write to one folder at the same time. */
#ifndef FANI_MEMBERS_H
#define FANI_MEMBERS_H

#include "fanfold/stage.h"

enum { FANI_MEMBERS_MAX = 100000 };

/* The path of a store's own manifest: of a member that is not the folder's. NULL: out of memory. */
char *fani_members_manifest(const fan_store_options *options, unsigned member);

/* Whether this is the name of a manifest, the folder's or a member's. */
bool fani_members_is_manifest(const fan_store_options *options, const char *name);

/* Removes the folder's manifest: what it lists is about to be replaced. Errors: FAN_E_OUTPUT,
 * FAN_E_MEMORY. */
fan_status fani_members_remove_manifest(const fan_store_options *options, fan_error *error);

#endif
