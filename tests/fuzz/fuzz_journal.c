/* Journals of any bytes, and journals of whole records in any order, with some of them damaged.
 * What must hold: no record is given that was not put there, numbers go up, a repaired file needs
 * no second repair and keeps what the first reading gave.
 *
 * The first byte chooses: even, the rest is the file; odd, the rest says what records to put: kind,
 * epoch, step of the number, size, damage. With its second bit a writer opens the file too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stage/journal_format.h"

enum { FILE_MAX = 1 << 16, RECORD_MAX = FANI_JOURNAL_RECORD_HEAD + 256, COMMAND = 5 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const uint64_t id = 0x0123456789abcdef;
static char path[64]; /* of the file; this program has one thread that comes here */

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* The payload of a record follows from its number, so that a visitor can tell. */
static unsigned char payload_byte(uint64_t sequence, size_t i)
{
    return (unsigned char)(sequence * 31 + i * 7);
}

static size_t put_record(unsigned char *to, fani_journal_mark mark)
{
    unsigned char payload[256];
    for (size_t i = 0; i < mark.size; i++)
        payload[i] = payload_byte(mark.sequence, i);
    fani_journal_record_put(to, id, mark, payload);
    return fani_journal_record_bytes(mark.size);
}

/* One command's record; also writes what is no record, and leaves records out. */
static size_t follow(const unsigned char *command, uint64_t *sequence, unsigned char *to)
{
    static const uint32_t kinds[] = {
        0, 1, 2, 3, FANI_JOURNAL_NOTE, FANI_JOURNAL_EPOCH, FANI_JOURNAL_GAP, FANI_JOURNAL_SNAPSHOT};
    fani_journal_mark mark = {.size = command[3],
                              .kind = kinds[command[0] % 8],
                              .epoch = command[1] % 4,
                              .sequence = *sequence + command[2] % 4};
    /* Back only where a new writer began. */
    if (command[2] & 64 && mark.sequence > 2 && mark.kind == FANI_JOURNAL_EPOCH)
        mark.sequence -= 2;
    if (mark.kind == FANI_JOURNAL_NOTE)
        mark.size = 8;
    size_t size = put_record(to, mark);
    *sequence = mark.sequence + (mark.kind <= FANI_JOURNAL_KIND_MAX);
    if (command[4] & 128)
        to[command[4] % size] ^= 1;
    if ((command[4] & 192) == 64)
        memset(to, 0, size);
    return size;
}

static size_t build(const unsigned char *data, size_t size, unsigned char *file)
{
    static const unsigned char identity[] = "job\0fuzz";
    uint64_t sequence = 1;
    fani_journal_head_put(file, id);
    fani_journal_mark mark = {
        .size = sizeof identity, .kind = FANI_JOURNAL_IDENTITY, .sequence = sequence};
    fani_journal_record_put(file + FANI_JOURNAL_HEAD, id, mark, identity);
    size_t used = FANI_JOURNAL_HEAD + fani_journal_record_bytes(mark.size);
    for (; size >= COMMAND && used + RECORD_MAX <= FILE_MAX; size -= COMMAND, data += COMMAND)
        used += follow(data, &sequence, file + used);
    return used - size; /* what is left of the input cuts the end off */
}

typedef struct seen {
    uint64_t count, last, sum;
    uint32_t epoch;
    int built; /* the payloads are ours */
} seen;

static fan_status see(void *user, const fani_journal_record *record, fan_error *error)
{
    (void)error;
    seen *s = user;
    check(record->sequence > s->last || record->epoch > s->epoch || !s->count || !s->built,
          "numbers go up");
    check(record->epoch >= s->epoch, "epochs go up");
    check(record->kind <= FANI_JOURNAL_KIND_MAX, "kinds are the user's");
    const unsigned char *bytes = record->payload;
    for (size_t i = 0; i < record->size; i++) {
        check(!s->built || bytes[i] == payload_byte(record->sequence, i), "payloads are whole");
        s->sum += bytes[i] * (i + 1);
    }
    s->sum = s->sum * 31 + record->sequence;
    s->last = record->sequence;
    s->epoch = record->epoch;
    s->count++;
    return FAN_OK;
}

static fan_status read_all(int repair, seen *s, int built)
{
    *s = (seen){.built = built};
    fani_journal_visitor visitor = {.record = see, .user = s};
    return fani_journal_read(path, repair, &visitor, NULL);
}

static void repair(const seen *before, int built)
{
    static const fani_journal_fact facts[] = {{"job", "fuzz"}};
    fani_journal *journal;
    seen s = {.built = built};
    fani_journal_options options = {.identity = facts,
                                    .identity_count = 1,
                                    .resume = 1,
                                    .repair = 1,
                                    .buffer_bytes = 1,
                                    .visitor = {.record = see, .user = &s}};
    if (fani_journal_open(&options, path, &journal, NULL) != FAN_OK)
        return;
    check(s.sum == before->sum && s.count == before->count, "opening gives what reading gives");
    check(fani_journal_close(journal, FAN_FOREVER, NULL) == FAN_OK, "it closes");
    check(read_all(0, &s, built) == FAN_OK, "no second repair");
    check(s.sum == before->sum && s.count == before->count, "a repair keeps what was given");
}

static void remove_folder(void)
{
    char *slash = strrchr(path, '/');
    (void)unlink(path);
    *slash = '\0';
    (void)rmdir(path);
}

static void make_folder(void)
{
    char folder[] = "/dev/shm/fan_fuzz_XXXXXX";
    check(mkdtemp(folder) != NULL, "a folder in memory");
    snprintf(path, sizeof path, "%s/j", folder);
    check(atexit(remove_folder) == 0, "atexit");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    _Alignas(8) static unsigned char file[FILE_MAX];
    seen plain, repaired;
    if (!path[0])
        make_folder();
    if (size < 1 || size > FILE_MAX / 2)
        return 0;
    int built = data[0] & 1;
    size_t used = size - 1;
    if (built)
        used = build(data + 1, size - 1, file);
    else
        memcpy(file, data + 1, used);
    FILE *out = fopen(path, "w");
    check(out && fwrite(file, 1, used, out) == used && fclose(out) == 0, "the file is written");
    fan_status first = read_all(0, &plain, built);
    fan_status second = read_all(1, &repaired, built);
    check(first != FAN_OK || (second == FAN_OK && plain.sum == repaired.sum),
          "a whole file needs no repair");
    if (second == FAN_OK && data[0] & 2)
        repair(&repaired, built);
    return 0;
}
