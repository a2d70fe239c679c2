/* What a journal gives back: whole, cut, damaged. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_kit.h"
#include "shim/shim.h"
#include "stage/journal_format.h"

FAN_TEST(journal, gives_back_what_was_appended)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    kit_make(&k);
    kit_write(&k, 3, 400);
    ASSERT_I64(kit_read(k.path, false, &seen, NULL), FAN_OK);
    EXPECT_U64(seen.count, 1200);
    EXPECT_I64(seen.wrong + seen.gaps + seen.losses, 0);
    EXPECT_I64(seen.facts, 3);
    EXPECT_U64(seen.synced, 1200);

    fani_journal_options options = kit_options(&seen);
    options.resume = true;
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, NULL), FAN_OK);
    EXPECT_U64(seen.count, 1200);
    EXPECT_U64(fani_journal_epoch(journal), 2);
    EXPECT_U64(fani_journal_written(journal), 1200);
    kit_append(journal, 1201, 50);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    ASSERT_I64(kit_read(k.path, false, &seen, NULL), FAN_OK);
    EXPECT_U64(seen.count, 1250);
    EXPECT_I64(seen.wrong + seen.gaps + seen.losses, 0);
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}

static fan_status see_large(void *user, const fani_journal_record *record, fan_error *error)
{
    (void)error;
    size_t *sizes = user;
    const unsigned char *bytes = record->payload;
    size_t i = 0;
    while (i < record->size && bytes[i] == (unsigned char)record->sequence)
        i++;
    sizes[record->sequence - 1] = i == record->size ? i : SIZE_MAX;
    return FAN_OK;
}

FAN_TEST(journal, takes_any_size_up_to_its_limit)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    static const size_t sizes[] = {
        0, 1, 7, 8, 9, 65536, FANI_JOURNAL_PAYLOAD_MAX - 1, FANI_JOURNAL_PAYLOAD_MAX};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    size_t got[4 * COUNT];
    fan_error error;
    unsigned char *payload = malloc(FANI_JOURNAL_PAYLOAD_MAX);
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, NULL), FAN_OK);
    for (int i = 0; i < 4 * COUNT; i++) {
        memset(payload, i + 1, sizes[i % COUNT]);
        EXPECT_I64(fani_journal_append(journal, FANI_JOURNAL_KIND_MAX, payload, sizes[i % COUNT],
                                       FAN_FOREVER, NULL, NULL),
                   FAN_OK);
    }
    EXPECT_I64(fani_journal_append(journal, 1, payload, FANI_JOURNAL_PAYLOAD_MAX + 1, FAN_FOREVER,
                                   NULL, &error),
               FAN_E_ARGUMENT);
    EXPECT_I64(fani_journal_append(journal, FANI_JOURNAL_KIND_MAX + 1, payload, 1, FAN_FOREVER,
                                   NULL, &error),
               FAN_E_ARGUMENT);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    fani_journal_visitor visitor = {.record = see_large, .user = got};
    ASSERT_I64(fani_journal_read(k.path, false, &visitor, NULL), FAN_OK);
    for (int i = 0; i < 4 * COUNT; i++)
        EXPECT_U64(got[i], sizes[i % COUNT]);
    free(payload);
    kit_remove(&k);
}

FAN_TEST(journal, is_refused_without_resume_and_begun_where_none_is)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    struct stat info;
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.resume = true;
    mode_t mask = umask(0);
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, NULL), FAN_OK);
    umask(mask);
    ASSERT_I64(stat(k.path, &info), 0);
    EXPECT_I64(info.st_mode & 0777, 0600);
    kit_append(journal, 1, 3);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    options.resume = false;
    EXPECT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "--resume");
    EXPECT_STR(error.file, k.path);
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}

FAN_TEST(journal, of_another_run_is_refused_with_both_values)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    kit_make(&k);
    kit_write(&k, 1, 5);
    fani_journal_fact other[] = {
        {"job", "factor"}, {"input", "sha256:ffff"}, {"isa", "avx2"}, {"libm", "2.36"}};
    fani_journal_options options = kit_options(&seen);
    options.resume = true;
    options.identity = other;
    EXPECT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "its input is sha256:12ab, now it is sha256:ffff");
    EXPECT_U64(seen.count, 0);
    other[1].value = "sha256:12ab";
    options.identity_count = 2;
    EXPECT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "its isa is avx2, now it is not there");
    options.identity_count = 4;
    EXPECT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_E_ARGUMENT);
    EXPECT_CONTAINS(error.text, "its libm is not there, now it is 2.36");
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}

FAN_TEST(journal, is_not_taken_for_what_it_is_not)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.resume = options.repair = true;
    static const char text[] = "a file of somebody else's that is long enough to be a journal, if "
                               "only it began as one does";
    kit_store(k.path, text, sizeof text);
    EXPECT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "is no journal");
    EXPECT_STR(error.file, k.path);
    EXPECT_I64(unlink(k.path), 0);
    EXPECT_I64(symlink("/dev/null", k.path), 0);
    EXPECT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_E_OUTPUT);
    EXPECT_I64(error.errno_code, ELOOP);
    EXPECT_I64(unlink(k.path), 0);
    EXPECT_I64(mkfifo(k.path, 0600), 0);
    EXPECT_I64(fani_journal_open(&options, k.path, &journal, &error), FAN_E_INPUT);
    EXPECT_I64(kit_read(k.path, false, &seen, &error), FAN_E_INPUT);
    EXPECT_I64(kit_read("/nowhere/at/all", false, &seen, &error), FAN_E_INPUT);
    EXPECT_I64(error.errno_code, ENOENT);
    EXPECT_I64(kit_files(&k), 1);
    kit_remove(&k);
}

/* ---- Files that are not whole ---------------------------------------------------------------- */

