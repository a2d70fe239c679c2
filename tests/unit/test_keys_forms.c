/* The key reader on OpenSSH lines, OpenPGP keyrings, DNSKEY records, tables and JSON: made here,
 * byte by byte as the RFCs say, and as other tools say where these are installed. */
#include "keys_kit.h"

#include "stage/keys_entry.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Makers ---------------------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char at[4096];
    size_t size;
} bytes;

static void add(bytes *b, const void *from, size_t size)
{
    if (size > sizeof b->at - b->size) {
        shim_fail(__FILE__, __LINE__, "no room");
        return;
    }
    memcpy(b->at + b->size, from, size);
    b->size += size;
}

static void add_number(bytes *b, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0;) {
        unsigned char byte = (unsigned char)(value >> (8 * i));
        add(b, &byte, 1);
    }
}

/* RFC 4251: a length of four bytes, then the bytes. */
static void add_string(bytes *b, const void *from, size_t size)
{
    add_number(b, size, 4);
    add(b, from, size);
}

/* RFC 4880: the number of bits, then the bytes. */
static void add_mpi(bytes *b, uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value);
    add_number(b, bits, 2);
    add_number(b, value, (bits + 7) / 8);
}

static const char *base64(const bytes *b)
{
    static char text[8192];
    EVP_EncodeBlock((unsigned char *)text, b->at, (int)b->size);
    return text;
}

/* ---- OpenSSH --------------------------------------------------------------------------------- */

static void make_ssh(bytes *b, const char *type, uint64_t modulus)
{
    *b = (bytes){0};
    add_string(b, type, strlen(type));
    if (strstr(type, "cert"))
        add_string(b, "nonce", 5);
    add_string(b, "\x01\x00\x01", 3);
    add_number(b, 9, 4);
    add_number(b, 0, 1);
    add_number(b, modulus, 8);
    if (strstr(type, "cert"))
        add_string(b, "what else certificates have", 27);
}

FAN_TEST(keys_forms, openssh_lines)
{
    static const struct {
        const char *before, *after, *id;
    } lines[] = {
        {"", "", ""},
        {"", " \r", ""},
        {"", " me@host", "me@host"},
        {"  ", "\tme on  a host \t", "me on  a host"},
        {"no-pty,command=\"echo ssh-rsa AAAA \\\" x\" ", " me", "me"},
        {"restrict ", " you", "you"},
        {"host1,10.0.0.1 ", "", "host1,10.0.0.1"},
        {"[host]:2222 ", " comment", "[host]:2222"},
        {"|1|c2FsdA==|aGFzaA== ", "", "|1|c2FsdA==|aGFzaA=="},
        {"@cert-authority *.example ", " ca", "*.example"},
    };
    char text[9216], want[256];
    bytes b;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        make_ssh(&b, "ssh-rsa", 0xc0ffee0123456789u);
        snprintf(text, sizeof text, "# one\n%sssh-rsa %s%s\n", lines[i].before, base64(&b),
                 lines[i].after);
        snprintf(want, sizeof want, "2:64:C0FFEE0123456789:65537:%s\n", lines[i].id);
        keys_expect_log(text, 16, want);
    }
    make_ssh(&b, "ssh-rsa-cert-v01@openssh.com", 0xc0ffee0123456789u);
    snprintf(text, sizeof text, "ssh-rsa-cert-v01@openssh.com %s me", base64(&b));
    keys_expect_log(text, 16, "1:64:C0FFEE0123456789:65537:me\n");
}

