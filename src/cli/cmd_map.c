/* fanfold map: a command for each item. What users of GNU parallel write is made into the keys of a
 * job. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_command.h"
#include "message.h"

/* The options of a run that are made from those given. */
typedef struct made_options {
    cli_options options;
    char fails[24]; /* --max-fails of a --halt */
    char halt[80];  /* the job's */
    bool has_items; /* ":::" or a file was given */
} made_options;

static void set(made_options *m, const char *key, const char *value)
{
    m->options.settings[m->options.setting_count++] = (setting){key, value};
}

static bool is_set(const cli_options *o, const char *key)
{
    for (size_t i = 0; i < o->setting_count; i++)
        if (strcmp(o->settings[i].key, key) == 0)
            return true;
    return false;
}

/* ---- --halt ----------------------------------------------------------------------------------
 */

/* "now,fail=3" and "soon,fail=1" as GNU parallel has them, "never", and its old 0, 1, 2, -1, -2 and
 * 10%. Where there is no number of failures, "now" and "soon" mean the first. Shares, successes and
 * what is none of these is left to the job. */
static void set_halt(made_options *m, const char *value)
{
    static const struct {
        const char *old, *when;
    } names[] = {{"1", "soon,fail=1"},
                 {"2", "now,fail=1"},
                 {"-1", "soon,success=1"},
                 {"-2", "now,success=1"}};
    char share[32];
    size_t digits = strspn(value, "0123456789");
    if (strcmp(value, "never") == 0 || strcmp(value, "0") == 0)
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i].old) == 0)
            value = names[i].when;
    if (digits && digits < 4 && strcmp(value + digits, "%") == 0) {
        snprintf(share, sizeof share, "soon,fail=%s", value);
        value = share;
    }
    bool now = strncmp(value, "now", 3) == 0, soon = strncmp(value, "soon", 4) == 0;
    const char *rest = value + (now ? 3 : soon ? 4 : 0);
    char *end = NULL;
    bool has_number = strncmp(rest, ",fail=", 6) == 0 && rest[6] >= '0' && rest[6] <= '9';
    errno = 0;
    unsigned long fails = has_number ? strtoul(rest + 6, &end, 10) : 0;
    bool counted = fails > 0 && !*end && errno != ERANGE;
    if ((!now && !soon) || (*rest && !counted)) { /* the job knows the rest, or refuses it */
        snprintf(m->halt, sizeof m->halt, "%s", value);
        set(m, "halt", m->halt);
        return;
    }
    set(m, "halt", now ? "now" : "soon");
    snprintf(m->fails, sizeof m->fails, "%lu", counted ? fails - 1 : 0);
    if (counted || !is_set(&m->options, "max-fails"))
        set(m, "max-fails", m->fails);
}

/* ---- The command line ------------------------------------------------------------------------
 */

static bool is_source(const char *word)
{
    return strcmp(word, ":::") == 0 || strcmp(word, "::::") == 0;
}

/* The words of the command, and what comes behind them as sources of items. */
static void set_words(made_options *m, const cli_options *o)
{
    size_t i = 0;
    for (; i < o->argument_count && !is_source(o->arguments[i]); i++)
        set(m, "command", o->arguments[i]);
    bool has_sources = i < o->argument_count || o->arg_file_count > 1;
    m->has_items = has_sources || o->arg_file_count || is_set(o, "input") || is_set(o, "values");
    if (!has_sources && o->arg_file_count)
        set(m, "input", o->arg_files[0]);
    if (has_sources && o->arg_file_count)
        set(m, "values", "::::");
    for (size_t k = 0; has_sources && k < o->arg_file_count; k++)
        set(m, "values", o->arg_files[k]);
    for (; i < o->argument_count; i++)
        set(m, "values", o->arguments[i]);
}

static int run(const cli_options *o)
{
    made_options m = {.options = *o};
    /* Each word and file becomes one setting, a --halt two, and there are a few more. */
    size_t room = 2 * o->setting_count + o->argument_count + o->arg_file_count + 8;
    m.options.settings = calloc(room, sizeof *m.options.settings);
    if (!m.options.settings) {
        message_error("out of memory");
        return 4;
    }
    m.options.setting_count = m.options.argument_count = 0;
    for (size_t i = 0; i < o->setting_count; i++)
        if (strcmp(o->settings[i].key, "halt") != 0)
            set(&m, o->settings[i].key, o->settings[i].value);
    const char *halt = NULL; /* the last one counts */
    for (size_t i = 0; i < o->setting_count; i++)
        if (strcmp(o->settings[i].key, "halt") == 0)
            halt = o->settings[i].value;
    if (halt)
        set_halt(&m, halt);
    set_words(&m, o);
    if (!m.has_items)
        set(&m, "input", "-");
    int code = job_command_run(&m.options);
    free(m.options.settings);
    return code;
}

const cli_command command_map = {
    .name = "map",
    .task = "command",
    .arguments = "[--] COMMAND [WORD...] [::: ITEM...] [:::: FILE...]",
    .summary = "run a command for each item, and print what it prints in the order of the items",
    .details =
        "Items are the lines of standard input, of --input or -a, or the words behind :::. "
        "Several\n"
        "sources give all combinations. There is no shell between unless --shell: an item is "
        "always\n"
        "within one word. As GNU parallel has it, in the words of the command stand\n"
        "  {}   the item (put last where nothing stands for it)    {#}  its number, from 1\n"
        "  {.}  without its ending                                 {%}  its worker's place, from "
        "1\n"
        "  {/}  without its folder                                 {2}  its second column "
        "(--colsep),\n"
        "  {//} its folder                                              or of the second source;\n"
        "  {/.} without folder and ending                               {2.}, {-1} and so on\n"
        "\n"
        "  ls *.log | fanfold map -j 8 -- gzip -9 {}\n"
        "  fanfold map --timeout 60s --retries 2 --output sums.txt --resume -a files.txt -- "
        "sha256sum {}\n"
        "  fanfold map --shell -- 'sort {1} | head -n {2}' ::: a.txt b.txt ::: 1 10\n"
        "\n"
        "With --shell an item comes with quotes of its own: write {}, not \"{}\". An item that "
        "begins\n"
        "with - may be an option to the command: write gzip -- {}.\n"
        "\n"
        "A command that can't be found fails with 127. What a command says on standard error "
        "comes\n"
        "out there, whole. Each has nothing to read (--stdin) and a process group of its own. "
        "Where\n"
        "it is ended (--timeout, --halt now, a signal) the group is, by SIGTERM and then "
        "SIGKILL;\n"
        "what a command leaves behind that ends by itself lives on.\n",
    .takes = TAKES_JOB | TAKES_MAP,
    .job_keys = true,
    .is_line = true,
    .run = run,
};
