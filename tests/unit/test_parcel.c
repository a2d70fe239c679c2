/* Orders between ranks as bytes; the reader needs no MPI. */
#include <stdlib.h>

#include "exec/mpi/parcel.h"
#include "shim/shim.h"

enum { OFFSETS = 1, BYTES = 2, ARGS = 4, MORE = 16 }; /* flags of an order */
enum { FLAGS_AT = 52, ARGS_AT = 112 };                /* behind the head; behind the long record */

static unsigned char *write_order(const fani_order *order, size_t *size)
{
    const fani_parcel_head head = {.magic = FANI_ORDERS_MAGIC, .count = 1, .reply_limit = 50};
    *size = sizeof head + fani_order_size(order, 50);
    unsigned char *message = malloc(*size);
    memcpy(message, &head, sizeof head);
    EXPECT_TRUE(fani_order_write(order, 50, message + sizeof head) == message + *size);
    return message;
}

static fan_status read_order(const unsigned char *message, size_t size, fani_order *order)
{
    fani_parcel parcel;
    fan_status status = fani_parcel_open(&parcel, message, size);
    return status == FAN_OK ? fani_order_read(&parcel, order) : status;
}

static fan_status read_with_flags(unsigned char *message, size_t size, uint32_t flags,
                                  fani_order *order)
{
    memcpy(message + FLAGS_AT, &flags, sizeof flags);
    return read_order(message, size, order);
}

FAN_TEST(parcel, an_order_comes_back_as_it_went)
{
    static const uint64_t offsets[] = {5, 8, 8, 12};
    const fani_order order = {.ticket = 7,
                              .task = 3,
                              .is_short = true,
                              .items = {.bytes = (const unsigned char *)".....abcdefg",
                                        .offsets = offsets,
                                        .count = 3,
                                        .first = 40},
                              .reply_limit = 50,
                              .timeout_ns = 1000,
                              .priority = -2};
    fani_order back;
    size_t size, item;
    unsigned char *message = write_order(&order, &size);
    ASSERT_I64(read_order(message, size, &back), FAN_OK);
    EXPECT_U64(back.ticket, 7);
    EXPECT_TRUE(back.is_short && back.priority == -2 && back.timeout_ns == 1000);
    EXPECT_TRUE(back.items.count == 3 && back.items.first == 40 && back.reply_limit == 50);
    EXPECT_TRUE(!memcmp(fan_items_at(&back.items, 2, &item), "defg", 4) && item == 4);
    for (size_t cut = 0; cut < size; cut++)
        EXPECT_I64(read_order(message, cut, &back), FAN_E_PROTOCOL);
    free(message);
}

FAN_TEST(parcel, inputs_and_arguments_that_are_not_there_are_refused)
{
    static const uint64_t offsets[] = {0, 3, 7}, none = 0;
    fani_order order = {
        .ticket = 7,
        .items = {.bytes = (const unsigned char *)"abcdefg", .offsets = offsets, .count = 2},
        .args = 9,
        .reply_limit = 50};
    fani_order back;
    size_t size;
    unsigned char *message = write_order(&order, &size);
    EXPECT_I64(read_with_flags(message, size, OFFSETS | BYTES | ARGS | MORE, &back), FAN_OK);
    EXPECT_U64(back.args, 9);
    EXPECT_I64(read_with_flags(message, size, OFFSETS | ARGS | MORE, &back), FAN_E_PROTOCOL);
    memcpy(message + ARGS_AT, &none, sizeof none);
    EXPECT_I64(read_with_flags(message, size, OFFSETS | BYTES | ARGS | MORE, &back),
               FAN_E_PROTOCOL);
    free(message);
    order.items = (fan_items){.size = 8, .count = 3};
    message = write_order(&order, &size);
    ASSERT_I64(read_order(message, size, &back), FAN_OK);
    EXPECT_U64(back.items.size, 0);
    free(message);
}
