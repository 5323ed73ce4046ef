/* SPDX-License-Identifier: Apache-2.0
 * What a watch has done so far, in a JSON file that is replaced whole. */
#include "query/checkpoint.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "table/encode.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define VERSION 1
#define BYTES_MAX ((size_t)1 << 30)

void eg_checkpoint_reset(struct eg_checkpoint *checkpoint) {
    eg_free(checkpoint->asked);
    eg_row_digests_reset(&checkpoint->rows);
    *checkpoint = (struct eg_checkpoint){.mark = eg_watermark_none};
}

/* ---- writing ---- */

static void put_text(struct eg_strbuf *to, const char *name, const char *value) {
    eg_strbuf_printf(to, ",\n \"%s\": ", name);
    eg_encode_json_text(value, strlen(value), to);
}

static void put_int(struct eg_strbuf *to, const char *name, int64_t value) {
    eg_strbuf_printf(to, ",\n \"%s\": %" PRId64, name, value);
}

static void put_time(struct eg_strbuf *to, const char *name, int64_t time_us) {
    if (time_us == INT64_MIN)
        eg_strbuf_printf(to, ",\n \"%s\": null", name);
    else
        put_int(to, name, time_us);
}

enum eg_status eg_checkpoint_write(const struct eg_checkpoint *checkpoint, const char *path,
                                   struct eg_error *err) {
    struct eg_strbuf text = {0};
    eg_strbuf_printf(&text, "{\"earlgrey_watch\": %d", VERSION);
    put_text(&text, "asked", checkpoint->asked ? checkpoint->asked : "");
    put_int(&text, "trigger", checkpoint->trigger);
    put_int(&text, "put_out", checkpoint->put_out);
    eg_strbuf_printf(&text, ",\n \"from_packets\": %s",
                     checkpoint->from_packets ? "true" : "false");
    put_time(&text, "seen_us", checkpoint->mark.seen_us);
    put_time(&text, "closed_us", checkpoint->mark.closed_us);
    put_int(&text, "closed_rows", checkpoint->mark.closed_rows);
    put_int(&text, "late", checkpoint->mark.late);
    put_int(&text, "length", checkpoint->length);
    put_text(&text, "tail", checkpoint->tail);
    put_text(&text, "answer", checkpoint->answer);
    eg_strbuf_text(&text, ",\n \"rows\": [");
    for (size_t i = 0; i < checkpoint->rows.count; i++) {
        char digest[33];
        eg_digest_text(checkpoint->rows.all[i], digest);
        eg_strbuf_printf(&text, "%s\"%s\"", i ? ",\n  " : "", digest);
    }
    eg_strbuf_text(&text, "]}\n");
    enum eg_status status = text.failed ? eg_fail(err, EG_E_NOMEM, "no memory for a checkpoint")
                                        : eg_file_replace(path, text.text, text.size, err);
    eg_strbuf_reset(&text);
    return status;
}

/* ---- reading ---- */

static bool get_int(const json_t *json, const char *name, int64_t *out) {
    const json_t *value = json_object_get(json, name);
    *out = (int64_t)json_integer_value(value);
    return json_is_integer(value);
}

static bool get_time(const json_t *json, const char *name, int64_t *out) {
    if (!json_is_null(json_object_get(json, name))) return get_int(json, name, out);
    *out = INT64_MIN;
    return true;
}

static bool get_digest(const json_t *json, const char *name, char out[33]) {
    const char *text = json_string_value(json_object_get(json, name));
    struct eg_digest digest;
    if (!text || (*text && !eg_digest_parse(&digest, text))) return false;
    snprintf(out, 33, "%s", text);
    return true;
}

static bool get_rows(const json_t *list, struct eg_row_digests *out) {
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item) {
        struct eg_digest digest;
        const char *text = json_string_value(item);
        if (!text || !eg_digest_parse(&digest, text) || !eg_row_digests_add(out, digest))
            return false;
    }
    eg_row_digests_sort(out);
    return json_is_array(list);
}

static bool take(struct eg_checkpoint *out, const json_t *json) {
    int64_t version;
    const char *asked = json_string_value(json_object_get(json, "asked"));
    if (!get_int(json, "earlgrey_watch", &version) || version != VERSION || !asked) return false;
    out->asked = eg_strdup(asked);
    out->from_packets = json_is_true(json_object_get(json, "from_packets"));
    return out->asked && get_int(json, "trigger", &out->trigger) &&
           get_int(json, "put_out", &out->put_out) &&
           get_time(json, "seen_us", &out->mark.seen_us) &&
           get_time(json, "closed_us", &out->mark.closed_us) &&
           get_int(json, "closed_rows", &out->mark.closed_rows) &&
           get_int(json, "late", &out->mark.late) && get_int(json, "length", &out->length) &&
           get_digest(json, "tail", out->tail) && get_digest(json, "answer", out->answer) &&
           get_rows(json_object_get(json, "rows"), &out->rows);
}

enum eg_status eg_checkpoint_read(struct eg_checkpoint *out, const char *path,
                                  struct eg_error *err) {
    char *text;
    size_t size;
    *out = (struct eg_checkpoint){.mark = eg_watermark_none};
    enum eg_status status = eg_file_read(&text, &size, path, BYTES_MAX, err);
    if (status == EG_E_NOENT) return EG_END;
    EG_TRY(status);
    json_error_t why = {0};
    json_t *json = json_loadb(text, size, 0, &why);
    if (!json && json_error_code(&why) == json_error_out_of_memory)
        status = eg_fail(err, EG_E_NOMEM, "no memory for the checkpoint %s", path);
    else if (!take(out, json))
        status = eg_fail(err, EG_E_FORMAT,
                         "%s is no checkpoint of this version of `earlgrey watch`, or damaged: "
                         "remove it, and the file written with -w, to begin anew",
                         path);
    json_decref(json);
    eg_free(text);
    if (status < 0) eg_checkpoint_reset(out);
    return status;
}
