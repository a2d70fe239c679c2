/* Each rank writes what it makes itself, and the folder gets one list of all. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "world.h"

enum { ITEMS = 700, SHARD = 64 };

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

/* Every size-th item from this rank's number on, by an executor of its own. */
static fan_status write_share(const fan_store_options *options, fan_error *error)
{
    fan_executor *executor = NULL;
    fan_store *store = NULL;
    uint64_t values[ITEMS], count = 0;
    for (uint64_t i = options->member; i < ITEMS; i += options->members)
        values[count++] = i;
    fan_status status = fan_executor_open(&(fan_executor_options){.kind = "threads", .workers = 2},
                                          &executor, error);
    if (status == FAN_OK)
        status = fan_store_open(options, &store, error);
    if (status == FAN_OK)
        status = fan_map(executor, &task_echo, fan_source_array(values, sizeof *values, count),
                         fan_store_sink(store), NULL, NULL);
    if (status == FAN_OK)
        status = fan_store_finish(store, error);
    fan_store_free(store);
    if (executor)
        EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, fan_deadline_in_ms(120000)),
                   FAN_OK);
    return status;
}

/* Reads the folder by its list: the items of rank 0, then those of rank 1, ... each backwards, as
 * the task gives them. */
static void check_folder(const fan_store_options *options)
{
    char path[128];
    fan_files *files = NULL;
    fan_file file;
    unsigned member = 0, shards = 0;
    uint64_t expected = 0;
    snprintf(path, sizeof path, "%s/%s", options->folder, options->manifest);
    ASSERT_I64(fan_files_open(NULL, &files, NULL), FAN_OK);
    ASSERT_I64(fan_files_add_manifest(files, path), FAN_OK);
    while (fan_files_next(files, fan_deadline_in_ms(120000), &file) == FAN_OK) {
        ASSERT_TRUE(!file.error);
        shards++;
        for (size_t at = 0; at < file.size; at += 8, expected += options->members) {
            uint64_t value = 0;
            if (expected >= ITEMS)
                expected = ++member;
            for (size_t b = 0; b < 8; b++)
                value |= (uint64_t)file.bytes[at + b] << 8 * (7 - b);
            ASSERT_TRUE(value == expected);
        }
    }
    EXPECT_TRUE(member == options->members - 1 && shards >= options->members);
    EXPECT_I64(fan_files_close(files, FAN_FOREVER), FAN_OK);
}

FAN_TEST(mpi_store, each_rank_writes_shards_of_its_own)
{
    char folder[64] = "/tmp/fan_ranks_XXXXXX";
    const world *w = the_world();
    if (w->rank == 0)
        EXPECT_TRUE(mkdtemp(folder) != NULL);
    EXPECT_I64(MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD), MPI_SUCCESS);
    const fan_store_options options = {.folder = folder,
                                       .prefix = "part-",
                                       .shard_items = SHARD,
                                       .manifest = "LIST",
                                       .packing = FAN_PACKING_ZSTD,
                                       .member = (unsigned)w->rank,
                                       .members = (unsigned)w->size};
    fan_error error = {0};
    int mine = write_share(&options, &error) != FAN_OK, any = 1;
    SHIM_CHECK(!mine, (void)0, "rank %d: %s", w->rank, error.text);
    EXPECT_I64(MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD), MPI_SUCCESS);
    if (w->rank == 0 && !any) {
        EXPECT_I64(fan_store_join(&options, &error), FAN_OK);
        EXPECT_STR(error.text, "");
        check_folder(&options);
    }
    if (w->rank == 0)
        EXPECT_I64(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
