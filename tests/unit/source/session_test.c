/* SPDX-License-Identifier: Apache-2.0
 * Framing: messages come out whole however the bytes are cut; what is no message ends the session. */
#include "source/session.h"

#include "torture.h"

#include "udp_case.h"

#include <fcntl.h>

struct serving {
    struct eg_intake *intake;
    struct eg_filler filler;
    struct eg_session_traffic traffic;
    struct eg_session_limits limits;
    struct eg_session session;
    int client;
    char why[EG_SESSION_WHY];
};

static void serving_begin(struct serving *s, uint32_t message_max) {
    memset(s, 0, sizeof *s);
    s->limits = (struct eg_session_limits){.message_max = message_max, .idle_us = 50000};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    s->client = pair[1];
    assert_int_equal(eg_intake_new(&s->intake, 1 << 20, NULL), EG_OK);
    eg_filler_init(&s->filler, s->intake);
    struct sockaddr_storage from = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&from;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(40000);
    v4->sin_addr.s_addr = htonl(0xc0000207);
    assert_true(eg_session_begin(&s->session, pair[0], NULL, &from, 4739, &s->traffic, &s->limits));
}

static enum eg_session_state serving_read(struct serving *s) {
    return eg_session_read(&s->session, &eg_env_plain, &s->filler, s->why);
}

/* The lengths of the messages taken, which are filled with their length's low byte. */
static int serving_end(struct serving *s, bool broken, uint32_t *lengths, int room) {
    eg_session_end(&s->session, broken);
    assert_int_equal(s->session.fd, -1);
    assert_int_equal(atomic_load(&s->traffic.open), 0);
    eg_filler_finish(&s->filler, 0);
    struct eg_block block;
    int count = 0;
    while (eg_intake_take(s->intake, &block, 0)) {
        struct eg_received r;
        size_t at = EG_BLOCK_HEAD;
        while (eg_block_next(eg_span(block.buffer->bytes, block.size), &at, &r)) {
            assert_int_equal(r.transport, 6);
            assert_int_equal(r.peer_port, 40000);
            assert_int_equal(r.local_port, 4739);
            assert_int_equal(r.peer.bytes[15], 7);
            assert_int_equal(eg_be16(r.payload, 2), r.payload.size);
            for (size_t i = 4; i < r.payload.size; i++)
                assert_int_equal(r.payload.at[i], r.payload.size & 0xff);
            assert_true(count < room);
            lengths[count++] = (uint32_t)r.payload.size;
        }
        eg_buffer_unref(block.buffer);
    }
    eg_intake_free(s->intake);
    close(s->client);
    return count;
}

static size_t message(uint8_t *to, uint32_t length) {
    memset(to, (int)(length & 0xff), length);
    to[0] = 0;
    to[1] = 10;
    to[2] = (uint8_t)(length >> 8);
    to[3] = (uint8_t)length;
    return length;
}

static void messages_are_whole_wherever_the_bytes_are_cut(void **state) {
    (void)state;
    uint8_t bytes[400];
    size_t size = message(bytes, 16);
    size += message(bytes + size, 100);
    size += message(bytes + size, 17);
    for (size_t cut = 0; cut <= size; cut++) {
        struct serving s;
        uint32_t lengths[3];
        serving_begin(&s, 65535);
        assert_int_equal(serving_read(&s), EG_SESSION_WAITS);
        assert_int_equal(write(s.client, bytes, cut), cut);
        assert_int_equal(serving_read(&s), EG_SESSION_WAITS);
        assert_int_equal(write(s.client, bytes + cut, size - cut), size - cut);
        shutdown(s.client, SHUT_WR);
        assert_int_equal(serving_read(&s), EG_SESSION_OVER);
        assert_int_equal(serving_end(&s, false, lengths, 3), 3);
        assert_int_equal(lengths[0], 16);
        assert_int_equal(lengths[1], 100);
        assert_int_equal(lengths[2], 17);
        assert_int_equal(atomic_load(&s.traffic.messages.datagrams), 3);
        assert_int_equal(atomic_load(&s.traffic.messages.bytes), 133);
        assert_int_equal(atomic_load(&s.traffic.bad), 0);
    }
}

static void half_a_message_is_counted(void **state) {
    (void)state;
    uint8_t bytes[200];
    size_t size = message(bytes, 40);
    size += message(bytes + size, 100);
    for (size_t cut = 41; cut < size; cut += 7) {
        struct serving s;
        uint32_t lengths[2];
        serving_begin(&s, 65535);
        assert_int_equal(write(s.client, bytes, cut), cut);
        shutdown(s.client, SHUT_WR);
        assert_int_equal(serving_read(&s), EG_SESSION_BROKEN);
        assert_non_null(strstr(s.why, "middle"));
        assert_int_equal(serving_end(&s, true, lengths, 2), 1);
        assert_int_equal(atomic_load(&s.traffic.bad), 1);
        assert_int_equal(atomic_load(&s.traffic.bad_bytes), cut - 40);
        assert_int_equal(atomic_load(&s.traffic.broken), 1);
    }
}

