/* SPDX-License-Identifier: Apache-2.0
 * Status names and error texts. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *eg_version(void) { return EG_VERSION; }

const char *eg_status_name(enum eg_status status) {
    switch (status) {
    case EG_OK: return "EG_OK";
    case EG_OK_WARN: return "EG_OK_WARN";
    case EG_END: return "EG_END";
    case EG_AGAIN: return "EG_AGAIN";
    case EG_E_NOMEM: return "EG_E_NOMEM";
    case EG_E_IO: return "EG_E_IO";
    case EG_E_NOENT: return "EG_E_NOENT";
    case EG_E_ACCESS: return "EG_E_ACCESS";
    case EG_E_NOSPACE: return "EG_E_NOSPACE";
    case EG_E_FORMAT: return "EG_E_FORMAT";
    case EG_E_USAGE: return "EG_E_USAGE";
    case EG_E_LOCKED: return "EG_E_LOCKED";
    case EG_E_TOO_NEW: return "EG_E_TOO_NEW";
    case EG_E_CANCELLED: return "EG_E_CANCELLED";
    case EG_E_ENGINE: return "EG_E_ENGINE";
    case EG_E_CUT: return "EG_E_CUT";
    }
    return "EG_E_UNKNOWN";
}

void eg_assert_failed(const char *cond, const char *file, int line) {
    fprintf(stderr, "earlgrey: %s:%d: assertion failed: %s (please report this)\n", file, line,
            cond);
    abort();
}

static void fill(struct eg_error *err, enum eg_status status, const char *format, va_list args) {
    err->status = status;
    err->retriable = false;
    err->position = -1;
    vsnprintf(err->message, sizeof err->message, format, args);
}

enum eg_status eg_fail(struct eg_error *err, enum eg_status status, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, status, format, args);
        va_end(args);
    }
    return status;
}

static enum eg_status status_of_errno(int errnum) {
    switch (errnum) {
    case ENOENT:
    case ENOTDIR: return EG_E_NOENT;
    case EACCES:
    case EPERM:
    case EROFS: return EG_E_ACCESS;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return EG_E_NOSPACE;
    case ENOMEM: return EG_E_NOMEM;
    default: return EG_E_IO;
    }
}

enum eg_status eg_fail_errno(struct eg_error *err, int errnum, const char *format, ...) {
    enum eg_status status = status_of_errno(errnum);
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, status, format, args);
        va_end(args);
        size_t used = strlen(err->message);
        char text[128];
        snprintf(err->message + used, sizeof err->message - used, ": %s",
                 strerror_r(errnum, text, sizeof text));
    }
    return status;
}

void eg_error_prefix(struct eg_error *err, const char *format, ...) {
    if (!err) return;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", old);
}
