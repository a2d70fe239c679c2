/* States of incremental scans: what is computed from their moduli, and files that are none. */
#include "shim.h"

#include "job/weak_known_format.h"
#include "job/weak_known_pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- States ---------------------------------------------------------------------------------- */

enum { FILES = 2 };

static char folder[64];

static const char *state_path(void)
{
    static char path[96];
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/fanfold-known-XXXXXX");
        if (!mkdtemp(folder))
            shim_fail(__FILE__, __LINE__, "no folder for test files");
    }
    snprintf(path, sizeof path, "%s/state", folder);
    return path;
}

static void clear(void)
{
    char next[128];
    snprintf(next, sizeof next, "%s" FANI_KNOWN_NEXT, state_path());
    unlink(next);
    unlink(state_path());
    EXPECT_I64(rmdir(folder), 0);
    folder[0] = '\0';
}

static void make_moduli(fani_mpzs *list, size_t count)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    gmp_randseed_ui(random, count);
    ASSERT_I64(fani_mpzs_resize(list, count), FAN_OK);
    for (size_t i = 0; i < count; i++) {
        mpz_rrandomb(list->values + i, random, i % 40 == 9 ? 9000 : 200 + i % 900);
        mpz_setbit(list->values + i, 0);
    }
    gmp_randclear(random);
}

static void write_limbs(fani_known_writer *w, mpz_srcptr value)
{
    EXPECT_I64(fani_known_write(w, mpz_limbs_read(value), 8 * mpz_size(value), NULL), FAN_OK);
}

/* A state with a key for each modulus, in groups of `each`; the first and the last one are listed
 * with a common part of 3. */
static void write_state(const fani_mpzs *moduli, size_t each, uint64_t parent, uint64_t owner,
                        bool publish)
{
    static const char files[] = "one\0two", id[] = "an id";
    size_t groups = (moduli->count + each - 1) / each, limbs = 0;
    fani_known_writer *w = NULL;
    fani_mpzs products = {0};
    mpz_t three;
    mpz_init_set_ui(three, 3);
    ASSERT_I64(fani_mpzs_resize(&products, groups), FAN_OK);
    fani_known_head head = {.parent = parent,
                            .owner = owner,
                            .files = FILES,
                            .keys = moduli->count,
                            .distinct = moduli->count,
                            .groups = groups,
                            .listed = 2};
    for (size_t i = 0; i < moduli->count; i++) {
        limbs += mpz_size(moduli->values + i);
        if (i % each == 0)
            mpz_set_ui(products.values + i / each, 1);
        mpz_mul(products.values + i / each, products.values + i / each, moduli->values + i);
    }
    head.size[FANI_KNOWN_FILES] = sizeof files;
    head.size[FANI_KNOWN_IDS] = moduli->count * sizeof id;
    head.size[FANI_KNOWN_KEYS] = moduli->count * sizeof(fani_known_key);
    head.size[FANI_KNOWN_LENGTHS] = moduli->count * 4;
    head.size[FANI_KNOWN_MODULI] = 8 * limbs;
    head.size[FANI_KNOWN_GROUPS] = groups * sizeof(fani_known_group);
    for (size_t g = 0; g < groups; g++)
        head.size[FANI_KNOWN_PRODUCTS] += 8 * mpz_size(products.values + g);
    head.size[FANI_KNOWN_LISTED] = 2 * 24;
    ASSERT_I64(fani_known_write_begin(state_path(), &head, &w, NULL), FAN_OK);
    EXPECT_I64(fani_known_write(w, files, sizeof files, NULL), FAN_OK);
    EXPECT_I64(fani_known_write_section(w, NULL), FAN_OK);
    for (size_t i = 0; i < moduli->count; i++)
        EXPECT_I64(fani_known_write(w, id, sizeof id, NULL), FAN_OK);
    EXPECT_I64(fani_known_write_section(w, NULL), FAN_OK);
    for (size_t i = 0; i < moduli->count; i++) {
        fani_known_key key = {.slot = i,
                              .line = 1000 + i,
                              .id = i * sizeof id,
                              .file = i % FILES,
                              .bits = (uint32_t)mpz_sizeinbase(moduli->values + i, 2)};
        EXPECT_I64(fani_known_write(w, &key, sizeof key, NULL), FAN_OK);
    }
    EXPECT_I64(fani_known_write_section(w, NULL), FAN_OK);
    for (size_t i = 0; i < moduli->count; i++) {
        uint32_t length = (uint32_t)mpz_size(moduli->values + i);
        EXPECT_I64(fani_known_write(w, &length, sizeof length, NULL), FAN_OK);
    }
    EXPECT_I64(fani_known_write_section(w, NULL), FAN_OK);
    for (size_t i = 0; i < moduli->count; i++)
        write_limbs(w, moduli->values + i);
    EXPECT_I64(fani_known_write_section(w, NULL), FAN_OK);
    for (size_t g = 0; g < groups; g++) {
        size_t left = moduli->count - g * each;
        fani_known_group group = {left < each ? left : each, mpz_size(products.values + g)};
        EXPECT_I64(fani_known_write(w, &group, sizeof group, NULL), FAN_OK);
    }
    EXPECT_I64(fani_known_write_section(w, NULL), FAN_OK);
    for (size_t g = 0; g < groups; g++)
        write_limbs(w, products.values + g);
    EXPECT_I64(fani_known_write_section(w, NULL), FAN_OK);
    for (size_t i = 0; i < 2; i++) {
        uint64_t entry[2] = {i ? moduli->count - 1 : 0, 1};
        EXPECT_I64(fani_known_write(w, entry, sizeof entry, NULL), FAN_OK);
        write_limbs(w, three);
    }
    EXPECT_I64(fani_known_write_section(w, NULL), FAN_OK);
    EXPECT_I64(fani_known_write_end(w, NULL), FAN_OK);
    if (publish)
        EXPECT_I64(fani_known_write_publish(w, NULL), FAN_OK);
    fani_known_write_free(w);
    fani_mpzs_free(&products);
    mpz_clear(three);
}

