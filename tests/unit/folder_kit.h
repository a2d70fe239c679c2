/* A folder for a test, and files in it. What fails is reported. */
#ifndef FAN_TESTS_FOLDER_KIT_H
#define FAN_TESTS_FOLDER_KIT_H

#include <stddef.h>

enum { PATH_SIZE = 512 };

typedef struct folder {
    char path[64];
} folder;

folder make_folder(void);

/* With all that is in it. */
void remove_folder(const folder *f);

/* The path of a name in the folder, in `path`. */
const char *in(const folder *f, const char *name, char path[static PATH_SIZE]);

void make_file(const folder *f, const char *name, const void *bytes, size_t size);
void make_text(const folder *f, const char *name, const char *text);

#endif
