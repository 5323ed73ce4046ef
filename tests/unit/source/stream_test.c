/* SPDX-License-Identifier: Apache-2.0
 * Streams: records across buffers, long blocks, names of interfaces, batches that do not wait, the
 * digest of what was read. Formats and cuts are in file_test, compression in file_packed_test. */
#include "source/stream.h"

#include "make_capture.h"
#include "source/read_source.h"
#include "source/temp_file.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct open_stream {
    struct eg_input input;
    struct eg_stream *stream;
    struct eg_tally tally;
    struct eg_error err;
};

static void stream_open(struct open_stream *s, const struct made *m, uint64_t resume) {
    *s = (struct open_stream){.stream = NULL};
    file_write(path, m->bytes, m->size);
    assert_int_equal(eg_input_open(&s->input, &eg_env_plain, path, &s->err), EG_OK);
    assert_int_equal(eg_stream_new(&s->stream, &s->input, &s->err), EG_OK);
    assert_int_equal(eg_stream_start(s->stream, resume, &s->err), EG_OK);
}

static void stream_close(struct open_stream *s) {
    eg_stream_free(s->stream);
    eg_input_reset(&s->input);
    eg_tally_reset(&s->tally);
}

static void expect_end(struct open_stream *s, const struct made *m, uint64_t offset) {
    uint64_t end;
    struct eg_digest digest, expected = eg_hash128(m->bytes, offset);
    eg_stream_end(s->stream, &end, &digest);
    assert_int_equal(end, offset);
    assert_true(digest.low == expected.low && digest.high == expected.high);
}

/* Packets as large as they may be: each batch keeps few buffers, and every byte is right. */
static void large_packets_cross_buffers(void **state) {
    (void)state;
    uint8_t *payload = malloc(EG_FRAME_BYTES_MAX);
    uint64_t seed = 5;
    for (int format = 0; format < 2; format++) {
        struct made m = {0};
        if (format) {
            made_section(&m, true);
            made_interface(&m, 1, 0, NULL);
        } else {
            made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
        }
        size_t places[100];
        uint32_t sizes[100];
        for (uint32_t i = 0; i < 100; i++) {
            uint32_t size = i % 3 ? EG_FRAME_BYTES_MAX - i : (uint32_t)(made_random(&seed) % 5000);
            for (size_t k = 0; k < size; k += 8) {
                uint64_t word = made_random(&seed);
                memcpy(payload + k, &word, size - k < 8 ? size - k : 8);
            }
            places[i] = m.size + (format ? 28 : 16);
            sizes[i] = size;
            if (format)
                made_packet(&m, 0, i, size, size, payload, size);
            else
                made_record(&m, i, 0, size, size, payload);
        }
        struct open_stream s;
        stream_open(&s, &m, 0);
        struct eg_batch *batches[100], *batch;
        uint32_t count = 0, packet = 0;
        while (eg_stream_next(s.stream, &batch, &s.tally, &s.err) == EG_OK)
            batches[count++] = batch;
        assert_true(count > 3);                /* 17 MiB do not stand in one batch */
        for (uint32_t b = 0; b < count; b++) { /* all are looked at after all were read */
            assert_true(batches[b]->owner_count <= 6);
            const struct eg_span *view = eg_col_view(&batches[b]->columns[EG_COL(RAW, payload)]);
            for (uint32_t i = 0; i < batches[b]->rows; i++, packet++) {
                assert_int_equal(view[i].size, sizes[packet]);
                assert_memory_equal(view[i].at, m.bytes + places[packet], view[i].size);
            }
            eg_batch_unref(batches[b]);
        }
        assert_int_equal(packet, 100);
        expect_end(&s, &m, m.size);
        stream_close(&s);
        made_free(&m);
    }
    free(payload);
}

/* A block longer than any buffer is skipped; cut inside it, the position stays before it. */
static void long_blocks(void **state) {
    (void)state;
    struct made m = {0}, large = {0};
    made_section(&m, false);
    made_interface(&m, 1, 0, NULL);
    made_packet(&m, 0, 1, 4, 4, "abcd", 4);
    size_t before = m.size;
    made_add(&large, NULL, 5u << 20);
    made_block(&m, 0xbad, &large);
    size_t behind = m.size;
    made_packet(&m, 0, 2, 4, 4, "efgh", 4);
    size_t sizes[] = {m.size, before + 8, before + 600000, behind - 5, behind - 4, behind - 1};
    for (int k = 0; k < 6; k++) {
        struct made part = m;
        part.size = sizes[k];
        struct open_stream s;
        struct eg_batch *batch;
        stream_open(&s, &part, 0);
        assert_int_equal(eg_stream_next(s.stream, &batch, &s.tally, &s.err), EG_OK);
        assert_int_equal(batch->rows, k ? 1 : 2);
        eg_batch_unref(batch);
        enum eg_status status = eg_stream_next(s.stream, &batch, &s.tally, &s.err);
        assert_int_equal(status, k ? EG_E_CUT : EG_END);
        if (k) assert_int_equal(s.err.position, before);
        expect_end(&s, &part, k ? before : m.size);
        assert_int_equal(eg_stream_next(s.stream, &batch, &s.tally, &s.err), EG_END);
        stream_close(&s);
    }
    made_free(&m);
    made_free(&large);
}