/* A journal as it lies there, taken apart by the format alone. */
typedef struct parsed {
    unsigned char bytes[KIT_FILE_MAX];
    size_t size;
    int records;
    struct {
        uint64_t from, to;
        fani_journal_mark mark;
        uint64_t synced; /* what it notes, 0: no note */
    } record[1200];
} parsed;

static void parse(const char *path, parsed *p)
{
    uint64_t id;
    p->size = kit_load(path, p->bytes, sizeof p->bytes);
    p->records = 0;
    ASSERT_TRUE(p->size > FANI_JOURNAL_HEAD);
    ASSERT_I64(fani_journal_head_get(p->bytes, &id, NULL), FAN_OK);
    for (size_t at = FANI_JOURNAL_HEAD; at < p->size; p->records++) {
        fani_journal_mark mark;
        ASSERT_I64(fani_journal_mark_get(p->bytes + at, id, &mark), FANI_JOURNAL_FIND_HEAD);
        ASSERT_TRUE(p->records < 1200);
        p->record[p->records].from = at;
        p->record[p->records].mark = mark;
        p->record[p->records].synced =
            mark.kind == FANI_JOURNAL_NOTE
                ? fani_journal_u64_get(p->bytes + at + FANI_JOURNAL_RECORD_HEAD)
                : 0;
        at += fani_journal_record_bytes(mark.size);
        p->record[p->records].to = at;
    }
}

/* How many records of the user's end at or before a byte. */
static uint64_t records_before(const parsed *p, uint64_t byte)
{
    uint64_t count = 0;
    for (int i = 0; i < p->records; i++)
        count += p->record[i].mark.kind <= FANI_JOURNAL_KIND_MAX && p->record[i].to <= byte;
    return count;
}

/* What notes outside of the bytes from..to say is synced. */
static uint64_t synced_without(const parsed *p, uint64_t from, uint64_t to)
{
    uint64_t synced = 0;
    for (int i = 0; i < p->records; i++) {
        if ((p->record[i].to <= from || p->record[i].from >= to) && p->record[i].synced > synced)
            synced = p->record[i].synced;
    }
    return synced;
}

static void expect_goes_on(const char *path, uint64_t count)
{
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    fani_journal_options options = kit_options(&seen);
    options.resume = true;
    options.io = &kit_io;
    kit_script_set(KIT_FAIL, 0, 0, 0);
    ASSERT_I64(fani_journal_open(&options, path, &journal, &error), FAN_OK);
    EXPECT_U64(seen.count, count);
    kit_append(journal, count + 1, 1);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, &error), FAN_OK);
    EXPECT_I64(kit_read(path, false, &seen, &error), FAN_OK);
    EXPECT_U64(seen.count, count + 1);
    EXPECT_I64(seen.wrong + seen.gaps + seen.losses, 0);
}

