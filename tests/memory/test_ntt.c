/* Products by transforms when memory runs out: it says so, keeps nothing, and the next call works.
 * The sanitizers' build sees what is lost. */
#include "failing.h"
#include "kernel/ntt/ntt.h"
#include "shim/shim.h"

#include <stdlib.h>

enum { LIMBS = 3000 };

static mp_limb_t a[LIMBS], product[2 * LIMBS], expected[2 * LIMBS];

FAN_TEST(ntt_memory, product)
{
    bool failed = true;
    uint64_t good = 0;
    for (size_t i = 0; i < LIMBS; i++)
        a[i] = i * UINT64_C(0x9e3779b97f4a7c15);
    mpn_sqr(expected, a, LIMBS);
    ASSERT_TRUE(fani_ntt_pays(LIMBS, LIMBS, FANI_ISA_AVX2));
    if (fani_isa_machine() < FANI_ISA_AVX2)
        SKIP("so short products are mpn_mul's here");
    for (; failed && !shim_failed(); good++) {
        failing_after(good);
        fan_status status = fani_ntt_mul(product, a, LIMBS, a, LIMBS, FANI_ISA_AVX2);
        failed = failing_end();
        EXPECT_I64(status, failed ? FAN_E_MEMORY : FAN_OK);
    }
    EXPECT_TRUE(good > 4); /* what is kept, the plan, its tables, transforms */
    EXPECT_TRUE(memcmp(product, expected, sizeof product) == 0);
}

FAN_TEST(ntt_memory, plan)
{
    fani_ntt *plan = NULL;
    uint64_t *transforms = NULL;
    bool failed = true;
    for (uint64_t good = 0; failed && !shim_failed(); good++) {
        failing_after(good);
        fan_status status = fani_ntt_make(LIMBS, FANI_ISA_SCALAR, &plan);
        failed = failing_end();
        EXPECT_I64(status, failed ? FAN_E_MEMORY : FAN_OK);
        EXPECT_TRUE(failed == (plan == NULL));
    }
    failing_after(0);
    EXPECT_I64(fani_ntt_allocate(plan, 2, &transforms), FAN_E_MEMORY);
    EXPECT_TRUE(failing_end() && transforms == NULL);
    EXPECT_I64(fani_ntt_allocate(plan, SIZE_MAX / 16, &transforms), FAN_E_MEMORY);
    fani_ntt_free(plan);
}