static void what_is_no_message_ends_it(void **state) {
    (void)state;
    static const struct {
        uint16_t version, length;
        const char *says;
    } cases[] = {{9, 100, "version 9"},       {0, 100, "version 0"},
                 {10, 0, "of 0 bytes"},       {10, 15, "of 15 bytes"},
                 {10, 1001, "of 1001 bytes"}, {10, 65535, "of 65535 bytes"},
                 {0x1603, 1, "version 5635"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct serving s;
        uint32_t lengths[2];
        uint8_t bytes[60];
        size_t size = message(bytes, 50);
        bytes[50] = (uint8_t)(cases[i].version >> 8);
        bytes[51] = (uint8_t)cases[i].version;
        bytes[52] = (uint8_t)(cases[i].length >> 8);
        bytes[53] = (uint8_t)cases[i].length;
        serving_begin(&s, 1000);
        assert_int_equal(write(s.client, bytes, size + 4), size + 4);
        assert_int_equal(serving_read(&s), EG_SESSION_BROKEN);
        assert_non_null(strstr(s.why, cases[i].says));
        assert_int_equal(serving_end(&s, true, lengths, 2), 1);
        assert_int_equal(atomic_load(&s.traffic.bad), 1);
        assert_int_equal(atomic_load(&s.traffic.bad_bytes), 4);
    }
}

static void the_longest_message_comes_whole(void **state) {
    (void)state;
    static uint8_t bytes[3 * 65535];
    for (int i = 0; i < 3; i++) message(bytes + i * 65535, 65535);
    struct serving s;
    uint32_t lengths[3];
    serving_begin(&s, 65535);
    fcntl(s.client, F_SETFL, O_NONBLOCK);
    for (size_t at = 0; at < sizeof bytes;) {
        ssize_t sent = write(s.client, bytes + at, sizeof bytes - at);
        if (sent > 0) at += (size_t)sent;
        assert_int_equal(serving_read(&s), EG_SESSION_WAITS);
    }
    assert_int_equal(serving_end(&s, false, lengths, 3), 3);
    assert_int_equal(lengths[2], 65535);
}

static void without_room_nothing_is_read_and_nothing_lost(void **state) {
    (void)state;
    static uint8_t bytes[60000];
    message(bytes, sizeof bytes);
    struct serving s;
    serving_begin(&s, 65535);
    eg_intake_free(s.intake);
    assert_int_equal(eg_intake_new(&s.intake, 0, NULL), EG_OK); /* two blocks of four messages */
    eg_filler_init(&s.filler, s.intake);
    fcntl(s.client, F_SETFL, O_NONBLOCK);
    size_t sent = 0, at = 0;
    for (int i = 0; i < 200; i++) {
        ssize_t more = write(s.client, bytes + at, sizeof bytes - at);
        if (more > 0) sent += (size_t)more, at = (at + (size_t)more) % sizeof bytes;
        if (serving_read(&s) == EG_SESSION_HELD && more <= 0) break;
        assert_true(i < 199);
    }
    uint64_t taken = 0;
    struct eg_block block;
    for (int i = 0; i < 200; i++) {
        while (eg_intake_take(s.intake, &block, 0)) {
            taken += block.count;
            eg_buffer_unref(block.buffer);
        }
        if (serving_read(&s) == EG_SESSION_WAITS) break;
    }
    eg_filler_finish(&s.filler, 0);
    while (eg_intake_take(s.intake, &block, 0)) {
        taken += block.count;
        eg_buffer_unref(block.buffer);
    }
    assert_int_equal(taken, sent / sizeof bytes);
    struct eg_intake_counts counts;
    eg_intake_counts(s.intake, &counts);
    assert_int_equal(counts.queue_dropped, 0);
    uint32_t lengths[1];
    assert_int_equal(serving_end(&s, false, lengths, 1), 0);
}

static void silence_ends_it(void **state) {
    (void)state;
    struct serving s;
    uint32_t lengths[1];
    serving_begin(&s, 65535);
    assert_int_equal(eg_session_look(&s.session, s.why), EG_SESSION_WAITS);
    case_pause(60);
    assert_int_equal(eg_session_look(&s.session, s.why), EG_SESSION_OVER);
    assert_int_equal(write(s.client, "\0\x0a", 2), 2);
    assert_int_equal(serving_read(&s), EG_SESSION_WAITS);
    assert_int_equal(eg_session_look(&s.session, s.why), EG_SESSION_WAITS);
    case_pause(60);
    assert_int_equal(eg_session_look(&s.session, s.why), EG_SESSION_BROKEN);
    s.session.active_us = eg_tick_us(); /* a byte now and then does not keep a message open */
    s.session.begun_us -= EG_SESSION_MESSAGE_US;
    assert_int_equal(eg_session_look(&s.session, s.why), EG_SESSION_BROKEN);
    assert_non_null(strstr(s.why, "did not end"));
    assert_int_equal(serving_end(&s, true, lengths, 1), 0);
    assert_int_equal(atomic_load(&s.traffic.bad_bytes), 2);
}

static void a_connection_that_is_lost_is_told(void **state) {
    (void)state;
    struct serving s;
    uint32_t lengths[1];
    serving_begin(&s, 65535);
    close(s.session.fd);
    s.session.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(serving_read(&s), EG_SESSION_BROKEN); /* no socket */
    assert_true(strlen(s.why) > 5);
    assert_int_equal(serving_end(&s, true, lengths, 1), 0);
    serving_begin(&s, 65535);
    struct eg_session second;
    struct sockaddr_storage from = {.ss_family = AF_INET};
    torture_fail_after(0);
    assert_false(eg_session_begin(&second, dup(s.client), NULL, &from, 1, &s.traffic, &s.limits));
    assert_true(torture_off());
    assert_int_equal(serving_end(&s, false, lengths, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_whole_wherever_the_bytes_are_cut),
        cmocka_unit_test(half_a_message_is_counted),
        cmocka_unit_test(what_is_no_message_ends_it),
        cmocka_unit_test(the_longest_message_comes_whole),
        cmocka_unit_test(without_room_nothing_is_read_and_nothing_lost),
        cmocka_unit_test(silence_ends_it),
        cmocka_unit_test(a_connection_that_is_lost_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
