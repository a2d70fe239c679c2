#include "keys_load.h"

#include "base/error.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* The path of the library where it lies beside libfanfold; false where it does not. */
static bool find_beside(char path[static PATH_MAX])
{
    static const char anchor; /* an address inside libfanfold */
    Dl_info info;
    if (!dladdr(&anchor, &info) || !info.dli_fname || !strchr(info.dli_fname, '/'))
        return false;
    int folder = (int)(strrchr(info.dli_fname, '/') - info.dli_fname);
    int size = snprintf(path, PATH_MAX, "%.*s/%s", folder, info.dli_fname, FANFOLD_KEYS_LIBRARY);
    return size > 0 && size < PATH_MAX && access(path, F_OK) == 0;
}

/* Loads the library, or counts one more use of it; dlclose gives that back. It stays in memory all
 * the same: libcrypto leaves handlers for the ends of threads and of the process. */
static void *open_library(void)
{
    enum { FLAGS = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE };
    char path[PATH_MAX];
    return dlopen(find_beside(path) ? path : FANFOLD_KEYS_LIBRARY, FLAGS);
}

/* Its functions, as long as *library is open. On error *library is NULL. */
static fan_status load(void **library, const fani_rsa_keys_table **table, fan_error *error)
{
    const char *why = NULL;
    *library = open_library();
    *table = *library ? dlsym(*library, "fani_rsa_keys_module") : NULL;
    if (!*table)
        why = dlerror();
    else if (strcmp((*table)->version, FANFOLD_VERSION) != 0)
        why = "it belongs to another version of Fanfold";
    else
        return FAN_OK;
    fani_error_set(error, FAN_E_UNAVAILABLE, "%s, which reads keys, can't be loaded: %s",
                   FANFOLD_KEYS_LIBRARY, why ? why : "the loader does not say why");
    if (*library)
        dlclose(*library);
    *library = NULL;
    return FAN_E_UNAVAILABLE;
}

fan_status fani_rsa_keys_read(const char *path, const fani_rsa_key_reader *reader,
                              fani_rsa_key_counts *counts, fan_error *error)
{
    const fani_rsa_keys_table *table;
    void *library;
    fan_status status = load(&library, &table, error);
    if (status)
        return status;
    status = table->read(path, reader, counts, error);
    dlclose(library);
    return status;
}

fan_status fani_rsa_keys_read_stream(FILE *stream, const char *name,
                                     const fani_rsa_key_reader *reader, fani_rsa_key_counts *counts,
                                     fan_error *error)
{
    const fani_rsa_keys_table *table;
    void *library;
    fan_status status = load(&library, &table, error);
    if (status)
        return status;
    status = table->read_stream(stream, name, reader, counts, error);
    dlclose(library);
    return status;
}
