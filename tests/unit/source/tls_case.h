/* SPDX-License-Identifier: Apache-2.0
 * Certificates made for a test, and a client that speaks TLS. */
#ifndef EG_TLS_CASE_H
#define EG_TLS_CASE_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ca.pem, server.pem, server.key, client.pem, client.key, other.pem (+ key; of another authority). */
struct tls_case {
    char directory[64];
    char path[12][100];
};

static inline const char *tls_path(struct tls_case *c, const char *name) {
    for (int i = 0; i < 12; i++) {
        if (!c->path[i][0]) snprintf(c->path[i], sizeof c->path[i], "%s/%s", c->directory, name);
        if (strcmp(strrchr(c->path[i], '/') + 1, name) == 0) return c->path[i];
    }
    fail();
    return NULL;
}

static inline void tls_write(const char *path, const gnutls_datum_t *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(text->data, 1, text->size, file);
    fclose(file);
}

static inline gnutls_x509_privkey_t tls_key(void) {
    gnutls_x509_privkey_t key;
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(
                         key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    return key;
}

static inline gnutls_x509_crt_t tls_sign(const char *name, gnutls_x509_privkey_t key,
                                         gnutls_x509_crt_t ca, gnutls_x509_privkey_t ca_key) {
    gnutls_x509_crt_t crt;
    unsigned char serial = (unsigned char)name[0];
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, &serial, 1);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                  (unsigned)strlen(name));
    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_set_basic_constraints(crt, ca ? 0 : 1, -1);
    assert_int_equal(gnutls_x509_crt_sign2(crt, ca ? ca : crt, ca_key, GNUTLS_DIG_SHA256, 0), 0);
    return crt;
}

static inline void tls_export(struct tls_case *c, const char *name, gnutls_x509_crt_t crt,
                              gnutls_x509_privkey_t key) {
    char file[40];
    gnutls_datum_t text;
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &text), 0);
    snprintf(file, sizeof file, "%s.pem", name);
    tls_write(tls_path(c, file), &text);
    gnutls_free(text.data);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text), 0);
    snprintf(file, sizeof file, "%s.key", name);
    tls_write(tls_path(c, file), &text);
    gnutls_free(text.data);
}

static inline void tls_begin(struct tls_case *c) {
    *c = (struct tls_case){.directory = "/tmp/eg-tls-XXXXXX"};
    assert_non_null(mkdtemp(c->directory));
    static const char *const names[] = {"server", "client", "other"};
    gnutls_x509_privkey_t ca_key = tls_key(), other_key = tls_key();
    gnutls_x509_crt_t ca = tls_sign("authority", ca_key, NULL, ca_key);
    gnutls_x509_crt_t other = tls_sign("foreign", other_key, NULL, other_key);
    tls_export(c, "ca", ca, ca_key);
    for (int i = 0; i < 3; i++) {
        gnutls_x509_privkey_t key = tls_key();
        gnutls_x509_crt_t crt =
            i < 2 ? tls_sign(names[i], key, ca, ca_key) : tls_sign(names[i], key, other, other_key);
        tls_export(c, names[i], crt, key);
        gnutls_x509_crt_deinit(crt);
        gnutls_x509_privkey_deinit(key);
    }
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_crt_deinit(other);
    gnutls_x509_privkey_deinit(ca_key);
    gnutls_x509_privkey_deinit(other_key);
}

static inline void tls_end(struct tls_case *c) {
    for (int i = 0; i < 12 && c->path[i][0]; i++) unlink(c->path[i]);
    rmdir(c->directory);
}

/* ---- a client, blocking, for a thread of its own ---- */

struct tls_client {
    int fd;
    const char *cert, *key; /* NULL: it shows none */
    const void *bytes;
    size_t size;
    bool bye;
    int result; /* 0, or what failed first */
};

static inline void *tls_client_run(void *argument) {
    struct tls_client *c = argument;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    gnutls_certificate_allocate_credentials(&credentials);
    if (c->cert)
        gnutls_certificate_set_x509_key_file(credentials, c->cert, c->key, GNUTLS_X509_FMT_PEM);
    gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, c->fd);
    do c->result = gnutls_handshake(session);
    while (c->result < 0 && !gnutls_error_is_fatal(c->result));
    const char *at = c->bytes;
    for (size_t left = c->size; c->result >= 0 && left;) {
        ssize_t sent = gnutls_record_send(session, at, left);
        if (sent < 0 && gnutls_error_is_fatal((int)sent)) c->result = (int)sent;
        if (sent > 0) {
            at += sent;
            left -= (size_t)sent;
        }
    }
    if (c->result >= 0 && c->bye) gnutls_bye(session, GNUTLS_SHUT_WR);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    shutdown(c->fd, SHUT_WR);
    return NULL;
}

#endif