/* A first section header as long as its comments make it; cut inside it, there is nothing to read. */
static void a_long_section_header(void **state) {
    (void)state;
    const size_t comments[] = {0, 4000, 60000, EG_PCAPNG_BLOCK_MAX - 40};
    for (int k = 0; k < 4; k++) {
        struct made m = {0}, body = {0};
        made_u32(&body, 0x1a2b3c4d);
        made_u16(&body, 1);
        made_u16(&body, 0);
        made_number(&body, UINT64_MAX, 8);
        for (size_t left = comments[k], size; left > 4; left -= size) {
            size = left < 60004 ? left / 4 * 4 : 60004;
            made_option(&body, 1, NULL, (unsigned)size - 4);
        }
        made_block(&m, 0x0a0d0d0a, &body);
        size_t head = m.size;
        made_interface(&m, 1, 0, NULL);
        made_packet(&m, 0, 1, 4, 4, "abcd", 4);
        struct open_stream s;
        struct eg_batch *batch;
        stream_open(&s, &m, 0);
        assert_int_equal(eg_stream_next(s.stream, &batch, &s.tally, &s.err), EG_OK);
        assert_int_equal(batch->rows, 1);
        eg_batch_unref(batch);
        assert_int_equal(eg_stream_next(s.stream, &batch, &s.tally, &s.err), EG_END);
        assert_int_equal(s.tally.count, 0);
        stream_close(&s);
        file_write(path, m.bytes, head - 1);
        assert_int_equal(eg_input_open(&s.input, &eg_env_plain, path, &s.err), EG_OK);
        assert_int_equal(eg_stream_new(&s.stream, &s.input, &s.err), EG_E_FORMAT);
        assert_non_null(strstr(s.err.message, "its section header block is not whole at byte 0"));
        eg_input_reset(&s.input);
        made_free(&m);
        made_free(&body);
    }
}

/* Interfaces are numbered anew in each section, and so many names do not pile up; a batch ends anywhere in a
 * section. */
static void names_follow_sections(void **state) {
    (void)state;
    struct made m = {0};
    for (unsigned section = 0; section < 300; section++) {
        made_section(&m, section & 1);
        for (unsigned i = 0; i < 20; i++) {
            struct made options = {.big = m.big};
            char name[32];
            int size = snprintf(name, sizeof name, "if-%u-%u", section, i);
            if (i != 7) made_option(&options, 2, name, (unsigned)size);
            made_interface(&m, 1, 0, &options);
            made_free(&options);
        }
        for (unsigned i = 40; i-- > 0;) made_packet(&m, i % 20, 1, 1, 1, "x", 1);
    }
    struct eg_env env = eg_env_plain;
    env.batch_rows = 93;
    struct open_stream s = {.stream = NULL};
    file_write(path, m.bytes, m.size);
    assert_int_equal(eg_input_open(&s.input, &env, path, &s.err), EG_OK);
    assert_int_equal(eg_stream_new(&s.stream, &s.input, &s.err), EG_OK);
    assert_int_equal(eg_stream_start(s.stream, 0, &s.err), EG_OK);
    struct eg_batch *batch;
    unsigned packet = 0, names_max = 0;
    while (eg_stream_next(s.stream, &batch, &s.tally, &s.err) == EG_OK) {
        for (uint32_t row = 0; row < batch->rows; row++, packet++) {
            unsigned section = packet / 40, i = 19 - packet % 20;
            bool named = eg_batch_valid(batch, EG_COL(RAW, interface), row);
            assert_int_equal(named, i != 7);
            if (!named) continue;
            char name[32];
            snprintf(name, sizeof name, "if-%u-%u", section, i);
            struct eg_span text = eg_col_text(&batch->columns[EG_COL(RAW, interface)], row);
            assert_int_equal(text.size, strlen(name));
            assert_memory_equal(text.at, name, text.size);
        }
        if (batch->columns[EG_COL(RAW, interface)].dict->count > names_max)
            names_max = batch->columns[EG_COL(RAW, interface)].dict->count;
        eg_batch_unref(batch);
    }
    assert_int_equal(packet, 12000);
    assert_int_equal(s.tally.count, 0);
    assert_true(names_max < 1200);
    stream_close(&s);
    made_free(&m);
}

