#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfold/job.h"
#include "message.h"
#include "suggest.h"
#include "values.h"

enum {
    WORKERS_MAX = 4096,
    CRASH_LIMIT_MAX = 1000,
    REPEAT_MAX = 1000,
    GRACE_MS = 10000,
    TIME_LIMIT_MS = 600 * 1000
};
enum { HEARTBEAT_MAX_MS = 86400 * 1000 };

/* ---- Values: each says what is wrong by the name the user gave it under ------------------------
 */

static bool store_count(unsigned *to, const char *label, const char *value, unsigned max)
{
    uint64_t n;
    if (!value_count(value, 1, max, &n)) {
        message_error("%s: '%s' is not a number from 1 to %u", label, value, max);
        return false;
    }
    *to = (unsigned)n;
    return true;
}

static bool store_duration(uint64_t *to, const char *label, const char *value)
{
    if (value_duration_ms(value, to))
        return true;
    message_error("%s: '%s' is not a time: 90, 90s, 5m, 2h or [D-]HH:MM:SS", label, value);
    return false;
}

static bool check_executor(const char *label, const char *value)
{
    suggestion near = suggest_begin(value);
    suggest_offer(&near, "mpi");
    bool known = strcmp(value, "mpi") == 0;
    const char *name;
    for (size_t i = 0; (name = fan_executor_kind_name(i, NULL)) != NULL; i++) {
        known |= strcmp(value, name) == 0;
        suggest_offer(&near, name);
    }
    if (known)
        return true;
    if (near.nearest)
        message_error("%s: there is no executor '%s'; did you mean '%s'?", label, value,
                      near.nearest);
    else
        message_error("%s: there is no executor '%s': serial, threads, processes or mpi", label,
                      value);
    return false;
}

static bool store_executor(cli_options *o, const char *label, const char *value)
{
    o->executor = value;
    return check_executor(label, value);
}

static bool store_workers(cli_options *o, const char *label, const char *value)
{
    return store_count(&o->workers, label, value, WORKERS_MAX);
}

static bool store_local(cli_options *o, const char *label, const char *value)
{
    o->local = value;
    if (strcmp(value, "mpi") != 0)
        return check_executor(label, value);
    message_error("%s: the executor inside a rank is serial, threads or processes", label);
    return false;
}

static bool store_heartbeat(cli_options *o, const char *label, const char *value)
{
    o->has_heartbeat = true;
    if (!store_duration(&o->heartbeat_ms, label, value))
        return false;
    if (o->heartbeat_ms <= HEARTBEAT_MAX_MS)
        return true;
    message_error("%s: '%s' is longer than a day", label, value);
    return false;
}

static bool store_crash_limit(cli_options *o, const char *label, const char *value)
{
    return store_count(&o->crash_limit, label, value, CRASH_LIMIT_MAX);
}

static bool store_queue_memory(cli_options *o, const char *label, const char *value)
{
    uint64_t size;
    if (!value_size(value, &size) || size == 0 || size > SIZE_MAX / 2) {
        message_error("%s: '%s' is not a size: bytes, or with K, M or G (64M)", label, value);
        return false;
    }
    o->queue_bytes = (size_t)size;
    return true;
}

static bool store_grace(cli_options *o, const char *label, const char *value)
{
    o->has_grace = true;
    return store_duration(&o->grace_ms, label, value);
}

static bool store_progress(cli_options *o, const char *label, const char *value)
{
    if (strcmp(value, "auto") == 0)
        o->progress = PROGRESS_AUTO;
    else if (strcmp(value, "always") == 0)
        o->progress = PROGRESS_ALWAYS;
    else if (strcmp(value, "never") == 0)
        o->progress = PROGRESS_NEVER;
    else {
        message_error("%s: '%s' is not one of auto, always, never", label, value);
        return false;
    }
    return true;
}

static bool store_quiet(cli_options *o, const char *label, const char *value)
{
    (void)label, (void)value;
    o->quiet = true;
    return true;
}

static bool store_merge(cli_options *o, const char *label, const char *value)
{
    (void)label, (void)value;
    o->merge = true;
    return true;
}

static bool store_dry_run(cli_options *o, const char *label, const char *value)
{
    (void)label, (void)value;
    o->dry_run = true;
    return true;
}

static bool store_help(cli_options *o, const char *label, const char *value)
{
    (void)label, (void)value;
    o->help = true;
    return true;
}

