/* SPDX-License-Identifier: Apache-2.0
 * The public readers: a made capture through the Arrow stream, columns, filters, errors. */
#include <earlgrey.h>

#include "wire/exports_make.h"

#include <string.h>
#include <unistd.h>

#include "torture.h"

/* ---- captures ---- */

static char *capture_of(uint32_t datagrams, const char *rest) {
    char *path = strdup(P_tmpdir "/earlgrey-reader-XXXXXX");
    FILE *to = fdopen(mkstemp(path), "wb");
    const uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, EG_LINK_RAW};
    if (datagrams) fwrite(head, sizeof head, 1, to);
    for (uint32_t i = 0; i < datagrams; i++) {
        struct v5 h = {.count = 3,
                       .uptime = 100000,
                       .seconds = BASE_SECONDS + i,
                       .sequence = i * 3,
                       .engine = 1};
        struct bytes payload = make_v5(h, 1000 * i);
        struct bytes frame = make_frame(0x0a010001, 9000, 4000, &payload);
        const uint32_t record[] = {BASE_SECONDS + i, 0, frame.size, frame.size};
        fwrite(record, sizeof record, 1, to);
        fwrite(frame.at, 1, frame.size, to);
    }
    fputs(rest, to);
    fclose(to);
    return path;
}

static void gone(char *path) {
    unlink(path);
    free(path);
}

struct sums {
    int64_t rows, batches, columns, bytes, most;
};

/* Reads the stream to its end; the last column asked for is `bytes`. */
static struct sums read_stream(struct ArrowArrayStream *stream) {
    struct sums sums = {0};
    struct ArrowSchema schema;
    assert_int_equal(stream->get_schema(stream, &schema), 0);
    assert_string_equal(schema.format, "+s");
    int64_t bytes = -1;
    for (int64_t i = 0; i < schema.n_children; i++)
        if (strcmp(schema.children[i]->name, "bytes") == 0) bytes = i;
    sums.columns = schema.n_children;
    schema.release(&schema);
    for (;;) {
        struct ArrowArray array;
        assert_int_equal(stream->get_next(stream, &array), 0);
        if (!array.release) break;
        sums.rows += array.length;
        sums.batches++;
        if (array.length > sums.most) sums.most = array.length;
        const int64_t *values = bytes < 0 ? NULL : array.children[bytes]->buffers[1];
        for (int64_t i = 0; values && i < array.length; i++) sums.bytes += values[i];
        array.release(&array);
    }
    stream->release(stream);
    assert_null(stream->release);
    return sums;
}

static struct sums read_paths(const char *const *paths, size_t count,
                              const struct eg_reader_options *options) {
    struct eg_reader *reader;
    struct ArrowArrayStream stream;
    struct eg_error err = {0};
    enum eg_status status = eg_reader_open(&reader, paths, count, options, &err);
    if (status < 0) print_message("%s\n", err.message);
    assert_int_equal(status, EG_OK);
    assert_int_equal(eg_reader_stream(reader, &stream, &err), EG_OK);
    return read_stream(&stream);
}

static void flows_and_packets(void **state) {
    (void)state;
    char *a = capture_of(100, ""), *b = capture_of(50, "");
    const char *const paths[] = {a, b};
    struct eg_reader_options options = {.table = EG_TABLE_FLOWS};
    struct sums sums = read_paths(paths, 2, &options);
    uint32_t all;
    eg_table_columns(EG_TABLE_FLOWS, &all);
    assert_int_equal(sums.rows, 450);
    assert_int_equal(sums.columns, all);
    int64_t expected = 0;
    for (int64_t i = 0; i < 100; i++) expected += (i < 50 ? 2 : 1) * (3 * 1000 * i + 3);
    assert_int_equal(sums.bytes, expected);
    options.table = EG_TABLE_PACKETS;
    assert_int_equal(read_paths(paths, 2, &options).rows, 150);
    options.table = EG_TABLE_FLOWS;
    options.metered = true; /* the exports are packets of one exporter to one collector */
    sums = read_paths(paths, 2, &options);
    assert_in_range(sums.rows, 2, 20);
    assert_int_equal(sums.columns, all);
    assert_true(sums.bytes > 150 * 144);
    options.table = EG_TABLE_PACKETS;
    options.style = EG_ARROW_NATIVE;
    options.batch_rows = 7;
    sums = read_paths(paths, 2, &options);
    assert_int_equal(sums.rows, 150);
    assert_int_equal(sums.most, 7);
    gone(a);
    gone(b);
}

static void columns_and_filter(void **state) {
    (void)state;
    char *a = capture_of(100, "");
    const char *path = a;
    const char *const columns[] = {"src_ip", "bytes"};
    struct eg_reader_options options = {
        .table = EG_TABLE_FLOWS, .columns = columns, .column_count = 2, .filter = "proto 6"};
    struct sums sums = read_paths(&path, 1, &options);
    assert_int_equal(sums.columns, 2); /* what the filter reads is not handed out */
    assert_int_equal(sums.rows, 200);  /* of the three records of each, two are TCP */
    int64_t expected = 0;
    for (int64_t i = 0; i < 100; i++) expected += 2 * 1000 * i + 2;
    assert_int_equal(sums.bytes, expected);
    gone(a);
}

