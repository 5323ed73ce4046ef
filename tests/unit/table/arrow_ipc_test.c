/* SPDX-License-Identifier: Apache-2.0
 * The Arrow IPC stream, read back by a small reader of flatbuffers of the test's own; pyarrow reads
 * it in tests/system. */
#include "table/arrow_ipc.h"

#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "every.h"

/* ---- flatbuffers, the reading side ---- */

struct flat {
    const uint8_t *at; /* of the message's metadata */
    size_t size;
};
static uint64_t number(struct flat f, size_t at, size_t size) {
    uint64_t value = 0;
    assert_true(at + size <= f.size);
    assert_int_equal(at % size, 0); /* aligned */
    memcpy(&value, f.at + at, size);
    return value;
}
static size_t follow(struct flat f, size_t at) { return at + number(f, at, 4); }
/* Where field i of the table stands; 0: left out. */
static size_t field(struct flat f, size_t table, size_t i) {
    size_t layout = table - (size_t)(int32_t)number(f, table, 4);
    if (4 + 2 * i >= number(f, layout, 2)) return 0;
    size_t offset = number(f, layout + 4 + 2 * i, 2);
    assert_true(offset < number(f, layout + 2, 2) || offset == 0);
    return offset ? table + offset : 0;
}
static void string_is(struct flat f, size_t at, const char *expected) {
    assert_int_equal(number(f, at, 4), strlen(expected));
    assert_string_equal((const char *)f.at + at + 4, expected);
}

/* The next message of the stream: its metadata, its body; false at the end mark. */
static bool next_message(const uint8_t **at, struct flat *meta, const uint8_t **body) {
    uint32_t mark, size;
    memcpy(&mark, *at, 4);
    memcpy(&size, *at + 4, 4);
    assert_int_equal(mark, UINT32_MAX);
    *at += 8;
    if (!size) return false;
    assert_int_equal(size % 8, 0);
    *meta = (struct flat){*at, size};
    *body = *at + size;
    size_t message = follow(*meta, 0);
    assert_int_equal(number(*meta, field(*meta, message, 0), 2), 4); /* V5 */
    *at = *body + number(*meta, field(*meta, message, 3), 8);
    return true;
}

/* ---- what is in it ---- */

static void check_schema(struct flat f) {
    /* Int 2, FloatingPoint 3, Binary 4, Utf8 5, Bool 6, Timestamp 10 */
    static const uint8_t kinds[EVERY_COLUMNS] = {10, 2, 2, 2, 3, 6, 5, 5, 5, 5, 4, 4, 5, 2, 5, 5};
    size_t message = follow(f, 0);
    assert_int_equal(number(f, field(f, message, 1), 1), 1);
    size_t schema = follow(f, field(f, message, 2)), fields = follow(f, field(f, schema, 1));
    assert_int_equal(number(f, fields, 4), EVERY_COLUMNS);
    for (size_t i = 0; i < EVERY_COLUMNS; i++) {
        size_t column = follow(f, fields + 4 + 4 * i);
        string_is(f, follow(f, field(f, column, 0)), every_columns[i].name);
        assert_int_equal(number(f, field(f, column, 1), 1), 1);
        assert_int_equal(number(f, field(f, column, 2), 1), kinds[i]);
        assert_int_equal(number(f, follow(f, field(f, column, 5)), 4), 0); /* no children */
        size_t type = follow(f, field(f, column, 3));
        if (kinds[i] == 2) {
            int bits = i == I16 ? 16 : i == I32 ? 32 : 64;
            assert_int_equal(number(f, field(f, type, 0), 4), bits);
            assert_int_equal(number(f, field(f, type, 1), 1), 1);
        }
        if (kinds[i] == 3) assert_int_equal(number(f, field(f, type, 0), 2), 2);
        if (kinds[i] == 10) {
            assert_int_equal(number(f, field(f, type, 0), 2), 2);
            string_is(f, follow(f, field(f, type, 1)), "UTC");
        }
    }
}

struct buffer {
    uint64_t offset, size;
};