static bool store_arg_file(cli_options *o, const char *label, const char *value)
{
    (void)label;
    o->arg_files[o->arg_file_count++] = value;
    return true;
}

static bool store_null(cli_options *o, const char *label, const char *value)
{
    (void)label, (void)value;
    o->settings[o->setting_count++] = (setting){"null", "true"};
    return true;
}

static bool store_keep_order(cli_options *o, const char *label, const char *value)
{
    (void)o, (void)label, (void)value; /* it is kept anyway */
    return true;
}

static bool store_record(cli_options *o, const char *label, const char *value)
{
    (void)label;
    o->record = value;
    return true;
}

static bool store_file(const char **to, const char *label, const char *value)
{
    *to = value;
    if (*value && strcmp(value, "-") != 0)
        return true;
    message_error("%s needs the name of a file, not '%s'", label, value);
    return false;
}

static bool store_trace(cli_options *o, const char *label, const char *value)
{
    return store_file(&o->trace, label, value);
}

static bool store_timeline(cli_options *o, const char *label, const char *value)
{
    return store_file(&o->timeline, label, value);
}

static bool store_to(cli_options *o, const char *label, const char *value)
{
    o->to = value;
    if (*value)
        return true;
    message_error("%s needs the name of a folder", label);
    return false;
}

static bool store_manifest(cli_options *o, const char *label, const char *value)
{
    o->manifest = value;
    if (*value && !strchr(value, '/') && strcmp(value, ".") != 0 && strcmp(value, "..") != 0)
        return true;
    message_error("%s: '%s' is no name of a file in the folder: it has no '/'", label, value);
    return false;
}

static bool store_checksum(cli_options *o, const char *label, const char *value)
{
    enum { DIGITS = 16 };
    o->has_checksum = true;
    if (strlen(value) == DIGITS && strspn(value, "0123456789abcdef") == DIGITS) {
        o->checksum = strtoull(value, NULL, DIGITS);
        return true;
    }
    message_error("%s: '%s' is not an XXH3 (64 bits) in 16 hexadecimal digits", label, value);
    return false;
}

static bool store_unpack(cli_options *o, const char *label, const char *value)
{
    (void)label, (void)value;
    o->unpack = true;
    return true;
}

static bool store_secret(cli_options *o, const char *label, const char *value)
{
    (void)label, (void)value;
    o->secret = true;
    return true;
}

static bool store_as_rank(cli_options *o, const char *label, const char *value)
{
    (void)label, (void)value;
    o->as_rank = true;
    return true;
}

bool options_next_in_list(const char **list, char *item, size_t size)
{
    if (!*list)
        return false;
    size_t length = strcspn(*list, ",");
    snprintf(item, size, "%.*s", (int)(length < size ? length : size - 1), *list);
    *list = (*list)[length] ? *list + length + 1 : NULL;
    return true;
}

static bool store_executors(cli_options *o, const char *label, const char *value)
{
    char item[64];
    o->executors = value;
    for (const char *list = value; options_next_in_list(&list, item, sizeof item);)
        if (!check_executor(label, item))
            return false;
    return true;
}

static bool store_workers_list(cli_options *o, const char *label, const char *value)
{
    char item[64];
    unsigned n;
    o->workers_list = value;
    for (const char *list = value; options_next_in_list(&list, item, sizeof item);)
        if (!store_count(&n, label, item, WORKERS_MAX))
            return false;
    return true;
}

static bool store_repeat(cli_options *o, const char *label, const char *value)
{
    return store_count(&o->repeat, label, value, REPEAT_MAX);
}

static bool store_time_limit(cli_options *o, const char *label, const char *value)
{
    if (!store_duration(&o->time_limit_ms, label, value))
        return false;
    if (o->time_limit_ms > 0)
        return true;
    message_error("%s: must be longer than 0", label);
    return false;
}

static bool store_table_format(cli_options *o, const char *label, const char *value)
{
    o->format = value;
    if (strcmp(value, "text") == 0 || strcmp(value, "tsv") == 0 || strcmp(value, "ndjson") == 0)
        return true;
    message_error("%s: '%s' is not one of text, tsv, ndjson", label, value);
    return false;
}

/* ---- The table --------------------------------------------------------------------------------
 */

