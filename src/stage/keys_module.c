#include "keys_load.h"

const fani_rsa_keys_table fani_rsa_keys_module = {
    .version = FANFOLD_VERSION,
    .read = fani_rsa_keys_read,
    .read_stream = fani_rsa_keys_read_stream,
};
