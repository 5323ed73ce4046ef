/* SPDX-License-Identifier: Apache-2.0
 * The tree: what is folded when it is built, lists, and its memory. */
#include "filter/tree.h"

#include "filter/words.h"
#include "filter_make.h"

static void memory(void **state) {
    (void)state;
    struct eg_arena arena = {0};
    uint8_t *first = eg_arena_get(&arena, 1, 1), *second = eg_arena_get(&arena, 1, 1);
    assert_true(((uintptr_t)first & 15) == 0 && ((uintptr_t)second & 15) == 0);
    assert_true(second >= first + 16);
    uint8_t *large = eg_arena_get(&arena, 100, 1000);
    for (size_t i = 0; i < 100000; i++) assert_int_equal(large[i], 0);
    memset(large, 1, 100000);
    assert_null(eg_arena_get(&arena, SIZE_MAX, 2));
    assert_null(eg_arena_get(&arena, SIZE_MAX / 2 + 10, 1));
    assert_non_null(eg_arena_get(&arena, 0, 8));
    eg_arena_reset(&arena);
    assert_null(arena.chunks);
    eg_arena_reset(&arena);
}

static struct eg_node *leaf(struct eg_arena *arena, enum eg_compare compare) {
    struct eg_node *node = eg_node_new(arena, EG_NODE_COMPARE);
    node->compare = compare;
    node->field.reads = UINT64_C(1) << compare;
    return node;
}

static void folding(void **state) {
    (void)state;
    struct eg_arena arena = {0}, *a = &arena;
    /* and/or with constants */
    struct eg_node *one = leaf(a, EG_EQ);
    assert_ptr_equal(eg_node_join(a, EG_NODE_AND, eg_node_const(a, true), one), one);
    assert_ptr_equal(eg_node_join(a, EG_NODE_OR, one, eg_node_const(a, false)), one);
    assert_false(eg_node_join(a, EG_NODE_AND, one, eg_node_const(a, false))->truth);
    assert_true(eg_node_join(a, EG_NODE_OR, eg_node_const(a, true), one)->truth);
    assert_false(eg_node_not(a, eg_node_const(a, true))->truth);
    /* not: twice is nothing; comparisons turn around */
    static const enum eg_compare turned[] = {EG_NE, EG_EQ, EG_GE, EG_GT, EG_LE, EG_LT};
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(eg_node_not(a, leaf(a, (enum eg_compare)i))->compare, turned[i]);
    struct eg_node *in = eg_node_new(a, EG_NODE_IN);
    assert_int_equal(eg_node_not(a, in)->kind, EG_NODE_NOT);
    assert_ptr_equal(eg_node_not(a, eg_node_not(a, in)), in);
    /* chains are flat, depth counts from the leaves */
    struct eg_node *chain = leaf(a, EG_EQ);
    for (int i = 0; i < 100; i++) chain = eg_node_join(a, EG_NODE_OR, chain, leaf(a, EG_LT));
    assert_int_equal(chain->kid_count, 101);
    assert_int_equal(chain->depth, 2);
    struct eg_node *and = eg_node_join(a, EG_NODE_AND, leaf(a, EG_GT), chain);
    assert_int_equal(and->depth, 3);
    assert_true(eg_node_columns(and) == ((1 << EG_EQ) | (1 << EG_LT) | (1 << EG_GT)));
    assert_null(eg_node_join(a, EG_NODE_AND, NULL, one));
    assert_null(eg_node_not(a, NULL));
    eg_arena_reset(a);
}

static void numbers(void **state) {
    (void)state;
    struct eg_item items[] = {
        {.low.number = 10, .high.number = 20, .range = true},
        {.low.number = 5, .high.number = 5},
        {.low.number = 21, .high.number = 21},
        {.low.number = 12, .high.number = 13, .range = true},
        {.low.number = 7, .high.number = 7, .range = true},
        {.low.number = INT64_MAX, .high.number = INT64_MAX},
        {.low.number = 30, .high.number = INT64_MAX, .range = true},
    };
    uint32_t count = 7;
    eg_items_settle(EG_TYPE_I64, items, &count);
    assert_int_equal(count, 4);
    assert_int_equal(items[0].low.number, 5);
    assert_false(items[1].range);
    assert_int_equal(items[1].low.number, 7);
    assert_int_equal(items[2].low.number, 10);
    assert_int_equal(items[2].high.number, 21);
    assert_int_equal(items[3].low.number, 30);
    assert_true(items[3].high.number == INT64_MAX);
}

static struct eg_item net(const char *text) {
    struct eg_item item = {0};
    assert_true(eg_prefix_parse(&item.low.addr, &item.bits, text, strlen(text)));
    return item;
}

static void nets(void **state) {
    (void)state;
    struct eg_item items[] = {net("::/0"),      net("10.1.0.0/16"), net("10.0.0.0/8"),
                              net("10.2.3.4"),  net("11.0.0.1"),    net("2001:db8::/32"),
                              net("0.0.0.0/8"), net("11.0.0.1")};
    uint32_t count = 8;
    eg_items_settle(EG_TYPE_ADDR, items, &count);
    /* IPv6's ::/0 covers 2001:db8::/32 but no IPv4 net */
    assert_int_equal(count, 4);
    assert_true(eg_item_is_v4(&items[0]) && items[0].bits == 104 &&
                items[0].low.addr.bytes[12] == 0);
    assert_int_equal(items[1].low.addr.bytes[12], 10);
    assert_int_equal(items[2].low.addr.bytes[12], 11);
    assert_int_equal(items[3].bits, 0);
    assert_false(eg_item_is_v4(&items[3]));
    struct eg_item wide = net("::ffff:0:0/95");
    assert_false(eg_item_is_v4(&wide));
}

static void others(void **state) {
    (void)state;
    struct eg_item texts[] = {{.low = {.text = "b", .size = 1}},
                              {.low = {.text = "", .size = 0}},
                              {.low = {.text = "ab", .size = 2}},
                              {.low = {.text = "b", .size = 1}}};
    uint32_t count = 4;
    eg_items_settle(EG_TYPE_NAME, texts, &count);
    assert_int_equal(count, 3);
    assert_int_equal(texts[0].low.size, 0);
    assert_string_equal(texts[1].low.text, "ab");
    struct eg_item macs[] = {{.low.number = 2, .high.number = 2},
                             {.low.number = 1, .high.number = 1},
                             {.low.number = 2, .high.number = 2}};
    count = 3;
    eg_items_settle(EG_TYPE_MAC, macs, &count);
    assert_int_equal(count, 2); /* beside each other, and still two */
    struct eg_item reals[] = {{.low.real = 1, .high.real = 2, .range = true},
                              {.low.real = 0.5, .high.real = 0.5},
                              {.low.real = 1.5, .high.real = 3, .range = true}};
    count = 3;
    eg_items_settle(EG_TYPE_F64, reals, &count);
    assert_int_equal(count, 2);
    assert_true(reals[1].low.real == 1 && reals[1].high.real == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory), cmocka_unit_test(folding),
                                       cmocka_unit_test(numbers), cmocka_unit_test(nets),
                                       cmocka_unit_test(others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
