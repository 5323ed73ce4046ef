/* SPDX-License-Identifier: Apache-2.0
 * Names of capture files: a strftime pattern (UTC) that also knows %{host}, %{interface}, and %{ns},
 * the whole time in nanoseconds since 1970. */
#ifndef EG_SINK_CAPTURE_NAME_H
#define EG_SINK_CAPTURE_NAME_H

#include "base/strbuf.h"

#define EG_CAPTURE_NAME_MAX 1024

struct eg_capture_naming {
    const char *pattern;
    const char *host;
    const char *interface;
    int64_t time_ns;
};

/* The file's path below its directory. What comes from outside (host, interface) cannot leave a
 * path's component. Errors: EG_E_USAGE for a pattern that gives no such path: empty, absolute, with
 * "..", hidden, or too long. */
EG_MUST_CHECK enum eg_status eg_capture_name(char out[EG_CAPTURE_NAME_MAX],
                                             const struct eg_capture_naming *,
                                             struct eg_error *err);
bool eg_capture_name_has_interface(const char *pattern);
/* "a/b.pcap", 2 -> "a/b-2.pcap"; 0 leaves it as it is. False: it became too long. */
bool eg_capture_name_count(char out[EG_CAPTURE_NAME_MAX], const char *name, uint32_t count);
/* "a/b.pcap" -> "a/.b.pcap.tmp", and back (false: it is none). */
bool eg_capture_name_hide(char out[EG_CAPTURE_NAME_MAX], const char *name);
bool eg_capture_name_show(char out[EG_CAPTURE_NAME_MAX], const char *hidden);

#endif
