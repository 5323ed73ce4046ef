/* SPDX-License-Identifier: Apache-2.0
 * What we write is zstd for everybody, with a table for those who know it. */
#include "source/seekable.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include <cmocka.h>

static enum eg_status keep(void *to, const void *bytes, size_t size, struct eg_error *err) {
    (void)err;
    eg_strbuf_add(to, bytes, size);
    return EG_OK;
}

static enum eg_status full(void *to, const void *bytes, size_t size, struct eg_error *err) {
    (void)bytes;
    *(size_t *)to += size;
    return eg_fail(err, EG_E_NOSPACE, "full");
}

/* Bytes that pack a little. */
static void fill(uint8_t *to, size_t size, uint32_t seed) {
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1103515245 + 12345;
        to[i] = (uint8_t)(seed >> 28);
    }
}

/* All that stands in `packed`, as zstd has it. */
static size_t expand(const struct eg_strbuf *packed, uint8_t *to, size_t room) {
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {packed->text, packed->size, 0};
    ZSTD_outBuffer out = {to, room, 0};
    while (in.pos < in.size) assert_false(ZSTD_isError(ZSTD_decompressStream(stream, &out, &in)));
    ZSTD_freeDStream(stream);
    return out.pos;
}

static uint32_t le32(const struct eg_strbuf *text, size_t from_end) {
    return eg_le32(eg_span(text->text, text->size), text->size - from_end);
}

static void frames_and_a_table(void **state) {
    (void)state;
    size_t size = 3 * EG_SEEKABLE_FRAME + 1000;
    uint8_t *bytes = malloc(size), *back = malloc(size + 1);
    fill(bytes, size, 7);
    struct eg_strbuf packed = {0};
    struct eg_seekable_writer *w;
    assert_int_equal(eg_seekable_writer_new(&w, &(struct eg_seekable_out){keep, &packed}, NULL),
                     EG_OK);
    for (size_t at = 0; at < size; at += 10007)
        assert_int_equal(
            eg_seekable_write(w, bytes + at, size - at < 10007 ? size - at : 10007, NULL), EG_OK);
    assert_int_equal(eg_seekable_table(w, NULL), EG_OK);
    assert_int_equal(eg_seekable_written(w), packed.size);
    size_t once = packed.size;
    assert_int_equal(eg_seekable_table(w, NULL), EG_OK); /* it stands there */
    assert_int_equal(packed.size, once);
    assert_int_equal(le32(&packed, 4), EG_SEEKABLE_MAGIC);
    assert_int_equal(le32(&packed, 9), 4); /* frames */
    assert_int_equal(expand(&packed, back, size + 1), size);
    assert_memory_equal(back, bytes, size);
    /* it may go on: the old table counts as a frame without bytes */
    assert_int_equal(eg_seekable_write(w, "more", 4, NULL), EG_OK);
    assert_int_equal(eg_seekable_table(w, NULL), EG_OK);
    assert_int_equal(le32(&packed, 9), 6);
    assert_int_equal(le32(&packed, 9 + 4), 4);  /* the last frame holds so much */
    assert_int_equal(le32(&packed, 9 + 12), 0); /* the table before it nothing */
    eg_seekable_writer_free(w);
    eg_strbuf_reset(&packed);
    free(bytes);
    free(back);
}

static void an_empty_one(void **state) {
    (void)state;
    struct eg_strbuf packed = {0};
    struct eg_seekable_writer *w;
    uint8_t back[4];
    assert_int_equal(eg_seekable_writer_new(&w, &(struct eg_seekable_out){keep, &packed}, NULL),
                     EG_OK);
    assert_int_equal(eg_seekable_frame(w, NULL), EG_OK);
    assert_int_equal(packed.size, 0);
    assert_int_equal(eg_seekable_table(w, NULL), EG_OK);
    assert_int_equal(packed.size, 17);
    assert_int_equal(expand(&packed, back, sizeof back), 0);
    eg_seekable_writer_free(w);
    eg_strbuf_reset(&packed);
}

static void a_failure_is_final(void **state) {
    (void)state;
    size_t asked = 0;
    struct eg_seekable_writer *w;
    struct eg_error err = {0};
    assert_int_equal(eg_seekable_writer_new(&w, &(struct eg_seekable_out){full, &asked}, NULL),
                     EG_OK);
    assert_int_equal(eg_seekable_write(w, "abc", 3, NULL), EG_OK); /* waits for its frame */
    assert_int_equal(eg_seekable_frame(w, &err), EG_E_NOSPACE);
    size_t once = asked;
    assert_int_equal(eg_seekable_table(w, &err), EG_E_NOSPACE);
    assert_string_equal(err.message, "full");
    assert_int_equal(asked, once);
    eg_seekable_writer_free(w);
}

static void no_memory(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        struct eg_strbuf packed = {0};
        struct eg_seekable_writer *w = NULL;
        torture_fail_after(n);
        enum eg_status status =
            eg_seekable_writer_new(&w, &(struct eg_seekable_out){keep, &packed}, NULL);
        if (status == EG_OK) status = eg_seekable_write(w, "abc", 3, NULL);
        if (status == EG_OK) status = eg_seekable_table(w, NULL);
        bool failed = torture_off();
        if (failed && !packed.failed) assert_int_equal(status, EG_E_NOMEM);
        eg_seekable_writer_free(w);
        eg_strbuf_reset(&packed);
        if (!failed) {
            assert_int_equal(status, EG_OK);
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_and_a_table),
        cmocka_unit_test(an_empty_one),
        cmocka_unit_test(a_failure_is_final),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