FAN_TEST(journal, cut_anywhere_it_has_what_was_whole)
{
    kit_folder k;
    kit_seen seen;
    fan_error error;
    parsed *p = malloc(sizeof *p);
    kit_make(&k);
    kit_write(&k, 3, 3);
    parse(k.path, p);
    for (size_t cut = 0; cut < p->size && !shim_failed(); cut++) {
        kit_store(k.copy, p->bytes, cut);
        uint64_t count = records_before(p, cut);
        fan_status status = kit_read(k.copy, false, &seen, &error);
        if (cut < p->record[0].to) {
            EXPECT_I64(status, FAN_E_INPUT); /* no whole identity */
            continue;
        }
        EXPECT_I64(status, FAN_OK);
        EXPECT_U64(seen.count, count);
        EXPECT_I64(seen.wrong + seen.gaps, 0);
        if (cut % 16 == 0 || cut == p->record[p->records - 1].from)
            expect_goes_on(k.copy, count);
    }
    free(p);
    kit_remove(&k);
}

static int record_at(const parsed *p, uint64_t byte)
{
    int i = 0;
    while (i < p->records && p->record[i].to <= byte)
        i++;
    return i;
}

/* A file whose bytes [from, to), within record `at`, are not what they were. */
static void expect_damage_found(const parsed *p, const char *path, int at)
{
    kit_seen seen;
    fan_error error = {0};
    char where[64];
    uint64_t from = p->record[at].from;
    bool noticed = synced_without(p, from, p->record[at].to) > from;
    fan_status status = kit_read(path, false, &seen, &error);
    EXPECT_I64(seen.wrong, 0);
    if (at == 0) {
        EXPECT_I64(status, FAN_E_INPUT);
        return;
    }
    EXPECT_I64(status, noticed ? FAN_E_INPUT : FAN_OK);
    snprintf(where, sizeof where, "at byte %" PRIu64 ":", from);
    if (noticed)
        EXPECT_CONTAINS(error.text, where);
    else
        EXPECT_U64(seen.count, records_before(p, from));
    EXPECT_I64(kit_read(path, true, &seen, &error), FAN_OK);
    EXPECT_I64(seen.wrong, 0);
    bool user = p->record[at].mark.kind <= FANI_JOURNAL_KIND_MAX;
    if (noticed) {
        EXPECT_U64(seen.count, records_before(p, p->size) - user);
        EXPECT_I64(seen.losses, 1);
        EXPECT_I64(seen.lost[0].kind, FANI_JOURNAL_LOSS_DAMAGED);
        EXPECT_U64(seen.lost[0].from_byte, from);
        EXPECT_U64(seen.lost[0].to_byte, p->record[at].to);
        EXPECT_U64(seen.lost[0].first, user ? p->record[at].mark.sequence : 0);
        EXPECT_U64(seen.lost[0].last, user ? p->record[at].mark.sequence : 0);
    }
}

FAN_TEST(journal, every_flipped_bit_is_found)
{
    kit_folder k;
    parsed *p = malloc(sizeof *p);
    kit_make(&k);
    kit_write(&k, 3, 2);
    parse(k.path, p);
    for (size_t bit = 0; bit < 8 * p->size && !shim_failed(); bit++) {
        kit_seen seen;
        p->bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        kit_store(k.copy, p->bytes, p->size);
        if (bit / 8 < FANI_JOURNAL_HEAD)
            EXPECT_I64(kit_read(k.copy, true, &seen, NULL), FAN_E_INPUT);
        else
            expect_damage_found(p, k.copy, record_at(p, bit / 8));
        p->bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(p);
    kit_remove(&k);
}

/* Repairing once is enough, and keeps the numbers. */
static void expect_repaired(const char *path, uint64_t count, uint64_t last)
{
    kit_seen seen;
    fani_journal *journal;
    fan_error error = {0};
    fani_journal_options options = kit_options(&seen);
    options.resume = true;
    EXPECT_I64(fani_journal_open(&options, path, &journal, &error), FAN_E_INPUT);
    EXPECT_CONTAINS(error.text, "--repair");
    options.repair = true;
    options.visitor = kit_visitor(&seen);
    ASSERT_I64(fani_journal_open(&options, path, &journal, &error), FAN_OK);
    EXPECT_U64(seen.count, count);
    kit_append(journal, last + 1, 2);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, &error), FAN_OK);
    EXPECT_I64(kit_read(path, false, &seen, &error), FAN_OK);
    EXPECT_U64(seen.count, count + 2);
    EXPECT_I64(seen.wrong + seen.losses, 0);
    EXPECT_I64(seen.gaps, 1);
    EXPECT_U64(seen.last, last + 2);
}

