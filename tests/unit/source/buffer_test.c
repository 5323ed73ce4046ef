/* SPDX-License-Identifier: Apache-2.0
 * Pooled buffers: reuse, references, outliving the pool. */
#include "source/buffer.h"

#include "torture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_buffer_is_used_again(void **state) {
    (void)state;
    struct eg_pool *pool = eg_pool_new(100, 1);
    struct eg_buffer *a = eg_buffer_take(pool), *b = eg_buffer_take(pool);
    assert_ptr_not_equal(a, b);
    assert_int_equal(a->size, 100);
    memset(a->bytes, 1, 100);
    eg_owner_ref(&a->owner);
    eg_buffer_unref(a);
    struct eg_buffer *c = eg_buffer_take(pool);
    assert_ptr_not_equal(c, a); /* somebody still looks at it */
    eg_owner_unref(&a->owner);
    struct eg_buffer *d = eg_buffer_take(pool);
    assert_ptr_equal(d, a);
    eg_buffer_unref(b);
    eg_buffer_unref(c); /* one is spared, the other freed */
    eg_buffer_unref(d);
    eg_buffer_unref(NULL);
    eg_pool_close(pool);
    eg_pool_close(NULL);
}

static void a_buffer_outlives_its_pool(void **state) {
    (void)state;
    struct eg_pool *pool = eg_pool_new(64, 4);
    struct eg_buffer *a = eg_buffer_take(pool), *b = eg_buffer_take(pool);
    eg_buffer_unref(b);
    eg_pool_close(pool);
    memset(a->bytes, 7, 64);
    eg_buffer_unref(a);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    torture_fail_after(0);
    assert_null(eg_pool_new(64, 4));
    torture_off();
    struct eg_pool *pool = eg_pool_new(64, 4);
    for (long n = 0; n < 2; n++) {
        torture_fail_after(n);
        assert_null(eg_buffer_take(pool));
        torture_off();
    }
    struct eg_buffer *a = eg_buffer_take(pool);
    assert_non_null(a);
    eg_pool_close(pool);
    eg_buffer_unref(a);
}

static void *take_and_give(void *pool) {
    for (int i = 0; i < 2000; i++) {
        struct eg_buffer *a = eg_buffer_take(pool), *b = eg_buffer_take(pool);
        a->bytes[0] = b->bytes[0] = (uint8_t)i;
        eg_buffer_unref(a);
        eg_buffer_unref(b);
    }
    return NULL;
}

static void threads_share_a_pool(void **state) {
    (void)state;
    struct eg_pool *pool = eg_pool_new(16, 3);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, take_and_give, pool);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    eg_pool_close(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_is_used_again),
        cmocka_unit_test(a_buffer_outlives_its_pool),
        cmocka_unit_test(lack_of_memory_is_told),
        cmocka_unit_test(threads_share_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
