/* SPDX-License-Identifier: Apache-2.0
 * The book: places follow each other, and nothing waits in an empty one. */
#include "wire/book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void places_follow_each_other(void **state) {
    (void)state;
    struct eg_book *book;
    struct eg_released piece;
    assert_int_equal(eg_book_new(&book, NULL), EG_OK);
    assert_int_equal(eg_book_next(book), 1);
    assert_int_equal(eg_book_next(book), 2);
    assert_false(eg_book_release(book, &piece));
    eg_book_free(book);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(places_follow_each_other)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
