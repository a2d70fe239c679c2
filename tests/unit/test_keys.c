/* The key reader: against moduli that openssl printed, and on every kind of bad input. */
#include "keys_kit.h"

#include "fanfold/weakkeys.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define DATA FAN_TEST_SOURCE_DIR "/tests/data/keys/"
#define CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

FAN_TEST(keys, moduli_are_those_that_openssl_prints)
{
    FILE *list = fopen(DATA "moduli.txt", "r");
    ASSERT_TRUE(list != NULL);
    char name[64], hex[1024], path[4096];
    int files = 0;
    for (; fscanf(list, "%63s %1023s", name, hex) == 2; files++) {
        keys_reading r = {0};
        snprintf(path, sizeof path, DATA "%s", name);
        EXPECT_I64(keys_read_from(&r, NULL, path, 16), FAN_OK);
        EXPECT_U64(r.counts.keys, 1);
        EXPECT_U64(r.counts.not_rsa + r.counts.unreadable, 0);
        char want[2048];
        const char *id = strstr(name, "certificate") ? "Größe one"
                         : strstr(name, "request")   ? "request.example"
                                                     : "";
        snprintf(want, sizeof want, "1:1024:%s:65537:%s\n", hex, id);
        EXPECT_STR(r.log, want);
        keys_reading_free(&r);
    }
    fclose(list);
    EXPECT_I64(files, 7);
}

FAN_TEST(keys, other_algorithms_are_not_rsa)
{
    static const struct {
        const char *path, *kind;
    } files[] = {{DATA "ec.pem", "id-ecPublicKey"}, {DATA "ed25519.der", "ED25519"}};
    for (int i = 0; i < 2; i++) {
        keys_reading r = {0};
        EXPECT_I64(keys_read_from(&r, NULL, files[i].path, 16), FAN_OK);
        EXPECT_U64(r.counts.keys, 0);
        EXPECT_U64(r.counts.not_rsa, 1);
        EXPECT_CONTAINS(r.log, "1:0:not an RSA key: ");
        EXPECT_CONTAINS(r.log, files[i].kind);
        keys_reading_free(&r);
    }
}

FAN_TEST(keys, numbers_by_line)
{
    keys_expect_log("\xef\xbb\xbf"
                    "23\r\n  0x1F # a comment\n# nothing\n\n\tABCdef\t\r\n0\n1\n00000f",
                    16, "1:6:23:0:\n2:5:1F:0:\n5:24:ABCDEF:0:\n6:0:0:0:\n7:1:1:0:\n8:4:F:0:\n");
    keys_expect_log("123\n0x10\n", 10, "1:7:7B:0:\n2:5:10:0:\n");
    keys_expect_log("", 16, "");
    keys_expect_log("\n\n", 16, "");
}

FAN_TEST(keys, bad_numbers_are_reported_with_their_place_and_the_rest_is_read)
{
    keys_expect_log("12g4\n-12\n15 16\n0x\n+5\nff", 16,
                    "1:3:'g' where a hexadecimal digit was expected\n"
                    "2:1:a negative number can't be a modulus\n"
                    "3:3:byte 0x20 where a hexadecimal digit was expected\n"
                    "4:2:'x' where a hexadecimal digit was expected\n"
                    "5:1:'+' where a hexadecimal digit was expected\n"
                    "6:8:FF:0:\n");
    keys_expect_log(" 12abc\n9", 10, "1:4:'a' where a digit was expected\n2:4:9:0:\n");
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, "a\0b\n7\n", 6, 16), FAN_OK);
    EXPECT_STR(r.log, "1:2:byte 0x00 where a hexadecimal digit was expected\n2:3:7:0:\n");
    EXPECT_U64(r.counts.unreadable, 1);
    keys_reading_free(&r);
}

static char *digits_line(size_t count, char digit, const char *rest)
{
    char *text = malloc(count + strlen(rest) + 1);
    memset(text, digit, count);
    strcpy(text + count, rest); // NOLINT(clang-analyzer-security.insecureAPI.strcpy)
    return text;
}

