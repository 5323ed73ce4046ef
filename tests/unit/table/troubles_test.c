/* SPDX-License-Identifier: Apache-2.0
 * Remarks and troubles stand in the order of the inputs, one trouble an input. */
#include "table/troubles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "torture.h"

static enum eg_status note(struct egi_troubles *list, size_t place, enum eg_status status,
                           const char *message) {
    char input[] = "input", text[40] = "";
    if (message) strncpy(text, message, sizeof text - 1);
    struct eg_trouble what = {.input = input, .status = status, .message = message ? text : NULL};
    enum eg_status answer = egi_troubles_note(list, place, &what, NULL);
    memset(input, 'x', sizeof input - 1); /* the list has its own */
    memset(text, 'x', sizeof text - 1);
    return answer;
}

static void order(void **state) {
    (void)state;
    struct egi_troubles list = {0};
    for (size_t i = 0; i < 40; i++) { /* 7, 14, … modulo 41: all of 1 to 40, in no order */
        char text[] = "no _";
        size_t place = (i + 1) * 7 % 41;
        text[3] = (char)(' ' + place);
        assert_int_equal(note(&list, place, EG_E_IO, text), EG_OK);
    }
    assert_int_equal(list.count, 40);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(list.places[i], i + 1);
        assert_int_equal(list.items[i].message[3], (char)(' ' + i + 1));
        assert_string_equal(list.items[i].input, "input");
    }
    egi_troubles_reset(&list);
}

static void one_trouble_an_input(void **state) {
    (void)state;
    struct egi_troubles list = {0};
    assert_int_equal(note(&list, 3, EG_OK, "a remark"), EG_OK);
    assert_int_equal(note(&list, 3, EG_E_CUT, "cut"), EG_OK);
    assert_int_equal(note(&list, 3, EG_E_IO, "and worse"), EG_OK);
    assert_int_equal(note(&list, 3, EG_OK, NULL), EG_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].message, "a remark");
    assert_string_equal(list.items[1].message, "cut");
    assert_null(list.items[2].message);
    struct eg_trouble *copy;
    size_t count;
    assert_int_equal(egi_troubles_copy(&copy, &count, list.items, list.count, NULL), EG_OK);
    egi_troubles_reset(&list);
    assert_int_equal(count, 3);
    assert_string_equal(copy[1].message, "cut");
    assert_int_equal(copy[1].status, EG_E_CUT);
    egi_troubles_free(copy, count);
}

static void without_memory(void **state) {
    (void)state;
    bool more = true;
    for (long n = 0; more; n++) {
        struct egi_troubles list = {0};
        struct eg_trouble *copy;
        size_t count;
        torture_fail_after(n);
        size_t noted = 0;
        for (size_t i = 0; i < 10; i++) noted += note(&list, i, EG_E_IO, "text") == EG_OK;
        enum eg_status status = egi_troubles_copy(&copy, &count, list.items, list.count, NULL);
        more = torture_off();
        assert_int_equal(noted, list.count);
        if (status == EG_OK) assert_int_equal(count, noted);
        egi_troubles_free(copy, count);
        egi_troubles_reset(&list);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(one_trouble_an_input),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
