/* SPDX-License-Identifier: Apache-2.0
 * The queue of blocks: order, bounds, what is dropped and as what, waiting and waking. */
#include "source/intake.h"

#include "torture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static uint8_t bytes[65535];

static struct eg_received datagram(uint16_t port, size_t size) {
    return (struct eg_received){
        .peer_port = port, .transport = 17, .payload = eg_span(bytes, size)};
}

/* Counts the datagrams in the queue, whose peer ports follow each other from *next on. */
static uint64_t drain(struct eg_intake *intake, uint16_t *next, int64_t wait_us) {
    struct eg_block block;
    uint64_t count = 0;
    while (eg_intake_take(intake, &block, wait_us)) {
        struct eg_received r;
        size_t at = EG_BLOCK_HEAD;
        while (eg_block_next(eg_span(block.buffer->bytes, block.size), &at, &r)) {
            if (next) assert_int_equal(r.peer_port, (uint16_t)(*next)++);
            count++;
        }
        eg_buffer_unref(block.buffer);
    }
    return count;
}

static void order_is_kept_and_what_does_not_fit_is_counted(void **state) {
    (void)state;
    struct eg_intake *intake;
    assert_int_equal(eg_intake_new(&intake, 0, NULL), EG_OK); /* two blocks */
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    uint64_t put = 0;
    for (uint16_t i = 0; i < 1000; i++) {
        struct eg_received r = datagram(i, 1464);
        if (!eg_filler_put(&filler, &r)) break;
        put++;
    }
    assert_true(put > 500 && put < 1000); /* three blocks: two that wait, one being filled */
    struct eg_received r = datagram(0, 100);
    eg_intake_stuck(intake, true);
    r.payload.size = 2000; /* a smaller one may still fit into what is left of the block */
    assert_false(eg_filler_put(&filler, &r));
    eg_intake_stuck(intake, false);
    struct eg_intake_counts counts;
    eg_intake_counts(intake, &counts);
    assert_int_equal(counts.queue_dropped, 1);
    assert_int_equal(counts.queue_dropped_bytes, 1464);
    assert_int_equal(counts.spool_dropped, 1);
    assert_int_equal(counts.spool_dropped_bytes, 2000);
    assert_int_equal(counts.queued_bytes, 2 * EG_BLOCK_BYTES);
    uint16_t next = 0;
    assert_int_equal(drain(intake, &next, 0) > 0, true);
    eg_filler_finish(&filler, 0);
    uint64_t rest = drain(intake, &next, 0);
    assert_int_equal(next, put);
    assert_true(rest > 0);
    assert_false(eg_intake_over(intake));
    eg_intake_close(intake);
    assert_true(eg_intake_over(intake));
    eg_intake_free(intake);
    eg_intake_free(NULL);
}

static void a_block_goes_when_it_has_waited_and_the_consumer_is_idle(void **state) {
    (void)state;
    struct eg_intake *intake;
    assert_int_equal(eg_intake_new(&intake, 1 << 20, NULL), EG_OK);
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    eg_filler_rest(&filler);
    struct eg_received r = datagram(0, 10);
    assert_true(eg_filler_put(&filler, &r));
    eg_filler_rest(&filler);
    if (eg_tick_us() - filler.since_us < 20000)
        assert_int_equal(drain(intake, NULL, 0), 0); /* too young */
    drain(intake, NULL, 0);
    assert_true(eg_filler_put(&filler, &r));
    struct timespec nap = {.tv_nsec = 30000000};
    nanosleep(&nap, NULL);
    eg_filler_rest(&filler);
    assert_true(eg_filler_put(&filler, &r));
    nanosleep(&nap, NULL);
    eg_filler_rest(&filler); /* one waits already: this one is filled on */
    assert_true(drain(intake, NULL, 0) >= 1);
    assert_int_equal(filler.block.count, 1);
    eg_filler_rest(&filler);
    assert_int_equal(drain(intake, NULL, 0), 1);
    eg_filler_finish(&filler, 0);
    eg_intake_free(intake);
}

static void those_who_wait_lose_nothing(void **state) {
    (void)state;
    struct eg_intake *intake;
    assert_int_equal(eg_intake_new(&intake, 0, NULL), EG_OK);
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    uint16_t put = 0, next = 0;
    for (int i = 0; i < 100; i++) {
        if (!eg_filler_ready(&filler)) {
            drain(intake, &next, 0);
            assert_true(eg_filler_ready(&filler));
        }
        struct eg_received r = datagram(put++, sizeof bytes);
        assert_true(eg_filler_put(&filler, &r));
    }
    eg_filler_finish(&filler, 0);
    drain(intake, &next, 0);
    assert_int_equal(next, 100);
    struct eg_intake_counts counts;
    eg_intake_counts(intake, &counts);
    assert_int_equal(counts.queue_dropped, 0);
    eg_intake_free(intake);
}

