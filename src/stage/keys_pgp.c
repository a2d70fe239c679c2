#include "keys_pgp.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A packet with a 65536-bit modulus takes less than 9 KB, with an exponent as long 17 KB. */
enum { KEY_BODY_MAX = 32768, TAG_PUBLIC_KEY = 6, TAG_PUBLIC_SUBKEY = 14 };

/* The body of a packet: its bytes that are still to come. */
typedef struct body {
    fani_pgp_stream *stream;
    uint64_t left;
    bool partial; /* another length follows behind `left` */
    bool endless; /* up to the end of the stream */
    bool cut;     /* the stream has ended too early */
} body;

static bool take(fani_pgp_stream *stream, unsigned char *to, size_t size)
{
    size_t got = stream->take(stream->user, to, size);
    stream->offset += got;
    return got == size;
}

/* A big-endian number of `size` bytes. */
static bool take_number(fani_pgp_stream *stream, size_t size, uint64_t *value)
{
    unsigned char bytes[4];
    *value = 0;
    if (!take(stream, bytes, size))
        return false;
    for (size_t i = 0; i < size; i++)
        *value = *value << 8 | bytes[i];
    return true;
}

/* A length in the new format. */
static bool take_length(body *b)
{
    uint64_t first, more;
    b->partial = false;
    if (!take_number(b->stream, 1, &first))
        return false;
    if (first < 192) {
        b->left = first;
        return true;
    }
    if (first < 224) {
        bool there = take_number(b->stream, 1, &more);
        b->left = ((first - 192) << 8) + more + 192;
        return there;
    }
    if (first == 255)
        return take_number(b->stream, 4, &b->left);
    b->partial = true;
    b->left = (uint64_t)1 << (first & 31);
    return true;
}

/* The rest of a header whose first byte is `first`. */
static bool take_header(unsigned first, body *b, unsigned *tag)
{
    if (first & 0x40) {
        *tag = first & 0x3f;
        return take_length(b);
    }
    *tag = first >> 2 & 15;
    b->endless = (first & 3) == 3;
    return b->endless || take_number(b->stream, (size_t)1 << (first & 3), &b->left);
}

/* The next bytes of a body, at most `size`; fewer only at its end. */
static size_t take_body(body *b, unsigned char *to, size_t size)
{
    size_t got = 0;
    while (got < size && !b->cut) {
        if (b->endless) {
            size_t more = b->stream->take(b->stream->user, to + got, size - got);
            b->stream->offset += more;
            return got + more;
        }
        if (!b->left && !b->partial)
            break;
        if (!b->left && !take_length(b)) {
            b->cut = true;
            break;
        }
        size_t part = b->left < size - got ? (size_t)b->left : size - got;
        b->cut = !take(b->stream, to + got, part);
        b->left -= part;
        got += b->cut ? 0 : part;
    }
    return got;
}