FAN_TEST(keys_forms, openssh_keys_of_other_kinds_and_damaged_ones)
{
    char text[9216];
    bytes b = {0};
    add_string(&b, "ssh-ed25519", 11);
    add_string(&b, "01234567890123456789012345678901", 32);
    snprintf(text, sizeof text, "host ssh-ed25519 %s\nff\n", base64(&b));
    keys_expect_log(text, 16, "1:0:not an RSA key: ssh-ed25519\n2:8:FF:0:\n");
    make_ssh(&b, "ssh-rsa", 0xc0ffee0123456789u);
    for (size_t size = b.size, cut = 4; cut < size; cut++) {
        keys_reading r = {0};
        b.size = cut;
        snprintf(text, sizeof text, "ssh-rsa %s me\n7\n", base64(&b));
        EXPECT_I64(keys_read_bytes(&r, text, strlen(text), 16), FAN_OK);
        EXPECT_CONTAINS(r.log, "\n2:3:7:0:\n");
        EXPECT_U64(r.counts.keys, 1);
        EXPECT_U64(r.counts.unreadable + r.counts.not_rsa, 1);
        keys_reading_free(&r);
    }
    keys_expect_log("ssh-rsa AAAAB3Nz!C1yc2E me\n", 16, "1:0:an OpenSSH key that is no base64\n");
    make_ssh(&b, "ssh-rsa", 5);
    b.at[b.size - 9] = 0x80; /* a negative number */
    snprintf(text, sizeof text, "ssh-rsa %s me\n", base64(&b));
    keys_expect_log(text, 16, "1:0:a malformed OpenSSH RSA key\n");
}

/* ---- OpenPGP --------------------------------------------------------------------------------- */

/* A key packet's body. */
static void make_pgp_key(bytes *b, unsigned version, unsigned algorithm, uint64_t modulus)
{
    *b = (bytes){0};
    add_number(b, version, 1);
    add_number(b, 1234567890, 4);
    if (version < 4)
        add_number(b, 0, 2);
    add_number(b, algorithm, 1);
    size_t count_at = b->size;
    if (version >= 5)
        add_number(b, 0, 4);
    add_mpi(b, modulus);
    add_mpi(b, 17);
    if (version >= 5)
        b->at[count_at + 3] = (unsigned char)(b->size - count_at - 4);
}

/* A packet with one of the headers there are: how many bytes its length has, the new format from
 * 6 on: 7 is in pieces. */
static void add_packet(bytes *all, unsigned tag, const bytes *body, unsigned header)
{
    static const size_t sizes[] = {1, 2, 4, 0};
    if (header < 4) {
        add_number(all, 0x80 | tag << 2 | header, 1);
        add_number(all, body->size, sizes[header]);
    } else if (header == 4) {
        add_number(all, 0xc0 | tag, 1);
        add_number(all, body->size, 1);
    } else if (header == 5) {
        add_number(all, 0xc0 | tag, 1);
        add_number(all, 255, 1);
        add_number(all, body->size, 4);
    } else {
        add_number(all, 0xc0 | tag, 1);
        add_number(all, 0xe2, 1); /* four bytes first */
        add(all, body->at, 4);
        add_number(all, body->size - 4, 1);
        add(all, body->at + 4, body->size - 4);
        return;
    }
    add(all, body->at, body->size);
}

FAN_TEST(keys_forms, openpgp_packets_with_every_kind_of_header)
{
    for (unsigned header = 0; header <= 6; header++) {
        bytes all = {0}, key, other = {0};
        if (header == 3) /* up to the end of the file: tested below */
            continue;
        make_pgp_key(&key, 4, 1, 0xc0ffee0123456789u);
        add_packet(&all, 6, &key, header < 6 ? header : 4);
        add(&other, "a name", 6);
        add_packet(&all, 13, &other, header);
        make_pgp_key(&key, 3, 2, 0xbeef000000000001u);
        add_packet(&all, 14, &key, header);
        keys_reading r = {0};
        EXPECT_I64(keys_read_bytes(&r, all.at, all.size, 16), FAN_OK);
        EXPECT_TRUE(!strncmp(r.log, "1:64:C0FFEE0123456789:17:", 25) && strlen(r.log) > 65);
        EXPECT_CONTAINS(r.log, "\n1:64:BEEF000000000001:17:BEEF000000000001\n");
        EXPECT_U64(r.counts.keys, 2);
        keys_reading_free(&r);
    }
}

