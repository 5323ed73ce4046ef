/* SPDX-License-Identifier: Apache-2.0
 * Blocks: what is put in comes out; nothing that was changed, cut or moved passes the check. */
#include "source/block.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t id[16] = "0123456789abcdef", other_id[16] = "0123456789abcdeF";

static struct eg_received datagram(const void *bytes, size_t size, uint16_t port) {
    struct eg_received r = {.time_ns = 1700000000000000001,
                            .peer_port = port,
                            .local_port = 2055,
                            .transport = 17,
                            .payload = eg_span(bytes, size)};
    memset(r.peer.bytes, port & 0xff, 16);
    return r;
}

static void what_goes_in_comes_out(void **state) {
    (void)state;
    struct eg_pool *pool = eg_pool_new(EG_BLOCK_BYTES, 1);
    struct eg_block block;
    eg_block_begin(&block, eg_buffer_take(pool));
    uint8_t bytes[100];
    for (int i = 0; i < 100; i++) bytes[i] = (uint8_t)(i + 1);
    for (uint16_t size = 0; size < 100; size++) {
        struct eg_received r = datagram(bytes, size, size);
        assert_true(eg_block_add(&block, &r));
    }
    assert_int_equal(block.count, 100);
    eg_block_finish(&block, id, 4096, 77);
    assert_int_equal(block.size % EG_BLOCK_ALIGN, 0);
    struct eg_block_head head;
    struct eg_span all = eg_span(block.buffer->bytes, block.size);
    assert_int_equal(eg_block_check(all, id, 4096, &head), EG_BLOCK_WHOLE);
    assert_int_equal(head.size, block.size);
    assert_int_equal(head.count, 100);
    assert_int_equal(head.sequence, 77);
    assert_int_equal(head.offset, 4096);
    assert_memory_equal(head.id, id, 16);
    size_t at = EG_BLOCK_HEAD;
    struct eg_received out;
    for (uint16_t size = 0; size < 100; size++) {
        assert_true(eg_block_next(all, &at, &out));
        assert_int_equal(out.payload.size, size);
        assert_memory_equal(out.payload.at, bytes, size);
        assert_int_equal(out.peer_port, size);
        assert_int_equal(out.peer.bytes[15], size);
        assert_int_equal(out.local_port, 2055);
        assert_int_equal(out.transport, 17);
        assert_int_equal(out.time_ns, 1700000000000000001);
    }
    assert_false(eg_block_next(all, &at, &out));
    eg_buffer_unref(block.buffer);
    eg_pool_close(pool);
}

static void the_longest_fit_and_a_full_block_says_so(void **state) {
    (void)state;
    static uint8_t bytes[65535];
    struct eg_pool *pool = eg_pool_new(EG_BLOCK_BYTES, 1);
    struct eg_block block;
    eg_block_begin(&block, eg_buffer_take(pool));
    struct eg_received r = datagram(bytes, sizeof bytes, 1);
    int count = 0;
    while (eg_block_add(&block, &r)) count++;
    assert_int_equal(count, 3);
    struct eg_received small = datagram(bytes, 1, 1);
    while (eg_block_add(&block, &small)) count++;
    assert_int_equal(block.count, count);
    assert_true(block.size + EG_RECORD_HEAD + 8 > EG_BLOCK_BYTES);
    eg_block_finish(&block, id, 0, 0);
    assert_true(block.size <= EG_BLOCK_BYTES);
    struct eg_received huge = datagram(bytes, SIZE_MAX, 1);
    assert_false(eg_block_add(&block, &huge));
    eg_buffer_unref(block.buffer);
    eg_pool_close(pool);
}

/* A block of three small datagrams, alone in `copy`. */
static uint32_t small_block(uint8_t *copy) {
    struct eg_pool *pool = eg_pool_new(EG_BLOCK_BYTES, 0);
    struct eg_block block;
    eg_block_begin(&block, eg_buffer_take(pool));
    struct eg_received r = datagram("datagram", 8, 9);
    for (int i = 0; i < 3; i++) assert_true(eg_block_add(&block, &r));
    eg_block_finish(&block, id, 128, 5);
    uint32_t size = block.size;
    memcpy(copy, block.buffer->bytes, size);
    eg_buffer_unref(block.buffer);
    eg_pool_close(pool);
    return size;
}

static void every_flipped_bit_is_seen(void **state) {
    (void)state;
    uint8_t copy[1024];
    uint32_t size = small_block(copy);
    struct eg_block_head head;
    for (uint32_t bit = 0; bit < 8 * size; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(eg_block_check(eg_span(copy, size), id, 128, &head), EG_BLOCK_WHOLE);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(eg_block_check(eg_span(copy, size), id, 128, &head), EG_BLOCK_WHOLE);
}

static void cut_moved_and_foreign_blocks_are_told(void **state) {
    (void)state;
    uint8_t copy[1024];
    uint32_t size = small_block(copy);
    struct eg_block_head head;
    for (uint32_t cut = 0; cut < size; cut++) {
        assert_int_equal(eg_block_check(eg_span(copy, cut), id, 128, &head), EG_BLOCK_MORE);
        assert_int_equal(head.size, cut < EG_BLOCK_HEAD ? EG_BLOCK_HEAD : size);
    }
    assert_int_equal(eg_block_check(eg_span(copy, size), id, 64, &head), EG_BLOCK_BAD);
    assert_int_equal(eg_block_check(eg_span(copy, size), other_id, 128, &head), EG_BLOCK_BAD);
    assert_int_equal(eg_block_check(eg_span(copy, size), NULL, 0, &head), EG_BLOCK_WHOLE);
    uint8_t zeros[128] = {0};
    assert_int_equal(eg_block_check(eg_span(zeros, 128), id, 0, &head), EG_BLOCK_BAD);
}

static void records_never_reach_outside(void **state) {
    (void)state;
    uint8_t copy[1024];
    uint32_t size = small_block(copy);
    uint32_t lengths[] = {9, size, UINT32_MAX, UINT32_MAX - 8};
    for (size_t i = 0; i < 4; i++) {
        memcpy(copy + EG_BLOCK_HEAD + 24, &lengths[i], 4);
        size_t at = EG_BLOCK_HEAD;
        struct eg_received out;
        int count = 0;
        while (eg_block_next(eg_span(copy, size), &at, &out)) {
            assert_true(out.payload.at + out.payload.size <= copy + size);
            count++;
        }
        assert_true(count <= 3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(the_longest_fit_and_a_full_block_says_so),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(cut_moved_and_foreign_blocks_are_told),
        cmocka_unit_test(records_never_reach_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