static const struct option_spec {
    option_info info;
    bool (*store)(cli_options *o, const char *label, const char *value);
} specs[] = {
    {{"executor", 0, "KIND",
      "where the work runs: serial, threads, processes or mpi "
      "(default: threads; under mpirun and srun: mpi)",
      TAKES_JOB},
     store_executor},
    {{"workers", 'j', "N", "workers, 1 to 4096; of each rank with mpi (default: the usable cores)",
      TAKES_JOB},
     store_workers},
    {{"local", 0, "KIND", "mpi: the executor inside each rank (default: threads)", TAKES_JOB},
     store_local},
    {{"heartbeat", 0, "TIME",
      "mpi: end the run when a rank has not answered for so long; processes: replace a worker "
      "that was stopped for so long (default: 30s; 0: never)",
      TAKES_JOB},
     store_heartbeat},
    {{"crash-limit", 0, "N",
      "how often one item may lose its worker before it is lost (default: 3)", TAKES_JOB},
     store_crash_limit},
    {{"queue-memory", 0, "SIZE", "most input bytes waiting for workers, like 64M (default: 256M)",
      TAKES_JOB},
     store_queue_memory},
    {{"grace", 0, "TIME",
      "after a first SIGINT, SIGTERM, SIGHUP or SIGUSR1: how long running items may take to end, "
      "like 30s or 5m (default: 10s, but none after a SIGINT where results are numbers on standard "
      "output; 0: they are dropped)",
      TAKES_JOB},
     store_grace},
    {{"progress", 0, "WHEN", "auto, always or never (default: auto)", TAKES_JOB}, store_progress},
    {{"dry-run", 0, NULL, "check everything and say what would run", TAKES_JOB}, store_dry_run},
    {{"arg-file", 'a', "FILE",
      "read items from FILE; several, or one beside :::, are sources to be combined", TAKES_MAP},
     store_arg_file},
    {{"null", '0', NULL, "items end with a NUL, not a line end", TAKES_MAP}, store_null},
    {{"keep-order", 'k', NULL, "print in the order of the items, which is done anyway", TAKES_MAP},
     store_keep_order},
    {{"trace", 0, "FILE",
      "write who ran which items when, as JSON for ui.perfetto.dev and chrome://tracing",
      TAKES_JOB},
     store_trace},
    {{"record", 0, "FILE", NULL, TAKES_JOB}, store_record},
    {{"executors", 0, "KIND,...", "what to compare (default: serial,threads,processes,mpi)",
      TAKES_COMPARE},
     store_executors},
    {{"workers", 'j', "N,...",
      "with how many workers each; for mpi: ranks (default: 1 and the "
      "usable cores)",
      TAKES_COMPARE},
     store_workers_list},
    {{"repeat", 0, "N", "measured runs of each, after one to warm up (default: 3)", TAKES_COMPARE},
     store_repeat},
    {{"time-limit", 0, "TIME", "end a run that takes longer, like 90s or 2h (default: 10m)",
      TAKES_COMPARE},
     store_time_limit},
    {{"format", 0, "FORMAT", "of the table: text, tsv or ndjson (default: text)", TAKES_COMPARE},
     store_table_format},
    {{"format", 0, "FORMAT", "text, tsv (the failed items alone) or ndjson (default: text)",
      TAKES_RESULTS},
     store_table_format},
    {{"merge", 0, NULL, "put the shards of each OUTPUT together once all have finished",
      TAKES_RESULTS},
     store_merge},
    {{"timeline", 0, "FILE", "draw who ran what when in the last run of each, as SVG",
      TAKES_COMPARE},
     store_timeline},
    {{"trace", 0, "FILE",
      "keep the traces of these runs, as FILE with the executor and the workers in its name",
      TAKES_COMPARE},
     store_trace},
    {{"as-rank", 0, NULL, NULL, TAKES_DOCTOR}, store_as_rank},
    {{"to", 0, "DIR", "the folder that files go to, made where it is missing", TAKES_STAGE},
     store_to},
    {{"workers", 'j', "N", "files copied at the same time, 1 to 4096 (default: 16)", TAKES_STAGE},
     store_workers},
    {{"manifest", 0, "NAME",
      "write a list of all that is there, with sizes and hashes, in DIR/NAME", TAKES_STAGE},
     store_manifest},
    {{"checksum", 0, "HASH", "what the one SOURCE must be: XXH3 (64 bits) in 16 hexadecimal digits",
      TAKES_STAGE},
     store_checksum},
    {{"unpack", 0, NULL, "unpack gzip and zstd data; .gz and .zst go off the names", TAKES_STAGE},
     store_unpack},
    {{"secret", 0, NULL, "files for their owner alone: modes 0600, and 0700 for folders",
      TAKES_STAGE},
     store_secret},
    {{"progress", 0, "WHEN", "auto, always or never (default: auto)", TAKES_STAGE}, store_progress},
    {{"quiet", 'q', NULL, "no progress and no warnings; errors are still said",
      TAKES_JOB | TAKES_COMPARE | TAKES_STAGE},
     store_quiet},
    {{"help", 'h', NULL, "this text",
      TAKES_JOB | TAKES_COMPARE | TAKES_DOCTOR | TAKES_RESULTS | TAKES_STAGE | TAKES_NOTHING},
     store_help},
};
enum { SPEC_COUNT = sizeof specs / sizeof *specs };

