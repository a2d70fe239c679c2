/* The sieve over an executor: that its divisor is that of one thread, that it goes on from whatever
 * state a killed one may leave, refuses or mends one that is damaged, and ends when it is to. */
#include "job/sieve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "job/sieve_state.h"
#include "journal_kit.h"
#include "kernel/qs/codec.h"
#include "kernel/qs/split.h"
#include "kernel/qs/unit.h"
#include "shim/shim.h"
#include "sieve_kit.h"

enum { STATE_MAX = 4 << 20 };

/* ---- What it finds --------------------------------------------------------------------------- */

static void note_solving(void *user, const fani_sieve_progress *progress)
{
    if (progress->stage == FANI_SIEVE_SOLVE)
        *(fani_sieve_progress *)user = *progress;
}

static void same_with(const char *kind, unsigned workers, fani_sieve_progress *first)
{
    kit_known k;
    fani_sieve_progress seen = {0};
    kit_known_begin(&k, kind, workers);
    kit_expect_found(&k,
                     kit_sieve(&k, (fani_sieve_options){.progress = note_solving, .user = &seen}));
    if (!first->relations)
        *first = seen;
    EXPECT_TRUE(seen.relations > 100);
    EXPECT_U64(seen.relations, first->relations);
    EXPECT_U64(seen.cycles, first->cycles);
    kit_known_end(&k);
}

FAN_TEST(sieve_over, any_workers_use_the_same_relations)
{
    fani_sieve_progress first = {0};
    same_with("serial", 1, &first);
    for (unsigned workers = 1; workers <= 3; workers++)
        same_with("threads", workers, &first);
}

typedef struct told {
    fani_sieve_progress last;
    int calls, wrong;
} told;

static void check_progress(void *user, const fani_sieve_progress *p)
{
    told *t = user;
    bool later = p->cycles >= t->last.cycles && p->relations >= t->last.relations &&
                 p->units >= t->last.units && p->stage >= t->last.stage &&
                 p->elapsed_seconds >= t->last.elapsed_seconds;
    bool has_eta = p->eta_seconds >= 0 || p->stage == FANI_SIEVE_SOLVE || p->relations == 0;
    t->wrong += !later || !has_eta || p->wanted == 0 || p->cycles > p->relations;
    t->calls++;
    t->last = *p;
}

FAN_TEST(sieve_over, progress_goes_forward)
{
    kit_known k;
    told t = {0};
    kit_known_begin(&k, "threads", 2);
    kit_semiprime(60, 2, k.n);
    EXPECT_I64(kit_sieve(&k, (fani_sieve_options){.progress = check_progress, .user = &t}), FAN_OK);
    EXPECT_TRUE(mpz_divisible_p(k.n, k.found));
    EXPECT_TRUE(t.calls > 0);
    EXPECT_I64(t.wrong, 0);
    EXPECT_I64(t.last.stage, FANI_SIEVE_SOLVE);
    EXPECT_TRUE(t.last.cycles > 4000 && t.last.wanted > 4000);
    kit_known_end(&k);
}

FAN_TEST(sieve_over, lengths)
{
    static const unsigned lengths[] = {25, 30, 38, 50, 55};
    kit_known k;
    kit_known_begin(&k, "threads", 2);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const fani_effort effort = {0};
        kit_semiprime(lengths[i], 7, k.n);
        EXPECT_I64(fani_qs_split(k.n, &effort, fani_isa_wanted(), k.divisor), FAN_OK);
        kit_expect_found(&k, kit_sieve(&k, (fani_sieve_options){.threads = 2}));
        EXPECT_TRUE(mpz_divisible_p(k.n, k.found));
    }
    kit_known_end(&k);
}

FAN_TEST(sieve_over, long_threads_for_the_algebra_change_nothing)
{
    kit_known k;
    kit_known_begin(&k, "threads", 2);
    const fani_effort effort = {0};
    kit_semiprime(65, 1, k.n);
    EXPECT_I64(fani_qs_split(k.n, &effort, fani_isa_wanted(), k.divisor), FAN_OK);
    for (unsigned threads = 1; threads <= 3; threads++)
        kit_expect_found(&k, kit_sieve(&k, (fani_sieve_options){.threads = threads}));
    kit_known_end(&k);
}

