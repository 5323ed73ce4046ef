/* SPDX-License-Identifier: Apache-2.0
 * Sessions over loopback: many at once, limits, silence, senders, TLS, an end that takes everything. */
#include "source/sessions.h"
#include "source/sockets.h"

#include "torture.h"

#include "tls_case.h"
#include "udp_case.h"

#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sys/ioctl.h>

struct serving {
    struct eg_env env;
    atomic_int lines;
    struct eg_intake *intake;
    struct eg_session_traffic traffic;
    struct eg_senders allow;
    struct eg_session_listener listener;
    struct eg_sessions_options options;
    struct eg_sessions *sessions;
    atomic_bool stop, ended;
    uint16_t port;
};

static void line_count(void *to, int level, const char *message) {
    assert_int_equal(level, 4);
    assert_non_null(strstr(message, "127.0.0.1"));
    atomic_fetch_add(&((struct serving *)to)->lines, 1);
}

static void ended(void *to) { atomic_store(&((struct serving *)to)->ended, true); }

static void serving_begin(struct serving *s, uint32_t sessions, uint64_t queue) {
    memset(s, 0, sizeof *s);
    s->env = eg_env_plain;
    s->env.log = line_count;
    s->env.log_to = s;
    struct eg_endpoint e;
    int fd;
    assert_int_equal(eg_endpoint_parse(&e, "tcp://127.0.0.1:0", NULL, NULL), EG_OK);
    assert_int_equal(eg_socket_tcp(&fd, &e, NULL), EG_OK);
    s->port = eg_socket_port(fd);
    assert_int_equal(eg_intake_new(&s->intake, queue, NULL), EG_OK);
    s->listener = (struct eg_session_listener){fd, "tcp://127.0.0.1", &s->traffic};
    s->options = (struct eg_sessions_options){
        .env = &s->env,
        .listeners = &s->listener,
        .listener_count = 1,
        .allow = &s->allow,
        .intake = s->intake,
        .sessions_max = sessions,
        .limits = {.message_max = 65535, .idle_us = 60000000},
        .stop = &s->stop,
        .ended = ended,
        .ended_to = s,
    };
}

static void serving_start(struct serving *s) {
    assert_int_equal(eg_sessions_start(&s->sessions, &s->options, NULL), EG_OK);
}

static uint64_t queue_count(struct serving *s) {
    struct eg_block block;
    uint64_t count = 0;
    while (eg_intake_take(s->intake, &block, 0)) {
        count += block.count;
        eg_buffer_unref(block.buffer);
    }
    return count;
}

static uint64_t serving_end(struct serving *s) {
    atomic_store(&s->stop, true);
    eg_sessions_free(s->sessions);
    if (s->sessions) assert_true(atomic_load(&s->ended));
    uint64_t count = queue_count(s);
    assert_int_equal(atomic_load(&s->traffic.open), 0);
    eg_intake_free(s->intake);
    close(s->listener.fd);
    return count;
}

static size_t message(uint8_t *to, uint32_t length) {
    memset(to, 0, length);
    to[1] = 10;
    to[2] = (uint8_t)(length >> 8);
    to[3] = (uint8_t)length;
    return length;
}

