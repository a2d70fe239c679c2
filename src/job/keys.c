#include "job/job_internal.h"

#include <string.h>

#include "base/error.h"
#include "fanfold/factor.h"
#include "fanfold/integrate.h"
#include "job/function.h"
#include "job/halt.h"
#include "job/packed.h"

/* What a value must be. */
typedef enum rule {
    RULE_TEXT,     /* anything but nothing */
    RULE_PATH,     /* a file; relative ones in job files are relative to the job file's folder */
    RULE_SOURCE,   /* what is copied near: a path, likewise relative, @PATH or a URL */
    RULE_COUNT,    /* a whole number from low to high */
    RULE_TIME,     /* seconds, with a fraction; from low to high ms */
    RULE_SIZE,     /* bytes, or with K, M or G; from low to high */
    RULE_CHOICE,   /* one of the blank-separated choices */
    RULE_RANGE,    /* name=lo:hi */
    RULE_SHARD,    /* i/n */
    RULE_HALT,     /* when, and after how many of what */
    RULE_PACKED,   /* a way to compress, and a level */
    RULE_FUNCTION, /* one of FANI_FUNCTION_NAMES */
    RULE_ANY,      /* anything */
} rule;

typedef struct key_entry {
    fan_job_key info;
    rule rule;
    uint64_t low, high;
    const char *choices;
} key_entry;

#define NUMBERS "gcd factor divisors"
#define LISTS NUMBERS " command"