struct slow {
    int fd;
    const struct made *m;
    size_t first;
    atomic_bool *go_on;
};

static void *slow_write(void *arg) {
    struct slow *slow = arg;
    if (write(slow->fd, slow->m->bytes, slow->first) < 0) abort();
    while (!atomic_load(slow->go_on)) usleep(1000);
    if (write(slow->fd, slow->m->bytes + slow->first, slow->m->size - slow->first) < 0) abort();
    close(slow->fd);
    return NULL;
}

/* On a pipe, rows do not wait for a batch to be full. */
static void batches_do_not_wait(void **state) {
    (void)state;
    struct made m = {0};
    made_pcap_head(&m, 0xa1b2c3d4, 65535, 1);
    size_t first = 0;
    for (unsigned i = 0; i < 10; i++) {
        if (i == 3) first = m.size + 5; /* inside a record */
        made_record(&m, i, 0, 20, 20, NULL);
    }
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    atomic_bool go_on = false;
    struct slow slow = {ends[1], &m, first, &go_on};
    pthread_t writer;
    pthread_create(&writer, NULL, slow_write, &slow);
    char name[64];
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    struct open_stream s = {.stream = NULL};
    struct eg_batch *batch;
    assert_int_equal(eg_input_open(&s.input, &eg_env_plain, name, &s.err), EG_OK);
    assert_int_equal(eg_stream_new(&s.stream, &s.input, &s.err), EG_OK);
    assert_int_equal(eg_stream_start(s.stream, 0, &s.err), EG_OK);
    assert_int_equal(eg_stream_next(s.stream, &batch, &s.tally, &s.err), EG_OK);
    assert_int_equal(batch->rows, 3);
    eg_batch_unref(batch);
    atomic_store(&go_on, true);
    uint32_t rows = 0;
    enum eg_status status;
    while ((status = eg_stream_next(s.stream, &batch, &s.tally, &s.err)) == EG_OK) {
        rows += batch->rows;
        eg_batch_unref(batch);
    }
    assert_int_equal(status, EG_END);
    assert_int_equal(rows, 7);
    pthread_join(writer, NULL);
    close(ends[0]);
    stream_close(&s);
    made_free(&m);
}

/* The digest is that of the bytes before the last whole record, after any batch. */
static void the_digest_keeps_step(void **state) {
    (void)state;
    struct made m = {0};
    made_section(&m, false);
    made_interface(&m, 1, 0, NULL);
    size_t ends[500];
    for (unsigned i = 0; i < 500; i++) {
        made_packet(&m, 0, i, 4, 4, "abcd", 4);
        ends[i] = m.size;
    }
    struct open_stream s;
    stream_open(&s, &m, ends[122]);
    struct eg_batch *batch;
    uint32_t rows = 0;
    bool resumed = false;
    while (eg_stream_next(s.stream, &batch, &s.tally, &s.err) == EG_OK) {
        rows += batch->rows;
        expect_end(&s, &m, ends[rows - 1]);
        resumed = resumed || rows == 123;
        eg_batch_unref(batch);
    }
    assert_int_equal(rows, 500);
    assert_true(resumed);
    stream_close(&s);
    made_free(&m);
}

/* One IPFIX message with a template set of `size` bytes. */
static void made_message(struct made *m, unsigned size) {
    const uint8_t head[] = {
        0, 10, 0, (uint8_t)(20 + size), 0x65, 0x53, 0xf1, 0, 0, 0, 0, 1, 0, 0, 0, 5,
        0, 2,  0, (uint8_t)(4 + size)};
    made_add(m, head, sizeof head);
    for (unsigned i = 0; i < size; i++) made_add(m, "x", 1);
}