FAN_TEST(sieve_over, numbers_that_can_not_be_sieved)
{
    kit_known k;
    kit_known_begin(&k, "serial", 1);
    mpz_set_ui(k.n, 1000003);
    EXPECT_I64(kit_sieve(&k, (fani_sieve_options){0}), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(k.error.text, "of 80 to 400 bits");
    mpz_ui_pow_ui(k.n, 2, 100);
    EXPECT_I64(kit_sieve(&k, (fani_sieve_options){0}), FAN_E_ARGUMENT);
    mpz_ui_pow_ui(k.n, 3, 400);
    EXPECT_I64(kit_sieve(&k, (fani_sieve_options){0}), FAN_E_ARGUMENT);
    kit_known_end(&k);
}

/* ---- Ending ---------------------------------------------------------------------------------- */

static bool always(void *user)
{
    ++*(int *)user;
    return true;
}

static fan_status fail_tick(void *user, fan_error *error)
{
    ++*(int *)user;
    error->status = FAN_E_OUTPUT;
    strcpy(error->text, "the caller's own journal");
    return FAN_E_OUTPUT;
}

static void ends_on(const char *kind)
{
    kit_known k;
    int calls = 0;
    kit_known_begin(&k, kind, 2);
    EXPECT_I64(kit_sieve(&k, (fani_sieve_options){.stop = always, .user = &calls}),
               FAN_E_CANCELLED);
    EXPECT_TRUE(calls > 0);
    EXPECT_CONTAINS(k.error.text, "stopped");
    EXPECT_I64(kit_sieve(&k, (fani_sieve_options){.deadline = 1}), FAN_E_TIMEOUT);
    calls = 0;
    EXPECT_I64(kit_sieve(&k, (fani_sieve_options){.tick = fail_tick, .user = &calls}),
               FAN_E_OUTPUT);
    EXPECT_I64(calls, 1);
    EXPECT_STR(k.error.text, "the caller's own journal");
    kit_expect_found(&k, kit_sieve(&k, (fani_sieve_options){.deadline = FAN_FOREVER}));
    kit_known_end(&k);
}

FAN_TEST(sieve_over, ends_when_it_is_to)
{
    ends_on("serial");
    ends_on("threads");
}

typedef struct growth {
    const char *path;
    off_t least;
} growth;

static bool has_grown(void *user)
{
    const growth *g = user;
    return kit_size_of(g->path) > g->least;
}

/* A large number runs until it is stopped, however far it has come. */
FAN_TEST(sieve_over, stops_in_the_middle_and_goes_on)
{
    kit_known k;
    kit_known_begin(&k, "threads", 2);
    mpz_t small;
    mpz_init_set(small, k.n);
    kit_semiprime(70, 1, k.n);
    growth more = {.path = k.folder.path, .least = 4096};
    const fani_sieve_options options = {.stop = has_grown, .user = &more, .state = k.folder.path};
    EXPECT_I64(kit_sieve(&k, options), FAN_E_CANCELLED);
    struct stat first;
    EXPECT_I64(stat(k.folder.path, &first), 0);
    EXPECT_I64(first.st_mode & 0777, 0600);
    more.least = first.st_size + 4096;
    EXPECT_I64(kit_sieve(&k, options), FAN_E_CANCELLED);
    EXPECT_TRUE(kit_size_of(k.folder.path) > more.least);
    mpz_set(k.n, small);
    EXPECT_I64(kit_sieve_state(&k, false), FAN_E_ARGUMENT); /* of another number */
    EXPECT_CONTAINS(k.error.text, "its number is");
    EXPECT_I64(fani_sieve_forget(k.folder.path, NULL), FAN_OK);
    kit_expect_found(&k, kit_sieve_state(&k, false));
    mpz_clear(small);
    kit_known_end(&k);
}

/* ---- Going on -------------------------------------------------------------------------------- */

typedef struct units {
    uint64_t count, twice; /* records; those of a unit that has another */
    bool seen[1 << 12];
} units;

static fan_status count_unit(void *user, uint64_t unit, const unsigned char *bytes, size_t size,
                             fan_error *error)
{
    units *u = user;
    (void)bytes, (void)size, (void)error;
    u->count++;
    u->twice += u->seen[unit % (1 << 12)];
    u->seen[unit % (1 << 12)] = true;
    return FAN_OK;
}

/* The units that a state has. */
static units units_of(kit_known *k)
{
    units u = {0};
    fani_qs *qs = NULL;
    fani_sieve_state *state = NULL;
    EXPECT_I64(fani_qs_make(k->n, NULL, &qs), FAN_OK);
    const fani_sieve_state_options options = {
        .path = k->folder.path, .unit = count_unit, .user = &u};
    EXPECT_I64(fani_sieve_state_open(qs, &options, &state, &k->error), FAN_OK);
    EXPECT_I64(fani_sieve_state_close(state, NULL), FAN_OK);
    fani_qs_free(qs);
    return u;
}

static size_t whole_state(kit_known *k, unsigned char *bytes)
{
    kit_expect_found(k, kit_sieve_state(k, false));
    size_t size = kit_load(k->folder.path, bytes, STATE_MAX);
    EXPECT_TRUE(size > 1000 && size < STATE_MAX);
    return size;
}

FAN_TEST(sieve_over, goes_on_from_a_state_that_was_cut_anywhere)
{
    enum { CUTS = 24 };
    kit_known k;
    unsigned char *bytes = malloc(STATE_MAX);
    kit_known_begin(&k, "threads", 2);
    size_t size = whole_state(&k, bytes);
    uint64_t before = 0, all = units_of(&k).count;
    EXPECT_TRUE(all > 10);
    for (size_t i = 0; i <= CUTS; i++) {
        size_t head = 1024; /* the identity */
        kit_store(k.folder.path, bytes, head + (size - head) * i / CUTS);
        uint64_t there = units_of(&k).count;
        EXPECT_TRUE(there >= before && there <= all);
        before = there;
        kit_store(k.folder.path, bytes, head + (size - head) * i / CUTS);
        kit_expect_found(&k, kit_sieve_state(&k, false));
        EXPECT_U64(units_of(&k).twice, 0);
    }
    EXPECT_U64(before, all);
    free(bytes);
    kit_known_end(&k);
}

FAN_TEST(sieve_over, a_whole_state_is_not_collected_again)
{
    kit_known k;
    unsigned char *bytes = malloc(STATE_MAX);
    kit_known_begin(&k, "threads", 2);
    size_t size = whole_state(&k, bytes);
    units first = units_of(&k);
    kit_expect_found(&k, kit_sieve_state(&k, false));
    EXPECT_U64(units_of(&k).count, first.count);
    EXPECT_TRUE(size > 0);
    EXPECT_I64(fani_sieve_forget(k.folder.path, NULL), FAN_OK);
    EXPECT_I64(kit_files(&k.folder), 0);
    EXPECT_I64(fani_sieve_forget(k.folder.path, NULL), FAN_OK);
    fan_error error = {0};
    EXPECT_I64(fani_sieve_forget(k.folder.folder, &error), FAN_E_OUTPUT); /* a folder */
    EXPECT_STR(error.file, k.folder.folder);
    free(bytes);
    kit_known_end(&k);
}

FAN_TEST(sieve_over, flipped_bits_are_refused_or_mended)
{
    enum { FLIPS = 12 };
    kit_known k;
    int refused = 0;
    unsigned char *bytes = malloc(STATE_MAX);
    kit_known_begin(&k, "threads", 2);
    size_t size = whole_state(&k, bytes);
    for (size_t i = 0; i < FLIPS; i++) {
        size_t at = 1024 + (size - 1024) * i / FLIPS;
        bytes[at] ^= (unsigned char)(1 << i % 8);
        kit_store(k.folder.path, bytes, size);
        bytes[at] ^= (unsigned char)(1 << i % 8);
        fan_status status = kit_sieve_state(&k, false);
        if (status != FAN_OK) { /* else it was in the tail, which is cut off */
            EXPECT_I64(status, FAN_E_INPUT);
            EXPECT_CONTAINS(k.error.text, "is damaged at byte");
            EXPECT_STR(k.error.file, k.folder.path);
            refused++;
            kit_expect_found(&k, kit_sieve_state(&k, true));
        } else {
            kit_expect_found(&k, status);
        }
        kit_expect_found(&k, kit_sieve_state(&k, false)); /* it stays mended */
    }
    EXPECT_TRUE(refused > FLIPS / 2);
    bytes[3] ^= 1;
    kit_store(k.folder.path, bytes, size);
    EXPECT_I64(kit_sieve_state(&k, true), FAN_E_INPUT); /* no journal */
    free(bytes);
    kit_known_end(&k);
}

/* A state with one unit: these bytes. */
static void add_unit(kit_known *k, uint64_t index, const unsigned char *bytes, size_t size)
{
    fani_qs *qs = NULL;
    fani_sieve_state *state = NULL;
    units u = {0};
    EXPECT_I64(fani_qs_make(k->n, NULL, &qs), FAN_OK);
    const fani_sieve_state_options options = {
        .path = k->folder.path, .unit = count_unit, .user = &u};
    EXPECT_I64(fani_sieve_state_open(qs, &options, &state, &k->error), FAN_OK);
    EXPECT_I64(fani_sieve_state_add(state, index, bytes, size, FAN_FOREVER, NULL), FAN_OK);
    EXPECT_I64(fani_sieve_state_close(state, NULL), FAN_OK);
    fani_qs_free(qs);
}

typedef struct packed {
    fani_qs_coder *coder;
    unsigned char bytes[1 << 16];
    size_t size;
} packed;

static fan_status pack(void *context, const fani_qs_relation *r)
{
    packed *p = context;
    p->size += fani_qs_coder_write(p->coder, r, p->bytes + p->size);
    return p->size < sizeof p->bytes - FANI_QS_RELATION_BYTES_MAX ? FAN_OK : FAN_E_TOO_LARGE;
}

/* The relations of at most `most` polynomials of a unit. */
static void collect_unit(const kit_known *k, uint64_t index, uint32_t most, packed *p)
{
    fani_qs *qs = NULL;
    fani_qs_worker *worker = NULL;
    p->size = 0;
    EXPECT_I64(fani_qs_make(k->n, NULL, &qs), FAN_OK);
    EXPECT_I64(fani_qs_worker_make(qs, fani_isa_wanted(), &worker), FAN_OK);
    EXPECT_I64(fani_qs_coder_make(qs, &p->coder), FAN_OK);
    const fani_qs_hooks hooks = {.emit = pack, .context = p};
    fani_qs_unit unit = fani_qs_unit_at(qs, index);
    uint32_t to = unit.to - unit.from < most ? unit.to : unit.from + most;
    EXPECT_I64(fani_qs_collect_some(worker, unit.a, unit.from, to, &hooks), FAN_OK);
    EXPECT_TRUE(p->size > 0);
    fani_qs_coder_free(p->coder);
    fani_qs_worker_free(worker);
    fani_qs_free(qs);
}

FAN_TEST(sieve_over, units_beyond_a_gap_are_not_done_again)
{
    static const uint64_t there[] = {1, 3, 4, 9, 3}; /* one of them twice */
    static packed p;
    kit_known k;
    kit_known_begin(&k, "threads", 2);
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        collect_unit(&k, there[i], UINT32_MAX, &p);
        add_unit(&k, there[i], p.bytes, p.size);
    }
    EXPECT_U64(units_of(&k).twice, 1);
    kit_expect_found(&k, kit_sieve_state(&k, false));
    EXPECT_U64(units_of(&k).twice, 1);
    EXPECT_TRUE(units_of(&k).count > 8);
    kit_known_end(&k);
}

