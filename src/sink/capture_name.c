/* SPDX-License-Identifier: Apache-2.0
 * Names of capture files. Source: strftime(3) for the conversions. */
#include "sink/capture_name.h"

#include "base/timetext.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define COMPONENT_MAX 240 /* of 255: a dot, a counter and .tmp come to it */
#define HIDDEN_END ".tmp"

/* What is safe as a part of a file's name, anywhere. */
static void word_add(struct eg_strbuf *to, const char *word) {
    bool first = true;
    for (; *word; word++, first = false) {
        bool plain = (*word >= 'a' && *word <= 'z') || (*word >= 'A' && *word <= 'Z') ||
                     (*word >= '0' && *word <= '9') || *word == '-' || *word == '_' ||
                     (*word == '.' && !first);
        eg_strbuf_char(to, plain ? *word : '_');
    }
}

/* The pattern with our own conversions replaced; strftime does the others. */
static void words_put(struct eg_strbuf *to, const struct eg_capture_naming *naming) {
    static const char host[] = "%{host}", interface[] = "%{interface}", ns[] = "%{ns}";
    for (const char *at = naming->pattern; *at;) {
        if (strncmp(at, host, sizeof host - 1) == 0) {
            word_add(to, naming->host);
            at += sizeof host - 1;
        } else if (strncmp(at, interface, sizeof interface - 1) == 0) {
            word_add(to, naming->interface);
            at += sizeof interface - 1;
        } else if (strncmp(at, ns, sizeof ns - 1) == 0) {
            eg_strbuf_i64(to, naming->time_ns < 0 ? 0 : naming->time_ns);
            at += sizeof ns - 1;
        } else {
            if (at[0] == '%' && at[1] == '%') eg_strbuf_char(to, *at++);
            eg_strbuf_char(to, *at++);
        }
    }
}

bool eg_capture_name_has_interface(const char *pattern) {
    return strstr(pattern, "%{interface}") != NULL;
}

static bool path_good(const char *path) {
    if (!*path || *path == '/') return false;
    for (const char *part = path;;) {
        size_t size = strcspn(part, "/");
        if (!size || size > COMPONENT_MAX || part[0] == '.') return false;
        for (size_t i = 0; i < size; i++)
            if ((unsigned char)part[i] < ' ' || part[i] == 127) return false;
        if (!part[size]) return true;
        part += size + 1;
    }
}

enum eg_status eg_capture_name(char out[EG_CAPTURE_NAME_MAX],
                               const struct eg_capture_naming *naming, struct eg_error *err) {
    struct eg_strbuf pattern = {0};
    words_put(&pattern, naming);
    if (pattern.failed) {
        eg_strbuf_reset(&pattern);
        return eg_fail(err, EG_E_NOMEM, "no memory for the name of a capture file");
    }
    int64_t seconds = naming->time_ns / (EG_SECOND_US * 1000);
    time_t when = (time_t)(naming->time_ns < 0 ? 0 : seconds);
    struct tm civil = {0};
    gmtime_r(&when, &civil);
    /* a '%' of the user's that strftime does not know stays as it is */
    size_t size = pattern.text ? strftime(out, EG_CAPTURE_NAME_MAX - 64, pattern.text, &civil) : 0;
    eg_strbuf_reset(&pattern);
    if (size && path_good(out)) return EG_OK;
    return eg_fail(err, EG_E_USAGE,
                   "'%.200s' gives no name for a capture file: it must be a path below the "
                   "directory, without '..' or hidden parts, such as %%Y/%%m/%%d/%%{host}-"
                   "%%{interface}-%%Y%%m%%dT%%H%%M%%S.pcap",
                   naming->pattern);
}

static size_t directory_size(const char *name) {
    const char *slash = strrchr(name, '/');
    return slash ? (size_t)(slash - name) + 1 : 0;
}

bool eg_capture_name_count(char out[EG_CAPTURE_NAME_MAX], const char *name, uint32_t count) {
    const char *base = name + directory_size(name), *dot = strrchr(base, '.');
    size_t stem = dot ? (size_t)(dot - name) : strlen(name);
    char number[16] = "";
    if (count) snprintf(number, sizeof number, "-%u", count);
    int size = snprintf(out, EG_CAPTURE_NAME_MAX, "%.*s%s%s", (int)stem, name, number, name + stem);
    return size > 0 && size < EG_CAPTURE_NAME_MAX;
}

bool eg_capture_name_hide(char out[EG_CAPTURE_NAME_MAX], const char *name) {
    size_t directory = directory_size(name);
    int size = snprintf(out, EG_CAPTURE_NAME_MAX, "%.*s.%s" HIDDEN_END, (int)directory, name,
                        name + directory);
    return size > 0 && size < EG_CAPTURE_NAME_MAX;
}

bool eg_capture_name_show(char out[EG_CAPTURE_NAME_MAX], const char *hidden) {
    size_t directory = directory_size(hidden), size = strlen(hidden);
    const char *base = hidden + directory;
    size_t end = sizeof HIDDEN_END - 1;
    if (base[0] != '.' || size - directory <= end + 1 || size >= EG_CAPTURE_NAME_MAX) return false;
    if (strcmp(hidden + size - end, HIDDEN_END) != 0) return false;
    snprintf(out, EG_CAPTURE_NAME_MAX, "%.*s%.*s", (int)directory, hidden,
             (int)(size - directory - end - 1), base + 1);
    return true;
}