/* A capture that is cut gives its whole packets and ends like any other. */
static void cut(void **state) {
    (void)state;
    char *a = capture_of(10, "xyz");
    const char *path = a;
    struct eg_reader_options options = {.table = EG_TABLE_FLOWS};
    assert_int_equal(read_paths(&path, 1, &options).rows, 30);
    gone(a);
}

/* ---- errors ---- */

static void open_fails(const char *const *paths, size_t count,
                       const struct eg_reader_options *options, enum eg_status expected,
                       const char *part) {
    struct eg_reader *reader = NULL;
    struct eg_error err = {0};
    assert_int_equal(eg_reader_open(&reader, paths, count, options, &err), expected);
    assert_null(reader);
    if (!strstr(err.message, part)) fail_msg("'%s' is not in '%s'", part, err.message);
}

static void errors(void **state) {
    (void)state;
    char *a = capture_of(10, ""), *text = capture_of(0, "this is no capture, whatever it says");
    struct eg_reader_options flows = {.table = EG_TABLE_FLOWS};
    open_fails((const char *const[]){a, "not-there.pcap"}, 2, &flows, EG_E_NOENT, "not-there.pcap");
    open_fails((const char *const[]){"not-there.pcap", a}, 2, &flows, EG_E_NOENT, "not-there.pcap");
    open_fails((const char *const[]){a, text}, 2, &flows, EG_E_FORMAT, text);
    const char *const wrong[] = {"byte"};
    struct eg_reader_options unknown = {
        .table = EG_TABLE_FLOWS, .columns = wrong, .column_count = 1};
    open_fails((const char *const[]){a}, 1, &unknown, EG_E_USAGE, "did you mean 'bytes'");
    struct eg_reader_options filter = {.table = EG_TABLE_FLOWS, .filter = "src_ip = = 4"};
    open_fails((const char *const[]){a}, 1, &filter, EG_E_USAGE, "");
    struct eg_reader_options losses = {.table = EG_TABLE_LOSSES};
    open_fails((const char *const[]){a}, 1, &losses, EG_E_USAGE, "losses");
    gone(a);
    gone(text);
}

static void filters_as_sql(void **state) {
    (void)state;
    char *sql = NULL;
    struct eg_error err = {0};
    assert_int_equal(eg_filter_to_sql(&sql, "dst port 443", EG_TABLE_FLOWS, &err), EG_OK);
    assert_non_null(strstr(sql, "dst_port"));
    assert_non_null(strstr(sql, "443"));
    eg_text_free(sql);
    eg_text_free(NULL);
    sql = NULL;
    assert_int_equal(eg_filter_to_sql(&sql, "dst port 443 and prto 6", EG_TABLE_FLOWS, &err),
                     EG_E_USAGE);
    assert_int_equal(err.position, 17);
    assert_null(sql);
    assert_int_equal(eg_filter_to_sql(&sql, "any", EG_TABLE_LOSSES, &err), EG_E_USAGE);
}

/* Freed without having been read. */
static void not_read(void **state) {
    (void)state;
    char *a = capture_of(10, "");
    const char *path = a;
    struct eg_reader_options options = {.table = EG_TABLE_FLOWS};
    struct eg_reader *reader;
    assert_int_equal(eg_reader_open(&reader, &path, 1, &options, NULL), EG_OK);
    eg_reader_free(reader);
    eg_reader_free(NULL);
    gone(a);
}

static void torture(void **state) {
    (void)state;
    char *a = capture_of(3, "");
    const char *const paths[] = {a, a};
    struct eg_reader_options options = {.table = EG_TABLE_FLOWS, .filter = "bytes > 0"};
    bool more = true;
    for (long n = 0; more; n++) {
        struct eg_reader *reader;
        struct ArrowArrayStream stream;
        torture_fail_after(n);
        enum eg_status status = eg_reader_open(&reader, paths, 2, &options, NULL);
        if (status == EG_OK && (status = eg_reader_stream(reader, &stream, NULL)) < 0)
            eg_reader_free(reader);
        if (status == EG_OK) {
            struct ArrowArray array = {0};
            while (stream.get_next(&stream, &array) == 0 && array.release) array.release(&array);
            stream.release(&stream);
        } else {
            assert_int_equal(status, EG_E_NOMEM);
        }
        more = torture_off();
    }
    gone(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_and_packets),
        cmocka_unit_test(columns_and_filter),
        cmocka_unit_test(cut),
        cmocka_unit_test(errors),
        cmocka_unit_test(filters_as_sql),
        cmocka_unit_test(not_read),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