FAN_TEST(keys_forms, openpgp_keys_that_give_none)
{
    static const struct {
        unsigned version, algorithm;
        const char *log;
    } cases[] = {
        {4, 17, "1:0:not an RSA key: OpenPGP algorithm 17 (DSA)\n1:8:FB:17:"},
        {4, 22, "1:0:not an RSA key: OpenPGP algorithm 22 (EdDSA)\n1:8:FB:17:"},
        {6, 27, "1:0:not an RSA key: OpenPGP algorithm 27 (Ed25519)\n1:8:FB:17:"},
        {7, 1, "1:0:an OpenPGP key of version 7 at byte 0; 2 to 6 are read\n1:8:FB:17:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes all = {0}, key;
        make_pgp_key(&key, cases[i].version, cases[i].algorithm, 251);
        add_packet(&all, 6, &key, 0);
        make_pgp_key(&key, 4, 1, 251);
        add_packet(&all, 14, &key, 3); /* without a length: the last one */
        keys_reading r = {0};
        EXPECT_I64(keys_read_bytes(&r, all.at, all.size, 16), FAN_OK);
        EXPECT_TRUE(!strncmp(r.log, cases[i].log, strlen(cases[i].log)));
        keys_reading_free(&r);
    }
}

/* Since version 5 the fingerprint is by SHA-256 and there is a count before the numbers. */
FAN_TEST(keys_forms, openpgp_keys_of_versions_5_and_6)
{
    static const struct {
        unsigned version;
        unsigned char mark;
    } cases[] = {{5, 0x9a}, {6, 0x9b}};
    for (size_t i = 0; i < 2; i++) {
        bytes all = {0}, key, hashed = {0};
        unsigned char hash[32];
        char want[256] = "1:64:C0FFEE0123456789:17:";
        make_pgp_key(&key, cases[i].version, 1, 0xc0ffee0123456789u);
        add(&hashed, &cases[i].mark, 1);
        add_string(&hashed, key.at, key.size);
        EXPECT_TRUE(EVP_Digest(hashed.at, hashed.size, hash, NULL, EVP_sha256(), NULL) == 1);
        for (size_t k = 0; k < sizeof hash; k++)
            snprintf(want + strlen(want), 3, "%02X", hash[k]);
        add_packet(&all, 6, &key, 4);
        key.at[9]++; /* more bytes than there are */
        add_packet(&all, 14, &key, 6);
        key.at[9] = 0;
        add_packet(&all, 14, &key, 1);
        key.size = 9;
        add_packet(&all, 14, &key, 0);
        size_t at = strlen(want);
        keys_reading r = {0};
        EXPECT_I64(keys_read_bytes(&r, all.at, all.size, 16), FAN_OK);
        snprintf(want + at, sizeof want - at,
                 "\n1:0:a malformed OpenPGP key at byte %zu\n"
                 "1:0:a malformed OpenPGP key at byte %zu\n"
                 "1:0:a malformed OpenPGP key at byte %zu\n",
                 (size_t)25, (size_t)51, (size_t)77);
        EXPECT_STR(r.log, want);
        keys_reading_free(&r);
    }
}

/* A key as others have made it: the sample certificate of version 6 in RFC 9580, appendix A.3. */
FAN_TEST(keys_forms, the_fingerprint_of_the_sample_key_of_version_6)
{
    static const unsigned char packet[] = {
        0x06, 0x63, 0x87, 0x7f, 0xe3, 0x1b, 0x00, 0x00, 0x00, 0x20, 0xf9, 0x4d, 0xa7, 0xbb,
        0x48, 0xd6, 0x0a, 0x61, 0xe5, 0x67, 0x70, 0x6a, 0x65, 0x87, 0xd0, 0x33, 0x19, 0x99,
        0xbb, 0x9d, 0x89, 0x1a, 0x08, 0x24, 0x2e, 0xad, 0x84, 0x54, 0x3d, 0xf8, 0x95, 0xa3};
    static const unsigned char want[32] = {0xcb, 0x18, 0x6c, 0x4f, 0x06, 0x09, 0xa6, 0x97,
                                           0xe4, 0xd5, 0x2d, 0xfa, 0x6c, 0x72, 0x2b, 0x0c,
                                           0x1f, 0x1e, 0x27, 0xc1, 0x8a, 0x56, 0x70, 0x8f,
                                           0x65, 0x25, 0xec, 0x27, 0xba, 0xd9, 0xac, 0xc9};
    unsigned char hash[FANI_KEY_FINGERPRINT_BYTES];
    ASSERT_U64(fani_rsa_key_fingerprint(packet, sizeof packet, hash), sizeof want);
    EXPECT_TRUE(!memcmp(hash, want, sizeof want));
}

FAN_TEST(keys_forms, damaged_keyrings)
{
    bytes all = {0}, key;
    make_pgp_key(&key, 4, 1, 0xc0ffee0123456789u);
    add_packet(&all, 6, &key, 0);
    for (size_t cut = 8; cut < all.size; cut++) {
        keys_reading r = {0};
        EXPECT_I64(keys_read_bytes(&r, all.at, cut, 16), FAN_OK);
        EXPECT_STR(r.log, "1:0:the OpenPGP packet at byte 0 ends too early\n");
        keys_reading_free(&r);
    }
    size_t size = all.size;
    add(&all, "tail", 4);
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, all.at, all.size, 16), FAN_OK);
    EXPECT_U64(r.counts.keys, 1);
    EXPECT_CONTAINS(r.log, "\n1:0:byte 21 is no beginning of an OpenPGP packet\n");
    EXPECT_U64(size, 21);
    keys_reading_free(&r);
    key.at[7] = 0xff; /* the modulus has more bits than there are bytes */
    all.size = 0;
    add_packet(&all, 6, &key, 0);
    r = (keys_reading){0};
    EXPECT_I64(keys_read_bytes(&r, all.at, all.size, 16), FAN_OK);
    EXPECT_STR(r.log, "1:0:a malformed OpenPGP key at byte 0\n");
    keys_reading_free(&r);
}