static bool at_once(void *user)
{
    (void)user;
    return true;
}

/* Of a number whose leading coefficients are several units each. */
FAN_TEST(sieve_over, relations_of_another_unit_are_refused)
{
    static packed p;
    kit_known k;
    kit_known_begin(&k, "serial", 1);
    kit_semiprime(95, 1, k.n);
    const fani_sieve_options options = {.state = k.folder.path, .stop = at_once};
    collect_unit(&k, 1, 40, &p);
    add_unit(&k, 1, p.bytes, p.size);
    EXPECT_I64(kit_sieve(&k, options), FAN_E_CANCELLED);
    EXPECT_I64(fani_sieve_forget(k.folder.path, NULL), FAN_OK);
    add_unit(&k, 0, p.bytes, p.size);
    EXPECT_I64(kit_sieve(&k, options), FAN_E_INPUT);
    kit_known_end(&k);
}

typedef struct solvings {
    int count;
    uint64_t units, relations; /* at the last one */
    bool grew;                 /* from each to the next */
} solvings;

static void count_solving(void *user, const fani_sieve_progress *progress)
{
    solvings *s = user;
    if (progress->stage != FANI_SIEVE_SOLVE || progress->units == s->units)
        return;
    s->grew = s->grew && progress->units > s->units && progress->relations > s->relations;
    s->units = progress->units;
    s->relations = progress->relations;
    s->count++;
}