static void check_column(uint32_t from, uint32_t rows, uint32_t col, uint64_t nulls,
                         const struct buffer *buffers, const uint8_t *body) {
    uint64_t counted = 0;
    const uint8_t *valid = body + buffers[0].offset;
    assert_int_equal(buffers[0].size, nulls ? (rows + 7) / 8 : 0);
    for (uint32_t row = 0; row < rows; row++) {
        struct every_row r = every_row(from + row);
        bool is_valid = !nulls || valid[row / 8] >> row % 8 & 1;
        assert_int_equal(is_valid, !every_null(from + row, col));
        counted += !is_valid;
        if (!is_valid) continue;
        if (col == I32) {
            int32_t value;
            memcpy(&value, body + buffers[1].offset + 4 * row, 4);
            assert_int_equal(value, r.i32);
        }
        if (col == TEXT || col == ADDR) {
            char text[EG_ADDR_TEXT];
            eg_addr_text(&r.addr, text);
            const char *expected = col == TEXT ? r.text : text;
            int32_t offsets[2];
            memcpy(offsets, body + buffers[1].offset + 4 * row, 8);
            assert_int_equal(offsets[1] - offsets[0], strlen(expected));
            assert_memory_equal(body + buffers[2].offset + offsets[0], expected, strlen(expected));
            assert_true((uint64_t)offsets[1] <= buffers[2].size);
        }
    }
    assert_int_equal(counted, nulls);
}

static void check_batch(struct flat f, const uint8_t *body, uint32_t from, uint32_t rows) {
    size_t message = follow(f, 0);
    assert_int_equal(number(f, field(f, message, 1), 1), 3);
    uint64_t body_size = number(f, field(f, message, 3), 8), end = 0;
    size_t batch = follow(f, field(f, message, 2));
    assert_int_equal(number(f, field(f, batch, 0), 8), rows);
    size_t nodes = follow(f, field(f, batch, 1)), buffers = follow(f, field(f, batch, 2));
    assert_int_equal(number(f, nodes, 4), EVERY_COLUMNS);
    size_t k = 0;
    for (uint32_t col = 0; col < EVERY_COLUMNS; col++) {
        assert_int_equal(number(f, nodes + 4 + 16 * (size_t)col, 8), rows);
        uint64_t nulls = number(f, nodes + 12 + 16 * (size_t)col, 8);
        bool is_text = (col >= TEXT && col <= EXTRA) || col >= ABSENT_NAME;
        struct buffer own[3] = {0};
        for (size_t i = 0; i < (is_text ? 3u : 2u); i++, k++) {
            own[i].offset = number(f, buffers + 4 + 16 * k, 8);
            own[i].size = number(f, buffers + 12 + 16 * k, 8);
            assert_int_equal(own[i].offset, end); /* one behind the other, aligned */
            end += (own[i].size + 7) / 8 * 8;
        }
        check_column(from, rows, col, nulls, own, body);
    }
    assert_int_equal(number(f, buffers, 4), k);
    assert_int_equal(end, body_size);
}

static enum eg_status encode(struct eg_strbuf *to, uint32_t total, uint32_t capacity) {
    EG_TRY(eg_arrow_ipc_begin(&every, EG_COLUMNS_ALL, to, NULL));
    for (uint32_t from = 0; from < total; from += capacity) {
        struct eg_batch *batch =
            every_batch(from, total - from < capacity ? total - from : capacity);
        if (!batch) return EG_E_NOMEM;
        enum eg_status status = eg_arrow_ipc_batch(batch, EG_COLUMNS_ALL, to, NULL);
        eg_batch_unref(batch);
        if (status < 0) return status;
    }
    eg_arrow_ipc_end(to);
    return to->failed ? EG_E_NOMEM : EG_OK;
}

static void reads_back(void **state) {
    (void)state;
    const uint32_t capacities[] = {1, 7, 4096};
    for (size_t c = 0; c < 3; c++) {
        struct eg_strbuf to = {0};
        uint32_t total = capacities[c] == 1 ? 50 : 5000, from = 0;
        assert_int_equal(encode(&to, total, capacities[c]), EG_OK);
        const uint8_t *at = (const uint8_t *)to.text, *body;
        struct flat meta;
        assert_true(next_message(&at, &meta, &body));
        check_schema(meta);
        while (next_message(&at, &meta, &body)) {
            uint32_t rows = total - from < capacities[c] ? total - from : capacities[c];
            check_batch(meta, body, from, rows);
            from += rows;
        }
        assert_int_equal(from, total);
        assert_ptr_equal(at, to.text + to.size);
        eg_strbuf_reset(&to);
    }
}

static void memory_runs_out(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_strbuf to = {0};
        torture_fail_after(n);
        enum eg_status status = encode(&to, 100, 50);
        failed = torture_off();
        assert_int_equal(status, failed ? EG_E_NOMEM : EG_OK);
        eg_strbuf_reset(&to);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