/* `columns` characters a line; the checksum is not looked at. */
static void make_armor(char *text, size_t room, const bytes *all, size_t columns, const char *end)
{
    const char *digits = base64(all);
    size_t used = (size_t)snprintf(
        text, room, "-----BEGIN PGP PUBLIC KEY BLOCK-----\r\nVersion: 1\r\nComment: x\r\n\r\n");
    for (size_t at = 0; at < strlen(digits); at += columns)
        used += (size_t)snprintf(text + used, room - used, "%.*s\r\n", (int)columns, digits + at);
    snprintf(text + used, room - used, "=AbCd\r\n%s", end);
}

FAN_TEST(keys_forms, keyrings_in_armor_among_text)
{
    static char text[8192];
    for (size_t pad = 0; pad < 3; pad++) {
        for (size_t columns = 1; columns < 70; columns += 17) {
            bytes all = {0}, key, name = {0};
            make_pgp_key(&key, 3, 1, 0xc0ffee0123456789u);
            add_packet(&all, 6, &key, 0);
            add(&name, "name", 2 + pad);
            add_packet(&all, 13, &name, 0);
            make_armor(text, sizeof text, &all, columns,
                       "-----END PGP PUBLIC KEY BLOCK-----\r\nwords\n0x21\n");
            keys_reading r = {0};
            EXPECT_I64(keys_read_bytes(&r, text, strlen(text), 16), FAN_OK);
            EXPECT_U64(r.counts.keys, 2);
            EXPECT_U64(r.counts.unreadable, 0);
            EXPECT_CONTAINS(r.log, "1:64:C0FFEE0123456789:17:C0FFEE0123456789\n");
            EXPECT_CONTAINS(r.log, ":6:21:0:\n");
            keys_reading_free(&r);
        }
    }
}

