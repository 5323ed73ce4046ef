/* SPDX-License-Identifier: Apache-2.0
 * Distinct values: each row has its value at its place, whatever the way. */
#include "engine/parquet_distinct.h"

#include "engine_make.h"

#define ROWS 20000u

static void integers(void **state) {
    (void)state;
    struct eg_distinct d = {0};
    static int64_t values[ROWS];
    uint64_t seed = 3;
    for (int round = 0; round < 8; round++) {
        static const uint64_t ranges[] = {1, 2, 300, 65536, 200000, UINT64_C(1) << 40, 100, 5000};
        int64_t base = round % 2 ? INT64_MIN : -100, least = INT64_MAX, most = INT64_MIN;
        for (uint32_t i = 0; i < ROWS; i++) {
            values[i] = (int64_t)((uint64_t)base + made_random(&seed) % ranges[round] * (round == 7 ? 1000003 : 1));
            least = values[i] < least ? values[i] : least;
            most = values[i] > most ? values[i] : most;
        }
        enum eg_distinct_end end = eg_distinct_ints(&d, values, ROWS, least, most);
        assert_int_equal(end, ranges[round] >= 200000 ? EG_DISTINCT_MANY : EG_DISTINCT_FOUND);
        if (end != EG_DISTINCT_FOUND) continue;
        for (uint32_t i = 0; i < ROWS; i++) {
            assert_true(d.places[i] < d.count);
            assert_int_equal(d.ints[d.places[i]], values[i]);
        }
        static uint8_t used[70000];
        memset(used, 0, sizeof used);
        for (uint32_t i = 0; i < ROWS; i++) used[d.places[i]] = 1;
        for (uint32_t v = 0; v < d.count; v++) assert_int_equal(used[v], 1);
    }
    eg_distinct_reset(&d);
}

static void addresses(void **state) {
    (void)state;
    struct eg_distinct d = {0};
    static struct eg_addr values[ROWS];
    uint64_t seed = 5;
    for (int round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            uint32_t n = (uint32_t)(made_random(&seed) % (round ? 30000 : 3));
            values[i] = eg_addr_v4(n * UINT32_C(2654435761));
            if (round == 3 && n % 4 == 0) values[i].bytes[0] = 0x20;
        }
        assert_int_equal(eg_distinct_addrs(&d, values, ROWS), EG_DISTINCT_FOUND);
        for (uint32_t i = 0; i < ROWS; i++)
            assert_memory_equal(&d.addrs[d.places[i]], &values[i], sizeof values[i]);
        for (uint32_t v = 1; round < 3 && v < d.count; v++)
            assert_true(memcmp(&d.addrs[v - 1], &d.addrs[v], sizeof d.addrs[v]) < 0);
    }
    eg_distinct_reset(&d);
}

static void texts(void **state) {
    (void)state;
    struct eg_distinct d = {0};
    static struct eg_span values[ROWS];
    static char bytes[ROWS][8];
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            int size = snprintf(bytes[i], sizeof bytes[i], "%u", round ? i : i % 700);
            values[i] = eg_span(bytes[i], (size_t)size);
        }
        enum eg_distinct_end end = eg_distinct_texts(&d, values, ROWS);
        assert_int_equal(end, round ? EG_DISTINCT_MANY : EG_DISTINCT_FOUND);
        if (round) continue;
        assert_int_equal(d.count, 700);
        for (uint32_t i = 0; i < ROWS; i++) {
            assert_int_equal(d.texts[d.places[i]].size, values[i].size);
            assert_memory_equal(d.texts[d.places[i]].at, values[i].at, values[i].size);
        }
    }
    eg_distinct_reset(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(addresses),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
