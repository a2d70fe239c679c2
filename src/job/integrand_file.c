#include "job/integrand_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

fan_status fani_integrand_file_split(const char *text, char **path, char **symbol, fan_error *error)
{
    const char *colon = strrchr(text, ':');
    *path = *symbol = NULL;
    if (!colon || colon == text || !colon[1])
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "integrand is '%.64s': expected FILE:SYMBOL, such as ./f.so:f", text);
    char *name = strndup(text, (size_t)(colon - text));
    *symbol = strdup(colon + 1);
    *path = name ? realpath(name, NULL) : NULL;
    fan_status status = FAN_OK;
    if (!name || !*symbol)
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory");
    else if (!*path)
        status = fani_error_set(error, FAN_E_INPUT, "can't open the integrand's file '%.200s': %s",
                                name, strerror(errno));
    free(name);
    if (status != FAN_OK) {
        free(*path);
        free(*symbol);
        *path = *symbol = NULL;
    }
    return status;
}

fan_status fani_integrand_file_hash(const char *path, uint64_t *hash, fan_error *error)
{
    unsigned char bytes[1 << 14];
    size_t size;
    FILE *file = fopen(path, "rb");
    XXH3_state_t *state = XXH3_createState();
    bool good = file && state && XXH3_64bits_reset(state) == XXH_OK;
    while (good && (size = fread(bytes, 1, sizeof bytes, file)) > 0)
        good = XXH3_64bits_update(state, bytes, size) == XXH_OK;
    good = good && !ferror(file);
    if (good)
        *hash = XXH3_64bits_digest(state);
    const int why = errno;
    XXH3_freeState(state);
    if (file)
        fclose(file);
    return good ? FAN_OK
                : fani_error_set(error, FAN_E_INPUT, "can't read the integrand's file '%.200s': %s",
                                 path, strerror(why));
}

static bool ends_in(const char *text, const char *end)
{
    const size_t size = strlen(text), tail = strlen(end);
    return size >= tail && !strcmp(text + size - tail, end);
}

/* How many components a batch function has; a scalar one has 1. */
static size_t count_components(void *library, const char *symbol)
{
    char *name;
    if (asprintf(&name, "%s_components", symbol) < 0)
        return 1;
    const unsigned *components = dlsym(library, name);
    free(name);
    return components ? *components : 1;
}

static fan_status find(const char *path, const char *symbol, fani_integrand_file *file,
                       fan_error *error)
{
    void *function = dlsym(file->library, symbol);
    if (!function)
        return fani_error_set(error, FAN_E_INPUT, "'%.200s' has no symbol %.80s", path, symbol);
    file->components = 1;
    if (ends_in(symbol, "_batch")) {
        memcpy(&file->batch, &function, sizeof file->batch);
        file->components = count_components(file->library, symbol);
    } else {
        memcpy(&file->scalar, &function, sizeof file->scalar);
    }
    return FAN_OK;
}

fan_status fani_integrand_file_open(const char *path, const char *symbol, uint64_t hash,
                                    fani_integrand_file *file, fan_error *error)
{
    uint64_t found;
    *file = (fani_integrand_file){0};
    fan_status status = fani_integrand_file_hash(path, &found, error);
    if (status != FAN_OK)
        return status;
    if (found != hash)
        return fani_error_set(error, FAN_E_INPUT,
                              "'%.200s' is not the file that the run began with", path);
    file->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!file->library)
        return fani_error_set(error, FAN_E_INPUT, "can't load the integrand: %.300s", dlerror());
    status = find(path, symbol, file, error);
    if (status != FAN_OK)
        fani_integrand_file_close(file);
    return status;
}

void fani_integrand_file_close(fani_integrand_file *file)
{
    if (file->library)
        dlclose(file->library);
    *file = (fani_integrand_file){0};
}
