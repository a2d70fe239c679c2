/* Keys that people use, from Debian's packages: Skipped where these are not installed. */
#include "keys_kit.h"
#include "weakkeys_kit.h"

#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#define KEYRINGS "/usr/share/keyrings/debian-"
#define VECTORS "/usr/lib/python3/dist-packages/cryptography_vectors/x509"

/* The keys of Debian's developers and maintainers: thousands of RSA keys, none of which shares
 * anything. (In the package of 2022.12.24 3496, and ten of them have the ROCA fingerprint.) */
FAN_TEST(job_weakkeys_real, keys_of_debians_people_share_nothing)
{
    unsigned read = 0, rsa = 0, weak = 1;
    if (access(KEYRINGS "keyring.gpg", R_OK) != 0)
        SKIP("no " KEYRINGS "keyring.gpg here (package debian-keyring)");
    weak_outcome o = {0};
    weak_run(&o, "threads", WEAK_SETTINGS("format=tsv"),
             WEAK_FILES(KEYRINGS "keyring.gpg", KEYRINGS "maintainers.gpg",
                        KEYRINGS "nonupload.gpg", KEYRINGS "role-keys.gpg"));
    EXPECT_I64(o.result.exit_code, 0);
    EXPECT_I64(sscanf(o.note, "%u keys read, %u RSA, %u weak", &read, &rsa, &weak), 3);
    EXPECT_TRUE(read > rsa && rsa > 1000);
    EXPECT_U64(weak, 0);
    EXPECT_TRUE(!strstr(o.note, "unreadable"));
    free(o.output);
}

/* What openssl says that the modulus of a certificate is: "Modulus=...", or something else. */
static void openssl_modulus(const char *path, char *line, size_t room)
{
    char command[1024];
    snprintf(command, sizeof command,
             "openssl x509 -inform %s -in '%s' -noout -modulus 2>/dev/null",
             strstr(path, ".der") || strstr(path, ".crt") ? "DER" : "PEM", path);
    FILE *pipe = popen(command, "r"); // NOLINT(cert-env33-c)
    line[0] = '\0';
    if (pipe && !fgets(line, (int)room, pipe))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (pipe)
        (void)pclose(pipe); /* its output says enough */
}

/* Certificates made to be hard to read. */
FAN_TEST(job_weakkeys_real, openssl_finds_the_same_moduli_in_test_certificates)
{
    static char modulus[20000], want[21000];
    glob_t found;
    unsigned compared = 0;
    if (access(VECTORS, R_OK) != 0)
        SKIP("no " VECTORS " here (package python3-cryptography-vectors)");
    if (system("openssl version >/dev/null 2>&1") != 0) // NOLINT(cert-env33-c)
        SKIP("no openssl here");
    ASSERT_I64(glob(VECTORS "/PKITS_data/certs/*.crt", 0, NULL, &found), 0);
    (void)glob(VECTORS "/*.der", GLOB_APPEND, NULL, &found);
    (void)glob(VECTORS "/custom/*.pem", GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i += i < 400 ? 8 : 1) {
        const char *path = found.gl_pathv[i];
        openssl_modulus(path, modulus, sizeof modulus);
        if (strncmp(modulus, "Modulus=", 8) != 0 || !strcmp(modulus, "Modulus=No modulus for this "
                                                                     "public key type"))
            continue;
        keys_reading r = {0};
        EXPECT_I64(keys_read_from(&r, NULL, path, 16), FAN_OK);
        snprintf(want, sizeof want, ":%s:", modulus + 8);
        bool dsa = strstr(r.log, "not an RSA key: dsaEncryption"); /* its "modulus" is its key */
        SHIM_CHECK(dsa || strstr(r.log, want), (void)0, "%s: %.300s, expected %.300s", path, r.log,
                   want);
        compared += r.counts.keys > 0;
        keys_reading_free(&r);
    }
    EXPECT_TRUE(compared > 50);
    globfree(&found);
}