/* Whether the other side has closed. Silence is seen to twice a second, so it takes that longer. */
static bool closed(int fd) {
    char byte;
    struct timeval wait = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

static void until(const atomic_ullong *count, unsigned long long wanted) {
    for (int i = 0; i < 300 && atomic_load(count) < wanted; i++) case_pause(10);
    assert_int_equal(atomic_load(count), wanted);
}

/* What was sent is at the other end: a busy kernel carries even loopback's segments later. */
static void delivered(int fd) {
    int waiting = 1;
    for (int i = 0; i < 500 && waiting; i++) {
        assert_int_equal(ioctl(fd, SIOCOUTQ, &waiting), 0);
        if (waiting) case_pause(10);
    }
    assert_int_equal(waiting, 0);
}

static void many_sessions_at_once(void **state) {
    (void)state;
    struct serving s;
    uint8_t bytes[4000];
    size_t size = message(bytes, 1000);
    size += message(bytes + size, 500);
    serving_begin(&s, 64, 64 << 20);
    serving_start(&s);
    int fds[40];
    for (int i = 0; i < 40; i++) fds[i] = case_sender(AF_INET, SOCK_STREAM, s.port);
    for (int round = 0; round < 50; round++)
        for (int i = 0; i < 40; i++) assert_int_equal(send(fds[i], bytes, size, 0), size);
    until(&s.traffic.messages.datagrams, 4000);
    for (int i = 0; i < 20; i++) close(fds[i]);
    for (int i = 20; i < 40; i++) assert_int_equal(send(fds[i], bytes, size, 0), size);
    for (int i = 20; i < 40; i++) delivered(fds[i]);
    assert_int_equal(serving_end(&s), 4040); /* what had been sent is taken before the end */
    assert_int_equal(atomic_load(&s.traffic.begun), 40);
    assert_int_equal(atomic_load(&s.traffic.broken), 0);
    assert_int_equal(atomic_load(&s.traffic.bad), 0);
    for (int i = 20; i < 40; i++) close(fds[i]);
}

static void there_are_no_more_than_allowed(void **state) {
    (void)state;
    struct serving s;
    serving_begin(&s, 2, 1 << 20);
    serving_start(&s);
    int a = case_sender(AF_INET, SOCK_STREAM, s.port),
        b = case_sender(AF_INET, SOCK_STREAM, s.port);
    until(&s.traffic.begun, 2);
    int c = case_sender(AF_INET, SOCK_STREAM, s.port);
    assert_true(closed(c));
    assert_int_equal(atomic_load(&s.traffic.crowded), 1);
    assert_int_equal(atomic_load(&s.traffic.refused), 0);
    close(a);
    close(c);
    for (int i = 0; i < 100 && atomic_load(&s.traffic.open) > 1; i++) case_pause(10);
    c = case_sender(AF_INET, SOCK_STREAM, s.port); /* there is room again */
    until(&s.traffic.begun, 3);
    assert_int_equal(serving_end(&s), 0);
    close(b);
    close(c);
}

static void what_is_wrong_closes_one_session_only(void **state) {
    (void)state;
    struct serving s;
    uint8_t bytes[100];
    size_t size = message(bytes, 100);
    serving_begin(&s, 64, 1 << 20);
    serving_start(&s);
    int good = case_sender(AF_INET, SOCK_STREAM, s.port);
    for (int i = 0; i < 20; i++) {
        int bad = case_sender(AF_INET, SOCK_STREAM, s.port);
        assert_int_equal(send(bad, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
        assert_true(closed(bad));
        close(bad);
        assert_int_equal(send(good, bytes, size, 0), size);
    }
    until(&s.traffic.messages.datagrams, 20);
    assert_int_equal(atomic_load(&s.traffic.broken), 20);
    assert_int_equal(atomic_load(&s.traffic.bad), 20);
    assert_int_equal(atomic_load(&s.traffic.bad_bytes), 20 * 18);
    struct eg_session_bad whose[EG_SESSIONS_BAD_MAX];
    assert_int_equal(eg_sessions_bad_take(s.sessions, whose), 1);
    assert_int_equal(whose[0].messages, 20);
    assert_int_equal(whose[0].bytes, 20 * 18);
    assert_int_equal(eg_sessions_bad_take(s.sessions, whose), 0);
    assert_int_equal(atomic_load(&s.lines), 1); /* they are not all worth a line */
    assert_int_equal(serving_end(&s), 20);
    close(good);
}

static void silence_and_strangers_are_closed(void **state) {
    (void)state;
    struct serving s;
    serving_begin(&s, 4, 1 << 20);
    s.options.limits.idle_us = 100000;
    serving_start(&s);
    int silent = case_sender(AF_INET, SOCK_STREAM, s.port);
    assert_true(closed(silent));
    assert_int_equal(atomic_load(&s.traffic.broken), 0);
    close(silent);
    serving_end(&s);
    serving_begin(&s, 4, 1 << 20);
    char *words[] = {"192.0.2.0/24"};
    struct eg_text_list list = {words, 1};
    assert_int_equal(eg_senders_parse(&s.allow, &list, NULL), EG_OK);
    serving_start(&s);
    int stranger = case_sender(AF_INET, SOCK_STREAM, s.port);
    assert_true(closed(stranger));
    assert_int_equal(atomic_load(&s.traffic.refused), 1);
    assert_int_equal(atomic_load(&s.traffic.begun), 0);
    close(stranger);
    serving_end(&s);
    eg_senders_reset(&s.allow);
}

/* Connections that say nothing do not take the room of those that do. */
static void an_address_has_only_so_many_and_must_speak(void **state) {
    (void)state;
    struct serving s;
    uint8_t bytes[100];
    size_t size = message(bytes, 100);
    serving_begin(&s, 10, 1 << 20);
    s.options.of_address_max = 3;
    s.options.limits.first_us = 700000;
    serving_start(&s);
    int open[3];
    for (int i = 0; i < 3; i++) open[i] = case_sender(AF_INET, SOCK_STREAM, s.port);
    assert_int_equal(send(open[0], bytes, size, 0), size);
    until(&s.traffic.messages.datagrams, 1);
    int more = case_sender(AF_INET, SOCK_STREAM, s.port);
    assert_true(closed(more));
    assert_int_equal(atomic_load(&s.traffic.crowded), 1);
    close(more);
    for (int i = 1; i < 3; i++) assert_true(closed(open[i]));
    assert_int_equal(atomic_load(&s.traffic.broken), 2);
    assert_int_equal(send(open[0], bytes, size, 0), size); /* the one that spoke stays */
    until(&s.traffic.messages.datagrams, 2);
    more = case_sender(AF_INET, SOCK_STREAM, s.port); /* there is room again */
    assert_int_equal(send(more, bytes, size, 0), size);
    until(&s.traffic.messages.datagrams, 3);
    close(more);
    for (int i = 0; i < 3; i++) close(open[i]);
    assert_int_equal(serving_end(&s), 3);
}

struct flood {
    int fd;
    int count;
};
static void *flood_run(void *argument) {
    struct flood *flood = argument;
    static uint8_t bytes[30000];
    message(bytes, sizeof bytes);
    for (int i = 0; i < flood->count; i++)
        if (send(flood->fd, bytes, sizeof bytes, MSG_NOSIGNAL) != sizeof bytes) break;
    return NULL;
}

static void a_full_queue_makes_exporters_wait(void **state) {
    (void)state;
    struct serving s;
    serving_begin(&s, 4, 0); /* two blocks */
    serving_start(&s);
    struct flood flood = {case_sender(AF_INET, SOCK_STREAM, s.port), 1000};
    pthread_t thread;
    pthread_create(&thread, NULL, flood_run, &flood);
    case_pause(300);
    uint64_t count = 0;
    for (int i = 0; i < 2000 && count < 1000; i++) {
        count += queue_count(&s);
        case_pause(5);
    }
    pthread_join(thread, NULL);
    count += serving_end(&s);
    assert_int_equal(count, 1000);
    close(flood.fd);
}

static void sessions_speak_tls(void **state) {
    (void)state;
    static uint8_t bytes[5 << 20];
    size_t size = 0;
    uint64_t messages = 0;
    for (; size + 60000 < sizeof bytes; messages++) size += message(bytes + size, 60000);
    struct tls_case c;
    struct serving s;
    struct eg_tls *tls;
    tls_begin(&c);
    assert_int_equal(eg_tls_new(&tls, tls_path(&c, "server.pem"), tls_path(&c, "server.key"),
                                tls_path(&c, "ca.pem"), NULL),
                     EG_OK);
    serving_begin(&s, 4, 64 << 20);
    s.options.tls = tls;
    serving_start(&s);
    struct tls_client clients[2] = {{.cert = tls_path(&c, "client.pem"),
                                     .key = tls_path(&c, "client.key"),
                                     .bytes = bytes,
                                     .size = size,
                                     .bye = true},
                                    {.bytes = bytes, .size = size}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        clients[i].fd = case_sender(AF_INET, SOCK_STREAM, s.port);
        pthread_create(&threads[i], NULL, tls_client_run, &clients[i]);
    }
    until(&s.traffic.messages.datagrams, messages);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        close(clients[i].fd);
    }
    for (int i = 0; i < 100 && atomic_load(&s.traffic.open); i++) case_pause(10);
    assert_int_equal(clients[0].result, 0);
    assert_int_equal(atomic_load(&s.traffic.broken), 1);
    assert_int_equal(atomic_load(&s.traffic.bad), 1); /* and so in the account */
    assert_int_equal(serving_end(&s), messages);
    eg_tls_free(tls);
    tls_end(&c);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct serving s;
    serving_begin(&s, 4, 1 << 20);
    for (long n = 0; n < 4; n++) {
        torture_fail_after(n);
        assert_int_equal(eg_sessions_start(&s.sessions, &s.options, NULL), EG_E_NOMEM);
        assert_true(torture_off());
    }
    eg_sessions_free(NULL);
    serving_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_sessions_at_once),
        cmocka_unit_test(there_are_no_more_than_allowed),
        cmocka_unit_test(what_is_wrong_closes_one_session_only),
        cmocka_unit_test(silence_and_strangers_are_closed),
        cmocka_unit_test(an_address_has_only_so_many_and_must_speak),
        cmocka_unit_test(a_full_queue_makes_exporters_wait),
        cmocka_unit_test(sessions_speak_tls),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