FAN_TEST(keys, sizes_up_to_the_limit)
{
    char *fits = digits_line(16384, 'f', "\n7\n"), *above = digits_line(16385, '1', "\n7\n");
    char *huge = digits_line(1200000, '1', "\n7\n"), *decimal = digits_line(19728, '9', "\n7\n");
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, fits, strlen(fits), 16), FAN_OK);
    ASSERT_U64(r.moduli.count, 2);
    EXPECT_U64(mpz_sizeinbase(r.moduli.values, 2), 65536);
    keys_reading_free(&r);
    keys_expect_log(above, 16, "1:1:a modulus of more than 65536 bits\n2:3:7:0:\n");
    keys_expect_log(huge, 16, "1:0:a line of more than 1048576 bytes\n2:3:7:0:\n");
    r = (keys_reading){0};
    EXPECT_I64(keys_read_bytes(&r, decimal, strlen(decimal), 10), FAN_OK);
    ASSERT_U64(r.moduli.count, 2);
    mpz_t nines;
    mpz_init(nines);
    mpz_ui_pow_ui(nines, 10, 19728);
    mpz_sub_ui(nines, nines, 1);
    EXPECT_TRUE(!mpz_cmp(r.moduli.values, nines));
    mpz_clear(nines);
    keys_reading_free(&r);
    free(fits);
    free(above);
    free(huge);
    free(decimal);
}

/* A PEM file with text, numbers, a bad block, an unended one and a good one. */
FAN_TEST(keys, mixed_blocks_numbers_and_text)
{
    size_t size;
    char *good = keys_slurp(DATA "spki.pem", &size), *ec = keys_slurp(DATA "ec.pem", &size);
    char long_number[201] = {0}, text[8192];
    memset(long_number, 'e', 200);
    snprintf(text, sizeof text,
             "Some text: 12\r\nCAFE\n%s\n0xff\n%s\n-----BEGIN CERTIFICATE-----\n!!!!\n"
             "-----END CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----\nMIGf\n%s%s"
             "-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n-----BEGIN PUBLIC KEY-----\nMI",
             good, long_number, ec, good);
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, text, strlen(text), 16), FAN_OK);
    EXPECT_U64(r.counts.keys, 4);
    EXPECT_U64(r.counts.not_rsa, 1);
    EXPECT_U64(r.counts.unreadable, 4);
    char *at = r.log;
    static const char *const starts[] = {"3:1024:",
                                         "10:8:FF:0:",
                                         "11:800:EEE",
                                         "12:0:a malformed PEM block",
                                         "15:0:a PEM block without its END line",
                                         "17:0:not an RSA key",
                                         "21:1024:",
                                         "27:0:a PEM block of a kind that is not read: NOTHING",
                                         "30:0:a PEM block without its END line"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        SHIM_CHECK(at && !strncmp(at, starts[i], strlen(starts[i])), break,
                   "entry %zu is not %s in\n%s", i, starts[i], r.log);
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    keys_reading_free(&r);
    free(good);
    free(ec);
}

/* Cuts (one byte alone would be the digit 0) and damaged bytes: no crash, no key from a cut entry.
 */
FAN_TEST(keys, damaged_certificates)
{
    static const char *const names[] = {DATA "spki.der", DATA "certificate.pem"};
    for (int n = 0; n < 2; n++) {
        size_t size;
        char *bytes = keys_slurp(names[n], &size);
        for (size_t cut = 2; cut < size; cut += 7) {
            keys_reading r = {0};
            char *part = malloc(cut);
            memcpy(part, bytes, cut);
            EXPECT_I64(keys_read_bytes(&r, part, cut, 16), FAN_OK);
            SHIM_CHECK(r.counts.keys == 0 || cut + 1 >= size, (void)0, "%zu of %zu bytes of %s: %s",
                       cut, size, names[n], r.log);
            EXPECT_U64(r.counts.not_rsa, 0);
            free(part);
            keys_reading_free(&r);
        }
        for (size_t at = 0; at < size; at += 5) {
            keys_reading r = {0};
            bytes[at] ^= 0x15;
            EXPECT_I64(keys_read_bytes(&r, bytes, size, 16), FAN_OK);
            bytes[at] ^= 0x15;
            keys_reading_free(&r);
        }
        free(bytes);
    }
}

FAN_TEST(keys, bytes_after_the_key_inside_a_block_are_refused)
{
    size_t size;
    char *der = keys_slurp(DATA "spki.der", &size), *text;
    BIO *memory = BIO_new(BIO_s_mem());
    EXPECT_TRUE(PEM_write_bio(memory, "PUBLIC KEY", "", (unsigned char *)der, (long)size) > 0);
    EXPECT_TRUE(PEM_write_bio(memory, "PUBLIC KEY", "", (unsigned char *)der, (long)size + 2) > 0);
    long length = BIO_get_mem_data(memory, &text);
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, text, (size_t)length, 16), FAN_OK);
    EXPECT_U64(r.counts.keys, 1);
    EXPECT_CONTAINS(r.log, "7:0:a malformed PUBLIC KEY\n");
    keys_reading_free(&r);
    BIO_free(memory);
    free(der);
}

