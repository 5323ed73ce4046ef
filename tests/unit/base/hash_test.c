/* SPDX-License-Identifier: Apache-2.0
 * Digests: running and at once alike, as text and back, SHA-1 by its published examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static void running_equals_at_once(void **state) {
    (void)state;
    uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
    for (size_t cut = 0; cut <= sizeof bytes; cut += 37) {
        struct eg_hasher *hasher = eg_hasher_new();
        eg_hasher_add(hasher, bytes, cut);
        struct eg_digest first = eg_hasher_digest(hasher), alone = eg_hash128(bytes, cut);
        assert_true(first.high == alone.high && first.low == alone.low);
        eg_hasher_add(hasher, bytes + cut, sizeof bytes - cut); /* goes on after a look */
        struct eg_digest whole = eg_hasher_digest(hasher), want = eg_hash128(bytes, sizeof bytes);
        assert_true(whole.high == want.high && whole.low == want.low);
        eg_hasher_free(hasher);
    }
}

static void text_and_back(void **state) {
    (void)state;
    char text[33];
    struct eg_digest digest = {UINT64_C(0x0123456789abcdef), 0x42}, back;
    eg_digest_text(digest, text);
    assert_string_equal(text, "0123456789abcdef0000000000000042");
    assert_true(eg_digest_parse(&back, text));
    assert_true(back.high == digest.high && back.low == digest.low);
    assert_false(eg_digest_parse(&back, ""));
    assert_false(eg_digest_parse(&back, "0123456789abcdef000000000000004"));
    assert_false(eg_digest_parse(&back, "0123456789ABCDEF0000000000000042"));
    assert_false(eg_digest_parse(&back, "0123456789abcdef00000000000000 2"));
}

static void seeds_change_the_hash(void **state) {
    (void)state;
    assert_true(eg_hash64("abc", 3, 1) != eg_hash64("abc", 3, 2));
    assert_true(eg_hash64("abc", 3, 1) == eg_hash64("abc", 3, 1));
}

/* FIPS 180-1, appendices A and B */
static void sha1_of_the_standard(void **state) {
    (void)state;
    uint8_t digest[20];
    char text[41];
    eg_sha1("abc", 3, digest);
    for (int i = 0; i < 20; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, "a9993e364706816aba3e25717850c26c9cd0d89d");
    const char *longer = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    eg_sha1(longer, strlen(longer), digest);
    for (int i = 0; i < 20; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

static void a_copy_goes_on_by_itself(void **state) {
    (void)state;
    struct eg_hasher *a = eg_hasher_new(), *b = eg_hasher_new();
    eg_hasher_add(b, "something else", 14);
    eg_hasher_add(a, "one ", 4);
    eg_hasher_copy(b, a);
    eg_hasher_add(b, "two", 3);
    struct eg_digest one = eg_hasher_digest(a), two = eg_hasher_digest(b);
    struct eg_digest one_whole = eg_hash128("one ", 4), two_whole = eg_hash128("one two", 7);
    assert_memory_equal(&one, &one_whole, sizeof one);
    assert_memory_equal(&two, &two_whole, sizeof two);
    eg_hasher_free(a);
    eg_hasher_free(b);
}

/* FIPS 180-4's examples; all of it counts however it is cut */
static void sha256_of_the_standard(void **state) {
    (void)state;
    const char *text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    char digest[65];
    struct eg_sha256 *sha = eg_sha256_new();
    eg_sha256_text(sha, digest);
    assert_string_equal(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        eg_sha256_add(sha, text, cut);
        eg_sha256_add(sha, text + cut, strlen(text) - cut);
        eg_sha256_text(sha, digest);
        assert_string_equal(digest,
                            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    }
    eg_sha256_free(sha);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_equals_at_once),   cmocka_unit_test(text_and_back),
        cmocka_unit_test(seeds_change_the_hash),    cmocka_unit_test(sha1_of_the_standard),
        cmocka_unit_test(a_copy_goes_on_by_itself), cmocka_unit_test(sha256_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