static void files_of_messages(void **state) {
    (void)state;
    struct made m = {0};
    size_t whole = 0;
    for (unsigned i = 0; i < 100; i++) {
        whole = m.size;
        made_message(&m, i);
    }
    for (unsigned cut = 0; cut < 3; cut++) {
        m.size -= cut; /* none, 1, 3 bytes of the last message */
        struct open_stream s;
        stream_open(&s, &m, 0);
        assert_int_equal(eg_stream_format(s.stream), EG_CAPTURE_IPFIX);
        struct eg_batch *batch;
        uint32_t rows = 0;
        enum eg_status status;
        while ((status = eg_stream_next(s.stream, &batch, &s.tally, &s.err)) == EG_OK) {
            for (uint32_t i = 0; i < batch->rows; i++, rows++) {
                assert_int_equal(eg_col_view(&batch->columns[EG_COL(RAW, payload)])[i].size,
                                 20 + rows);
                assert_false(eg_batch_valid(batch, EG_COL(RAW, link_type), i));
                assert_true(eg_batch_valid(batch, EG_COL(RAW, peer), i));
                assert_int_equal(eg_col_int(&batch->columns[EG_COL(RAW, transport)], i), 0);
            }
            eg_batch_unref(batch);
        }
        assert_int_equal(status, cut ? EG_E_CUT : EG_END);
        assert_int_equal(rows, cut ? 99 : 100);
        assert_int_equal(eg_tally_sum(&s.tally, EG_CAUSE_capture_cut).records, cut ? 1 : 0);
        expect_end(&s, &m, cut ? whole : m.size);
        stream_close(&s);
    }
    m.size = whole;
    made_add(&m, "not a message", 13);
    made_message(&m, 5);
    struct open_stream s;
    stream_open(&s, &m, 0);
    struct eg_batch *batch;
    assert_int_equal(eg_stream_next(s.stream, &batch, &s.tally, &s.err), EG_OK);
    assert_int_equal(batch->rows, 99);
    eg_batch_unref(batch);
    assert_int_equal(eg_stream_next(s.stream, &batch, &s.tally, &s.err), EG_E_CUT);
    assert_int_equal(eg_tally_sum(&s.tally, EG_CAUSE_capture_damaged).records, 1);
    expect_end(&s, &m, whole);
    stream_close(&s);
    made_free(&m);
}

/* What is damaged inside and can be passed over is told at the end, the first place by name, also where
 * the end itself is cut; not what stands before the place to go on at. */
static void damage_inside_is_told(void **state) {
    (void)state;
    struct made m = {0};
    size_t places[2];
    made_section(&m, false);
    made_interface(&m, 1, 0, NULL);
    made_packet(&m, 0, 1, 4, 4, "abcd", 4);
    places[0] = m.size;
    made_packet(&m, 0, 2, 4000, 4, "efgh", 4); /* more than its block holds */
    made_packet(&m, 0, 3, 4, 4, "ijkl", 4);
    places[1] = m.size;
    made_packet(&m, 7, 4, 4, 4, "mnop", 4); /* of an interface that there is not */
    size_t whole = m.size;
    made_packet(&m, 0, 5, 4, 4, "qrst", 4);
    const struct {
        size_t size, resume;
        const char *told; /* NULL: nothing */
    } cases[] = {
        {places[1], 0,
         "a packet whose length contradicts its block's; what could not be read was passed over"},
        {m.size, 0, "a packet whose length contradicts its block's, and in 1 more places; what"},
        {m.size - 1, 0, "block's, and in 1 more places; what could not be read was passed over; x"},
        {m.size, places[1], "a packet of an interface that is not described; what"},
        {m.size, whole, NULL},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct made part = m;
        part.size = cases[k].size;
        struct open_stream s;
        struct eg_batch *batch;
        char place[64], told[1000];
        uint32_t rows = 0;
        enum eg_status status;
        stream_open(&s, &part, cases[k].resume);
        while ((status = eg_stream_next(s.stream, &batch, &s.tally, &s.err)) == EG_OK) {
            rows += batch->rows;
            eg_batch_unref(batch);
        }
        assert_int_equal(status, cases[k].told ? EG_E_CUT : EG_END);
        assert_int_equal(rows, part.size < m.size ? 2 : 3);
        bool second = cases[k].resume > places[0];
        snprintf(place, sizeof place, "is damaged at byte %zu: ", places[second]);
        if (cases[k].told) {
            /* the path of what was cut stands in it, too */
            snprintf(told, sizeof told, "%s", s.err.message);
            char *end = strstr(told, "passed over; ");
            if (end) strcpy(end + strlen("passed over; "), "x");
            if (!strstr(told, place) || !strstr(told, cases[k].told)) fail_msg("%s", s.err.message);
            if (end) assert_non_null(strstr(s.err.message, "is cut: it ends inside"));
            assert_int_equal(s.err.position, end ? whole : places[second]);
        }
        assert_int_equal(eg_stream_next(s.stream, &batch, &s.tally, &s.err), EG_END);
        expect_end(&s, &part, part.size == m.size - 1 ? whole : part.size);
        stream_close(&s);
    }
    made_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_messages),     cmocka_unit_test(large_packets_cross_buffers),
        cmocka_unit_test(long_blocks),           cmocka_unit_test(names_follow_sections),
        cmocka_unit_test(batches_do_not_wait),   cmocka_unit_test(the_digest_keeps_step),
        cmocka_unit_test(damage_inside_is_told), cmocka_unit_test(a_long_section_header),
    };
    return cmocka_run_group_tests(tests, path_make, path_remove);
}
