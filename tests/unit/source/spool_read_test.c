/* SPDX-License-Identifier: Apache-2.0
 * Reading a spool after what can happen to files: cut anywhere, bits flipped, tails of zeros,
 * segments gone or foreign; and behind a writer. Every whole block is read exactly once. */
#include "spool_case.h"

#include "torture.h"

#include <fcntl.h>
#include <pthread.h>

#define BLOCKS 4
#define EACH 3 /* datagrams a block */

/* One segment of four small blocks, as bytes. */
static size_t four_blocks(struct spool_case *c, uint8_t *bytes, size_t room, char path[400]) {
    case_begin(c);
    for (int i = 0; i < BLOCKS; i++) assert_int_equal(case_append(c, EACH, 30, NULL), EG_OK);
    case_segment(c, 0, path);
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, bytes, room);
    close(fd);
    assert_true(size > 0 && size < (ssize_t)room && size % BLOCKS == 0);
    return (size_t)size;
}

static void put_file(const char *path, const uint8_t *bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static void cut_at_every_byte(void **state) {
    (void)state;
    struct spool_case c;
    uint8_t bytes[8192];
    char path[400];
    size_t size = four_blocks(&c, bytes, sizeof bytes, path), block = size / BLOCKS;
    for (size_t cut = 0; cut <= size; cut++) {
        eg_spool_close(c.spool);
        char after[400];
        while (case_segment(&c, 1, after), after[0]) unlink(after);
        put_file(path, bytes, cut);
        case_open(&c);
        size_t whole = cut / block;
        struct case_seen seen = case_read_from(&c, 0);
        assert_int_equal(seen.count, EACH * whole);
        assert_int_equal(seen.damage.places, 0); /* nothing follows yet that bounds it */
        struct eg_spool_state s;
        eg_spool_state(c.spool, &s);
        assert_int_equal(s.sequence, EACH * whole);
        c.next = 1000;
        assert_int_equal(case_append(&c, 1, 8, NULL), EG_OK);
        seen = case_read_from(&c, 0);
        assert_int_equal(seen.count, EACH * whole + 1);
        assert_int_equal(seen.damage.places, cut % block ? 1 : 0);
        assert_int_equal(seen.damage.bytes, cut % block);
    }
    case_end(&c);
}

static void a_flipped_bit_costs_its_block(void **state) {
    (void)state;
    struct spool_case c;
    uint8_t bytes[8192];
    char path[400];
    size_t size = four_blocks(&c, bytes, sizeof bytes, path), block = size / BLOCKS;
    assert_int_equal(case_append(&c, 1, 8, NULL), EG_OK);
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 0x10;
        int fd = open(path, O_WRONLY);
        assert_int_equal(pwrite(fd, bytes, size, 0), size);
        close(fd);
        bytes[at] ^= 0x10;
        struct case_seen seen = case_read_from(&c, 0);
        assert_int_equal(seen.count, EACH * (BLOCKS - 1) + 1);
        assert_int_equal(seen.damage.places, 1);
        assert_int_equal(seen.damage.bytes, block);
        /* the first block's loss has nothing before it that would number it */
        assert_int_equal(seen.damage.datagrams, at < block ? 0 : EACH);
    }
    case_end(&c);
}

static void zeros_are_stepped_over(void **state) {
    (void)state;
    struct spool_case c;
    static uint8_t bytes[300000];
    char path[400];
    size_t size = four_blocks(&c, bytes, 8192, path);
    eg_spool_close(c.spool);
    memset(bytes + size, 0, sizeof bytes - size);
    put_file(path, bytes, sizeof bytes); /* a tail that was allocated and never written */
    case_open(&c);
    c.next = 100;
    assert_int_equal(case_append(&c, 1, 8, NULL), EG_OK);
    struct case_seen seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, EACH * BLOCKS + 1);
    assert_int_equal(seen.damage.places, 1);
    assert_int_equal(seen.damage.bytes, sizeof bytes - size);
    assert_int_equal(seen.damage.datagrams, 0);
    /* The beginning of all that is there, and more of it than is read at a time. */
    memset(bytes, 0, sizeof bytes);
    eg_spool_close(c.spool);
    int fd = open(path, O_WRONLY);
    for (int i = 0; i < 5; i++) assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    close(fd);
    case_open(&c);
    seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.damage.bytes, 5 * sizeof bytes);
    case_end(&c);
}

static void segments_that_are_gone_or_foreign_cost_themselves(void **state) {
    (void)state;
    struct spool_case c, other;
    case_begin(&c);
    case_begin(&other);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
        assert_int_equal(case_append(&other, 100, 1464, NULL), EG_OK);
    }
    assert_int_equal(case_segments(&c), 4);
    char path[400], foreign[400];
    case_segment(&c, 1, path);
    unlink(path); /* behind the back of the open spool */
    struct case_seen seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 900);
    assert_int_equal(seen.damage.places, 1);
    assert_int_equal(seen.damage.datagrams, 300);
    case_again(&c); /* and known to be gone: the numbers tell */
    seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 900);
    assert_int_equal(seen.damage.places, 0);
    assert_int_equal(seen.damage.datagrams, 300);
    case_segment(&other, 1, foreign);
    assert_int_equal(rename(foreign, path), 0); /* another spool's segment */
    case_again(&c);
    seen = case_read_from(&c, 0);
    assert_int_equal(seen.count, 900);
    assert_int_equal(seen.damage.datagrams, 300);
    assert_int_equal(seen.damage.places, 1);
    case_end(&c);
    case_end(&other);
}