static void a_block_that_cannot_be_stored_is_counted(void **state) {
    (void)state;
    struct eg_intake *intake;
    assert_int_equal(eg_intake_new(&intake, 0, NULL), EG_OK);
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    struct eg_received r = datagram(0, 10);
    for (int i = 0; i < 7; i++) assert_true(eg_filler_put(&filler, &r));
    eg_filler_finish(&filler, 0);
    struct eg_block block;
    assert_true(eg_intake_take(intake, &block, 0));
    eg_intake_stuck(intake, true);
    eg_intake_drop(intake, &block);
    struct eg_intake_counts counts;
    eg_intake_counts(intake, &counts);
    assert_int_equal(counts.spool_dropped, 7);
    assert_int_equal(counts.spool_dropped_bytes, 70);
    eg_intake_lost(intake, 2, 30); /* of another, which it had used in part */
    eg_intake_counts(intake, &counts);
    assert_int_equal(counts.spool_dropped, 9);
    assert_int_equal(counts.spool_dropped_bytes, 100);
    eg_intake_free(intake);
}

static void lack_of_memory_is_told_or_counted(void **state) {
    (void)state;
    struct eg_intake *intake;
    for (long n = 0; n < 3; n++) {
        struct eg_error err;
        torture_fail_after(n);
        assert_int_equal(eg_intake_new(&intake, 0, &err), EG_E_NOMEM);
        assert_true(torture_off());
    }
    assert_int_equal(eg_intake_new(&intake, 0, NULL), EG_OK);
    struct eg_filler filler;
    eg_filler_init(&filler, intake);
    struct eg_received r = datagram(0, 10);
    torture_fail_after(0);
    assert_false(eg_filler_put(&filler, &r));
    assert_true(torture_off());
    assert_true(eg_filler_put(&filler, &r));
    struct eg_intake_counts counts;
    eg_intake_counts(intake, &counts);
    assert_int_equal(counts.queue_dropped, 1);
    eg_filler_finish(&filler, 0);
    eg_intake_free(intake); /* a block still waits in it */
}

struct sender {
    struct eg_intake *intake;
    uint64_t put;
};

static void *send_many(void *argument) {
    struct sender *sender = argument;
    struct eg_filler filler;
    eg_filler_init(&filler, sender->intake);
    struct eg_received r = datagram(0, 700);
    for (int i = 0; i < 20000; i++) {
        sender->put += eg_filler_put(&filler, &r);
        eg_filler_rest(&filler);
    }
    eg_filler_finish(&filler, 5000000);
    return NULL;
}

static void *close_it(void *intake) {
    struct timespec nap = {.tv_nsec = 20000000};
    nanosleep(&nap, NULL);
    eg_intake_wake(intake);
    eg_intake_close(intake);
    return NULL;
}

static void threads_put_and_one_takes(void **state) {
    (void)state;
    struct sender senders[4] = {0};
    pthread_t threads[4], closer;
    struct eg_intake *intake;
    assert_int_equal(eg_intake_new(&intake, 2 << 20, NULL), EG_OK);
    for (int i = 0; i < 4; i++) {
        senders[i].intake = intake;
        pthread_create(&threads[i], NULL, send_many, &senders[i]);
    }
    uint64_t taken = drain(intake, NULL, 300000), put = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        put += senders[i].put;
    }
    taken += drain(intake, NULL, 0);
    struct eg_intake_counts counts;
    eg_intake_counts(intake, &counts);
    assert_int_equal(put + counts.queue_dropped, 80000);
    assert_int_equal(taken, put);
    pthread_create(&closer, NULL, close_it, intake);
    struct eg_block block;
    while (!eg_intake_over(intake)) assert_false(eg_intake_take(intake, &block, 10000000));
    pthread_join(closer, NULL);
    eg_intake_free(intake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_kept_and_what_does_not_fit_is_counted),
        cmocka_unit_test(a_block_goes_when_it_has_waited_and_the_consumer_is_idle),
        cmocka_unit_test(those_who_wait_lose_nothing),
        cmocka_unit_test(a_block_that_cannot_be_stored_is_counted),
        cmocka_unit_test(lack_of_memory_is_told_or_counted),
        cmocka_unit_test(threads_put_and_one_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
