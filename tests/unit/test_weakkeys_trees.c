/* Product and remainder trees, and the encoding. */
#include "shim.h"

#include "kernel/gcd/weak.h"
#include "kernel/gcd/weak_codec.h"

#include <stdlib.h>

static void random_list(fani_mpzs *list, size_t count, mp_bitcnt_t bits, gmp_randstate_t random)
{
    fani_mpzs_resize(list, count);
    for (size_t i = 0; i < count; i++) {
        mpz_urandomb(list->values + i, random, 1 + gmp_urandomm_ui(random, bits));
        mpz_add_ui(list->values + i, list->values + i, 1);
    }
}

FAN_TEST(weakkeys_trees, remainders_are_those_of_plain_division)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    mpz_t x, want, product;
    mpz_inits(x, want, product, NULL);
    for (size_t count = 0; count < 40; count++) {
        fani_mpzs list = {0};
        random_list(&list, count, 300, random);
        mpz_urandomb(x, random, 5000);
        fani_tree tree;
        ASSERT_I64(fani_tree_build(&tree, list.values, count), FAN_OK);
        mpz_set_ui(product, 1);
        for (size_t i = 0; i < count; i++)
            mpz_mul(product, product, list.values + i);
        EXPECT_TRUE(!mpz_cmp(fani_tree_root(&tree), product));
        fani_mpzs remainders = {0};
        ASSERT_I64(fani_tree_remainders(&tree, x, &remainders), FAN_OK);
        for (size_t i = 0; i < count; i++) {
            mpz_mod(want, x, list.values + i);
            EXPECT_TRUE(!mpz_cmp(remainders.values + i, want));
        }
        fani_mpzs_free(&remainders);
        fani_tree_free(&tree);
        fani_mpzs_free(&list);
    }
    mpz_clears(x, want, product, NULL);
    gmp_randclear(random);
}

FAN_TEST(weakkeys_trees, a_gcd_that_does_not_divide_is_refused)
{
    mpz_t modulus, gcd;
    mpz_init_set_ui(modulus, 15);
    mpz_init_set_ui(gcd, 7);
    fani_weak_set set;
    fan_weakkeys_report *report = NULL;
    ASSERT_I64(fani_weak_set_build(&set, modulus, 1, NULL), FAN_OK);
    EXPECT_I64(fani_weak_report_build(&set, gcd, &report, NULL), FAN_E_ARGUMENT);
    EXPECT_TRUE(report == NULL);
    fani_weak_set_free(&set);
    mpz_clears(modulus, gcd, NULL);
}

FAN_TEST(weakkeys_trees, encoded_lists_come_back)
{
    gmp_randstate_t random;
    gmp_randinit_default(random);
    fani_mpzs list = {0}, back = {0};
    random_list(&list, 30, 3000, random);
    mpz_set_ui(list.values + 4, 0);
    size_t size = fani_weak_encoded_size(list.values, list.count);
    unsigned char *bytes = malloc(size);
    fani_weak_encode(list.values, list.count, bytes);
    ASSERT_I64(fani_weak_decode(bytes, size, &back, NULL), FAN_OK);
    ASSERT_I64(fani_weak_decode(bytes, size, &back, NULL), FAN_OK);
    ASSERT_U64(back.count, 60);
    for (size_t i = 0; i < 60; i++)
        EXPECT_TRUE(!mpz_cmp(back.values + i, list.values + i % 30));
    fani_mpzs_free(&back);
    /* Every cut of the bytes is either a shorter list or refused, and never read past its end. */
    size_t whole = 0;
    for (size_t cut = 0; cut <= size; cut++) {
        unsigned char *part = malloc(cut + 1);
        memcpy(part, bytes, cut);
        if (!fani_weak_decode(part, cut, &back, NULL))
            EXPECT_U64(back.count, whole++);
        else
            EXPECT_U64(back.count, 0);
        fani_mpzs_free(&back);
        free(part);
    }
    EXPECT_U64(whole, 31);
    free(bytes);
    fani_mpzs_free(&list);
    gmp_randclear(random);
}

/* Of any length, with zeros in front too, as GMP has them. */
FAN_TEST(weakkeys_trees, bytes_are_turned_as_by_gmp)
{
    unsigned char bytes[40], out[8 + sizeof bytes], want[sizeof bytes];
    mpz_t got, number;
    mpz_inits(got, number, NULL);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        for (size_t zeros = 0; zeros <= length; zeros++) {
            for (size_t i = 0; i < length; i++)
                bytes[i] = i < zeros ? 0 : (unsigned char)(37 * i + 11 * length + 1);
            mpz_import(number, length, 1, 1, 1, 0, bytes);
            fani_weak_import(got, bytes, length);
            EXPECT_TRUE(!mpz_cmp(got, number));
            size_t size = 0, encoded = fani_weak_encoded_size(got, 1);
            mpz_export(want, &size, 1, 1, 1, 0, number);
            ASSERT_U64(encoded, 8 + size);
            fani_weak_encode(got, 1, out);
            EXPECT_TRUE(!memcmp(out + 8, want, size));
        }
    }
    mpz_clears(got, number, NULL);
}

FAN_TEST(weakkeys_trees, the_encoding_is_fixed)
{
    static const unsigned char want[] = {2,    0, 0, 0, 0, 0, 0, 0, 0x12,
                                         0x34, 0, 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char padded[] = {2, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    unsigned char got[sizeof want];
    fani_mpzs list = {0};
    fani_mpzs_resize(&list, 2);
    mpz_set_ui(list.values, 0x1234);
    ASSERT_U64(fani_weak_encoded_size(list.values, 2), sizeof want);
    fani_weak_encode(list.values, 2, got);
    EXPECT_TRUE(!memcmp(got, want, sizeof want));
    fan_error error = {0};
    EXPECT_I64(fani_weak_decode(padded, sizeof padded, &list, &error), FAN_E_PROTOCOL);
    EXPECT_CONTAINS(error.text, "malformed");
    EXPECT_U64(list.count, 2);
    fani_mpzs_free(&list);
}
