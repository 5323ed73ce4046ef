/* SPDX-License-Identifier: Apache-2.0
 * Keys and the search among known positions. What the file source makes of it is in file_known_test. */
#include "source/identity.h"

#include "source/read_source.h"
#include "source/temp_file.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SIZE 3000u

static uint8_t bytes[SIZE];

static int setup(void **state) {
    for (unsigned i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * i >> 3);
    if (path_make(state) != 0) return -1;
    file_write(path, bytes, SIZE);
    return 0;
}

/* The lock of a file that is the one of setup(), `size` bytes of it, with `last` as its last byte. */
static void lock_of(char lock[40], size_t size, uint8_t last) {
    static uint8_t longer[EG_LOCK_BYTES + 100];
    for (size_t i = 0; i < size; i++) longer[i] = bytes[i % SIZE];
    longer[size - 1] = last;
    char name[] = "/tmp/earlgrey-identity-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    close(fd);
    file_write(name, longer, size);
    struct eg_input input;
    assert_int_equal(eg_input_open(&input, &eg_env_plain, name, NULL), EG_OK);
    assert_int_equal(eg_identity_lock(lock, &input, eg_span(bytes, 64), NULL), EG_OK);
    eg_input_reset(&input);
    unlink(name);
}

static void locks_tell_apart_what_keys_do_not(void **state) {
    (void)state;
    char key[40], a[40], b[40];
    eg_identity_key(key, eg_span(bytes, 64), UINT64_MAX);
    lock_of(a, EG_LOCK_BYTES - 1, 1);
    assert_string_equal(a, key); /* may yet grow */
    lock_of(a, EG_LOCK_BYTES, 1);
    lock_of(b, EG_LOCK_BYTES, 2);
    assert_int_equal(strlen(a), 32);
    assert_string_not_equal(a, key);
    assert_string_not_equal(a, b);
    lock_of(a, EG_LOCK_BYTES + 100, 1);
    lock_of(b, EG_LOCK_BYTES + 100, 2);
    assert_string_equal(a, b); /* what comes behind does not count */
}

static struct eg_position position_at(uint64_t offset, const char *table) {
    struct eg_position p = {.offset = offset};
    eg_identity_key(p.key, eg_span(bytes, 64), offset);
    eg_digest_text(eg_hash128(bytes, offset), p.digest);
    snprintf(p.table, sizeof p.table, "%s", table);
    snprintf(p.name, sizeof p.name, "old");
    return p;
}

static enum eg_status find(struct eg_identity *out, const struct eg_position *known, size_t count) {
    struct eg_input input;
    struct eg_error err;
    assert_int_equal(eg_input_open(&input, &eg_env_plain, path, &err), EG_OK);
    assert_int_equal(eg_input_rewind(&input, &err), EG_OK);
    enum eg_status status =
        eg_identity_find(out, &input, eg_span(bytes, 64), 25, known, count, &err);
    eg_input_reset(&input);
    return status;
}

static void keys_hold_for_grown_files(void **state) {
    (void)state;
    char a[40], b[40], c[40];
    eg_identity_key(a, eg_span(bytes, 64), 64);
    eg_identity_key(b, eg_span(bytes, SIZE), SIZE);
    assert_string_equal(a, b); /* what comes behind does not count */
    assert_int_equal(strlen(a), 32);
    eg_identity_key(b, eg_span(bytes, 50), 50);
    eg_identity_key(c, eg_span(bytes, 64), 50);
    assert_string_equal(b, c); /* of a file shorter than a key, the beginning of the longer one */
    assert_string_not_equal(a, b);
}

static void finds_the_furthest(void **state) {
    (void)state;
    struct eg_identity found;
    struct eg_position known[] = {position_at(2000, ""), position_at(100, ""),
                                  position_at(1000, ""), position_at(3001, "")};
    assert_int_equal(find(&found, known, 4), EG_OK); /* 3001 is more than there is */
    assert_int_equal(found.state, EG_PLAN_GROWN);
    assert_int_equal(found.offset, 2000);
    assert_ptr_equal(found.like, &known[0]);
    eg_identity_reset(&found);
    known[0].digest[5] ^= 1;
    assert_int_equal(find(&found, known, 3), EG_OK);
    assert_int_equal(found.offset, 1000);
    assert_true(found.followed);
    eg_identity_reset(&found);
    known[0].digest[5] ^= 1;
    known[0].offset = SIZE;
    known[0] = position_at(SIZE, "");
    assert_int_equal(find(&found, known, 3), EG_OK);
    assert_int_equal(found.offset, SIZE);
    assert_false(found.followed);
    assert_int_equal(found.rest_size, 0);
    eg_identity_reset(&found);
}

static void hands_out_what_follows(void **state) {
    (void)state;
    struct eg_identity found;
    struct eg_position known = position_at(2900, "");
    assert_int_equal(find(&found, &known, 1), EG_OK);
    assert_int_equal(found.rest_size, 100);
    assert_memory_equal(found.rest, bytes + 2900, 100);
    eg_identity_reset(&found);
}

static void the_table_that_knows_least_decides(void **state) {
    (void)state;
    struct eg_identity found;
    struct eg_position known[] = {position_at(2000, "flows"), position_at(500, "packets"),
                                  position_at(900, "packets"), position_at(100, "flows")};
    assert_int_equal(find(&found, known, 4), EG_OK);
    assert_int_equal(found.state, EG_PLAN_GROWN);
    assert_int_equal(found.offset, 900);
    eg_identity_reset(&found);
}

static void tells_new_from_changed(void **state) {
    (void)state;
    struct eg_identity found;
    assert_int_equal(find(&found, NULL, 0), EG_OK);
    assert_int_equal(found.state, EG_PLAN_NEW);
    eg_identity_reset(&found);
    struct eg_position known = position_at(24, ""); /* too little to know anything by */
    assert_int_equal(find(&found, &known, 1), EG_OK);
    assert_int_equal(found.state, EG_PLAN_NEW);
    eg_identity_reset(&found);
    known = position_at(800, "");
    known.key[0] ^= 1;
    assert_int_equal(find(&found, &known, 1), EG_OK);
    assert_int_equal(found.state, EG_PLAN_NEW);
    eg_identity_reset(&found);
    known = position_at(800, "");
    known.digest[0] ^= 1;
    assert_int_equal(find(&found, &known, 1), EG_OK);
    assert_int_equal(found.state, EG_PLAN_CHANGED);
    assert_int_equal(found.offset, 800);
    assert_string_equal(found.like->name, "old");
    eg_identity_reset(&found);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct eg_position known = position_at(800, "");
    struct eg_input input;
    assert_int_equal(eg_input_open(&input, &eg_env_plain, path, NULL), EG_OK);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_identity found;
        assert_int_equal(eg_input_rewind(&input, NULL), EG_OK);
        torture_fail_after(n);
        enum eg_status status =
            eg_identity_find(&found, &input, eg_span(bytes, 64), 25, &known, 1, NULL);
        failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
        eg_identity_reset(&found);
    }
    eg_input_reset(&input);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_hold_for_grown_files),
        cmocka_unit_test(locks_tell_apart_what_keys_do_not),
        cmocka_unit_test(finds_the_furthest),
        cmocka_unit_test(hands_out_what_follows),
        cmocka_unit_test(the_table_that_knows_least_decides),
        cmocka_unit_test(tells_new_from_changed),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, setup, path_remove);
}