FAN_TEST(keys_forms, damaged_armor)
{
    static char text[8192];
    bytes all = {0}, key;
    make_pgp_key(&key, 3, 1, 0xc0ffee0123456789u);
    add_packet(&all, 6, &key, 0);
    make_armor(text, sizeof text, &all, 64, "");
    keys_expect_log(text, 16,
                    "1:64:C0FFEE0123456789:17:C0FFEE0123456789\n"
                    "1:0:a PEM block without its END line\n");
    make_armor(text, sizeof text, &all, 12, "-----END PGP PUBLIC KEY BLOCK-----\n0x7\n");
    *strstr(text, "\r\n=") = '!';
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, text, strlen(text), 16), FAN_OK);
    EXPECT_U64(r.counts.keys, 1);
    EXPECT_CONTAINS(r.log, "a line of a keyring that is no base64\n");
    EXPECT_CONTAINS(r.log, ":3:7:0:\n");
    keys_reading_free(&r);
    keys_expect_log("-----BEGIN PGP PUBLIC KEY BLOCK-----\n", 16,
                    "1:0:a PEM block without its END line\n");
    keys_expect_log(
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n-----END PGP PUBLIC KEY BLOCK-----\n0x7\n", 16,
        "3:3:7:0:\n");
    keys_expect_log("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\ntext\n0x7\n", 16,
                    "5:3:7:0:\n");
}

/* What a line is cut to must not be taken for all of it: the packets behind would be other ones. */
FAN_TEST(keys_forms, armor_in_lines_that_are_too_long)
{
    enum { LINE = 1048576, EXTRA = 12 };
    static const char begin[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n";
    static const char end[] = "\n-----END PGP PUBLIC KEY BLOCK-----\n";
    char *text = calloc(1, LINE + EXTRA + sizeof begin + sizeof end);
    memcpy(text, begin, sizeof begin);
    memset(text + sizeof begin - 1, 'A', LINE + EXTRA);
    memcpy(text + sizeof begin - 1, "tgAL//sA", 8); /* a packet that ends where the line is cut */
    memcpy(text + sizeof begin - 1 + LINE + EXTRA, end, sizeof end);
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, text, strlen(text), 16), FAN_OK);
    EXPECT_CONTAINS(r.log, "a line of a keyring that is no base64\n");
    keys_reading_free(&r);
    free(text);
}

/* ---- DNSKEY ---------------------------------------------------------------------------------- */

FAN_TEST(keys_forms, zone_records)
{
    /* RFC 5702, section 6.1, whose example says that the key tag is 9033. */
    keys_expect_log(
        "; a zone\nexample.net.     3600  IN  DNSKEY  (256 3 8 AwEAAcFcGsaxxdgiuuGmCkVI\n"
        "                     my4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtvd4Qs8P\n"
        "                     kxUdp6p/DlUmObdk= );{id = 9033 (zsk), size = 512b}\n"
        "example.net. IN A 10.0.0.1\n",
        16,
        "2:512:C15C1AC6B1C5D822BAE1A60A45489B2E21F7D0AA4FB8F0637A5EC4F19C9D416D476161DFA069A277"
        "30B6467870082DBDDE10B3C3E4C54769EA9FC395498E6DD9:65537:example.net.+008+09033\n");
    char text[1024];
    for (int algorithm = 0; algorithm < 20; algorithm++) {
        bool rsa =
            algorithm == 1 || algorithm == 5 || algorithm == 7 || algorithm == 8 || algorithm == 10;
        keys_reading r = {0};
        snprintf(text, sizeof text, "a.b. DNSKEY 257 3 %d AQMjDw==\n\tIN KEY 0 3 8 AAABAyM= ; x\n",
                 algorithm);
        EXPECT_I64(keys_read_bytes(&r, text, strlen(text), 16), FAN_OK);
        EXPECT_U64(r.counts.keys, rsa ? 2 : 1);
        EXPECT_U64(r.counts.not_rsa, !rsa);
        EXPECT_CONTAINS(r.log,
                        rsa ? "1:14:230F:3:a.b.+0" : "1:0:not an RSA key: DNSSEC algorithm ");
        EXPECT_CONTAINS(r.log, "2:6:23:3:a.b.+008+");
        keys_reading_free(&r);
    }
}

