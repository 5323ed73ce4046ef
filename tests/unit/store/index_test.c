/* SPDX-License-Identifier: Apache-2.0
 * The index of texts: what was put is found, also after it grew; what was not is not. */
#include "store/index.h"

#include "scratch.h"
#include "torture.h"

static void finds_what_was_put(void **state) {
    (void)state;
    struct eg_index index = {0};
    static char texts[500][16];
    assert_int_equal(eg_index_find(&index, "a"), EG_INDEX_NONE);
    for (uint32_t i = 0; i < 500; i++) {
        snprintf(texts[i], sizeof texts[i], "text %u", i);
        assert_true(eg_index_put(&index, texts[i], i));
    }
    assert_true(eg_index_put(&index, texts[7], 1007));
    assert_int_equal(index.count, 500);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(eg_index_find(&index, texts[i]), i == 7 ? 1007 : i);
    assert_int_equal(eg_index_find(&index, "text 500"), EG_INDEX_NONE);
    eg_index_reset(&index);
}

/* Every other one taken out, whatever stood behind it is found. */
static void forgets_what_is_taken(void **state) {
    (void)state;
    struct eg_index index = {0};
    static char texts[500][16];
    eg_index_take(&index, "nothing");
    for (uint32_t i = 0; i < 500; i++) {
        snprintf(texts[i], sizeof texts[i], "text %u", i);
        assert_true(eg_index_put(&index, texts[i], i));
    }
    for (uint32_t i = 0; i < 500; i += 2) eg_index_take(&index, texts[i]);
    eg_index_take(&index, texts[0]); /* it is not there any more */
    assert_int_equal(index.count, 250);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(eg_index_find(&index, texts[i]), i % 2 ? i : EG_INDEX_NONE);
    for (uint32_t i = 0; i < 500; i += 2) assert_true(eg_index_put(&index, texts[i], i + 1000));
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(eg_index_find(&index, texts[i]), i % 2 ? i : i + 1000);
    eg_index_reset(&index);
}

static void survives_no_memory(void **state) {
    (void)state;
    struct eg_index index = {0};
    torture_fail_after(0);
    assert_false(eg_index_put(&index, "a", 1));
    assert_true(torture_off());
    assert_true(eg_index_put(&index, "a", 1));
    assert_int_equal(eg_index_find(&index, "a"), 1);
    eg_index_reset(&index);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_was_put),
                                       cmocka_unit_test(forgets_what_is_taken),
                                       cmocka_unit_test(survives_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