static bool three_times(void *user)
{
    const solvings *s = user;
    return s->count >= 3;
}

/* Of a square each dependency is trivial. */
FAN_TEST(sieve_over, goes_on_where_the_algebra_wants_more)
{
    kit_known k;
    solvings seen = {.grew = true};
    kit_known_begin(&k, "threads", 2);
    mpz_set_str(k.n, "12345678901234567", 10);
    mpz_nextprime(k.n, k.n);
    mpz_mul(k.n, k.n, k.n);
    const fani_sieve_options options = {
        .progress = count_solving, .stop = three_times, .user = &seen};
    EXPECT_I64(kit_sieve(&k, options), FAN_E_CANCELLED);
    EXPECT_TRUE(seen.count >= 3);
    EXPECT_TRUE(seen.grew);
    kit_known_end(&k);
}

FAN_TEST(sieve_over, relations_that_are_not_true_are_refused_or_done_again)
{
    static const unsigned char zeroes[40] = {0};
    kit_known k;
    kit_known_begin(&k, "threads", 2);
    add_unit(&k, 2, zeroes, 40);
    EXPECT_I64(kit_sieve_state(&k, false), FAN_E_INPUT);
    EXPECT_CONTAINS(k.error.text, "the relations of 1 units are not true, of unit 2 first");
    kit_expect_found(&k, kit_sieve_state(&k, true));
    kit_expect_found(&k, kit_sieve_state(&k, false));
    EXPECT_I64(fani_sieve_forget(k.folder.path, NULL), FAN_OK);
    add_unit(&k, UINT64_MAX, zeroes, 0);
    EXPECT_I64(kit_sieve_state(&k, false), FAN_E_INPUT);
    EXPECT_I64(fani_sieve_forget(k.folder.path, NULL), FAN_OK);
    add_unit(&k, 1U << 21, zeroes, 0); /* beyond what any run hands out */
    EXPECT_I64(kit_sieve_state(&k, false), FAN_E_INPUT);
    kit_known_end(&k);
}