FAN_TEST(keys_forms, damaged_zone_records)
{
    keys_expect_log("a. DNSKEY 257 3 8 AQ==\n", 16, "1:0:a malformed RSA key in a DNSKEY record\n");
    keys_expect_log("a. DNSKEY 257 3 RSASHA1 AQMj!w==\n", 16,
                    "1:0:a DNSKEY record whose key is no base64\n");
    keys_expect_log("a. DNSKEY 257 3 8 ( AQMj\n", 16,
                    "1:0:a zone record whose brackets are not closed\n");
    keys_expect_log("a. DNSKEY 257 3 8 AAAAAyM=\n", 16,
                    "1:0:a malformed RSA key in a DNSKEY record\n");
}

/* ---- Tables and JSON ------------------------------------------------------------------------- */

FAN_TEST(keys_forms, tables)
{
    keys_expect_log("\xef\xbb\xbfid,Modulus,exponent\r\none,0x1F,3\r\n# none\r\n\"t\"\"w,o\",23,\n"
                    "three,-5,3\nfour,1g,3\nfive\nsix,7,x\n\"seven,7,3\neight,,3\n",
                    16,
                    "2:5:1F:3:one\n4:6:23:0:t\"w,o\n5:7:a negative number can't be a modulus\n"
                    "6:7:'g' where a hexadecimal digit was expected\n"
                    "7:0:a row without column 2, which has the modulus\n"
                    "8:0:an exponent that is no number: x\n9:1:quotes that are not closed\n"
                    "10:7:an empty modulus\n");
    keys_expect_log("n;kid\n15;a\n", 10, "2:4:F:0:a\n");
    keys_expect_log("source\tline\tid\tmodulus\nx\t1\ta b\tff\n", 16, "2:8:FF:0:a b\n");
}

FAN_TEST(keys_forms, json_lines)
{
    keys_expect_log("{\"id\": \"a\", \"modulus\": \"0x1F\", \"exponent\": 65537}\n"
                    "{\"n\": 35, \"kid\": 7}\n"
                    "{\"kty\":\"RSA\",\"n\":\"wP_uASNFZ4k\",\"e\":\"AQAB\",\"kid\":\"web\"}\n"
                    "{\"keys\":[{\"kty\":\"EC\"},{\"kty\":\"RSA\",\"n\":\"Iw\",\"e\":\"Aw\"}]}\n"
                    "{\"modulus\": 1.5}\n{\"id\": \"a\"}\n{\"modulus\": \"12\"\n{\"n\": \"x\"}\n"
                    "{\"kty\":\"RSA\",\"n\":\"!\",\"e\":\"Aw\"}\n",
                    16,
                    "1:5:1F:65537:a\n2:6:23:0:7\n3:64:C0FFEE0123456789:65537:web\n"
                    "4:0:not an RSA key: EC\n4:6:23:3:\n"
                    "5:0:a modulus that is neither a string nor an integer\n"
                    "6:0:a record without a modulus\n"
                    "7:16:no JSON: '}' expected near end of file\n"
                    "8:0:'x' where a hexadecimal digit was expected\n"
                    "9:0:a web key whose numbers are no base64\n");
}

/* ---- What is no key file --------------------------------------------------------------------- */

/* Texts end there, but not the line: a key without its end is another one. */
FAN_TEST(keys_forms, zero_bytes_end_no_key)
{
#define FILE_OF(bytes) bytes, sizeof(bytes) - 1
    static const struct {
        const char *text;
        size_t size;
        const char *log;
    } files[] = {
        {FILE_OF("modulus,e\n1f\0001,3\n23,3\n"), "2:0:a line with a zero byte\n3:6:23:3:\n"},
        {FILE_OF("a. DNSKEY 257 3 8 AQMj\0Dw==\n0x23\n"),
         "1:0:a zone record with a zero byte\n2:6:23:0:\n"},
        {FILE_OF("a. DNSKEY 257 3 8 ( AQMj\0Dw==\n)\n0x23\n"),
         "1:0:a zone record with a zero byte\n3:6:23:0:\n"},
    };
#undef FILE_OF
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        keys_reading r = {0};
        EXPECT_I64(keys_read_bytes(&r, files[i].text, files[i].size, 16), FAN_OK);
        EXPECT_STR(r.log, files[i].log);
        keys_reading_free(&r);
    }
}

