/* States of incremental scans of weak keys, of any bytes, and ones whose checks are right and whose
 * sections hold any bytes. What must hold: nothing outside is read, nothing takes more memory than
 * the file warrants, what is given is sound.
 *
 * The first byte chooses: even, the rest is the file; odd, the next bytes are five counts and the
 * sizes of sections whose size does not follow from them, and the rest what is in the sections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "job/weak_known_format.h"

enum { FILE_MAX = 1 << 16, COUNTS = 5, SIZES = 5, BLOCK_LIMBS = 64 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static char path[64]; /* of the file; this program has one thread that comes here */

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
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
    snprintf(path, sizeof path, "%s/k", folder);
    check(atexit(remove_folder) == 0, "atexit");
}

/* A head whose counts and sizes fit each other as far as they must. */
static fani_known_head head_of(const unsigned char *data)
{
    static const fani_known_section free_ones[SIZES] = {FANI_KNOWN_FILES, FANI_KNOWN_IDS,
                                                        FANI_KNOWN_MODULI, FANI_KNOWN_PRODUCTS,
                                                        FANI_KNOWN_LISTED};
    fani_known_head head = {.version = FANI_KNOWN_VERSION,
                            .order = FANI_KNOWN_ORDER,
                            .files = data[0],
                            .keys = data[1],
                            .distinct = data[2],
                            .groups = data[3],
                            .listed = data[4]};
    memcpy(head.magic, FANI_KNOWN_MAGIC, sizeof head.magic);
    for (size_t i = 0; i < SIZES; i++)
        head.size[free_ones[i]] = i < 2 ? data[COUNTS + i] : 8 * (uint64_t)data[COUNTS + i];
    head.size[FANI_KNOWN_KEYS] = head.keys * sizeof(fani_known_key);
    head.size[FANI_KNOWN_LENGTHS] = head.distinct * 4;
    head.size[FANI_KNOWN_GROUPS] = head.groups * sizeof(fani_known_group);
    return head;
}

/* Sections of these bytes, again and again, and their right checks. */
static size_t build(const unsigned char *data, size_t size, unsigned char *file)
{
    fani_known_head head = head_of(data);
    fani_known_foot foot;
    size_t used = sizeof head, next = 0;
    data += COUNTS + SIZES;
    size -= COUNTS + SIZES;
    memcpy(file, &head, sizeof head);
    for (size_t s = 0; s < FANI_KNOWN_SECTIONS; s++) {
        size_t padded = (size_t)FANI_KNOWN_PADDED(head.size[s]);
        for (size_t i = 0; i < padded; i++)
            file[used + i] = next < size ? data[next++] : 0;
        foot.check[s] = XXH3_64bits(file + used, padded);
        used += padded;
    }
    foot.all = fani_known_check(&head, &foot);
    memcpy(file + used, &foot, sizeof foot);
    return used + sizeof foot;
}

static void read_keys(const fani_known_file *file)
{
    fani_known_stream keys = {.file = file, .section = FANI_KNOWN_KEYS};
    fani_known_stream ids = {.file = file, .section = FANI_KNOWN_IDS};
    fan_status status = FAN_OK;
    for (uint64_t k = 0; k < file->head.keys && status == FAN_OK; k++) {
        fani_known_key key;
        const char *id;
        status = fani_known_key_next(&keys, &key, NULL);
        check(status != FAN_OK || key.file < file->files.count, "the key's file is there");
        if (status == FAN_OK && fani_known_id(&ids, key.id, &id, NULL) == FAN_OK)
            check(strlen(id) < file->head.size[FANI_KNOWN_IDS], "the key's id is there");
    }
    fani_known_stream_free(&keys);
    fani_known_stream_free(&ids);
}

static void read_moduli(const fani_known_file *file)
{
    fani_known_moduli moduli;
    fan_status status = FAN_OK;
    fani_known_moduli_begin(file, &moduli);
    while (status == FAN_OK && moduli.next < file->head.distinct) {
        fani_weak_packer block;
        uint64_t first = moduli.next;
        status = fani_known_moduli_next(&moduli, BLOCK_LIMBS, &block, NULL);
        check(status != FAN_OK || moduli.next == first + block.count, "blocks follow each other");
        check(status != FAN_OK || block.count > 0, "there is a modulus in each");
        fani_weak_packer_free(&block);
    }
    fani_known_moduli_end(&moduli);
}

static void read_products(const fani_known_file *file)
{
    fani_known_stream products = {.file = file, .section = FANI_KNOWN_PRODUCTS};
    fan_status status = FAN_OK;
    for (size_t g = 0; g < file->head.groups && status == FAN_OK; g++) {
        size_t limbs = (size_t)file->groups[g].limbs;
        check(limbs <= FILE_MAX / 8, "a product fits into its file");
        mp_limb_t *at = malloc(limbs * sizeof *at);
        check(at != NULL, "memory");
        status = fani_known_product_next(&products, g, at, NULL);
        free(at);
    }
    fani_known_stream_free(&products);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static unsigned char bytes[FILE_MAX];
    fani_known_file file;
    if (!path[0])
        make_folder();
    if (size < 1 + COUNTS + SIZES || size > FILE_MAX / 2)
        return 0;
    bool built = data[0] & 1;
    size_t used = size - 1;
    if (built)
        used = build(data + 1, size - 1, bytes);
    else
        memcpy(bytes, data + 1, used);
    FILE *out = fopen(path, "w");
    check(out && fwrite(bytes, 1, used, out) == used && fclose(out) == 0, "the file is written");
    if (fani_known_file_open(NULL, path, false, &file, NULL) == FAN_OK) {
        read_keys(&file);
        read_moduli(&file);
        read_products(&file);
    }
    fani_known_file_close(&file);
    return 0;
}
