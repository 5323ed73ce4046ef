/* SPDX-License-Identifier: Apache-2.0
 * TLS sessions by GnuTLS. Source: the GnuTLS manual, chapters 4 and 6. */
#include "source/tls.h"

#include "base/alloc.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct eg_tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    bool asks; /* for a certificate of those who connect */
};

struct eg_tls_session {
    gnutls_session_t session;
    bool shaken;
    char why[200];
};

/* ---- credentials ---- */

static enum eg_status file_try(const char *path, const char *what, struct eg_error *err) {
    if (access(path, R_OK) == 0) return EG_OK;
    return eg_fail_errno(err, errno, "cannot read the TLS %s %.300s", what, path);
}

static enum eg_status credentials_load(struct eg_tls *tls, const char *cert, const char *key,
                                       const char *ca, struct eg_error *err) {
    if (!key) key = cert;
    EG_TRY(file_try(cert, "certificate", err));
    EG_TRY(file_try(key, "key", err));
    int failed =
        gnutls_certificate_set_x509_key_file(tls->credentials, cert, key, GNUTLS_X509_FMT_PEM);
    if (failed < 0)
        return eg_fail(err, EG_E_FORMAT,
                       "%.200s and %.200s are no certificate and its key, in PEM: %s", cert, key,
                       gnutls_strerror(failed));
    if (!ca) return EG_OK;
    EG_TRY(file_try(ca, "authorities", err));
    int count = gnutls_certificate_set_x509_trust_file(tls->credentials, ca, GNUTLS_X509_FMT_PEM);
    if (count <= 0)
        return eg_fail(err, EG_E_FORMAT, "%.300s holds no certificate in PEM%s%s", ca,
                       count < 0 ? ": " : "", count < 0 ? gnutls_strerror(count) : "");
    tls->asks = true;
    return EG_OK;
}

enum eg_status eg_tls_new(struct eg_tls **out, const char *cert, const char *key, const char *ca,
                          struct eg_error *err) {
    struct eg_tls *tls = eg_calloc(1, sizeof *tls);
    if (!tls) return eg_fail(err, EG_E_NOMEM, "no memory for TLS");
    enum eg_status status = EG_OK;
    if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0 ||
        gnutls_priority_init(&tls->priorities, VERSIONS, NULL) < 0)
        status = eg_fail(err, EG_E_NOMEM, "no memory for TLS");
    if (status == EG_OK) status = credentials_load(tls, cert, key, ca, err);
    if (status == EG_OK)
        *out = tls;
    else
        eg_tls_free(tls);
    return status;
}

void eg_tls_free(struct eg_tls *tls) {
    if (!tls) return;
    if (tls->priorities) gnutls_priority_deinit(tls->priorities);
    if (tls->credentials) gnutls_certificate_free_credentials(tls->credentials);
    eg_free(tls);
}

/* ---- sessions ---- */

struct eg_tls_session *eg_tls_session_new(struct eg_tls *tls, int fd) {
    struct eg_tls_session *s = eg_calloc(1, sizeof *s);
    if (!s) return NULL;
    if (gnutls_init(&s->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
        eg_free(s);
        return NULL;
    }
    if (gnutls_priority_set(s->session, tls->priorities) < 0 ||
        gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0) {
        gnutls_deinit(s->session);
        eg_free(s);
        return NULL;
    }
    gnutls_certificate_server_set_request(s->session,
                                          tls->asks ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
    if (tls->asks) gnutls_session_set_verify_cert(s->session, NULL, 0);
    gnutls_transport_set_int(s->session, fd);
    return s;
}

void eg_tls_session_free(struct eg_tls_session *s) {
    if (!s) return;
    if (s->shaken) gnutls_bye(s->session, GNUTLS_SHUT_WR);
    gnutls_deinit(s->session);
    eg_free(s);
}

static void why_set(struct eg_tls_session *s, int failed) {
    if (failed == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
        gnutls_datum_t text;
        unsigned status = gnutls_session_get_verify_cert_status(s->session);
        if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) == 0) {
            snprintf(s->why, sizeof s->why, "%.*s", (int)text.size, (const char *)text.data);
            gnutls_free(text.data);
            return;
        }
    }
    const char *more = "";
    if (failed == GNUTLS_E_FATAL_ALERT_RECEIVED)
        more = gnutls_alert_get_name(gnutls_alert_get(s->session));
    snprintf(s->why, sizeof s->why, "%s%s%s", gnutls_strerror(failed), *more ? ": " : "", more);
}

static enum eg_tls_answer failure(struct eg_tls_session *s, int failed) {
    if (failed == GNUTLS_E_AGAIN || failed == GNUTLS_E_INTERRUPTED) return EG_TLS_AGAIN;
    if (failed == GNUTLS_E_PREMATURE_TERMINATION) return EG_TLS_CUT;
    /* A warning, or a wish to negotiate anew, which is not granted: nothing came. */
    if (!gnutls_error_is_fatal(failed)) return EG_TLS_AGAIN;
    why_set(s, failed);
    return EG_TLS_BAD;
}

static enum eg_tls_answer handshake(struct eg_tls_session *s) {
    int failed;
    do failed = gnutls_handshake(s->session);
    while (failed < 0 && failed != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(failed));
    if (failed == GNUTLS_E_SUCCESS) {
        s->shaken = true;
        return EG_TLS_OK;
    }
    enum eg_tls_answer answer = failure(s, failed);
    /* so that the other side learns why, where it still listens */
    if (answer == EG_TLS_BAD) gnutls_alert_send_appropriate(s->session, failed);
    return answer;
}

enum eg_tls_answer eg_tls_session_read(struct eg_tls_session *s, void *to, size_t size,
                                       size_t *got) {
    if (!s->shaken) {
        enum eg_tls_answer answer = handshake(s);
        if (answer != EG_TLS_OK) return answer;
    }
    ssize_t count = gnutls_record_recv(s->session, to, size);
    if (count == 0) return EG_TLS_OVER;
    if (count < 0) return failure(s, (int)count);
    *got = (size_t)count;
    return EG_TLS_OK;
}

bool eg_tls_session_shaken(const struct eg_tls_session *s) { return s->shaken; }

const char *eg_tls_session_why(const struct eg_tls_session *s) { return s->why; }