static void reading_goes_on_from_any_offset(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    uint64_t ends[12];
    for (int i = 0; i < 12; i++) {
        struct eg_spool_state s;
        assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
        eg_spool_state(c.spool, &s);
        ends[i] = s.written;
    }
    for (int i = 0; i < 12; i++) {
        assert_int_equal(case_read_from(&c, ends[i]).count, 100 * (11 - i));
        /* a place inside a block: that block is read again, its reader knows from where */
        assert_int_equal(case_read_from(&c, ends[i] - 1).count, 100 * (12 - i));
    }
    assert_int_equal(case_read_from(&c, INT64_MAX).count, 0);
    /* Damage before the place was counted when it was passed. */
    char path[400];
    case_segment(&c, 0, path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 200000), 1);
    close(fd);
    struct case_seen seen = case_read_from(&c, ends[2]);
    assert_int_equal(seen.count, 900);
    assert_int_equal(seen.damage.places + seen.damage.datagrams + seen.damage.bytes, 0);
    seen = case_read_from(&c, ends[0]);
    assert_int_equal(seen.count, 1000);
    assert_int_equal(seen.damage.datagrams, 100);
    case_end(&c);
}

static void what_was_read_stays_while_more_is_read(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    struct eg_spool_reader *reader;
    assert_int_equal(eg_spool_reader_new(&reader, c.spool, 0, NULL), EG_OK);
    struct eg_spool_piece pieces[20];
    struct eg_spool_damage damage = {0};
    for (int i = 0; i < 20; i++) {
        assert_int_equal(eg_spool_read(reader, &pieces[i], &damage, NULL), EG_AGAIN);
        assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
        assert_int_equal(eg_spool_read(reader, &pieces[i], &damage, NULL), EG_OK);
        eg_owner_ref(&pieces[i].buffer->owner);
    }
    eg_spool_reader_free(reader);
    for (int i = 0; i < 20; i++) {
        struct eg_received r;
        size_t at = EG_BLOCK_HEAD;
        uint64_t number;
        assert_true(eg_block_next(pieces[i].block, &at, &r));
        memcpy(&number, r.payload.at, 8);
        assert_int_equal(number, 100 * i);
        eg_buffer_unref(pieces[i].buffer);
    }
    case_end(&c);
}

static void *append_slowly(void *argument) {
    struct spool_case *c = argument;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(case_append(c, 50, 1464, NULL), EG_OK);
        if (i % 20 == 0) assert_int_equal(eg_spool_sync(c->spool, NULL), EG_OK);
    }
    return NULL;
}

static void a_reader_follows_a_writer(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    struct eg_spool_reader *reader;
    assert_int_equal(eg_spool_reader_new(&reader, c.spool, 0, NULL), EG_OK);
    pthread_t thread;
    pthread_create(&thread, NULL, append_slowly, &c);
    struct case_seen seen = {0};
    while (seen.count < 10000) {
        case_read(reader, &seen);
        eg_spool_forget(c.spool, seen.end);
        eg_spool_reader_wait(reader, 50000);
    }
    pthread_join(thread, NULL);
    assert_int_equal(seen.next, 10000);
    assert_int_equal(seen.damage.places + seen.damage.datagrams, 0);
    assert_true(case_segments(&c) <= 2);
    eg_spool_reader_free(reader);
    case_end(&c);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    assert_int_equal(case_append(&c, 10, 100, NULL), EG_OK);
    struct eg_spool_reader *reader;
    struct eg_spool_piece piece;
    struct eg_spool_damage damage = {0};
    for (long n = 0; n < 2; n++) {
        torture_fail_after(n);
        assert_int_equal(eg_spool_reader_new(&reader, c.spool, 0, NULL), EG_E_NOMEM);
        assert_true(torture_off());
    }
    assert_int_equal(eg_spool_reader_new(&reader, c.spool, 0, NULL), EG_OK);
    for (long n = 0; n < 2; n++) {
        torture_fail_after(n);
        assert_int_equal(eg_spool_read(reader, &piece, &damage, NULL), EG_E_NOMEM);
        assert_true(torture_off());
    }
    assert_int_equal(eg_spool_read(reader, &piece, &damage, NULL), EG_OK);
    assert_int_equal(piece.head.count, 10);
    assert_int_equal(damage.places, 0);
    eg_spool_reader_free(reader);
    case_end(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(a_flipped_bit_costs_its_block),
        cmocka_unit_test(zeros_are_stepped_over),
        cmocka_unit_test(segments_that_are_gone_or_foreign_cost_themselves),
        cmocka_unit_test(reading_goes_on_from_any_offset),
        cmocka_unit_test(what_was_read_stays_while_more_is_read),
        cmocka_unit_test(a_reader_follows_a_writer),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