bool option_at(size_t i, option_info *info)
{
    if (i >= SPEC_COUNT)
        return false;
    *info = specs[i].info;
    return true;
}

static const struct option_spec *find_spec(const cli_command *c, const char *name, size_t length)
{
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if ((specs[i].info.takes & c->takes) && strncmp(specs[i].info.name, name, length) == 0 &&
            !specs[i].info.name[length])
            return &specs[i];
    return NULL;
}

static const struct option_spec *find_letter(const cli_command *c, char letter)
{
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if ((specs[i].info.takes & c->takes) && specs[i].info.letter == letter)
            return &specs[i];
    return NULL;
}

/* Whether a blank-separated list holds a word, or is "*". */
static bool list_has(const char *list, const char *word)
{
    if (strcmp(list, "*") == 0)
        return true;
    size_t length = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += length)
        if ((p == list || p[-1] == ' ') && (!p[length] || p[length] == ' '))
            return true;
    return false;
}

/* Whether this is an option of some command's own: compare's children get those from compare. */
static bool is_own_option(const char *name)
{
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if (strcmp(specs[i].info.name, name) == 0)
            return true;
    return strcmp(name, "output") == 0;
}

bool option_is_job_key(const cli_command *c, size_t i)
{
    const fan_job_key *key = fan_job_key_at(i);
    if (!c->job_keys || find_spec(c, key->name, strlen(key->name)))
        return false;
    if (c->takes == TAKES_COMPARE && is_own_option(key->name))
        return false;
    return !c->task || list_has(key->tasks, c->task);
}

static const fan_job_key *find_key(const cli_command *c, const char *name, size_t length)
{
    const fan_job_key *key;
    for (size_t i = 0; (key = fan_job_key_at(i)) != NULL; i++)
        if (strncmp(key->name, name, length) == 0 && !key->name[length] && option_is_job_key(c, i))
            return key;
    return NULL;
}

/* ---- Parsing ----------------------------------------------------------------------------------
 */

/* An option of other commands, or a mistyped one. */
static void say_unknown(const cli_command *c, const char *word, const char *name)
{
    suggestion near = suggest_begin(name);
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if ((specs[i].info.takes & c->takes) && specs[i].info.help)
            suggest_offer(&near, specs[i].info.name);
    const fan_job_key *key;
    const char *elsewhere = NULL;
    for (size_t i = 0; (key = fan_job_key_at(i)) != NULL; i++) {
        if (option_is_job_key(c, i))
            suggest_offer(&near, key->name);
        else if (strcmp(key->name, name) == 0 && c->task && strcmp(key->tasks, "*") != 0)
            elsewhere = key->tasks;
    }
    if (elsewhere)
        message_error("%s is an option of: %s; not of %s", word, elsewhere, c->name);
    else if (near.nearest)
        message_error("%s is not an option of %s; did you mean --%s?", word, c->name, near.nearest);
    else
        message_error("%s is not an option of %s; 'fanfold help %s' lists them", word, c->name,
                      c->name);
}

/* What parsing is at. */
typedef struct cursor {
    int at;
    int argc;
    char **argv;
} cursor;

/* The value of an option: what stands after "=", else the next word. */
static const char *take_value(cursor *args, const char *label, const char *attached)
{
    if (attached)
        return attached;
    if (args->at + 1 < args->argc)
        return args->argv[++args->at];
    message_error("%s needs a value", label);
    return NULL;
}

static bool take_spec(cli_options *o, cursor *args, const struct option_spec *spec,
                      const char *label, const char *attached)
{
    if (!spec->info.value) {
        if (attached) {
            message_error("%s takes no value", label);
            return false;
        }
        return spec->store(o, label, NULL);
    }
    const char *value = take_value(args, label, attached);
    return value && spec->store(o, label, value);
}

