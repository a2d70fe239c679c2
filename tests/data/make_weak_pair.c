/* Makes the two shipped certificates whose keys share a prime: jobs/data/weak-a.pem, weak-b.pem.
 * Needs only libcrypto. The private keys exist for as long as it takes to sign.
 *
 *     cc make_weak_pair.c -lcrypto -o make_weak_pair && ./make_weak_pair FOLDER */
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

static void require(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "make_weak_pair: %s failed\n", what);
    exit(1);
}

/* A 1024-bit prime, its two top bits set, that exponent 65537 can be used with. */
static BIGNUM *new_prime(BN_CTX *scratch)
{
    BIGNUM *prime = BN_new();
    do {
        require(BN_priv_rand(prime, 1024, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD), "random bits");
        while (BN_check_prime(prime, scratch, NULL) != 1)
            require(BN_add_word(prime, 2), "a step");
    } while (BN_mod_word(prime, 65537) == 1);
    return prime;
}

static EVP_PKEY *new_key(const BIGNUM *p, const BIGNUM *q, BN_CTX *scratch)
{
    BIGNUM *n = BN_new(), *e = BN_new(), *d = BN_new(), *order = BN_new(), *q1 = BN_new();
    require(BN_mul(n, p, q, scratch) && BN_set_word(e, 65537), "the modulus");
    require(BN_sub(order, p, BN_value_one()) && BN_sub(q1, q, BN_value_one()), "p - 1");
    require(BN_mul(order, order, q1, scratch) && BN_mod_inverse(d, e, order, scratch) != NULL,
            "the private exponent");
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    require(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, d),
            "the parameters");
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    require(EVP_PKEY_fromdata_init(context) > 0 &&
                EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) > 0,
            "the key");
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    BN_clear_free(d);
    BN_clear_free(order);
    BN_clear_free(q1);
    return key;
}

static void write_certificate(const char *path, const char *name, long serial, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    require(X509_set_version(certificate, X509_VERSION_3) &&
                ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial) &&
                ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "20250101000000Z") &&
                ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "20350101000000Z") &&
                X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
                                           -1, -1, 0) &&
                X509_set_issuer_name(certificate, subject) && X509_set_pubkey(certificate, key) &&
                X509_sign(certificate, key, EVP_sha256()) > 0,
            "the certificate");
    FILE *file = fopen(path, "w");
    require(file != NULL, path);
    fprintf(file, "Made for Fanfold by tests/data/make_weak_pair.c: the keys in weak-a.pem and\n"
                  "weak-b.pem share a prime on purpose. Never trust or use them.\n\n");
    require(PEM_write_X509(file, certificate), path);
    require(fclose(file) == 0, path);
    X509_free(certificate);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_weak_pair FOLDER\n");
        return 2;
    }
    static const char *const names[2] = {"weak-a", "weak-b"};
    BN_CTX *scratch = BN_CTX_new();
    BIGNUM *shared = new_prime(scratch);
    for (int i = 0; i < 2; i++) {
        char path[4096], subject[64];
        BIGNUM *own = new_prime(scratch);
        EVP_PKEY *key = new_key(shared, own, scratch);
        snprintf(path, sizeof path, "%s/%s.pem", argv[1], names[i]);
        snprintf(subject, sizeof subject, "%s.example", names[i]);
        write_certificate(path, subject, i + 1, key);
        EVP_PKEY_free(key);
        BN_clear_free(own);
    }
    BN_clear_free(shared);
    BN_CTX_free(scratch);
    return 0;
}