FAN_TEST(journal, zeroed_blocks_are_found_and_repaired)
{
    enum { BLOCK = 512, GROUPS = 20, EACH = 50 };
    kit_folder k;
    kit_seen seen;
    fan_error error = {0};
    parsed *p = malloc(sizeof *p);
    unsigned char *copy = malloc(KIT_FILE_MAX);
    kit_make(&k);
    kit_write(&k, GROUPS, EACH);
    parse(k.path, p);
    ASSERT_TRUE(p->size > 100 * BLOCK);
    for (size_t at = BLOCK; at + BLOCK < p->size - 2 * BLOCK && !shim_failed(); at += 7 * BLOCK) {
        memcpy(copy, p->bytes, p->size);
        memset(copy + at, 0, BLOCK);
        kit_store(k.copy, copy, p->size);
        int first = record_at(p, at), last = record_at(p, at + BLOCK - 1);
        uint64_t before = records_before(p, p->record[first].from);
        uint64_t behind = records_before(p, p->size) - records_before(p, p->record[last].to);
        EXPECT_I64(kit_read(k.copy, false, &seen, &error), FAN_E_INPUT);
        EXPECT_I64(kit_read(k.copy, true, &seen, &error), FAN_OK);
        EXPECT_U64(seen.count, before + behind);
        EXPECT_I64(seen.wrong, 0);
        EXPECT_I64(seen.losses, 1);
        EXPECT_U64(seen.lost[0].from_byte, p->record[first].from);
        EXPECT_U64(seen.lost[0].to_byte, p->record[last].to);
        EXPECT_U64(seen.lost[0].first, before + 1);
        EXPECT_U64(seen.lost[0].last, GROUPS * EACH - behind);
        expect_repaired(k.copy, before + behind, GROUPS * EACH);
        EXPECT_I64(kit_files(&k), 2);
    }
    free(copy);
    free(p);
    kit_remove(&k);
}

FAN_TEST(journal, missing_bytes_are_found)
{
    kit_folder k;
    kit_seen seen;
    parsed *p = malloc(sizeof *p);
    kit_make(&k);
    kit_write(&k, 4, 5);
    parse(k.path, p);
    /* Two records in the middle are gone without a trace but their numbers. */
    int at = record_at(p, p->size / 2);
    while (p->record[at].mark.kind > FANI_JOURNAL_KIND_MAX ||
           p->record[at + 1].mark.kind > FANI_JOURNAL_KIND_MAX)
        at--;
    uint64_t from = p->record[at].from, to = p->record[at + 1].to;
    memmove(p->bytes + from, p->bytes + to, p->size - to);
    kit_store(k.copy, p->bytes, p->size - (to - from));
    EXPECT_I64(kit_read(k.copy, false, &seen, NULL), FAN_E_INPUT);
    EXPECT_I64(kit_read(k.copy, true, &seen, NULL), FAN_OK);
    EXPECT_U64(seen.count, 18);
    EXPECT_I64(seen.losses, 1);
    EXPECT_U64(seen.lost[0].first, p->record[at].mark.sequence);
    EXPECT_U64(seen.lost[0].last, p->record[at].mark.sequence + 1);
    expect_repaired(k.copy, 18, 20);
    free(p);
    kit_remove(&k);
}

/* A lost machine may leave some blocks of the last group and not others: nobody has promised them,
 * and no --repair is needed. */
