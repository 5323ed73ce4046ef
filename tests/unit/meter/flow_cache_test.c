/* SPDX-License-Identifier: Apache-2.0
 * The flow cache against a plain list: what was added is found, what was dropped is not, the order of
 * touching holds, and memory stays within its bound. */
#include "meter/flow_cache.h"

#include "make_capture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sightings.h"

enum { KEYS = 600 };

/* Of every kind that takes memory of its own: IPv4, IPv6, IPv4 in a tunnel that counts, no IP. Some differ
 * in their addresses only. */
static struct eg_flow_key key_of(unsigned i) {
    struct eg_flow_key key = seen(17, 1 + i / 4 % 5, i / 20, 200, 53, 0).key;
    if (i % 4 == 1) {
        key.kind &= (uint8_t)~EG_KEY_V4;
        key.low.bytes[0] = 0x20;
    } else if (i % 4 == 2) {
        key.kind |= EG_KEY_TUNNEL;
        key.tunnel_id = i;
    } else if (i % 4 == 3) {
        key = (struct eg_flow_key){.low = {{(uint8_t)(i >> 8), (uint8_t)i}}, .tunnel_id = 1};
    }
    return key;
}
/* Few hashes, so that many flows meet in the table. */
static uint32_t hash_of(unsigned i) { return i * 2654435761u >> 22; }

static void test_against_a_list(void **state) {
    (void)state;
    struct eg_flow_cache cache;
    uint32_t flows[KEYS], live = 0;
    uint64_t dice = 99;
    memset(flows, 0xff, sizeof flows);
    eg_flow_cache_init(&cache, 1 << 20, 64);
    for (int step = 0; step < 60000; step++) {
        unsigned i = (unsigned)(made_random(&dice) % KEYS);
        struct eg_flow_key key = key_of(i);
        assert_int_equal(eg_flow_find(&cache, hash_of(i), &key), flows[i]);
        if (flows[i] == EG_NONE) {
            flows[i] = eg_flow_add(&cache, hash_of(i), &key);
            assert_int_not_equal(flows[i], EG_NONE);
            struct eg_flow_key back = eg_flow_key_get(&cache, eg_flow_at(&cache, flows[i]));
            assert_memory_equal(&back, &key, sizeof key);
            eg_flow_touch(&cache, EG_FLOWS_LIVE, flows[i]);
            live++;
        } else if (made_random(&dice) % 3 == 0) {
            eg_flow_drop(&cache, flows[i]);
            flows[i] = EG_NONE;
            live--;
        } else {
            enum eg_flow_list list = made_random(&dice) % 2 ? EG_FLOWS_LIVE : EG_FLOWS_CLOSED;
            eg_flow_touch(&cache, list, flows[i]);
            assert_int_equal(cache.lists[list].newest, flows[i]);
        }
        assert_int_equal(cache.flows.used, live);
    }
    uint32_t wide = 0;
    for (unsigned i = 0; i < KEYS; i++) wide += flows[i] != EG_NONE && i % 4;
    assert_int_equal(cache.wides.used, wide);
    uint32_t listed = 0;
    for (int list = 0; list < EG_FLOW_LISTS; list++) {
        uint32_t newer = EG_NONE;
        for (uint32_t at = cache.lists[list].newest; at != EG_NONE; listed++) {
            assert_int_equal(eg_flow_at(&cache, at)->newer, newer);
            newer = at;
            at = eg_flow_at(&cache, at)->older;
        }
        assert_int_equal(cache.lists[list].oldest, newer);
    }
    assert_int_equal(listed, live);
    eg_flow_cache_reset(&cache);
    eg_flow_cache_reset(&cache); /* there is nothing left to free */
    struct eg_flow_key key = key_of(1);
    assert_int_equal(eg_flow_find(&cache, hash_of(1), &key), EG_NONE);
    assert_int_equal(cache.bytes, 0);
}

