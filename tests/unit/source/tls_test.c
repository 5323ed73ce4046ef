/* SPDX-License-Identifier: Apache-2.0
 * TLS: what was sent arrives, certificates are asked for and checked, and what is wrong is told. */
#include "source/tls.h"

#include "torture.h"

#include "tls_case.h"

#include <fcntl.h>
#include <pthread.h>

struct outcome {
    enum eg_tls_answer last;
    size_t got;
    bool shaken;
    char why[200];
};

/* Serves one client until something other than OK or AGAIN comes. */
static struct outcome serve(struct eg_tls *tls, struct tls_client *client, uint8_t *to,
                            size_t room) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    client->fd = pair[1];
    pthread_t thread;
    pthread_create(&thread, NULL, tls_client_run, client);
    struct eg_tls_session *session = eg_tls_session_new(tls, pair[0]);
    assert_non_null(session);
    struct outcome outcome = {0};
    for (int i = 0; i < 100000; i++) {
        size_t got = 0;
        outcome.last = eg_tls_session_read(session, to + outcome.got, room - outcome.got, &got);
        outcome.got += got;
        if (outcome.last == EG_TLS_AGAIN) usleep(100);
        if (outcome.last != EG_TLS_AGAIN && outcome.last != EG_TLS_OK) break;
    }
    outcome.shaken = eg_tls_session_shaken(session);
    snprintf(outcome.why, sizeof outcome.why, "%s", eg_tls_session_why(session));
    eg_tls_session_free(session);
    close(pair[0]);
    pthread_join(thread, NULL);
    close(pair[1]);
    return outcome;
}

static void bytes_arrive(void **state) {
    (void)state;
    static uint8_t sent[300000], got[400000];
    for (size_t i = 0; i < sizeof sent; i++) sent[i] = (uint8_t)(i * 7);
    struct tls_case c;
    struct eg_tls *tls;
    tls_begin(&c);
    assert_int_equal(
        eg_tls_new(&tls, tls_path(&c, "server.pem"), tls_path(&c, "server.key"), NULL, NULL),
        EG_OK);
    struct tls_client client = {.bytes = sent, .size = sizeof sent, .bye = true};
    struct outcome o = serve(tls, &client, got, sizeof got);
    assert_int_equal(o.last, EG_TLS_OVER);
    assert_int_equal(o.got, sizeof sent);
    assert_memory_equal(got, sent, sizeof sent);
    assert_int_equal(client.result, 0);
    client.bye = false; /* a connection that just ends may have been cut by somebody */
    o = serve(tls, &client, got, sizeof got);
    assert_int_equal(o.last, EG_TLS_CUT);
    assert_int_equal(o.got, sizeof sent);
    eg_tls_free(tls);
    tls_end(&c);
}

static void certificates_are_asked_for(void **state) {
    (void)state;
    uint8_t got[100];
    struct tls_case c;
    struct eg_tls *tls;
    tls_begin(&c);
    assert_int_equal(eg_tls_new(&tls, tls_path(&c, "server.pem"), tls_path(&c, "server.key"),
                                tls_path(&c, "ca.pem"), NULL),
                     EG_OK);
    struct tls_client right = {.cert = tls_path(&c, "client.pem"),
                               .key = tls_path(&c, "client.key"),
                               .bytes = "hello",
                               .size = 5,
                               .bye = true};
    struct outcome o = serve(tls, &right, got, sizeof got);
    assert_int_equal(o.last, EG_TLS_OVER);
    assert_int_equal(o.got, 5);
    struct tls_client none = {.bytes = "hello", .size = 5};
    o = serve(tls, &none, got, sizeof got);
    assert_int_equal(o.last, EG_TLS_BAD);
    assert_false(o.shaken);
    assert_int_equal(o.got, 0);
    assert_true(strlen(o.why) > 5);
    struct tls_client wrong = {.cert = tls_path(&c, "other.pem"),
                               .key = tls_path(&c, "other.key"),
                               .bytes = "hello",
                               .size = 5};
    o = serve(tls, &wrong, got, sizeof got);
    assert_int_equal(o.last, EG_TLS_BAD);
    assert_int_equal(o.got, 0);
    assert_non_null(strstr(o.why, "issuer"));
    eg_tls_free(tls);
    tls_end(&c);
}

static void what_is_no_tls_is_told(void **state) {
    (void)state;
    struct tls_case c;
    struct eg_tls *tls;
    tls_begin(&c);
    assert_int_equal(
        eg_tls_new(&tls, tls_path(&c, "server.pem"), tls_path(&c, "server.key"), NULL, NULL),
        EG_OK);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    struct eg_tls_session *session = eg_tls_session_new(tls, pair[0]);
    size_t got = 0;
    uint8_t to[100];
    assert_int_equal(eg_tls_session_read(session, to, sizeof to, &got), EG_TLS_AGAIN);
    assert_int_equal(write(pair[1], "\0\x0a\0\x10 an IPFIX message in the clear", 35), 35);
    assert_int_equal(eg_tls_session_read(session, to, sizeof to, &got), EG_TLS_BAD);
    assert_true(strlen(eg_tls_session_why(session)) > 5);
    eg_tls_session_free(session);
    eg_tls_session_free(NULL);
    close(pair[0]);
    close(pair[1]);
    eg_tls_free(tls);
    eg_tls_free(NULL);
    tls_end(&c);
}

static void files_that_are_wrong_are_named(void **state) {
    (void)state;
    struct tls_case c;
    struct eg_tls *tls = NULL;
    struct eg_error err;
    tls_begin(&c);
    const char *cert = tls_path(&c, "server.pem"), *key = tls_path(&c, "server.key");
    assert_int_equal(eg_tls_new(&tls, "/no/cert", key, NULL, &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, "/no/cert"));
    assert_int_equal(eg_tls_new(&tls, cert, "/no/key", NULL, &err), EG_E_NOENT);
    assert_int_equal(eg_tls_new(&tls, cert, key, "/no/ca", &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, "/no/ca"));
    assert_int_equal(eg_tls_new(&tls, key, key, NULL, &err), EG_E_FORMAT);
    assert_int_equal(eg_tls_new(&tls, cert, NULL, NULL, &err), EG_E_FORMAT); /* no key in it */
    assert_int_equal(eg_tls_new(&tls, cert, tls_path(&c, "client.key"), NULL, &err), EG_E_FORMAT);
    assert_int_equal(eg_tls_new(&tls, cert, key, key, &err), EG_E_FORMAT);
    assert_non_null(strstr(err.message, "server.key"));
    torture_fail_after(0);
    assert_int_equal(eg_tls_new(&tls, cert, key, NULL, &err), EG_E_NOMEM);
    assert_true(torture_off());
    assert_null(tls);
    tls_end(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive),
        cmocka_unit_test(certificates_are_asked_for),
        cmocka_unit_test(what_is_no_tls_is_told),
        cmocka_unit_test(files_that_are_wrong_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