FAN_TEST(journal, holes_in_what_was_never_synced_are_a_tail)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    parsed *p = malloc(sizeof *p);
    kit_make(&k);
    fani_journal_options options = kit_options(&seen);
    options.sync_ms = 1000000;
    ASSERT_I64(fani_journal_open(&options, k.path, &journal, NULL), FAN_OK);
    kit_append(journal, 1, 10);
    EXPECT_I64(fani_journal_flush(journal, true, FAN_FOREVER, NULL), FAN_OK);
    kit_append(journal, 11, 10);
    EXPECT_I64(fani_journal_flush(journal, false, FAN_FOREVER, NULL), FAN_OK);
    parse(k.path, p);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    EXPECT_U64(records_before(p, p->size), 20);
    int at = 0;
    while (p->record[at].mark.sequence != 14)
        at++;
    memset(p->bytes + p->record[at].from, 0, p->record[at].to - p->record[at].from);
    kit_store(k.copy, p->bytes, p->size);
    EXPECT_I64(kit_read(k.copy, false, &seen, NULL), FAN_OK);
    EXPECT_U64(seen.count, 13);
    EXPECT_U64(seen.synced, 10);
    EXPECT_I64(seen.losses, 1);
    EXPECT_I64(seen.lost[0].kind, FANI_JOURNAL_LOSS_TAIL);
    EXPECT_U64(seen.lost[0].from_byte, p->record[at].from);
    expect_goes_on(k.copy, 13);
    free(p);
    kit_remove(&k);
}

/* ---- Writers that had been replaced ---------------------------------------------------------- */

static void add_record(const char *path, fani_journal_mark mark, uint64_t id)
{
    _Alignas(8) unsigned char record[512];
    unsigned char payload[256];
    mark.size = (uint32_t)kit_payload(mark.sequence, payload);
    fani_journal_record_put(record, id, mark, payload);
    FILE *file = fopen(path, "a");
    ASSERT_TRUE(file != NULL);
    fwrite(record, 1, fani_journal_record_bytes(mark.size), file);
    EXPECT_I64(fclose(file), 0);
}

FAN_TEST(journal, records_of_a_replaced_writer_do_not_count)
{
    kit_folder k;
    kit_seen seen;
    uint64_t id;
    parsed *p = malloc(sizeof *p);
    kit_make(&k);
    kit_write(&k, 1, 4);
    expect_goes_on(k.path, 4); /* epoch 2, record 5 */
    parse(k.path, p);
    ASSERT_I64(fani_journal_head_get(p->bytes, &id, NULL), FAN_OK);
    add_record(k.path, (fani_journal_mark){.kind = kit_kind(6), .epoch = 1, .sequence = 6}, id);
    add_record(k.path, (fani_journal_mark){.kind = kit_kind(6), .epoch = 2, .sequence = 6}, id);
    ASSERT_I64(kit_read(k.path, false, &seen, NULL), FAN_OK);
    EXPECT_U64(seen.count, 6);
    EXPECT_I64(seen.wrong + seen.gaps, 0);
    EXPECT_I64(seen.losses, 1);
    EXPECT_I64(seen.lost[0].kind, FANI_JOURNAL_LOSS_STALE);
    EXPECT_U64(seen.lost[0].first, 6);
    free(p);
    kit_remove(&k);
}

/* A payload may be a journal itself: its records are of another file. */
FAN_TEST(journal, records_within_a_damaged_record_are_not_taken_for_its_own)
{
    kit_folder k;
    kit_seen seen;
    fani_journal *journal;
    parsed *p = malloc(sizeof *p);
    unsigned char *inner = malloc(KIT_FILE_MAX);
    kit_make(&k);
    kit_write(&k, 1, 20);
    size_t size = kit_load(k.path, inner, KIT_FILE_MAX);
    fani_journal_options options = kit_options(&seen);
    ASSERT_I64(fani_journal_open(&options, k.copy, &journal, NULL), FAN_OK);
    kit_append(journal, 1, 1);
    EXPECT_I64(fani_journal_append(journal, 1, inner, size, FAN_FOREVER, NULL, NULL), FAN_OK);
    kit_append(journal, 3, 5);
    EXPECT_I64(fani_journal_close(journal, FAN_FOREVER, NULL), FAN_OK);
    parse(k.copy, p);
    int at = 0;
    while (p->record[at].mark.sequence != 2 || p->record[at].mark.kind != 1)
        at++;
    p->bytes[p->record[at].from + 12] ^= 1; /* its size: where it ends is not known any more */
    kit_store(k.copy, p->bytes, p->size);
    EXPECT_I64(kit_read(k.copy, true, &seen, NULL), FAN_OK);
    EXPECT_U64(seen.count, 6);
    EXPECT_I64(seen.wrong, 0);
    EXPECT_I64(seen.losses, 1);
    EXPECT_U64(seen.lost[0].to_byte, p->record[at].to);
    EXPECT_U64(seen.lost[0].first, 2);
    EXPECT_U64(seen.lost[0].last, 2);
    free(inner);
    free(p);
    kit_remove(&k);
}