/* A hash is no key: flows of the same ports and the same hash are told apart by their addresses. */
static void test_equal_hashes(void **state) {
    (void)state;
    struct eg_flow_cache cache;
    uint32_t flows[8];
    eg_flow_cache_init(&cache, 1 << 20, 64);
    for (unsigned i = 0; i < 8; i++) {
        struct eg_flow_key key = key_of(i);
        assert_int_equal(eg_flow_find(&cache, 77, &key), EG_NONE);
        flows[i] = eg_flow_add(&cache, 77, &key);
        eg_flow_touch(&cache, EG_FLOWS_LIVE, flows[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        struct eg_flow_key key = key_of(i);
        assert_int_equal(eg_flow_find(&cache, 77, &key), flows[i]);
    }
    eg_flow_cache_reset(&cache);
}

/* Memory as it stands: of the pools, and the table. */
static uint64_t bytes_of(const struct eg_flow_cache *cache) {
    const struct eg_pool *const pools[] = {&cache->flows, &cache->ways, &cache->mores,
                                           &cache->talks, &cache->wides};
    uint64_t bytes = cache->slot_count * sizeof *cache->slots;
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        bytes += (uint64_t)pools[i]->chunk_count * EG_POOL_CHUNK * pools[i]->item_bytes;
    return bytes;
}

/* What is kept of a payload is memory, too. */
static void test_payloads_are_bounded(void **state) {
    (void)state;
    struct eg_flow_cache cache;
    struct eg_extras extras = {.payload_size = 5};
    struct eg_flow_key key = key_of(0);
    eg_flow_cache_init(&cache, 1 << 20, 64);
    uint32_t number = eg_flow_add(&cache, 1, &key);
    struct eg_flow *flow = eg_flow_at(&cache, number);
    eg_flow_touch(&cache, EG_FLOWS_LIVE, number);
    struct eg_flow_way *second = eg_flow_second(&cache, flow);
    assert_true(eg_flow_keep_extras(&cache, &flow->first, &extras, eg_span("hello", 5)));
    assert_int_equal(cache.bytes, bytes_of(&cache) + 5);
    cache.bytes_max = cache.bytes + 4;
    assert_false(eg_flow_keep_extras(&cache, second, &extras, eg_span("there", 5)));
    assert_int_equal(cache.bytes, bytes_of(&cache) + 5);
    eg_flow_drop(&cache, number);
    assert_int_equal(cache.bytes, bytes_of(&cache));
    eg_flow_cache_reset(&cache);
}

static void test_memory_is_bounded(void **state) {
    (void)state;
    struct eg_flow_cache cache;
    const uint64_t most = 1 << 20;
    eg_flow_cache_init(&cache, most, 64);
    uint32_t count = 0;
    for (;; count++) {
        struct eg_flow_key key = seen(17, count >> 16, count & 0xffff, 200, 53, 0).key;
        uint32_t flow = eg_flow_add(&cache, count, &key);
        if (flow == EG_NONE) break;
        eg_flow_touch(&cache, EG_FLOWS_LIVE, flow);
    }
    assert_true(count > 4000 && cache.bytes <= most);
    assert_int_equal(cache.bytes, bytes_of(&cache));
    uint64_t full = cache.bytes;
    struct eg_flow_key key = key_of(4); /* one out, one in: no more memory is taken */
    eg_flow_drop(&cache, cache.lists[EG_FLOWS_LIVE].oldest);
    uint32_t flow = eg_flow_add(&cache, 5, &key);
    assert_int_not_equal(flow, EG_NONE);
    eg_flow_touch(&cache, EG_FLOWS_LIVE, flow);
    assert_int_equal(cache.bytes, full);
    struct eg_extras extras = {.payload_size = 5};
    struct eg_flow *at = eg_flow_at(&cache, flow);
    assert_true(eg_flow_keep_extras(&cache, &at->first, &extras, eg_span("hello", 5)) ||
                cache.bytes + 5 > most);
    eg_flow_cache_reset(&cache);
}

/* A flow that is dropped gives everything back: what was kept of a payload, its other way, its talk. */
static void test_all_is_given_back(void **state) {
    (void)state;
    struct eg_flow_cache cache;
    eg_flow_cache_init(&cache, 1 << 20, 64);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < 50; i++) {
        struct eg_flow_key key = key_of(i);
        struct eg_extras extras = {.payload_size = 5};
        uint32_t number = eg_flow_add(&cache, i, &key);
        struct eg_flow *flow = eg_flow_at(&cache, number);
        eg_flow_touch(&cache, EG_FLOWS_LIVE, number);
        struct eg_flow_way *second = eg_flow_second(&cache, flow);
        assert_true(eg_flow_keep_extras(&cache, &flow->first, &extras, eg_span("hello", 5)));
        assert_true(eg_flow_keep_extras(&cache, second, &extras, eg_span("there", 5)));
        flow->talk = eg_pool_take(&cache.talks, &cache);
        assert_int_not_equal(flow->talk, EG_NONE);
        eg_flow_drop(&cache, number);
        assert_int_equal(cache.flows.used + cache.ways.used + cache.mores.used + cache.talks.used +
                             cache.wides.used,
                         0);
        if (i < 4) bytes = cache.bytes; /* each kind of key makes pools grow */
        assert_int_equal(cache.bytes, bytes);
    }
    eg_flow_cache_reset(&cache);
}

/* Where the rest of a key finds no room, there is no flow, and nothing of it stays. */
static void keys_are_bounded(uint64_t most) {
    struct eg_flow_cache cache;
    eg_flow_cache_init(&cache, most, 64);
    uint32_t count = 0;
    for (;; count++) {
        struct eg_flow_key key = key_of(count * 4 + 1);
        uint32_t flow = eg_flow_add(&cache, count, &key);
        if (flow == EG_NONE) break;
        eg_flow_touch(&cache, EG_FLOWS_LIVE, flow);
    }
    assert_true(count > 500 && cache.bytes <= most);
    assert_int_equal(cache.flows.used, count);
    assert_int_equal(cache.wides.used, count);
    struct eg_flow_key key = key_of(count * 4 + 1);
    assert_int_equal(eg_flow_find(&cache, count, &key), EG_NONE);
    eg_flow_drop(&cache, cache.lists[EG_FLOWS_LIVE].oldest);
    assert_int_not_equal(eg_flow_add(&cache, count, &key), EG_NONE);
    eg_flow_touch(&cache, EG_FLOWS_LIVE, eg_flow_find(&cache, count, &key));
    eg_flow_cache_reset(&cache);
}

/* Whichever of the pools it is that has no room. */
static void test_keys_are_bounded(void **state) {
    (void)state;
    for (uint64_t most = 300000; most < 700000; most += 7777) keys_are_bounded(most);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_list),    cmocka_unit_test(test_equal_hashes),
        cmocka_unit_test(test_memory_is_bounded), cmocka_unit_test(test_all_is_given_back),
        cmocka_unit_test(test_keys_are_bounded),  cmocka_unit_test(test_payloads_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
