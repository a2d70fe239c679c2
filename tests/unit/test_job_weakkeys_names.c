/* Names of files and keys that have in them what separates names. */
#include "weakkeys_kit.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 3 * 5, 3 * 7, 3 * 11 and 3 * 13. */
static const char table[] = "id,modulus\n"
                            "\"a,b\\\t\"\"c\",f\n"
                            "+1,15\n"
                            "\"line 1\nline 2\x1b\",21\n"
                            "-,27\n"
                            ",33\n";

FAN_TEST(job_weakkeys_names, in_tsv_backslashes_keep_them_apart)
{
    const char *path = weak_file("a\t,\n\\b", table);
    weak_outcome o = {0};
    weak_run(&o, "serial", WEAK_SETTINGS("format=tsv"), WEAK_FILES(path));
    weak_expect(
        o.output,
        "source\tline\tid\tbits\tweakness\tgcd\tfactors\tfound_factors\tshares_with\tmodulus\n"
        "@/a\\t,\\n\\\\b\t2\ta,b\\\\\\t\"c\t4\tshared\t3\t3,5\t-\t"
        "\\+1,line 1\\nline 2\\x1b,\\-,@/a\\t\\,\\n\\\\b:7\tf\n"
        "@/a\\t,\\n\\\\b\t3\t+1\t5\tshared\t3\t3,7\t-\t"
        "a\\,b\\\\\\t\"c,line 1\\nline 2\\x1b,\\-,@/a\\t\\,\\n\\\\b:7\t15\n"
        "@/a\\t,\\n\\\\b\t4\tline 1\\nline 2\\x1b\t6\tshared\t3\t3,b\t-\t"
        "a\\,b\\\\\\t\"c,\\+1,\\-,@/a\\t\\,\\n\\\\b:7\t21\n"
        "@/a\\t,\\n\\\\b\t6\t-\t6\tshared\t3\t3,d\t-\t"
        "a\\,b\\\\\\t\"c,\\+1,line 1\\nline 2\\x1b,@/a\\t\\,\\n\\\\b:7\t27\n"
        "@/a\\t,\\n\\\\b\t7\t@/a\\t,\\n\\\\b:7\t6\tshared\t3\t3,11\t-\t"
        "a\\,b\\\\\\t\"c,\\+1,line 1\\nline 2\\x1b,\\-\t33\n");
    free(o.output);
    weak_clear();
}

/* Every member that names a key, of each record. */
static void add_names(const char *ndjson, FILE *out)
{
    for (const char *line = ndjson; *line; line = strchr(line, '\n') + 1) {
        json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
        ASSERT_TRUE(object != NULL);
        json_dumpf(json_object_get(object, "id"), out, JSON_ENCODE_ANY);
        json_dumpf(json_object_get(object, "shares_with"), out, 0);
        json_decref(object);
    }
}

/* What was written is read again, whichever of the formats it has: the names are the same. */
FAN_TEST(job_weakkeys_names, written_names_are_read_again)
{
    const char *const formats[] = {"format=tsv", "format=ndjson"};
    char first[128], *names[3] = {0};
    size_t size;
    snprintf(first, sizeof first, "%s", weak_file("a,b", table));
    for (int i = 0; i < 3; i++) {
        weak_outcome o = {0};
        const char *path = first;
        if (i) {
            weak_run(&o, "serial", WEAK_SETTINGS(formats[i - 1]), WEAK_FILES(first));
            path = weak_file(i == 1 ? "tsv" : "ndjson", o.output);
            free(o.output);
        }
        weak_run(&o, "serial", WEAK_SETTINGS("format=ndjson"), WEAK_FILES(path));
        FILE *out = open_memstream(&names[i], &size);
        add_names(o.output, out);
        fclose(out);
        free(o.output);
        EXPECT_CONTAINS(names[i], "\"line 1\\nline 2\\u001B\"");
        EXPECT_STR(names[i], names[0]);
    }
    for (int i = 0; i < 3; i++)
        free(names[i]);
    weak_clear();
}

/* A pipe that nobody writes to is waited for no longer than until a stop. */
FAN_TEST(job_weakkeys_names, a_pipe_without_a_writer_ends_with_a_stop)
{
    char path[128];
    weak_file("keys", "f\n");
    snprintf(path, sizeof path, "%s/pipe", weak_folder);
    ASSERT_I64(mkfifo(path, 0600), 0);
    alarm(120); /* where it waits for ever, the test ends */
    weak_outcome o = {.stop = true};
    weak_run(&o, "serial", NULL, WEAK_FILES(path));
    EXPECT_I64(o.status, FAN_E_CANCELLED);
    EXPECT_I64(o.result.exit_code, 75);
    free(o.output);
    alarm(0);
    weak_clear();
}
