#include "base/philox.h"
#include "shim.h"

/* The known answers that the authors publish with their Random123 library. */
FAN_TEST(philox, known_answers)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (unsigned i = 0; i < 3; i++) {
        uint32_t out[4];
        fani_philox(cases[i].counter, cases[i].key, out);
        for (unsigned k = 0; k < 4; k++)
            EXPECT_U64(out[k], cases[i].out[k]);
    }
    EXPECT_U64(fani_philox_u64(0, 0), UINT64_C(0xe169c58d6627e8d5));
    EXPECT_TRUE(fani_philox_u64(UINT64_C(1) << 32, 0) != fani_philox_u64(0, UINT64_C(1) << 32));
}