static void begin_journal(const char *path, const char *key, const char *value)
{
    const fani_journal_fact facts[] = {{key, value}};
    fani_journal *journal = NULL;
    EXPECT_I64(fani_journal_open(&(fani_journal_options){.identity = facts, .identity_count = 1},
                                 path, &journal, NULL),
               FAN_OK);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
}

FAN_TEST(sieve_over, a_state_of_another_version_or_kind_is_refused)
{
    kit_known k;
    kit_known_begin(&k, "serial", 1);
    begin_journal(k.folder.path, "sieve", "relations, version 0");
    EXPECT_I64(kit_sieve_state(&k, true), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(k.error.text, "its sieve is relations, version 0, now it is");
    EXPECT_I64(fani_sieve_forget(k.folder.path, NULL), FAN_OK);
    begin_journal(k.folder.path, "task", "gcd, version 1");
    EXPECT_I64(kit_sieve_state(&k, true), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(k.error.text, "its task is gcd, version 1");
    kit_known_end(&k);
}

FAN_TEST(sieve_over, a_state_in_use_is_refused)
{
    kit_known k;
    fani_qs *qs = NULL;
    fani_sieve_state *state = NULL;
    kit_known_begin(&k, "serial", 1);
    EXPECT_I64(fani_qs_make(k.n, NULL, &qs), FAN_OK);
    const fani_sieve_state_options options = {.path = k.folder.path, .unit = count_unit};
    EXPECT_I64(fani_sieve_state_open(qs, &options, &state, NULL), FAN_OK);
    EXPECT_I64(kit_sieve_state(&k, false), FAN_E_BUSY);
    EXPECT_I64(fani_sieve_state_close(state, NULL), FAN_OK);
    kit_expect_found(&k, kit_sieve_state(&k, false));
    fani_qs_free(qs);
    kit_known_end(&k);
}

FAN_TEST(sieve_over, a_state_that_can_not_be_made_is_an_error)
{
    kit_known k;
    kit_known_begin(&k, "serial", 1);
    EXPECT_I64(kit_sieve(&k, (fani_sieve_options){.state = "/nowhere/at/all"}), FAN_E_OUTPUT);
    EXPECT_STR(k.error.file, "/nowhere/at/all");
    kit_known_end(&k);
}

/* ---- Killed ---------------------------------------------------------------------------------- */

/* A process that sieves alone, killed when its state has grown by so many bytes. True: it was not
 * through before. */
static bool sieve_and_die(kit_known *k, off_t more)
{
    int status;
    off_t before = kit_size_of(k->folder.path);
    pid_t child = fork();
    if (child == 0) {
        fan_executor *own = NULL;
        const fan_executor_options serial = {.kind = "serial"};
        if (fan_executor_open(&serial, &own, NULL) != FAN_OK)
            _exit(2);
        const fani_sieve_options options = {
            .executor = own, .isa = fani_isa_wanted(), .state = k->folder.path};
        _exit(fani_sieve_over(k->n, &options, k->found, NULL) == FAN_OK ? 0 : 1);
    }
    while (kit_size_of(k->folder.path) < before + more && waitpid(child, &status, WNOHANG) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (kill(child, SIGKILL) != 0)
        return false;
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status);
}

static fan_status count_record(void *user, const fani_journal_record *record, fan_error *error)
{
    (void)record, (void)error;
    ++*(uint64_t *)user;
    return FAN_OK;
}

/* Without a thread, so that processes can still be forked. */
static uint64_t records_of(const char *path)
{
    uint64_t count = 0;
    const fani_journal_visitor visitor = {.record = count_record, .user = &count};
    EXPECT_I64(fani_journal_read(path, false, &visitor, NULL), FAN_OK);
    return count;
}

FAN_TEST(sieve_over, killed_five_times_it_goes_on)
{
    kit_known k;
    int killed = 0;
    kit_known_begin(&k, "serial", 1);
    kit_semiprime(60, 3, k.n);
    const fani_effort effort = {0};
    EXPECT_I64(fani_qs_split(k.n, &effort, fani_isa_wanted(), k.divisor), FAN_OK);
    uint64_t before = 0;
    for (int i = 0; i < 5; i++) {
        killed += sieve_and_die(&k, 2000);
        uint64_t there = records_of(k.folder.path);
        EXPECT_TRUE(there > before);
        before = there;
    }
    EXPECT_I64(killed, 5);
    kit_expect_found(&k, kit_sieve_state(&k, false));
    EXPECT_TRUE(records_of(k.folder.path) > before);
    kit_known_end(&k);
}
