/* SPDX-License-Identifier: Apache-2.0
 * TLS for the sessions of a listener, by GnuTLS: who we are (certificate and key), whom we trust
 * (authorities; then those who connect must show a certificate of theirs), and sessions that never
 * block. RFC 7011, section 11. */
#ifndef EG_SOURCE_TLS_H
#define EG_SOURCE_TLS_H

#include "base/status.h"

struct eg_tls; /* shared by all sessions */

/* PEM files; `key` NULL: it stands in the certificate's file; `ca` NULL: anybody may connect.
 * Errors: EG_E_NOENT, EG_E_ACCESS, EG_E_FORMAT, each naming the file. */
EG_MUST_CHECK enum eg_status eg_tls_new(struct eg_tls **out, const char *cert, const char *key,
                                        const char *ca, struct eg_error *err);
void eg_tls_free(struct eg_tls *); /* NULL is fine; after its sessions */

struct eg_tls_session;

/* On a connected socket that does not block, and stays the caller's. NULL: no memory. */
struct eg_tls_session *eg_tls_session_new(struct eg_tls *, int fd);
void eg_tls_session_free(struct eg_tls_session *); /* NULL is fine; says good-bye if it can */

enum eg_tls_answer {
    EG_TLS_OK,
    EG_TLS_AGAIN, /* nothing now */
    EG_TLS_OVER,  /* the other side said good-bye */
    EG_TLS_CUT,   /* it went away without */
    EG_TLS_BAD,   /* eg_tls_session_why says what is wrong */
};
/* Until the handshake is done it answers AGAIN; then OK and *got bytes. */
enum eg_tls_answer eg_tls_session_read(struct eg_tls_session *, void *to, size_t size, size_t *got);
bool eg_tls_session_shaken(const struct eg_tls_session *); /* the handshake is done */
const char *eg_tls_session_why(const struct eg_tls_session *);

#endif
