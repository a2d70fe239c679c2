/* copy FROM TO gzip|zstd|plain ITEMS [STOP]: the files below FROM, or those that FROM lists where
 * its name ends in .list, into shards of ITEMS files below TO, as a program would that reads and
 * writes by the stage layer. It ends early once there is a file STOP. Exit code 0: all is there; 1:
 * files could not be read, the others are there; 3: not all could be written, or it has ended
 * early. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fanfold/stage.h"

static int tell(const fan_error *error, int code)
{
    fprintf(stderr, "copy: %s\n", error->text);
    return code;
}

static int copy_all(fan_files *files, fan_store *store)
{
    fan_sink sink = fan_store_sink(store);
    fan_file file;
    fan_error error = {0};
    fan_status status;
    int code = 0;
    while ((status = fan_files_next(files, FAN_FOREVER, &file)) == FAN_OK) {
        fan_outcome outcome = {.index = file.index,
                               .kind = FAN_OUTCOME_OK,
                               .bytes = file.bytes,
                               .size = file.size,
                               .text = ""};
        if (file.error)
            code = tell(file.error, 1);
        else if (sink.put(sink.user, &outcome, 1, &error) != FAN_OK)
            return tell(&error, 3);
    }
    if (status != FAN_E_CLOSED) {
        fprintf(stderr, "copy: %s\n", fan_status_text(status));
        return 3;
    }
    return fan_store_finish(store, &error) == FAN_OK ? code : tell(&error, 3);
}

static bool stop(void *user)
{
    const char *path = user;
    return path && access(path, F_OK) == 0;
}

static fan_status add_from(fan_files *files, const char *from)
{
    const char *ending = strrchr(from, '.');
    return ending && !strcmp(ending, ".list") ? fan_files_add_manifest(files, from)
                                              : fan_files_add(files, from);
}

int main(int argc, char **argv)
{
    fan_files *files = NULL;
    fan_store *store = NULL;
    fan_error error = {0};
    int code = 3;
    if (argc != 5 && argc != 6)
        return 2;
    const fan_files_options reading = {.stop = stop,
                                       .stop_user = argc == 6 ? argv[5] : NULL,
                                       .tries = 8, /* so long a pause of the server's is none */
                                       .backoff_ms = 1,
                                       .stall_ms = 300};
    fan_store_options options = {.folder = argv[2],
                                 .manifest = "LIST",
                                 .shard_items = strtoul(argv[4], NULL, 10),
                                 .packing = !strcmp(argv[3], "gzip")   ? FAN_PACKING_GZIP
                                            : !strcmp(argv[3], "zstd") ? FAN_PACKING_ZSTD
                                                                       : FAN_PACKING_NONE};
    if (fan_files_open(&reading, &files, &error) != FAN_OK ||
        fan_store_open(&options, &store, &error) != FAN_OK)
        code = tell(&error, 3);
    else if (add_from(files, argv[1]) != FAN_OK)
        fprintf(stderr, "copy: out of memory\n");
    else
        code = copy_all(files, store);
    fan_store_free(store);
    if (fan_files_close(files, FAN_FOREVER) != FAN_OK)
        code = 3;
    return code;
}
