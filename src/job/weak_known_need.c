#include "job/weak_known_need.h"

#include "kernel/gcd/space.h"

enum { WORD = sizeof(mp_limb_t), MODULUS_TIMES = 4, ROUND_ITEMS = 32, LIMBS_LEAST = 1 << 19 };

/* Integers may be as short as this, in limbs: what they take besides these. */
enum { SHORTEST_KEY = 4 };

static size_t longer(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t shorter(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t both(const fani_known_sizes *sizes)
{
    return sizes->nodes[0] + sizes->nodes[1];
}

static size_t longer_node(const fani_known_sizes *sizes)
{
    return longer(sizes->nodes[0], sizes->nodes[1]);
}

/* ---- Ways ------------------------------------------------------------------------------------ */

/* The ways, in their order; halves where there are two nodes. */
typedef enum way {
    MANY,   /* a round of items, each so long that what is multiplied afterwards weighs little */
    FEW,    /* an item is one product, and a round as many as there are workers */
    PIECES, /* so long that the modulus's transforms are worth keeping */
    HALVES,
    SHORT_PIECES,
    WAYS,
} way;

static void count_items(const fani_weak_memory *memory, const fani_known_sizes *sizes,
                        fani_known_plan *p)
{
    size_t n = p->halves ? longer_node(sizes) : both(sizes);
    size_t number = p->piece ? shorter(p->piece, sizes->longest)
                             : shorter(p->item_limbs - 1 + sizes->longest, sizes->known);
    size_t product = shorter(2 * n, sizes->known);
    size_t residues = p->round + 1 + (p->halves ? 1 : 0);
    size_t left = shorter(n, sizes->known), outside = p->halves ? 2 * left : left;
    size_t others = (sizes->nodes[1] ? longer_node(sizes) : 0) + left;
    uint64_t held = sizes->held + FANI_KNOWN_READ_BYTES, modulus = (uint64_t)2 * n * WORD;
    p->modulus = (fani_weak_item){.direct = true,
                                  .held = held,
                                  .bytes = (uint64_t)n * WORD,
                                  .reply = modulus,
                                  .work = fani_space_modulus(n)};
    p->reduce =
        (fani_weak_item){.direct = true,
                         .held = held + modulus * memory->shares + (uint64_t)residues * left * WORD,
                         .bytes = (uint64_t)number * WORD,
                         .reply = (uint64_t)n * WORD,
                         .work = fani_space_reduce(n, number, number > sizes->longest)};
    p->pair = (fani_weak_item){.direct = true,
                               .held = p->reduce.held + (uint64_t)(p->round / 2 + 1) * left * WORD,
                               .bytes = modulus,
                               .reply = (uint64_t)n * WORD,
                               .work = fani_space_reduce(n, product, false)};
    /* What was left is kept beside the sums. */
    p->root = (fani_weak_item){.held = sizes->held + (uint64_t)both(sizes) * memory->shares * WORD +
                                       (uint64_t)(memory->shares + 1) * outside * WORD,
                               .reply = (uint64_t)longer_node(sizes) * WORD,
                               .work = fani_space_root(longer_node(sizes), others) +
                                       (uint64_t)others * WORD};
}

static fani_known_plan make(const fani_weak_memory *memory, const fani_known_sizes *sizes, way how)
{
    size_t all = both(sizes);
    fani_known_plan p = {.item_limbs = 1, .round = 1};
    p.halves = how >= HALVES && sizes->nodes[1];
    size_t n = p.halves ? longer_node(sizes) : all;
    switch (how) {
    case MANY:
        p.item_limbs = longer(MODULUS_TIMES * n, LIMBS_LEAST);
        p.round = ROUND_ITEMS;
        break;
    case FEW:
        p.round = memory->workers;
        break;
    case SHORT_PIECES:
        p.piece = 2 * n + 1;
        break;
    default:
        p.piece = (MODULUS_TIMES + 1) * n + 1;
    }
    count_items(memory, sizes, &p);
    return p;
}

static uint64_t need_of(const fani_weak_memory *memory, const fani_known_plan *p, size_t items)
{
    const fani_weak_item *at[] = {&p->modulus, &p->reduce, &p->pair, &p->root};
    const size_t count[] = {1, p->piece ? 1 : items, p->piece ? 1 : items, items < 2 ? items : 2};
    uint64_t need = 0;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        uint64_t one = fani_weak_need(memory, at[i], count[i]);
        need = one > need ? one : need;
    }
    return need;
}

void fani_known_choose(const fani_weak_memory *memory, const fani_known_sizes *sizes,
                       fani_known_plan *plan)
{
    for (way how = MANY; how < WAYS; how++) {
        *plan = make(memory, sizes, how);
        size_t items = how < FEW ? memory->workers : 1;
        if (!memory->limit || need_of(memory, plan, items) <= memory->limit)
            return;
    }
}

uint64_t fani_known_least(const fani_weak_memory *memory, const fani_known_sizes *sizes)
{
    uint64_t least = UINT64_MAX;
    for (way how = MANY; how < WAYS; how++) {
        const fani_known_plan p = make(memory, sizes, how);
        uint64_t need = need_of(memory, &p, 1);
        least = need < least ? need : least;
    }
    return least;
}

uint64_t fani_known_need_of(const fani_weak_memory *memory, const fani_known_sizes *sizes,
                            size_t items)
{
    const fani_known_plan p = make(memory, sizes, MANY);
    return need_of(memory, &p, items);
}

/* ---- Other items ----------------------------------------------------------------------------- */

fani_weak_item fani_known_product_item(size_t limbs, size_t keys)
{
    return (fani_weak_item){.direct = true,
                            .held = FANI_KNOWN_READ_BYTES,
                            .bytes = (uint64_t)limbs * WORD,
                            .reply = (uint64_t)limbs * WORD,
                            .work = fani_space_product(limbs, keys)};
}

fani_weak_item fani_known_meet_item(const fani_weak_memory *memory, size_t limbs, size_t number)
{
    size_t tree = limbs < number ? limbs : number;
    return (fani_weak_item){.direct = true,
                            .held = FANI_KNOWN_READ_BYTES +
                                    (uint64_t)(memory->shares + 1) * number * WORD,
                            .bytes = (uint64_t)limbs * WORD,
                            .reply = (uint64_t)limbs * WORD,
                            .work = fani_space_block(tree, tree / SHORTEST_KEY + 1) +
                                    fani_space_root(tree, number) + (uint64_t)2 * limbs * WORD};
}
