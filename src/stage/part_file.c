#include "stage/part_file.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"

static fan_status write_out(void *user, const void *bytes, size_t size, fan_error *error)
{
    fani_part_file *file = user;
    file->stored_size += size;
    (void)XXH3_64bits_update(file->hash, bytes, size);
    return fani_writer_add(file->writer, bytes, size, error);
}

static fan_status begin(fani_part_file *file, const fani_part_file_options *options,
                        fan_error *error)
{
    fan_status status = fani_writer_to_name(file->path, &file->writer, error);
    if (status == FAN_OK && options->secret)
        status = fani_writer_make_private(file->writer, error);
    if (status != FAN_OK)
        return status;
    if (options->fence)
        fani_writer_set_fence(file->writer, options->fence);
    file->hash = XXH3_createState();
    file->pack = fani_pack_new(options->packing, options->level, write_out, file);
    if (!file->hash || !file->pack)
        return fani_error_set(error, FAN_E_MEMORY, "no memory to write %s", file->path);
    (void)XXH3_64bits_reset(file->hash); /* fails for NULL alone */
    return FAN_OK;
}

fan_status fani_part_file_add(fani_part_file *file, const fani_part_file_options *options,
                              const void *bytes, size_t size, bool end, fan_error *error)
{
    fan_status status = file->writer ? FAN_OK : begin(file, options, error);
    if (status == FAN_OK)
        status = fani_pack_add(file->pack, bytes, size, end, error);
    if (status != FAN_OK || !end)
        return status;
    file->stored_hash = XXH3_64bits_digest(file->hash);
    return fani_writer_publish(file->writer, error);
}

void fani_part_file_drop(fani_part_file *file)
{
    fani_pack_free(file->pack);
    fani_writer_free(file->writer);
    (void)XXH3_freeState(file->hash);
    *file = (fani_part_file){0};
}
