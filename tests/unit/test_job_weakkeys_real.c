/* Keys that people use, from Debian's packages: Skipped where these are not installed. */
#include "keys_kit.h"

#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#define VECTORS "/usr/lib/python3/dist-packages/cryptography_vectors/x509"

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