FAN_TEST(keys_forms, other_files_are_one_problem_or_a_few)
{
    static unsigned char noise[5000];
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        noise[i] = (unsigned char)(state >> 56);
    }
    noise[0] = 0x7f;
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r,
                               "\xff\xfe"
                               "f\0\r\0\n\0",
                               8, 16),
               FAN_OK);
    EXPECT_STR(r.log, "1:0:text in UTF-16; in UTF-8 it can be read\n");
    keys_reading_free(&r);
    r = (keys_reading){0};
    EXPECT_I64(keys_read_bytes(&r, noise, sizeof noise, 16), FAN_OK);
    EXPECT_STR(r.log, "1:0:binary data that holds no keys of a kind that is read\n");
    keys_reading_free(&r);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (int i = 0; i < 1000; i++)
        fprintf(out, "one line of many\n");
    fprintf(out, "0x23\n");
    fclose(out);
    r = (keys_reading){0};
    EXPECT_I64(keys_read_bytes(&r, text, size, 16), FAN_OK);
    EXPECT_U64(r.counts.unreadable, 20);
    EXPECT_CONTAINS(r.log, "20:0:20 lines and not one key: the rest is taken for text\n");
    EXPECT_CONTAINS(r.log, "1001:6:23:0:\n");
    keys_reading_free(&r);
    free(text);
}

/* ---- Other tools ----------------------------------------------------------------------------- */

/* The first words of a command's output up to `most` bytes; "" where it fails. */
static char *output_of(const char *command, size_t most)
{
    char *text = calloc(1, most + 1);
    FILE *pipe = popen(command, "r"); // NOLINT(cert-env33-c)
    size_t size = pipe ? fread(text, 1, most, pipe) : 0;
    if (!pipe || pclose(pipe) != 0)
        size = 0;
    text[size] = '\0';
    return text;
}

/* Appends what gpg says of RSA keys: "bits:modulus:exponent:fingerprint" lines. */
static void add_gpg_keys(char *listing, FILE *out)
{
    bool rsa = false;
    char *rest = NULL, fingerprint[64] = "", modulus[20000] = "";
    unsigned exponent, bits = 0, algorithm;
    for (char *line = strtok_r(listing, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "pub:%*[^:]:%*u:%u:", &algorithm) == 1 ||
            sscanf(line, "sub:%*[^:]:%*u:%u:", &algorithm) == 1)
            rsa = algorithm <= 3;
        (void)sscanf(line, "fpr:::::::::%63[0-9A-F]", fingerprint);
        (void)sscanf(line, "pkd:0:%u:%19999[0-9A-F]", &bits, modulus);
        if (rsa && sscanf(line, "pkd:1:%*u:%x:", &exponent) == 1)
            fprintf(out, "%u:%s:%u:%s\n", bits, modulus, exponent, fingerprint);
    }
}

/* Each line without what stands before its first colon. */
static char *without_lines(const char *log)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    while (*log) {
        const char *end = strchr(log, '\n'), *colon = strchr(log, ':');
        if (strncmp(colon, ":0:", 3) != 0)
            fprintf(out, "%.*s\n", (int)(end - colon - 1), colon + 1);
        log = end + 1;
    }
    fclose(out);
    return text;
}