FAN_TEST(keys, a_block_too_large_is_skipped)
{
    size_t size;
    char *good = keys_slurp(DATA "spki.pem", &size), *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    fputs("-----BEGIN CERTIFICATE-----\n", out);
    for (int i = 0; i < 40000; i++)
        fprintf(out, "%064d\n", 0);
    fprintf(out, "-----END CERTIFICATE-----\n%s", good);
    fclose(out);
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, text, length, 16), FAN_OK);
    EXPECT_TRUE(!strncmp(r.log, "1:0:a PEM block too large to read\n40003:1024:", 45));
    EXPECT_U64(r.counts.keys + r.counts.unreadable, 2);
    keys_reading_free(&r);
    free(text);
    free(good);
}

FAN_TEST(keys, der_objects_one_after_another)
{
    size_t sizes[3];
    char *parts[3] = {keys_slurp(DATA "certificate.der", &sizes[0]),
                      keys_slurp(DATA "pkcs1.der", &sizes[1]),
                      keys_slurp(DATA "ed25519.der", &sizes[2])};
    char *all = malloc(sizes[0] + sizes[1] + sizes[2] + 5);
    size_t size = 0;
    for (int i = 0; i < 3; i++) {
        memcpy(all + size, parts[i], sizes[i]);
        size += sizes[i];
        free(parts[i]);
    }
    keys_reading r = {0};
    memcpy(all + size, "tail", 4);
    EXPECT_I64(keys_read_bytes(&r, all, size + 4, 16), FAN_OK);
    EXPECT_U64(r.counts.keys, 2);
    EXPECT_U64(r.counts.not_rsa, 1);
    EXPECT_U64(r.counts.unreadable, 1);
    EXPECT_CONTAINS(r.log, "bytes after DER that are not DER");
    keys_reading_free(&r);
    r = (keys_reading){0};
    EXPECT_I64(keys_read_bytes(&r, all, sizes[0] - 10, 16), FAN_OK);
    EXPECT_CONTAINS(r.log, "DER that ends after");
    keys_reading_free(&r);
    r = (keys_reading){0};
    EXPECT_I64(keys_read_bytes(&r, "\x30\x84\x7f\xff\xff\xff\x02", 7, 16), FAN_OK);
    EXPECT_CONTAINS(r.log, "at most 2097152 are read");
    keys_reading_free(&r);
    free(all);
}

