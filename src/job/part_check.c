#include "job/part_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/writer.h"

struct fani_part_check {
    char *output;
    int fd; /* -1: not opened, or there is none */
    bool looked;
    fani_output_hash *read;  /* as far as it was looked at */
    fani_output_hash *right; /* as far as the last right state speaks of */
};

fani_part_check *fani_part_check_new(const char *output)
{
    fani_part_check *check = calloc(1, sizeof *check);
    if (!check)
        return NULL;
    check->fd = -1;
    check->output = strdup(output);
    check->read = fani_output_hash_new();
    check->right = fani_output_hash_new();
    if (check->output && check->read && check->right)
        return check;
    fani_part_check_free(check);
    return NULL;
}

void fani_part_check_free(fani_part_check *check)
{
    if (!check)
        return;
    if (check->fd >= 0)
        (void)close(check->fd); /* only read */
    fani_output_hash_free(check->read);
    fani_output_hash_free(check->right);
    free(check->output);
    free(check);
}

static fan_status look(fani_part_check *check, fan_error *error)
{
    if (check->looked)
        return FAN_OK;
    check->looked = true;
    check->fd = fani_writer_part_open(check->output, FANI_LEDGER_PART);
    if (check->fd >= 0 || errno == ENOENT)
        return FAN_OK;
    return fani_error_errno(error, FAN_E_INPUT, errno, "%.300s" FANI_LEDGER_PART " can't be read",
                            check->output);
}

fan_status fani_part_check_state(fani_part_check *check, const fani_ledger_state *state,
                                 bool *right, fan_error *error)
{
    *right = false;
    fan_status status = look(check, error);
    if (status != FAN_OK)
        return status;
    if (check->fd < 0) {
        *right = state->finished || !state->output_bytes;
        return FAN_OK;
    }
    if (state->output_bytes < fani_output_hash_bytes(check->read))
        fani_output_hash_reset(check->read);
    *right = fani_output_hash_read(check->read, check->fd, state->output_bytes) &&
             fani_output_hash_value(check->read) == state->output_hash;
    if (*right)
        fani_output_hash_copy(check->right, check->read);
    return FAN_OK;
}

const fani_output_hash *fani_part_check_hash(const fani_part_check *check)
{
    return check->right;
}