static void compare_with_gpg(const char *keyring, const char *home)
{
    char command[1024], *want = NULL;
    size_t size;
    snprintf(command, sizeof command,
             "gpg --homedir %s --batch --show-keys --with-colons --with-key-data %s 2>/dev/null",
             home, keyring);
    char *listing = output_of(command, (size_t)1 << 26);
    FILE *out = open_memstream(&want, &size);
    add_gpg_keys(listing, out);
    fclose(out);
    keys_reading r = {0};
    EXPECT_I64(keys_read_from(&r, NULL, keyring, 16), FAN_OK);
    char *got = without_lines(r.log);
    EXPECT_U64(r.counts.unreadable, 0);
    EXPECT_TRUE(size > 100);
    SHIM_CHECK(!strcmp(got, want), (void)0, "gpg lists other keys of %s: %.200s", keyring, want);
    free(got);
    free(want);
    free(listing);
    keys_reading_free(&r);
}

/* The keys by which Debian signs its archive, which every Debian has, and those of its people. */
FAN_TEST(keys_forms, gpg_finds_the_same_keys_in_keyrings)
{
    static const char *const keyrings[] = {
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "/usr/share/keyrings/debian-archive-removed-keys.gpg",
        "/usr/share/keyrings/debian-archive-bullseye-stable.asc",
        "/usr/share/keyrings/debian-keyring.gpg",
        "/usr/share/keyrings/debian-maintainers.gpg",
    };
    char home[] = "/tmp/fanfold-gpg-XXXXXX";
    int compared = 0;
    if (system("gpg --version >/dev/null 2>&1") != 0) // NOLINT(cert-env33-c)
        SKIP("no gpg here");
    ASSERT_TRUE(mkdtemp(home) != NULL);
    for (size_t i = 0; i < sizeof keyrings / sizeof *keyrings; i++) {
        if (access(keyrings[i], R_OK) == 0) {
            compare_with_gpg(keyrings[i], home);
            compared++;
        }
    }
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", home);
    EXPECT_I64(system(command), 0); // NOLINT(cert-env33-c)
    if (!compared)
        SKIP("no keyrings of debian-archive-keyring or debian-keyring here");
}

FAN_TEST(keys_forms, ssh_keygen_and_openssl_agree_on_a_new_key)
{
    if (system("command -v ssh-keygen openssl >/dev/null 2>&1") != 0) // NOLINT(cert-env33-c)
        SKIP("no ssh-keygen or no openssl here");
    static const char script[] =
        "d=$(mktemp -d) && ssh-keygen -q -t rsa -b 1024 -N '' -C 'a key' -f $d/k && "
        "cat $d/k.pub && ssh-keygen -e -m PKCS8 -f $d/k.pub && "
        "ssh-keygen -e -m PKCS8 -f $d/k.pub | openssl rsa -pubin -noout -modulus | "
        "sed 's/Modulus=/0x/' && rm -r $d";
    char *text = output_of(script, 8192);
    keys_reading r = {0};
    EXPECT_I64(keys_read_bytes(&r, text, strlen(text), 16), FAN_OK);
    EXPECT_U64(r.counts.keys, 3);
    EXPECT_CONTAINS(r.log, ":65537:a key\n");
    ASSERT_U64(r.moduli.count, 3);
    EXPECT_TRUE(mpz_sizeinbase(r.moduli.values, 2) >= 1023);
    EXPECT_TRUE(!mpz_cmp(r.moduli.values, r.moduli.values + 1));
    EXPECT_TRUE(!mpz_cmp(r.moduli.values, r.moduli.values + 2));
    keys_reading_free(&r);
    free(text);
}

/* The trust anchors of the DNS; the key tags stand beside the keys. */
FAN_TEST(keys_forms, the_roots_keys_have_their_tags)
{
    static const char path[] = "/usr/share/dns/root.key";
    keys_reading r = {0};
    if (access(path, R_OK) != 0)
        SKIP("no %s here (package dns-root-data)", path);
    EXPECT_I64(keys_read_from(&r, NULL, path, 16), FAN_OK);
    EXPECT_U64(r.counts.unreadable + r.counts.not_rsa, 0);
    EXPECT_TRUE(r.counts.keys >= 1);
    EXPECT_CONTAINS(r.log, ":65537:.+008+20326\n");
    keys_reading_free(&r);
}
