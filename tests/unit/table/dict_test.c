/* SPDX-License-Identifier: Apache-2.0
 * Dictionaries: one index a text, for good; a full one is replaced and its holders keep theirs. */
#include "table/dict.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void an_index_is_for_good(void **state) {
    (void)state;
    struct eg_dict *dict = NULL, *held = NULL;
    char name[16];
    for (int n = 0; n < 3000; n++) {
        int size = snprintf(name, sizeof name, "%d", n);
        assert_int_equal(eg_dict_intern(&dict, name, (size_t)size), n);
        if (n == 4) { /* a batch's reference */
            eg_owner_ref(&dict->owner);
            held = dict;
        }
    }
    assert_ptr_not_equal(held, dict);
    for (int n = 2999; n >= 0; n--) {
        int size = snprintf(name, sizeof name, "%d", n);
        assert_int_equal(eg_dict_intern(&dict, name, (size_t)size), n);
        assert_string_equal(dict->entries[n].text, name);
        assert_int_equal(dict->entries[n].size, size);
    }
    assert_int_equal(dict->count, 3000);
    assert_string_equal(held->entries[4].text, "4");
    eg_owner_unref(&held->owner);
    eg_owner_unref(&dict->owner);
}

static void texts_are_bytes(void **state) {
    (void)state;
    struct eg_dict *dict = NULL;
    assert_int_equal(eg_dict_intern(&dict, "", 0), 0);
    assert_int_equal(eg_dict_intern(&dict, "a\0b", 3), 1);
    assert_int_equal(eg_dict_intern(&dict, "a", 1), 2);
    assert_int_equal(eg_dict_intern(&dict, "a\0b", 3), 1);
    assert_int_equal(eg_dict_intern(&dict, "", 0), 0);
    eg_owner_unref(&dict->owner);
}

static void memory_runs_out(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_dict *dict = NULL;
        int32_t refused = 0, next = 0;
        torture_fail_after(n);
        for (int k = 0; k < 40; k++) {
            char name[16];
            int size = snprintf(name, sizeof name, "%d", k);
            int32_t index = eg_dict_intern(&dict, name, (size_t)size);
            if (index < 0)
                refused++;
            else
                assert_int_equal(index, next++);
        }
        failed = torture_off();
        assert_int_equal(refused, failed);
        assert_int_equal(dict->count, 40 - refused);
        eg_owner_unref(&dict->owner);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_for_good),
        cmocka_unit_test(texts_are_bytes),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
