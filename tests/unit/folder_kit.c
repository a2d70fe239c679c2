#include "folder_kit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

folder make_folder(void)
{
    folder f = {"/tmp/fan_test_XXXXXX"};
    EXPECT_TRUE(mkdtemp(f.path) != NULL);
    return f;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void remove_folder(const folder *f)
{
    EXPECT_I64(nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *in(const folder *f, const char *name, char path[static PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", f->path, name);
    return path;
}

void make_file(const folder *f, const char *name, const void *bytes, size_t size)
{
    char path[PATH_SIZE];
    FILE *file = fopen(in(f, name, path), "w");
    ASSERT_TRUE(file);
    EXPECT_U64(fwrite(bytes, 1, size, file), size);
    EXPECT_I64(fclose(file), 0);
}

void make_text(const folder *f, const char *name, const char *text)
{
    make_file(f, name, text, strlen(text));
}