bool fani_rsa_key_is_pgp(const unsigned char *bytes, size_t size)
{
    static const size_t old_sizes[] = {2, 3, 5, 1};
    if (size < 8)
        return false;
    size_t header = old_sizes[bytes[0] & 3];
    if (bytes[0] == (0xc0 | TAG_PUBLIC_KEY))
        header = bytes[1] < 192 ? 2 : bytes[1] == 255 ? 6 : 3;
    else if ((bytes[0] & 0xfc) != (0x80 | TAG_PUBLIC_KEY << 2))
        return false;
    return bytes[header] >= 2 && bytes[header] <= 8; /* control characters: no text has them */
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static const char *algorithm_name(unsigned algorithm)
{
    static const char *const names[] = {
        [16] = "Elgamal", [17] = "DSA",    [18] = "ECDH", [19] = "ECDSA",   [20] = "Elgamal",
        [22] = "EdDSA",   [25] = "X25519", [26] = "X448", [27] = "Ed25519", [28] = "Ed448"};
    const char *name = algorithm < sizeof names / sizeof *names ? names[algorithm] : NULL;
    return name ? name : "unknown";
}

/* A number of a key: two bytes that count its bits, and its bytes. */
static bool take_mpi(const unsigned char **at, size_t *left, const unsigned char **bytes,
                     size_t *size)
{
    if (*left < 2)
        return false;
    *size = ((size_t)(*at)[0] << 8 | (*at)[1]) / 8 + (((*at)[1] & 7) != 0);
    if (*size > *left - 2)
        return false;
    *bytes = *at + 2;
    *at += 2 + *size;
    *left -= 2 + *size;
    return true;
}

static void add_hex(char *text, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < size; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

/* What gpg calls the key: from version 4 on the fingerprint, before that the modulus's end. */
static void name_key(char id[static 2 * FANI_KEY_FINGERPRINT_BYTES + 1],
                     const unsigned char *packet, size_t size, const fani_rsa_key *key)
{
    unsigned char hash[FANI_KEY_FINGERPRINT_BYTES];
    id[0] = '\0';
    size_t hash_size = packet[0] >= 4 ? fani_rsa_key_fingerprint(packet, size, hash) : 0;
    if (hash_size)
        add_hex(id, hash, hash_size);
    else if (packet[0] < 4 && key->modulus_size >= 8)
        add_hex(id, key->modulus + key->modulus_size - 8, 8);
}

/* What stands before the numbers: version, time, days in old ones, algorithm; since version 5 also
 * how many bytes the numbers have. */
static size_t head_size(unsigned version)
{
    return version < 4 ? 8 : version == 4 ? 6 : 10;
}

/* Whether the numbers have as many bytes as the packet says they have. */
static bool is_counted(const unsigned char *packet, size_t size)
{
    if (packet[0] < 5)
        return true;
    size_t said =
        (size_t)packet[6] << 24 | (size_t)packet[7] << 16 | (size_t)packet[8] << 8 | packet[9];
    return said == size - head_size(packet[0]);
}

/* `packet`: a whole key packet's body, at least its first byte. */
static fan_status deliver_packet(const fani_rsa_key_source *source, uint64_t line, uint64_t offset,
                                 const unsigned char *packet, size_t size)
{
    char id[2 * FANI_KEY_FINGERPRINT_BYTES + 1];
    size_t head = head_size(packet[0]), algorithm_at = packet[0] < 4 ? 7 : 5;
    fani_rsa_key key = {.form = FANI_RSA_KEY_OPENPGP, .id = id};
    if (packet[0] < 2 || packet[0] > 6)
        return fani_rsa_key_report(
            source, line, 0, FANI_RSA_KEY_UNREADABLE,
            "an OpenPGP key of version %u at byte %" PRIu64 "; 2 to 6 are read", packet[0], offset);
    unsigned algorithm = size > algorithm_at ? packet[algorithm_at] : 1;
    if (algorithm < 1 || algorithm > 3)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_NOT_RSA,
                                   "not an RSA key: OpenPGP algorithm %u (%s)", algorithm,
                                   algorithm_name(algorithm));
    const unsigned char *at = packet + head;
    size_t left = size > head ? size - head : 0;
    if (size < head || !is_counted(packet, size) ||
        !take_mpi(&at, &left, &key.modulus, &key.modulus_size) ||
        !take_mpi(&at, &left, &key.exponent, &key.exponent_size) || left)
        return fani_rsa_key_report(source, line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a malformed OpenPGP key at byte %" PRIu64, offset);
    name_key(id, packet, size, &key);
    return fani_rsa_key_raw(source, line, key);
}

/* ---- Packets --------------------------------------------------------------------------------- */

static fan_status report_cut(const fani_rsa_key_source *source, const fani_pgp_stream *stream,
                             uint64_t offset)
{
    return fani_rsa_key_report(source, stream->line, 0, FANI_RSA_KEY_UNREADABLE,
                               "the OpenPGP packet at byte %" PRIu64 " ends too early", offset);
}

/* Takes a packet whose header was read: delivers its key, or passes over it. */
static fan_status take_packet(const fani_rsa_key_source *source, body *b, unsigned tag,
                              uint64_t offset, unsigned char *scratch)
{
    bool is_key = tag == TAG_PUBLIC_KEY || tag == TAG_PUBLIC_SUBKEY;
    unsigned char rest[4096];
    bool too_large = false;
    size_t size = take_body(b, scratch, KEY_BODY_MAX);
    while (take_body(b, rest, sizeof rest))
        too_large = true;
    if (b->cut)
        return report_cut(source, b->stream, offset);
    if (!is_key)
        return FAN_OK;
    if (too_large || !size)
        return fani_rsa_key_report(source, b->stream->line, 0, FANI_RSA_KEY_UNREADABLE,
                                   "a malformed OpenPGP key at byte %" PRIu64, offset);
    return deliver_packet(source, b->stream->line, offset, scratch, size);
}

fan_status fani_rsa_key_pgp(const fani_rsa_key_source *source, fani_pgp_stream *stream)
{
    unsigned char first, *scratch = malloc(KEY_BODY_MAX);
    fan_status status = FAN_OK;
    if (!scratch)
        return fani_error_set(source->error, FAN_E_MEMORY, "no memory for an OpenPGP packet");
    while (!status && stream->take(stream->user, &first, 1) == 1) {
        body b = {.stream = stream};
        uint64_t offset = stream->offset++;
        unsigned tag;
        if (!(first & 0x80)) {
            status = fani_rsa_key_report(source, stream->line, 0, FANI_RSA_KEY_UNREADABLE,
                                         "byte %" PRIu64 " is no beginning of an OpenPGP packet",
                                         offset);
            break;
        }
        if (!take_header(first, &b, &tag)) {
            status = report_cut(source, stream, offset);
            break;
        }
        status = take_packet(source, &b, tag, offset, scratch);
        if (b.cut)
            break;
    }
    free(scratch);
    return status;
}