/* Keys as openssl itself makes no more: of 16 bits, and of the largest size read. */
FAN_TEST(keys, tiny_and_huge_public_keys)
{
    static const int sizes[] = {16, 511, 4097, 65536, 65537};
    for (int i = 0; i < 5; i++) {
        BIGNUM *n = BN_new(), *e = BN_new();
        EXPECT_TRUE(BN_set_bit(n, sizes[i] - 1) && BN_set_bit(n, 0) && BN_set_word(e, 3));
        OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
        OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
        EVP_PKEY *key = NULL;
        EXPECT_I64(EVP_PKEY_fromdata_init(context), 1);
        EXPECT_I64(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
        BIO *memory = BIO_new(BIO_s_mem());
        EXPECT_I64(PEM_write_bio_PUBKEY(memory, key), 1);
        char *text;
        long size = BIO_get_mem_data(memory, &text);
        keys_reading r = {0};
        EXPECT_I64(keys_read_bytes(&r, text, (size_t)size, 16), FAN_OK);
        EXPECT_U64(r.counts.keys, sizes[i] <= 65536);
        EXPECT_U64(r.counts.unreadable, sizes[i] > 65536);
        if (r.moduli.count)
            EXPECT_U64(mpz_sizeinbase(r.moduli.values, 2), (unsigned)sizes[i]);
        keys_reading_free(&r);
        BIO_free(memory);
        EVP_PKEY_free(key);
        EVP_PKEY_CTX_free(context);
        OSSL_PARAM_free(parameters);
        OSSL_PARAM_BLD_free(build);
        BN_free(n);
        BN_free(e);
    }
}

FAN_TEST(keys, files_that_cannot_be_read)
{
    keys_reading r = {0};
    EXPECT_I64(keys_read_from(&r, NULL, "/nonexistent/keys.pem", 16), FAN_E_INPUT);
    EXPECT_I64(r.error.errno_code, ENOENT);
    EXPECT_STR(r.error.file, "/nonexistent/keys.pem");
    keys_reading_free(&r);
    r = (keys_reading){0};
    EXPECT_I64(keys_read_from(&r, NULL, "/", 16), FAN_E_INPUT);
    EXPECT_I64(r.error.errno_code, EISDIR);
    keys_reading_free(&r);
    r = (keys_reading){0};
    EXPECT_I64(keys_read_bytes(&r, "7\n", 2, 8), FAN_E_ARGUMENT);
    keys_reading_free(&r);
}

FAN_TEST(keys, a_callback_ends_the_reading)
{
    keys_reading r = {.stop_after = 2};
    EXPECT_I64(keys_read_bytes(&r, "7\n8\n9\n", 6, 16), FAN_E_OUTPUT);
    EXPECT_STR(r.error.text, "enough");
    EXPECT_U64(r.counts.keys, 2);
    keys_reading_free(&r);
}

FAN_TEST(keys, errors_of_the_caller_stay_queued)
{
    size_t size;
    char *bad = keys_slurp(DATA "certificate.pem", &size);
    bad[size / 2] ^= 1;
    fani_rsa_key_counts counts = {0};
    keys_reading r = {0};
    r.out = open_memstream(&r.log, &r.log_size);
    fani_rsa_key_reader reader = {16, keys_on_key, NULL, &r};
    ERR_raise(ERR_LIB_USER, 42);
    FILE *stream = fmemopen(bad, size / 2, "r");
    EXPECT_I64(fani_rsa_keys_read_stream(stream, "memory", &reader, &counts, NULL), FAN_OK);
    fclose(stream);
    EXPECT_I64(ERR_GET_REASON(ERR_get_error()), 42);
    EXPECT_U64(ERR_get_error(), 0);
    fclose(r.out);
    keys_reading_free(&r);
    free(bad);
}

/* Scans what was read; the caller frees the report. */
static fan_weakkeys_report *scan(const keys_reading *r)
{
    fan_weakkeys_number *keys = calloc(r->moduli.count + 1, sizeof *keys);
    fan_weakkeys_report *report = NULL;
    for (size_t i = 0; i < r->moduli.count; i++) {
        size_t size = 0;
        keys[i].bytes = mpz_export(NULL, &size, 1, 1, 1, 0, r->moduli.values + i);
        keys[i].size_bytes = size;
    }
    EXPECT_I64(fan_weakkeys_scan(keys, r->moduli.count, NULL, &report, NULL), FAN_OK);
    for (size_t i = 0; i < r->moduli.count; i++)
        free((void *)(uintptr_t)keys[i].bytes);
    free(keys);
    return report;
}

/* Reads several files one after another into one list. */
static void read_more(keys_reading *r, const char *path)
{
    free(r->log);
    r->log = NULL;
    EXPECT_I64(keys_read_from(r, NULL, path, 16), FAN_OK);
}

FAN_TEST(keys, the_shipped_pair_shares_a_prime)
{
    keys_reading r = {0};
    read_more(&r, FAN_TEST_SOURCE_DIR "/jobs/data/weak-a.pem");
    EXPECT_CONTAINS(r.log, ":65537:weak-a.example\n");
    EXPECT_TRUE(!strncmp(r.log, "4:2048:", 7));
    read_more(&r, FAN_TEST_SOURCE_DIR "/jobs/data/weak-b.pem");
    fan_weakkeys_report *report = scan(&r);
    ASSERT_TRUE(report && report->finding_count == 2);
    for (size_t i = 0; i < 2; i++) {
        EXPECT_U64(report->findings[i].weakness, FAN_WEAKKEYS_SHARED);
        EXPECT_U64(report->findings[i].factor_count, 2);
        EXPECT_U64(report->findings[i].gcd.size_bytes, 128);
        EXPECT_U64(report->findings[i].shares_with[0], 1 - i);
    }
    fan_weakkeys_report_free(report);
    keys_reading_free(&r);
}

FAN_TEST(keys, the_systems_certificates_share_nothing_until_the_pair_joins)
{
    FILE *present = fopen(CA_BUNDLE, "r");
    if (!present)
        SKIP("no %s here", CA_BUNDLE);
    fclose(present);
    keys_reading r = {0};
    read_more(&r, CA_BUNDLE);
    EXPECT_TRUE(r.counts.keys > 50);
    EXPECT_U64(r.counts.unreadable, 0);
    size_t keys = r.moduli.count;
    fan_weakkeys_report *report = scan(&r);
    ASSERT_TRUE(report != NULL);
    EXPECT_U64(report->summary.shared, 0);
    fan_weakkeys_report_free(report);
    read_more(&r, FAN_TEST_SOURCE_DIR "/jobs/data/weak-a.pem");
    read_more(&r, FAN_TEST_SOURCE_DIR "/jobs/data/weak-b.pem");
    report = scan(&r);
    ASSERT_TRUE(report != NULL);
    EXPECT_U64(report->summary.shared, 2);
    EXPECT_U64(report->summary.keys, keys + 2);
    fan_weakkeys_report_free(report);
    keys_reading_free(&r);
}