static const key_entry table[FANI_KEY_COUNT] = {
    [FANI_KEY_INPUT] = {{"input", "*", "FILE",
                         "read from FILE instead of standard input; - is standard input", true},
                        .rule = RULE_PATH},
    [FANI_KEY_OUTPUT] =
        {{"output", "*", "FILE",
          "write to FILE, which appears complete or not at all; - is standard output", false},
         .rule = RULE_PATH},
    [FANI_KEY_FORMAT] = {{"format", "*", "FORMAT", "text, tsv or ndjson (default: text)", false},
                         .rule = RULE_CHOICE,
                         .choices = "text tsv ndjson"},
    [FANI_KEY_EXECUTOR] = {{"executor", "*", "NAME",
                            "where to run: serial, threads, processes or mpi (default: threads)",
                            false},
                           .rule = RULE_CHOICE,
                           .choices = "serial threads processes mpi"},
    [FANI_KEY_WORKERS] = {{"workers", "*", "N",
                           "workers, 1 to 4096 (default: as many as usable cores)", false},
                          .rule = RULE_COUNT,
                          .low = 1,
                          .high = 4096},
    [FANI_KEY_LOCAL] = {{"local", "*", "NAME",
                         "mpi: the executor inside each rank: serial, threads or processes "
                         "(default: threads)",
                         false},
                        .rule = RULE_CHOICE,
                        .choices = "serial threads processes"},
    [FANI_KEY_WORKER_MEMORY] = {{"worker-memory", "*", "SIZE",
                                 "memory that each worker may use, 16M to 1048576G, like 512M; an "
                                 "item that wants more fails (processes; default: no limit)",
                                 false},
                                .rule = RULE_SIZE,
                                .low = UINT64_C(1) << 24,
                                .high = UINT64_C(1) << 50},
    [FANI_KEY_TIMEOUT] = {{"timeout", "*", "SECONDS",
                           "end an item that runs longer, 0.001 to 4294967, like 2.5, 5m or 2h "
                           "(default: no limit)",
                           false},
                          .rule = RULE_TIME,
                          .low = 1,
                          .high = UINT64_C(4294967000)},
    [FANI_KEY_RETRIES] = {{"retries", "*", "N",
                           "how often an item that failed or timed out runs again, 0 to 1000000 "
                           "(default: 0)",
                           false},
                          .rule = RULE_COUNT,
                          .low = 0,
                          .high = 1000000},
    [FANI_KEY_BACKOFF] = {{"backoff", "*", "SECONDS",
                           "pause before the first retry, 0.001 to 30; each other one takes twice "
                           "as long, up to 30 (default: 0.01)",
                           false},
                          .rule = RULE_TIME,
                          .low = 1,
                          .high = 30000},
    [FANI_KEY_MAX_FAILS] = {{"max-fails", "*", "N",
                             "stop when more than N items have not ended well, 0 to 10^18: nothing "
                             "more is handed out, and --resume goes on (default: no limit)",
                             false},
                            .rule = RULE_COUNT,
                            .low = 0,
                            .high = UINT64_C(1000000000000000000)},
    [FANI_KEY_HALT] = {{"halt", "*", "WHEN",
                        "with --max-fails: soon lets running items end and keeps their results, "
                        "now ends them (default: soon); of lists also soon,fail=10%, "
                        "now,success=1, soon,done=100: stop when so many have come, or so much of "
                        "all",
                        false},
                       .rule = RULE_HALT},
    [FANI_KEY_BATCH] = {{"batch", NUMBERS, "N",
                         "items that travel together, 1 to 1000000; changes nothing but speed "
                         "(default: chosen while running)",
                         false},
                        .rule = RULE_COUNT,
                        .low = 1,
                        .high = 1000000},
    [FANI_KEY_NUMBERS] = {{"numbers", NUMBERS, "LIST",
                           "numbers in place of input; for gcd each list gives one gcd", true},
                          .rule = RULE_TEXT},
    [FANI_KEY_MAX_DIGITS] = {{"max-digits", NUMBERS, "N",
                              "refuse longer numbers, 1 to 100000000 (default: 1000000)", false},
                             .rule = RULE_COUNT,
                             .low = 1,
                             .high = 100000000},
    [FANI_KEY_EFFORT] =
        {{"effort", "factor divisors", "N",
          "look for prime factors of up to N digits, 1 to 50, however long it takes "
          "(default: 30, fewer in numbers of more than 150 digits; numbers of up to "
          "100 digits, or 2N, are factored completely)",
          false},
         .rule = RULE_COUNT,
         .low = 1,
         .high = FAN_FACTOR_DIGITS_MAX},
    [FANI_KEY_ISA] = {{"isa", "factor divisors integrate", "NAME",
                       "factor numbers beyond 64 bits as it is quickest with the instructions of "
                       "scalar, avx2 or avx512: which method finds a factor depends on it, and "
                       "NDJSON tells; of integrals the last digits depend on it (default: what "
                       "the machine has where the run begins)",
                       false},
                      .rule = RULE_CHOICE,
                      .choices = "scalar avx2 avx512"},
    [FANI_KEY_FUNCTION] =
        {{"function", "factor divisors", "NAME",
          "print in place of factors or divisors: numdiv (how many divisors), sigma (their sum), "
          "sigma=K (that of their K-th powers), totient, moebius, liouville, omega (how many "
          "primes), bigomega (each as often as it divides), radical (their product), squarefree "
          "(that of those with odd exponents) or smooth=B (the part of primes up to B)",
          false},
         .rule = RULE_FUNCTION},
    [FANI_KEY_LCM] = {{"lcm", "gcd", NULL, "print the least common multiple of each line instead",
                       false},
                      .rule = RULE_CHOICE,
                      .choices = "true false"},
    [FANI_KEY_EXTENDED] = {{"extended", "gcd", NULL,
                            "print g x y for each line of two numbers a b: g is their gcd, and a x "
                            "+ b y = g with the "
                            "least x and y",
                            false},
                           .rule = RULE_CHOICE,
                           .choices = "true false"},
    [FANI_KEY_COPRIME] = {{"coprime", "gcd", NULL,
                           "print true for each line whose gcd is 1, false for the others", false},
                          .rule = RULE_CHOICE,
                          .choices = "true false"},
    [FANI_KEY_ALL] = {{"all", "gcd", NULL,
                       "one result for all numbers of all inputs; what is no number ends it",
                       false},
                      .rule = RULE_CHOICE,
                      .choices = "true false"},
    [FANI_KEY_EXPRESSION] = {{"expression", "integrate", "EXPR",
                              "the integrand, in place of the argument; commas separate the "
                              "components of a vector",
                              false},
                             .rule = RULE_TEXT},
    [FANI_KEY_INTEGRAND] = {{"integrand", "integrate", "FILE:SYMBOL",
                             "the integrand is a function of a shared library: a "
                             "fan_integrand_scalar, or a fan_integrand_batch where its name ends "
                             "in _batch",
                             false},
                            .rule = RULE_PATH},
    [FANI_KEY_PARAM] = {{"param", "integrate", "NAME=VALUE",
                         "a name that the integrand and the bounds may use; the value is an "
                         "expression of the parameters before it",
                         true},
                        .rule = RULE_TEXT},
    [FANI_KEY_OVER] = {{"over", "integrate", "NAME=LO:HI",
                        "a variable and its bounds, which are expressions of the variables before "
                        "it; inf and -inf too",
                        true},
                       .rule = RULE_RANGE},
    [FANI_KEY_RULE] = {{"rule", "integrate", "NAME",
                        "left, midpoint, trapezoid, simpson or gauss (default: gauss)", false},
                       .rule = RULE_CHOICE,
                       .choices = "left midpoint trapezoid simpson gauss"},
    [FANI_KEY_ORDER] = {{"order", "integrate", "N",
                         "points of the gauss rule in each subinterval, 1 to 131072 (default: 5)",
                         false},
                        .rule = RULE_COUNT,
                        .low = 1,
                        .high = FAN_INTEGRAL_ORDER_MAX},
    [FANI_KEY_POINTS] = {{"points", "integrate", "N",
                          "subintervals of each variable, 1 to 2^62 in all (default: 1000)", false},
                         .rule = RULE_COUNT,
                         .low = 1,
                         .high = UINT64_C(1) << 62},
    [FANI_KEY_PARTS] = {{"parts", "integrate", "N",
                         "cut the first variable's range in N pieces, integrated apart and added "
                         "in order, 1 to 1000000 (default: 1)",
                         false},
                        .rule = RULE_COUNT,
                        .low = 1,
                        .high = 1000000},
    [FANI_KEY_INTEGRAL_METHOD] =
        {{"method", "integrate", "NAME",
          "auto (the default), gauss-kronrod or tanh-sinh of one variable; cubature, cubature9, "
          "cubature11 (three variables), cubature13 (two), vegas, lattice, product or nested of "
          "several. Not with rule, order, points and parts, which are for fixed grids",
          false},
         .rule = RULE_CHOICE,
         .choices = "auto gauss-kronrod tanh-sinh cubature cubature9 cubature11 cubature13 vegas "
                    "lattice product nested"},
    [FANI_KEY_REL] = {{"rel", "integrate", "X",
                       "the tolerance as a part of the value (default: 1e-8 of one variable, 1e-5 "
                       "of several)",
                       false},
                      .rule = RULE_TEXT},
    [FANI_KEY_ABS] = {{"abs", "integrate", "X",
                       "the tolerance as a number: the larger of the two counts (default: 0)",
                       false},
                      .rule = RULE_TEXT},
    [FANI_KEY_MAX_EVALS] = {{"max-evals", "integrate", "N",
                             "the integrand is evaluated at about so many points at most "
                             "(default: 1e7 of one variable, 1e8 of several)",
                             false},
                            .rule = RULE_COUNT,
                            .low = 1,
                            .high = UINT64_C(1) << 62},
    [FANI_KEY_SEED] = {{"seed", "integrate", "N",
                        "which random numbers are used: the same seed, the same bits (default: 0)",
                        false},
                       .rule = RULE_COUNT,
                       .low = 0,
                       .high = UINT64_MAX},
    [FANI_KEY_BREAK] = {{"break", "integrate", "X",
                         "a point inside the range of one variable where the integrand is not "
                         "smooth; may be given often",
                         true},
                        .rule = RULE_TEXT},
    [FANI_KEY_WEIGHT] = {{"weight", "integrate", "cos:W|sin:W",
                          "multiply the integrand of one variable x by cos(W*x) or sin(W*x), at a "
                          "cost that does not grow with W, an expression of the parameters",
                          false},
                         .rule = RULE_TEXT},
    [FANI_KEY_RIGOROUS] =
        {{"rigorous", "integrate", NULL,
          "prove it: value and error enclose the integral of one variable over a finite range; "
          "needs a build with Arb",
          false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_SCAN] = {{"scan", "integrate", "NAME=A:B:COUNT",
                        "one integral for each of COUNT values of a parameter, from A to B; of "
                        "several every combination, the last one fastest",
                        true},
                       .rule = RULE_TEXT},
    [FANI_KEY_ZIP] =
        {{"zip", "integrate", NULL,
          "several scan go side by side: the first values of all, then the second ones", false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_TABLE] = {{"table", "integrate", "FILE",
                         "one integral for each line of FILE, which begins with the parameters' "
                         "names and has their values below; - is standard input",
                         false},
                        .rule = RULE_PATH},
    [FANI_KEY_PLOT] = {{"plot", "integrate", "FILE.svg",
                        "draw the values of a scan of one parameter with their errors, or how one "
                        "integral converges, by gnuplot",
                        false},
                       .rule = RULE_PATH},
    [FANI_KEY_BASE] = {{"base", "weakkeys", "N",
                        "of plain numbers: 10 or 16 (default: 16); 0x is always 16", false},
                       .rule = RULE_CHOICE,
                       .choices = "10 16"},
    [FANI_KEY_STRICT] = {{"strict", "weakkeys", NULL,
                          "end at the first entry that is no RSA key or can't be read", false},
                         .rule = RULE_CHOICE,
                         .choices = "true false"},
    [FANI_KEY_FAIL_ON_WEAK] = {{"fail-on-weak", "weakkeys", NULL,
                                "end with exit code 1 where keys are weak: more than duplicates",
                                false},
                               .rule = RULE_CHOICE,
                               .choices = "true false"},
    [FANI_KEY_CHECKS] = {{"checks", "weakkeys", "WHICH",
                          "what is looked for in each key alone: all (small factors, squares, "
                          "close primes, tiny keys, exponents, ROCA) or none (default: all)",
                          false},
                         .rule = RULE_CHOICE,
                         .choices = "all none"},
    [FANI_KEY_MEMORY] =
        {{"memory", "weakkeys", "SIZE",
          "memory that this program and its workers on one host may use together, 1M to 1048576G, "
          "like 4G, reading --known and writing it too: what has no room in it goes to files "
          "(default: no limit)",
          false},
         .rule = RULE_SIZE,
         .low = UINT64_C(1) << 20,
         .high = UINT64_C(1) << 50},
    [FANI_KEY_SCRATCH] =
        {{"scratch", "weakkeys", "DIR",
          "the folder for such files, and for what --resume goes on from (default: that of "
          "--output, else $TMPDIR or /tmp)",
          false},
         .rule = RULE_PATH},
    [FANI_KEY_METHOD] = {{"method", "weakkeys", "WHICH",
                          "how keys are compared: levels (of one tree, over the workers), ring (a "
                          "tree a worker) or auto (default: a ring over ranks, else levels)",
                          false},
                         .rule = RULE_CHOICE,
                         .choices = "auto levels ring"},
    [FANI_KEY_KNOWN] = {{"known", "weakkeys", "STATE",
                         "add the keys to those that the file STATE knows, and print what is new: "
                         "weak new keys, and known ones that became weak; a STATE that does not "
                         "exist is created",
                         false},
                        .rule = RULE_PATH},
    [FANI_KEY_RESUME] =
        {{"resume", "*", NULL,
          "go on with the run that writes the same --output file; without one begin", false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_RETRY_FAILED] =
        {{"retry-failed", LISTS " integrate", NULL,
          "as --resume, and do the items again that did not end well, but for those that are no "
          "valid input",
          false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_RESTART] =
        {{"restart", "*", NULL,
          "begin again although a run that writes the same --output file has not ended", false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_NO_JOURNAL] =
        {{"no-journal", "*", NULL,
          "keep no journal beside the output: a run that ends early begins anew", false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_STATE] =
        {{"state", "factor", "FILE",
          "without --output FILE: keep what is found out about long numbers in FILE.sieve-* and "
          "FILE.curves-*, so that the same command goes on after it was ended early",
          false},
         .rule = RULE_PATH},
    [FANI_KEY_REPAIR] =
        {{"repair", "*", NULL,
          "with --resume: go on although the journal is damaged; what is lost is done again",
          false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_BREAK_LOCK] =
        {{"break-lock", "*", NULL,
          "take the output over from a run on another host that is known to be dead", false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_SHARD] = {{"shard", LISTS " integrate", "I/N",
                         "do every N-th item alone, from number I on (1 to N, at most 10000), and "
                         "write FILE.shard-I; results --merge FILE puts them together",
                         false},
                        .rule = RULE_SHARD},
    [FANI_KEY_UNORDERED] = {{"unordered", LISTS, NULL,
                             "write what comes of an item as soon as it is there, in any order",
                             false},
                            .rule = RULE_CHOICE,
                            .choices = "true false"},
    [FANI_KEY_COMPRESS] = {{"compress", "*", "HOW",
                            "compress what comes out: gzip or zstd, with a level behind a colon: "
                            "gzip:1 to gzip:9, zstd:1 to zstd:19",
                            false},
                           .rule = RULE_PACKED},
    [FANI_KEY_SPLIT] =
        {{"split", "*", "SIZE",
          "make --output FILE a folder: files part-00000, ... of at least SIZE bytes "
          "each, like 64M, cut behind a line, and their list MANIFEST",
          false},
         .rule = RULE_SIZE,
         .low = 1,
         .high = UINT64_C(1) << 62},
    [FANI_KEY_TIMINGS] =
        {{"timings", LISTS " integrate weakkeys", NULL,
          "tsv and ndjson: say of each item which attempt it was, when it began, "
          "how long it ran and who ran it; items of lists then travel alone, unless "
          "--batch says more; weakkeys notes how long each of its phases took",
          false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_STAGE_IN] =
        {{"stage-in", LISTS " weakkeys", "SOURCE",
          "copy SOURCE (a file, a folder, a pattern, a URL, or @LIST) to this node first: it is "
          "then read as --input would be; commands find it in $FANFOLD_STAGE on each host",
          true},
         .rule = RULE_SOURCE},
    [FANI_KEY_STAGE_OUT] =
        {{"stage-out", "command", "DIR",
          "give each command a folder of its own in $FANFOLD_STAGE_OUT; once it has ended well the "
          "files in it are published as DIR/N, N the item's number, before its result counts; "
          "where such a DIR/N is of another run, only --restart replaces it",
          false},
         .rule = RULE_PATH},
    [FANI_KEY_COMMAND] = {{"command", "command", "WORD",
                           "a word of the command, in which {} and others stand for the item",
                           true},
                          .rule = RULE_ANY},
    [FANI_KEY_VALUES] = {{"values", "command", "WORD",
                          "an item in place of input; ::: begins another source of items, :::: one "
                          "of files, and all combinations of the sources are items",
                          true},
                         .rule = RULE_ANY},
    [FANI_KEY_NULL] = {{"null", "command", NULL, "items of input end with a NUL, not a line end",
                        false},
                       .rule = RULE_CHOICE,
                       .choices = "true false"},
    [FANI_KEY_COLSEP] = {{"colsep", "command", "TEXT",
                          "cut items into columns {1}, {2}, ... at TEXT, in which \\t is a tab",
                          false},
                         .rule = RULE_TEXT},
    [FANI_KEY_SHELL] =
        {{"shell", "command", NULL,
          "give the words to /bin/sh as one command line, items quoted; else no shell "
          "is between",
          false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
    [FANI_KEY_STDIN] =
        {{"stdin", "command", "WHAT",
          "what commands read: null, nothing at all, or item, the item and a line end "
          "(default: null)",
          false},
         .rule = RULE_CHOICE,
         .choices = "null item"},
    [FANI_KEY_TAG] = {{"tag", "command", NULL,
                       "put the item and a tab before each line of output (text format)", false},
                      .rule = RULE_CHOICE,
                      .choices = "true false"},
    [FANI_KEY_JOBLOG] =
        {{"joblog", "command", "FILE",
          "write a line on each item, in GNU parallel's columns; a run that is gone on "
          "with adds to it",
          false},
         .rule = RULE_PATH},
    [FANI_KEY_CAPTURE_LIMIT] =
        {{"capture-limit", "command", "SIZE",
          "most bytes kept of what an item writes to each of its streams, 1 to "
          "2G, like 64M; one that writes more is ended and fails (default: 1G)",
          false},
         .rule = RULE_SIZE,
         .low = 1,
         .high = UINT64_C(1) << 31},
    [FANI_KEY_KEEP_MPI_ENV] =
        {{"keep-mpi-env", "command", NULL,
          "let commands have the variables by which an MPI launcher tells a rank "
          "what it is (OMPI_*, PMIX_*, PMI_*)",
          false},
         .rule = RULE_CHOICE,
         .choices = "true false"},
};

const fan_job_key *fan_job_key_at(size_t i)
{
    return i < FANI_KEY_COUNT ? &table[i].info : NULL;
}

const fan_job_key *fani_key_info(fani_key key)
{
    return &table[key].info;
}

bool fani_key_is_path(fani_key key)
{
    return table[key].rule == RULE_PATH;
}

bool fani_key_is_source(fani_key key)
{
    return table[key].rule == RULE_SOURCE;
}

/* Whether `word` is one of the blank-separated words of `list`. */
static bool has_word(const char *list, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = list; size && (at = strstr(at, word)); at += size)
        if ((at == list || at[-1] == ' ') && (at[size] == ' ' || !at[size]))
            return !strchr(word, ' ');
    return false;
}

static bool knows(const fani_job_kind *kind, const key_entry *entry)
{
    return !strcmp(entry->info.tasks, "*") || has_word(entry->info.tasks, kind->name);
}

fan_status fani_key_find(const fani_job_kind *kind, const char *name, fani_key *key,
                         fan_error *error)
{
    char known[400] = "";
    for (size_t i = 0; i < FANI_KEY_COUNT; i++) {
        if (!knows(kind, &table[i]))
            continue;
        if (!strcmp(table[i].info.name, name)) {
            *key = (fani_key)i;
            return FAN_OK;
        }
        if (*known)
            strncat(known, ", ", sizeof known - strlen(known) - 1);
        strncat(known, table[i].info.name, sizeof known - strlen(known) - 1);
    }
    return fani_error_set(error, FAN_E_ARGUMENT, "unknown key '%.64s' for %s: expected one of %s",
                          name, kind->name, known);
}

static bool read_digits(const char **text, uint64_t *value)
{
    const char *at = *text;
    uint64_t v = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*at - '0'), &v))
            return false;
    if (at == *text)
        return false;
    *text = at;
    *value = v;
    return true;
}

bool fani_read_count(const char *text, uint64_t *value)
{
    uint64_t v, exponent = 0;
    if (!read_digits(&text, &v))
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (!read_digits(&text, &exponent) || exponent > 19)
            return false;
    }
    for (; exponent; exponent--)
        if (__builtin_mul_overflow(v, 10, &v))
            return false;
    *value = v;
    return !*text;
}

/* What stands behind a number: a unit's factor, 0 where it is none. `units` is a list of letters,
 * each worth the next of `factors`; no letter at all is worth 1. */
static uint64_t unit_of(const char *text, const char *units, const uint64_t *factors)
{
    if (!*text)
        return 1;
    const char *at = strchr(units, *text);
    return at && !text[1] ? factors[at - units] : 0;
}

bool fani_read_ms(const char *text, uint64_t *ms)
{
    static const uint64_t seconds[] = {1, 60, 3600};
    uint64_t whole = 0, billionths = 0, place = 100000000;
    if (*text != '.' && !read_digits(&text, &whole))
        return false;
    if (*text == '.') {
        if (*++text < '0' || *text > '9')
            return false;
        for (; *text >= '0' && *text <= '9'; text++, place /= 10)
            billionths += place * (uint64_t)(*text - '0');
    }
    uint64_t factor = unit_of(text, "smh", seconds);
    if (!factor || __builtin_mul_overflow(whole, factor * 1000, &whole))
        return false;
    return !__builtin_add_overflow(whole, billionths * factor / 1000000, ms);
}

bool fani_read_size(const char *text, uint64_t *bytes)
{
    static const uint64_t factors[] = {UINT64_C(1) << 10, UINT64_C(1) << 20, UINT64_C(1) << 30};
    uint64_t count;
    if (!read_digits(&text, &count))
        return false;
    uint64_t factor = unit_of(text, "KMG", factors);
    return factor && !__builtin_mul_overflow(count, factor, bytes);
}

/* Digits without a zero in front, so that each number has one text. */
static bool read_ordinal(const char **text, uint64_t *value)
{
    return **text != '0' && read_digits(text, value);
}

bool fani_read_slice(const char *text, fani_slice *slice)
{
    fani_slice s;
    if (!read_ordinal(&text, &s.number) || *text++ != '/' || !read_ordinal(&text, &s.count) ||
        *text || s.number > s.count || s.count > FANI_SLICES_MAX)
        return false;
    *slice = s;
    return true;
}

static fan_status check_slice(const key_entry *entry, const char *value, fan_error *error)
{
    fani_slice slice;
    if (fani_read_slice(value, &slice))
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "%s is '%.64s': expected I/N, such as 1/8: I from 1 to N, N at most %d",
                          entry->info.name, value, FANI_SLICES_MAX);
}

static fan_status check_function(const key_entry *entry, const char *value, fan_error *error)
{
    fan_function function;
    uint64_t parameter;
    if (fani_read_function(value, &function, &parameter))
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "%s is '%.64s': expected one of " FANI_FUNCTION_NAMES
                          ", K from 0 to %d, B above 0",
                          entry->info.name, value, FANI_SIGMA_MAX);
}

static fan_status check_time(const key_entry *entry, const char *value, fan_error *error)
{
    uint64_t ms;
    if (fani_read_ms(value, &ms) && ms >= entry->low && ms <= entry->high)
        return FAN_OK;
    return fani_error_set(
        error, FAN_E_ARGUMENT,
        "%s is '%.64s': expected seconds from %llu.%03llu to %llu, or with m or h",
        entry->info.name, value, (unsigned long long)entry->low / 1000,
        (unsigned long long)entry->low % 1000, (unsigned long long)entry->high / 1000);
}

static fan_status check_size(const key_entry *entry, const char *value, fan_error *error)
{
    uint64_t bytes;
    if (fani_read_size(value, &bytes) && bytes >= entry->low && bytes <= entry->high)
        return FAN_OK;
    return fani_error_set(
        error, FAN_E_ARGUMENT,
        "%s is '%.64s': expected bytes from %llu to %llu, or with K, M or G (64M)",
        entry->info.name, value, (unsigned long long)entry->low, (unsigned long long)entry->high);
}

static fan_status check_count(const key_entry *entry, const char *value, fan_error *error)
{
    uint64_t count;
    if (fani_read_count(value, &count) && count >= entry->low && count <= entry->high)
        return FAN_OK;
    return fani_error_set(
        error, FAN_E_ARGUMENT, "%s is '%.64s': expected a whole number from %llu to %llu",
        entry->info.name, value, (unsigned long long)entry->low, (unsigned long long)entry->high);
}

static fan_status check_halt(const key_entry *entry, const char *value, fan_error *error)
{
    fani_halt halt = {0};
    if (fani_halt_read(value, &halt))
        return FAN_OK;
    return fani_error_set(
        error, FAN_E_ARGUMENT,
        "%s is '%.64s': expected soon or now, with ,fail= ,success= or ,done= and "
        "a number from 1, or 1%% to 100%%, behind it where that is meant",
        entry->info.name, value);
}

static fan_status check_packed(const key_entry *entry, const char *value, fan_error *error)
{
    fani_packed_how how;
    if (fani_packed_read(value, &how))
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT,
                          "%s is '%.64s': expected gzip or zstd, or with a level gzip:1 to gzip:9, "
                          "zstd:1 to zstd:19",
                          entry->info.name, value);
}

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9'))
            return false;
    }
    return size > 0;
}

/* Where a text stops being NAME=LOW:HIGH with something in each place; NULL where it does not. */
static const char *range_flaw(const char *text)
{
    const char *equals = strchr(text, '=');
    const char *colon = equals ? strchr(equals, ':') : NULL;
    if (!equals || !is_name(text, (size_t)(equals - text)))
        return text;
    if (!colon)
        return text + strlen(text);
    if (colon == equals + 1)
        return colon;
    return colon[1] ? NULL : colon + 1;
}

static fan_status check_range(const key_entry *entry, const char *value, fan_error *error)
{
    const char *at = range_flaw(value);
    if (!at)
        return FAN_OK;
    fani_error_set(error, FAN_E_SYNTAX, "%s is '%.64s': expected NAME=LOW:HIGH, such as x=0:pi/2",
                   entry->info.name, value);
    fani_error_place(error, NULL, 0, (uint32_t)(at - value) + 1);
    return FAN_E_SYNTAX;
}

fan_status fani_key_check(fani_key key, const char *value, fan_error *error)
{
    const key_entry *entry = &table[key];
    switch (entry->rule) {
    case RULE_COUNT:
        return check_count(entry, value, error);
    case RULE_TIME:
        return check_time(entry, value, error);
    case RULE_SIZE:
        return check_size(entry, value, error);
    case RULE_RANGE:
        return check_range(entry, value, error);
    case RULE_FUNCTION:
        return check_function(entry, value, error);
    case RULE_SHARD:
        return check_slice(entry, value, error);
    case RULE_HALT:
        return check_halt(entry, value, error);
    case RULE_PACKED:
        return check_packed(entry, value, error);
    case RULE_CHOICE:
        if (has_word(entry->choices, value))
            return FAN_OK;
        return fani_error_set(error, FAN_E_ARGUMENT, "%s is '%.64s': expected one of: %s",
                              entry->info.name, value, entry->choices);
    case RULE_ANY:
        return FAN_OK;
    case RULE_TEXT:
    case RULE_SOURCE:
    case RULE_PATH:
        break;
    }
    if (*value)
        return FAN_OK;
    return fani_error_set(error, FAN_E_ARGUMENT, "%s is empty: expected %s", entry->info.name,
                          entry->info.value);
}