static bool take_key(cli_options *o, cursor *args, const fan_job_key *key, const char *label,
                     const char *attached)
{
    const char *value =
        key->value ? take_value(args, label, attached) : (attached ? attached : "true");
    if (!value)
        return false;
    o->settings[o->setting_count++] = (setting){key->name, value};
    return true;
}

static bool parse_long(cli_options *o, cursor *args)
{
    const char *name = args->argv[args->at] + 2;
    size_t length = strcspn(name, "=");
    const char *attached = name[length] ? name + length + 1 : NULL;
    char label[80];
    snprintf(label, sizeof label, "--%.*s", (int)(length < 70 ? length : 70), name);
    const struct option_spec *spec = find_spec(o->command, name, length);
    if (spec)
        return take_spec(o, args, spec, label, attached);
    const fan_job_key *key = find_key(o->command, name, length);
    if (key)
        return take_key(o, args, key, label, attached);
    say_unknown(o->command, label, label + 2);
    return false;
}

/* "-q", "-j4", "-j 4", "-qj4" */
static bool parse_letters(cli_options *o, cursor *args)
{
    const char *word = args->argv[args->at];
    for (const char *p = word + 1; *p; p++) {
        const struct option_spec *spec = find_letter(o->command, *p);
        if (!spec) {
            say_unknown(o->command, word, word + 1);
            return false;
        }
        char label[3] = {'-', *p, 0};
        bool has_value = spec->info.value != NULL;
        if (!take_spec(o, args, spec, label, has_value && p[1] ? p + 1 : NULL))
            return false;
        if (has_value)
            break;
    }
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether a word that begins with one minus is letters of options: not "-", not a negative number
 * (before a command line there are no numbers), and in a command whose arguments are expressions,
 * only letters known ("-j4" but not "-x^2"). */
static bool is_letters(const cli_command *c, const char *word)
{
    if (!word[1] || (!c->is_line && (is_digit(word[1]) || word[1] == '.')))
        return false;
    if (!c->expression)
        return true;
    for (const char *p = word + 1; *p; p++) {
        const struct option_spec *spec = find_letter(c, *p);
        if (!spec)
            return false;
        if (spec->info.value)
            return !p[1] || is_digit(p[1]);
    }
    return true;
}

static bool read_environment(cli_options *o)
{
    const char *value = getenv("FANFOLD_EXECUTOR");
    if (value && *value) {
        o->default_executor = value;
        if (!check_executor("FANFOLD_EXECUTOR", value))
            return false;
    }
    value = getenv("FANFOLD_WORKERS");
    return !value || !*value ||
           store_count(&o->default_workers, "FANFOLD_WORKERS", value, WORKERS_MAX);
}

int options_parse(cli_options *o, const cli_command *c, int argc, char **argv, int first)
{
    *o = (cli_options){.command = c,
                       .argc = argc,
                       .argv = argv,
                       .grace_ms = GRACE_MS,
                       .repeat = 3,
                       .time_limit_ms = TIME_LIMIT_MS,
                       .format = "text"};
    o->settings = calloc((size_t)argc + 1, sizeof *o->settings);
    o->arguments = calloc((size_t)argc + 1, sizeof *o->arguments);
    o->arg_files = calloc((size_t)argc + 1, sizeof *o->arg_files);
    if (!o->settings || !o->arguments || !o->arg_files) {
        message_error("out of memory");
        return 4;
    }
    bool ended = false;
    cursor args = {.at = first, .argc = argc, .argv = argv};
    for (; args.at < argc; args.at++) {
        const char *word = argv[args.at];
        bool good = true;
        if (!ended && strcmp(word, "--") == 0)
            ended = true;
        else if (!ended && word[0] == '-' && word[1] == '-')
            good = parse_long(o, &args);
        else if (!ended && word[0] == '-' && is_letters(c, word))
            good = parse_letters(o, &args);
        else {
            o->arguments[o->argument_count++] = word;
            ended |= c->is_line;
        }
        if (!good)
            return 2;
    }
    message_quiet(o->quiet);
    return o->help || read_environment(o) ? 0 : 2;
}

void options_free(cli_options *o)
{
    free(o->settings);
    free(o->arguments);
    free(o->arg_files);
}