/* ---- What is computed ------------------------------------------------------------------------ */

static const fani_weak_memory no_limit = {.workers = 1, .reply_max = UINT64_MAX};

typedef struct setting {
    fan_job *job;
    fan_job_result result;
    fani_job_run run;
    fani_known_file file;
} setting;

static void set_up(setting *s, const char *kind, unsigned workers)
{
    fan_executor_options options = {.kind = kind, .workers = workers};
    *s = (setting){0};
    ASSERT_I64(fan_job_new("weakkeys", &s->job, NULL), FAN_OK);
    s->run = (fani_job_run){.job = s->job, .result = &s->result};
    ASSERT_I64(fan_executor_open(&options, &s->run.executor, NULL), FAN_OK);
    ASSERT_I64(fani_known_file_open(NULL, state_path(), false, &s->file, NULL), FAN_OK);
}

static void tear_down(setting *s)
{
    fani_known_file_close(&s->file);
    EXPECT_I64(fan_executor_close(s->run.executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
    fan_job_free(s->job);
}

/* The remainders by nodes of so many bits (0: there is no second one). */
static void check_residue(setting *s, const fani_mpzs *moduli, const unsigned bits[2],
                          const fani_known_plan *plan)
{
    fani_mpzs got = {0};
    fani_weak_packer nodes;
    mpz_t node[2], product, want, left;
    size_t count = bits[1] ? 2 : 1;
    fan_error error = {0};
    mpz_inits(node[0], node[1], product, want, left, NULL);
    ASSERT_I64(fani_weak_packer_begin(&nodes, count, bits[0] / 64 + bits[1] / 64 + 2), FAN_OK);
    mpz_set_ui(product, 1);
    for (size_t i = 0; i < count; i++) {
        mpz_ui_pow_ui(node[i], 3, bits[i] * 100 / 159); /* about 2^bits */
        mpz_add_ui(node[i], node[i], 2 * i + 2);
        EXPECT_I64(fani_weak_packer_put(&nodes, node[i], mpz_size(node[i])), FAN_OK);
        mpz_mul(product, product, node[i]);
    }
    mpz_set_ui(want, 1);
    for (size_t i = 0; i < moduli->count; i++)
        mpz_mul(want, want, moduli->values + i);
    EXPECT_I64(fani_known_residues(&s->run, &s->file, &nodes, &no_limit, plan, &got, &error),
               FAN_OK);
    EXPECT_STR(error.text, "");
    ASSERT_U64(got.count, plan->halves ? count : 1);
    for (size_t i = 0; i < got.count; i++) {
        mpz_srcptr by = plan->halves ? node[i] : product;
        mpz_tdiv_r(left, want, by);
        EXPECT_TRUE(!mpz_cmp(got.values + i, mpz_sgn(left) ? left : by));
    }
    fani_weak_packer_free(&nodes);
    fani_mpzs_free(&got);
    mpz_clears(node[0], node[1], product, want, left, NULL);
}

/* Pieces are given in lengths of the modulus. */
static void check_ways(setting *s, const fani_mpzs *moduli, const unsigned bits[2])
{
    static const fani_known_plan ways[] = {
        {.item_limbs = 1, .round = 32},
        {.item_limbs = 3000, .round = 32},
        {.item_limbs = 1 << 19, .round = 3},
        {.item_limbs = 1, .round = 1},
        {.item_limbs = 3000, .round = 2, .halves = true},
        {.piece = 2, .round = 1},
        {.piece = 5, .round = 1},
        {.piece = 2, .round = 1, .halves = true},
        {.piece = 5, .round = 1, .halves = true},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        fani_known_plan plan = ways[i];
        plan.piece *= bits[0] / 64 + bits[1] / 64 + 2;
        check_residue(s, moduli, bits, &plan);
    }
}

/* Items of one group and more than a round of them, of several groups, and of all. */
FAN_TEST(weak_known, the_known_moduli_leave_what_their_product_does)
{
    static const unsigned bits[][2] = {{2, 0}, {64, 0}, {3000, 3100}, {40000, 0}, {70000, 30000}};
    static const char *const kinds[] = {"serial", "threads"};
    fani_mpzs moduli = {0};
    make_moduli(&moduli, 300);
    for (size_t each = 7; each <= 300; each += 293) {
        write_state(&moduli, each, 0, 0, true);
        for (size_t k = 0; k < 2; k++) {
            setting s;
            set_up(&s, kinds[k], k ? 3 : 1);
            for (size_t b = 0; b < sizeof bits / sizeof bits[0]; b++)
                check_ways(&s, &moduli, bits[b]);
            tear_down(&s);
        }
    }
    fani_mpzs_free(&moduli);
    clear();
}

FAN_TEST(weak_known, a_residue_of_nothing_is_the_modulus)
{
    fani_mpzs moduli = {0};
    fani_weak_packer nodes;
    fani_mpzs got = {0};
    setting s;
    make_moduli(&moduli, 20);
    write_state(&moduli, 3, 0, 0, true);
    set_up(&s, "threads", 2);
    ASSERT_I64(fani_weak_packer_begin(&nodes, 1, mpz_size(moduli.values + 4)), FAN_OK);
    EXPECT_I64(fani_weak_packer_put(&nodes, moduli.values + 4, mpz_size(moduli.values + 4)),
               FAN_OK);
    for (size_t piece = 0; piece <= 12; piece += 3) { /* also where a piece is 0 from its top on */
        const fani_known_plan plan = {
            .item_limbs = 1, .round = 1, .piece = piece ? mpz_size(moduli.values + 4) + piece : 0};
        EXPECT_I64(fani_known_residues(&s.run, &s.file, &nodes, &no_limit, &plan, &got, NULL),
                   FAN_OK);
        ASSERT_U64(got.count, 1);
        EXPECT_TRUE(!mpz_cmp(got.values, moduli.values + 4));
        fani_mpzs_free(&got);
    }
    fani_weak_packer_free(&nodes);
    tear_down(&s);
    fani_mpzs_free(&moduli);
    clear();
}

FAN_TEST(weak_known, known_moduli_that_meet_a_number_are_found)
{
    fani_mpzs moduli = {0};
    fani_known_met met = {0};
    setting s;
    mpz_t number, want;
    mpz_inits(number, want, NULL);
    make_moduli(&moduli, 9000); /* several items */
    write_state(&moduli, 500, 0, 0, true);
    set_up(&s, "threads", 3);
    mpz_mul(number, moduli.values, moduli.values + 8999);
    mpz_mul_ui(number, number, 1000003);
    EXPECT_I64(fani_known_meet(&s.run, &s.file, number, &met, NULL), FAN_OK);
    size_t next = 0;
    for (size_t i = 0; i < moduli.count; i++) {
        mpz_gcd(want, moduli.values + i, number);
        if (!mpz_cmp_ui(want, 1))
            continue;
        ASSERT_TRUE(next < met.gcds.count);
        EXPECT_U64(met.slots[next], i);
        EXPECT_TRUE(!mpz_cmp(met.gcds.values + next++, want));
    }
    EXPECT_U64(met.gcds.count, next);
    EXPECT_TRUE(next >= 2);
    fani_known_met_free(&met);
    tear_down(&s);
    mpz_clears(number, want, NULL);
    fani_mpzs_free(&moduli);
    clear();
}

FAN_TEST(weak_known, groups_of_moduli_have_their_products)
{
    fani_mpzs moduli = {0}, products = {0};
    uint64_t *sizes = NULL;
    setting s;
    mpz_t want;
    mpz_init(want);
    ASSERT_I64(fani_mpzs_resize(&moduli, 1100), FAN_OK); /* of 1024 limbs: more than one group */
    for (size_t i = 0; i < moduli.count; i++) {
        mpz_set_ui(moduli.values + i, 2 * i + 3);
        mpz_setbit(moduli.values + i, 65535);
    }
    write_state(&moduli, 20, 0, 0, true);
    set_up(&s, "threads", 2);
    EXPECT_I64(fani_known_products(&s.run, &moduli, &products, &sizes, NULL), FAN_OK);
    ASSERT_U64(products.count, 2);
    EXPECT_U64(sizes[0], 1024);
    EXPECT_U64(sizes[1], 76);
    for (size_t i = 0; i < moduli.count; i++)
        mpz_tdiv_r_2exp(moduli.values + i, moduli.values + i, 64);
    for (size_t g = 0, i = 0; g < 2; g++) { /* modulo 2^64 */
        mpz_set_ui(want, 1);
        for (uint64_t k = 0; k < sizes[g]; k++, i++)
            mpz_mul(want, want, moduli.values + i), mpz_tdiv_r_2exp(want, want, 64);
        EXPECT_TRUE(mpz_cmp_ui(want, mpz_getlimbn(products.values + g, 0)) == 0);
        size_t bits = mpz_sizeinbase(products.values + g, 2);
        EXPECT_TRUE(bits > 65535 * sizes[g] && bits <= 65536 * sizes[g]);
    }
    free(sizes);
    tear_down(&s);
    fani_mpzs_free(&moduli);
    fani_mpzs_free(&products);
    mpz_clear(want);
    clear();
}

/* An item's outcome; shared and item: `count` numbers of one limb each. */
static fan_outcome_kind outcome_of(fan_executor *executor, const fan_task *task,
                                   const uint64_t shared[2], const uint64_t item[2], size_t count)
{
    uint64_t packs[2][6] = {{2, 0, 1, 2, shared[0], shared[1]}, {count, 0}};
    fan_shared handle;
    fan_future *future;
    fan_outcome answer;
    for (size_t i = 0; i < count; i++) {
        packs[1][2 + i] = i + 1;
        packs[1][2 + count + i] = item[i];
    }
    EXPECT_I64(fan_share(executor, packs[0], sizeof packs[0], &handle), FAN_OK);
    const fan_submit_options options = {.args = &handle, .args_size = sizeof handle};
    EXPECT_I64(fan_submit(executor, task, packs[1], 16 + 16 * count, &options, &future), FAN_OK);
    EXPECT_I64(fan_future_result(future, FAN_FOREVER, &answer), FAN_OK);
    fan_outcome_kind kind = answer.kind;
    fan_future_release(future);
    EXPECT_I64(fan_unshare(executor, handle), FAN_OK);
    return kind;
}

/* What no job sends fails an item, never a worker. */
FAN_TEST(weak_known, tasks_refuse_numbers_that_can_not_be)
{
    static const fan_task *const tasks[] = {&fani_task_known_modulus, &fani_task_known_reduce,
                                            &fani_task_known_product, &fani_task_known_meet};
    static const uint64_t good[2] = {15, 21}, bad[2] = {15, 0}, none[2] = {0, 0};
    fan_executor *executor;
    ASSERT_I64(fan_executor_open(&(fan_executor_options){.kind = "serial"}, &executor, NULL),
               FAN_OK);
    for (size_t t = 0; t < 4; t++) {
        EXPECT_I64(outcome_of(executor, tasks[t], good, good, 2), FAN_OUTCOME_OK);
        EXPECT_I64(outcome_of(executor, tasks[t], good, bad, 2), FAN_OUTCOME_FAILED);
        if (tasks[t] != &fani_task_known_meet)
            EXPECT_I64(outcome_of(executor, tasks[t], good, good, 0), FAN_OUTCOME_FAILED);
        if (tasks[t] == &fani_task_known_reduce || tasks[t] == &fani_task_known_meet)
            EXPECT_I64(outcome_of(executor, tasks[t], none, good, 2), FAN_OUTCOME_FAILED);
    }
    EXPECT_I64(fan_executor_close(executor, FAN_CLOSE_DRAIN, FAN_FOREVER), FAN_OK);
}

/* ---- Reading --------------------------------------------------------------------------------- */

FAN_TEST(weak_known, a_state_is_read_as_it_was_written)
{
    fani_mpzs moduli = {0};
    fani_known_file file;
    make_moduli(&moduli, 30);
    write_state(&moduli, 4, 77, 88, true);
    ASSERT_I64(fani_known_file_open(NULL, state_path(), false, &file, NULL), FAN_OK);
    struct stat info;
    EXPECT_I64(stat(state_path(), &info), 0);
    EXPECT_I64(info.st_mode & 0777, 0600);
    EXPECT_U64(file.head.parent, 77);
    EXPECT_U64(file.head.owner, 88);
    EXPECT_STR(file.files.at[1], "two");
    EXPECT_U64(file.listed[1], 29);
    fani_known_stream keys = {.file = &file, .section = FANI_KNOWN_KEYS};
    fani_known_stream ids = {.file = &file, .section = FANI_KNOWN_IDS};
    fani_known_moduli blocks;
    fani_known_moduli_begin(&file, &blocks);
    for (size_t i = 0; i < moduli.count;) {
        fani_weak_packer block;
        fani_weak_pack pack;
        fani_known_key key;
        mpz_t got;
        const char *id;
        ASSERT_I64(fani_known_moduli_next(&blocks, 70, &block, NULL), FAN_OK);
        ASSERT_I64(fani_weak_packer_open(&block, &pack), FAN_OK);
        EXPECT_TRUE(pack.count >= 1);
        for (size_t k = 0; k < pack.count; k++, i++) {
            fani_weak_pack_view(&pack, k, got);
            EXPECT_TRUE(!mpz_cmp(got, moduli.values + i));
            EXPECT_I64(fani_known_key_next(&keys, &key, NULL), FAN_OK);
            EXPECT_U64(key.line, 1000 + i);
            EXPECT_I64(fani_known_id(&ids, key.id, &id, NULL), FAN_OK);
            EXPECT_STR(id, "an id");
        }
        fani_weak_pack_close(&pack);
        fani_weak_packer_free(&block);
    }
    fani_known_key beyond;
    EXPECT_I64(fani_known_key_next(&keys, &beyond, NULL), FAN_E_SYNTAX);
    fani_known_moduli_end(&blocks);
    fani_known_stream_free(&keys);
    fani_known_stream_free(&ids);
    fani_known_file_close(&file);
    fani_mpzs_free(&moduli);
    clear();
}

static void spill(const unsigned char *bytes, size_t size)
{
    FILE *out = fopen(state_path(), "w");
    ASSERT_TRUE(out && fwrite(bytes, 1, size, out) == size && !fclose(out));
}

static fan_status open_it(fan_error *error)
{
    fani_known_file file;
    *error = (fan_error){0};
    fan_status status = fani_known_file_open(NULL, state_path(), false, &file, error);
    fani_known_file_close(&file);
    return status;
}

/* Every byte changed, and every cut. */
FAN_TEST(weak_known, a_damaged_state_is_refused)
{
    static unsigned char bytes[1 << 14];
    fani_mpzs moduli = {0};
    fan_error error;
    make_moduli(&moduli, 3);
    write_state(&moduli, 2, 0, 0, true);
    FILE *in = fopen(state_path(), "r");
    size_t size = fread(bytes, 1, sizeof bytes, in);
    EXPECT_I64(fclose(in), 0);
    ASSERT_TRUE(size > 400 && size < sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (unsigned char)(1 + i % 200);
        spill(bytes, size);
        SHIM_CHECK(open_it(&error) == FAN_E_SYNTAX, return, "byte %zu may be changed", i);
        EXPECT_STR(error.file, state_path());
        bytes[i] ^= (unsigned char)(1 + i % 200);
    }
    for (size_t cut = 0; cut < size; cut++) {
        spill(bytes, cut);
        SHIM_CHECK(open_it(&error) == FAN_E_SYNTAX, return, "%zu bytes are enough", cut);
    }
    spill(bytes, size + 1);
    EXPECT_I64(open_it(&error), FAN_E_SYNTAX);
    spill(bytes, size);
    EXPECT_I64(open_it(&error), FAN_OK);
    fani_mpzs_free(&moduli);
    clear();
}

/* States that are whole by their checks, and yet say what can't be. */
FAN_TEST(weak_known, what_a_state_says_is_not_believed)
{
    static unsigned char bytes[1 << 14];
    fani_mpzs moduli = {0};
    fan_error error;
    make_moduli(&moduli, 3);
    write_state(&moduli, 2, 0, 0, true);
    FILE *in = fopen(state_path(), "r");
    size_t size = fread(bytes, 1, sizeof bytes, in);
    EXPECT_I64(fclose(in), 0);
    size_t words = sizeof(fani_known_head) / 8;
    static const uint64_t wrong[] = {0, 1, 2, 5, 1000, UINT64_MAX / 8, UINT64_MAX};
    for (size_t word = 1; word < words; word++) {
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            uint64_t old;
            fani_known_head head;
            fani_known_foot foot;
            memcpy(&old, bytes + 8 * word, 8);
            memcpy(bytes + 8 * word, &wrong[k], 8);
            memcpy(&head, bytes, sizeof head);
            memcpy(&foot, bytes + size - sizeof foot, sizeof foot);
            uint64_t all = foot.all;
            foot.all = fani_known_check(&head, &foot);
            memcpy(bytes + size - sizeof foot, &foot, sizeof foot);
            spill(bytes, size);
            bool is_free = word == 3 || word == 4; /* parent and owner may be anything */
            SHIM_CHECK(open_it(&error) == (old == wrong[k] || is_free ? FAN_OK : FAN_E_SYNTAX),
                       return, "word %zu may be %llu", word, (unsigned long long)wrong[k]);
            foot.all = all;
            memcpy(bytes + size - sizeof foot, &foot, sizeof foot);
            memcpy(bytes + 8 * word, &old, 8);
        }
    }
    uint64_t newer = FANI_KNOWN_VERSION + 1;
    memcpy(bytes + 8, &newer, 8);
    spill(bytes, size);
    EXPECT_I64(open_it(&error), FAN_E_SYNTAX);
    EXPECT_CONTAINS(error.text, "is of a newer Fanfold: its version is 2, and this one reads 1");
    memcpy(bytes, "FANSCAN", 8);
    spill(bytes, size);
    EXPECT_I64(open_it(&error), FAN_E_SYNTAX);
    EXPECT_CONTAINS(error.text, "is no state of fanfold weakkeys");
    fani_mpzs_free(&moduli);
    clear();
}

FAN_TEST(weak_known, there_need_be_no_state)
{
    fani_known_file file;
    ASSERT_I64(fani_known_file_open(NULL, state_path(), false, &file, NULL), FAN_OK);
    EXPECT_TRUE(file.fd < 0);
    EXPECT_U64(file.head.keys, 0);
    EXPECT_U64(file.check, 0);
    fani_known_file_close(&file);
    ASSERT_I64(fani_known_file_open(NULL, folder, false, &file, NULL), FAN_E_SYNTAX);
    fani_known_file_close(&file);
    clear();
}

/* ---- Taking its place ------------------------------------------------------------------------ */

/* Leaves PATH.next as a run does that is killed before it takes its place. */
static void leave_next(const fani_mpzs *moduli, uint64_t parent, uint64_t owner)
{
    char next[128];
    write_state(moduli, 2, parent, owner, true);
    snprintf(next, sizeof next, "%s" FANI_KNOWN_NEXT, state_path());
    EXPECT_I64(rename(state_path(), next), 0);
}

FAN_TEST(weak_known, a_next_state_is_adopted_only_where_it_belongs)
{
    fani_mpzs old = {0}, new = {0};
    fani_known_file file;
    make_moduli(&old, 3);
    make_moduli(&new, 5);
    write_state(&old, 2, 0, 0, true);
    ASSERT_I64(fani_known_file_open(NULL, state_path(), true, &file, NULL), FAN_OK);
    uint64_t check = file.check;
    fani_known_file_close(&file);
    for (int k = 0; k < 3; k++) { /* another parent, another owner, the right ones */
        leave_next(&new, k == 0 ? check + 1 : check, k == 1 ? 6 : 5);
        write_state(&old, 2, 0, 0, false); /* which replaces it, and goes */
        leave_next(&new, k == 0 ? check + 1 : check, k == 1 ? 6 : 5);
        char next[128];
        snprintf(next, sizeof next, "%s" FANI_KNOWN_NEXT, state_path());
        char kept[160];
        snprintf(kept, sizeof kept, "%s.kept", next);
        EXPECT_I64(rename(next, kept), 0);
        write_state(&old, 2, 0, 0, true);
        EXPECT_I64(rename(kept, next), 0);
        EXPECT_I64(fani_known_write_adopt(state_path(), check, 5, NULL), FAN_OK);
        ASSERT_I64(fani_known_file_open(NULL, state_path(), false, &file, NULL), FAN_OK);
        EXPECT_U64(file.head.keys, k == 2 ? 5 : 3);
        EXPECT_I64(access(next, F_OK), k == 2 ? -1 : 0);
        fani_known_file_close(&file);
    }
    EXPECT_I64(fani_known_write_adopt(state_path(), check, 5, NULL), FAN_OK); /* none is there */
    fani_mpzs_free(&old);
    fani_mpzs_free(&new);
    clear();
}

FAN_TEST(weak_known, a_next_state_that_is_not_published_goes)
{
    fani_mpzs moduli = {0};
    make_moduli(&moduli, 3);
    write_state(&moduli, 2, 0, 0, false);
    char next[128];
    snprintf(next, sizeof next, "%s" FANI_KNOWN_NEXT, state_path());
    EXPECT_I64(access(next, F_OK), -1);
    EXPECT_I64(access(state_path(), F_OK), -1);
    fani_mpzs_free(&moduli);
    clear();
}
