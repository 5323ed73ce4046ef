/* SPDX-License-Identifier: Apache-2.0
 * The arguments of read_flows, read_packets and read_losses, and the scan they ask for. */
#include "engine/scan_call.h"

#include "base/alloc.h"
#include "engine/exports_look.h"
#include "wire/book.h"

#include <string.h>
#include <unistd.h>

/* ---- reading arguments ---- */

/* The text of a VARCHAR value; NULL: it is null, or no text. Free with duckdb_free. */
static char *text_of(duckdb_value value) {
    if (!value || duckdb_is_null_value(value)) return NULL;
    if (duckdb_get_type_id(duckdb_get_value_type(value)) != DUCKDB_TYPE_VARCHAR) return NULL;
    return duckdb_get_varchar(value);
}

/* The path that a VARCHAR says, or a BLOB: names may be bytes that are no text. NULL: it is neither, or
 * there is no memory, or a NUL in it. */
static char *path_of(duckdb_value value) {
    char *path = NULL;
    if (!value || duckdb_is_null_value(value)) return NULL;
    if (duckdb_get_type_id(duckdb_get_value_type(value)) == DUCKDB_TYPE_BLOB) {
        duckdb_blob bytes = duckdb_get_blob(value);
        if (bytes.data && !memchr(bytes.data, 0, bytes.size))
            path = eg_strndup(bytes.data, bytes.size);
        duckdb_free(bytes.data);
        return path;
    }
    char *text = text_of(value);
    if (text) path = eg_strdup(text);
    duckdb_free(text);
    return path;
}

static enum eg_status add_path(struct eg_scan_call *call, duckdb_value value,
                               struct eg_error *err) {
    char *path = path_of(value);
    if (!path)
        return eg_fail(err, EG_E_USAGE,
                       "the first argument must be a path, or a list of paths, as text");
    enum eg_status status = eg_paths_expand(&call->engine->allow, path, &call->paths, err);
    eg_free(path);
    return status;
}

static enum eg_status read_paths(struct eg_scan_call *call, duckdb_bind_info info,
                                 struct eg_error *err) {
    duckdb_value value = duckdb_bind_get_parameter(info, 0);
    enum eg_status status = EG_OK;
    if (value && !duckdb_is_null_value(value) &&
        duckdb_get_type_id(duckdb_get_value_type(value)) == DUCKDB_TYPE_LIST) {
        idx_t count = duckdb_get_list_size(value);
        for (idx_t i = 0; status >= 0 && i < count; i++) {
            duckdb_value child = duckdb_get_list_child(value, i);
            status = add_path(call, child, err);
            duckdb_destroy_value(&child);
        }
    } else {
        status = add_path(call, value, err);
    }
    duckdb_destroy_value(&value);
    if (status >= 0 && call->paths.count == 0)
        status = eg_fail(err, EG_E_USAGE, "the list of paths is empty");
    return status;
}

static enum eg_status read_filter(struct eg_scan_call *call, duckdb_bind_info info,
                                  struct eg_error *err) {
    duckdb_value value = duckdb_bind_get_named_parameter(info, "filter");
    char *text = text_of(value);
    duckdb_destroy_value(&value);
    if (!text) return EG_OK;
    enum eg_status status = eg_filter_parse(&call->filter, text, call->table, NULL, err);
    duckdb_free(text);
    if (status < 0) {
        eg_error_prefix(err, "filter");
        return status;
    }
    if (eg_filter_is_all(call->filter)) {
        eg_filter_free(call->filter);
        call->filter = NULL;
    }
    return EG_OK;
}

static enum eg_status read_ports(struct eg_scan_call *call, duckdb_bind_info info,
                                 struct eg_error *err) {
    duckdb_value value = duckdb_bind_get_named_parameter(info, "netflow_ports");
    if (!value || duckdb_is_null_value(value)) {
        duckdb_destroy_value(&value);
        return EG_OK;
    }
    idx_t count = duckdb_get_list_size(value);
    enum eg_status status = EG_OK;
    call->ports = eg_calloc(count ? count : 1, sizeof *call->ports);
    if (!call->ports) status = eg_fail(err, EG_E_NOMEM, "no memory for a list of ports");
    for (idx_t i = 0; status >= 0 && i < count; i++) {
        duckdb_value child = duckdb_get_list_child(value, i);
        int64_t port = duckdb_is_null_value(child) ? -1 : duckdb_get_int64(child);
        duckdb_destroy_value(&child);
        if (port < 0 || port > 65535)
            status = eg_fail(err, EG_E_USAGE, "netflow_ports must be numbers from 0 to 65535");
        else call->ports[call->port_count++] = (uint16_t)port;
    }
    duckdb_destroy_value(&value);
    return status;
}

static enum eg_status read_addresses(struct eg_scan_call *call, duckdb_bind_info info,
                                     struct eg_error *err) {
    duckdb_value value = duckdb_bind_get_named_parameter(info, "addresses");
    char *text = text_of(value);
    duckdb_destroy_value(&value);
    enum eg_status status = EG_OK;
    if (!text || strcmp(text, "text") == 0) call->addresses = EG_ADDRESS_TEXT;
    else if (strcmp(text, "code") == 0) call->addresses = EG_ADDRESS_CODE;
    else status = eg_fail(err, EG_E_USAGE, "addresses := '%s' is neither 'text' nor 'code'", text);
    duckdb_free(text);
    return status;
}

static enum eg_status read_source(struct eg_scan_call *call, duckdb_bind_info info,
                                  struct eg_error *err) {
    static const char *const names[] = {[EG_FLOWS_AUTO] = "auto",
                                        [EG_FLOWS_EXPORTS] = "exports",
                                        [EG_FLOWS_PACKET] = "packet",
                                        [EG_FLOWS_ALL] = "all"};
    duckdb_value value = duckdb_bind_get_named_parameter(info, "source");
    char *text = text_of(value);
    duckdb_destroy_value(&value);
    if (!text) return EG_OK;
    size_t i = 0;
    while (i < sizeof names / sizeof *names && strcmp(names[i], text) != 0) i++;
    enum eg_status status = EG_OK;
    if (i < sizeof names / sizeof *names) call->flows_of = (enum eg_flows_of)i;
    else status = eg_fail(err, EG_E_USAGE, "source := '%s' is none of auto, exports, packet, all", text);
    duckdb_free(text);
    return status;
}

/* A whole number between 0 and `most`; not given: 0. */
static enum eg_status read_number(duckdb_bind_info info, const char *name, int64_t most,
                                  int64_t *out, struct eg_error *err) {
    duckdb_value value = duckdb_bind_get_named_parameter(info, name);
    *out = value && !duckdb_is_null_value(value) ? duckdb_get_int64(value) : 0;
    duckdb_destroy_value(&value);
    if (*out >= 0 && *out <= most) return EG_OK;
    return eg_fail(err, EG_E_USAGE, "%s must be a number from 0 to %lld", name, (long long)most);
}

static bool read_flag(duckdb_bind_info info, const char *name);

static enum eg_status read_metering(struct eg_scan_call *call, duckdb_bind_info info,
                                    struct eg_error *err) {
    struct eg_metering *m = &call->metering;
    int64_t payload, memory;
    EG_TRY(read_number(info, "flow_memory", INT64_C(1) << 40, &memory, err));
    m->memory_max = (uint64_t)memory;
    EG_TRY(read_number(info, "idle_us", INT64_C(86400) * 1000000, &m->idle_us, err));
    EG_TRY(read_number(info, "active_us", INT64_C(86400) * 1000000, &m->active_us, err));
    EG_TRY(read_number(info, "payload", 1024, &payload, err));
    m->payload_bytes = (uint32_t)payload;
    m->one_way = read_flag(info, "one_way");
    m->outermost = read_flag(info, "outermost");
    duckdb_value value = duckdb_bind_get_named_parameter(info, "flow_key");
    char *text = text_of(value);
    duckdb_destroy_value(&value);
    enum eg_status status = EG_OK;
    for (const char *at = text; at && *at && status >= 0;) {
        size_t size = strcspn(at, ",");
        if (size == 4 && memcmp(at, "vlan", 4) == 0) m->vlan_key = true;
        else if (size == 6 && memcmp(at, "tunnel", 6) == 0) m->tunnel_key = true;
        else if (size) status = eg_fail(err, EG_E_USAGE, "flow_key := '%s' takes vlan, tunnel", text);
        at += size + (at[size] == ',');
    }
    duckdb_free(text);
    return status;
}

static bool read_flag(duckdb_bind_info info, const char *name) {
    duckdb_value value = duckdb_bind_get_named_parameter(info, name);
    bool set = value && !duckdb_is_null_value(value) && duckdb_get_bool(value);
    duckdb_destroy_value(&value);
    return set;
}

/* ---- the call ---- */

void eg_scan_call_parameters(duckdb_table_function function) {
    const struct {
        const char *name;
        duckdb_type type;
        bool list;
    } named[] = {
        {"filter", DUCKDB_TYPE_VARCHAR, false},    {"netflow_ports", DUCKDB_TYPE_INTEGER, true},
        {"addresses", DUCKDB_TYPE_VARCHAR, false}, {"keep_going", DUCKDB_TYPE_BOOLEAN, false},
        {"notes", DUCKDB_TYPE_BOOLEAN, false},     {"source", DUCKDB_TYPE_VARCHAR, false},
        {"idle_us", DUCKDB_TYPE_BIGINT, false},    {"active_us", DUCKDB_TYPE_BIGINT, false},
        {"one_way", DUCKDB_TYPE_BOOLEAN, false},   {"outermost", DUCKDB_TYPE_BOOLEAN, false},
        {"flow_key", DUCKDB_TYPE_VARCHAR, false},  {"payload", DUCKDB_TYPE_BIGINT, false},
        {"flow_memory", DUCKDB_TYPE_BIGINT, false},
    };
    duckdb_logical_type any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
    duckdb_table_function_add_parameter(function, any); /* a text, or a list of texts */
    duckdb_destroy_logical_type(&any);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        duckdb_logical_type type = duckdb_create_logical_type(named[i].type);
        duckdb_logical_type list = named[i].list ? duckdb_create_list_type(type) : NULL;
        duckdb_table_function_add_named_parameter(function, named[i].name, list ? list : type);
        duckdb_destroy_logical_type(&list);
        duckdb_destroy_logical_type(&type);
    }
}

static void call_release(struct eg_owner *);

struct eg_scan_call *eg_scan_call_bind(duckdb_bind_info info, enum eg_table_id table) {
    struct eg_engine *engine = duckdb_bind_get_extra_info(info);
    struct eg_error err = {.status = EG_OK};
    struct eg_scan_call *call = eg_calloc(1, sizeof *call);
    enum eg_status status = call ? EG_OK : eg_fail(&err, EG_E_NOMEM, "no memory for a call");
    if (status >= 0) {
        atomic_init(&call->owner.refs, 1);
        call->owner.release = call_release;
        call->engine = engine;
        call->table = table;
        call->keep_going = read_flag(info, "keep_going");
        call->notes = read_flag(info, "notes");
        status = read_paths(call, info, &err);
    }
    if (status >= 0 && table != EG_TABLE_LOSSES) status = read_filter(call, info, &err);
    if (status >= 0) status = read_ports(call, info, &err);
    if (status >= 0) status = read_addresses(call, info, &err);
    if (status >= 0) status = read_source(call, info, &err);
    if (status >= 0) status = read_metering(call, info, &err);
    if (status >= 0) return call;
    eg_engine_blame(engine, &err);
    duckdb_bind_set_error(info, err.message);
    eg_scan_call_free(call);
    return NULL;
}

void eg_scan_call_free(void *given) {
    if (given) eg_owner_unref(&((struct eg_scan_call *)given)->owner);
}

static void call_release(struct eg_owner *owner) {
    struct eg_scan_call *call = (struct eg_scan_call *)(void *)owner;
    eg_path_list_reset(&call->paths);
    eg_filter_free(call->filter);
    eg_free(call->ports);
    eg_free(call);
}

/* ---- the scan ---- */

const struct eg_extract_type *eg_scan_extract(enum eg_table_id table) {
    const struct eg_stage *stage =
        eg_registry_find(EG_STAGE_extract, table == EG_TABLE_PACKETS ? "packets" : "exports");
    return stage ? stage->type : NULL;
}

idx_t eg_scan_call_threads(const struct eg_engine *engine) {
    if (engine->threads) return engine->threads;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (idx_t)cores : 1;
}

static enum eg_status scan_open(struct eg_engine_scan *scan, const struct eg_scan_call *call,
                                const struct eg_scan_part *parts, uint32_t part_count,
                                const uint32_t *input_parts, struct eg_error *err) {
    const struct eg_stage *stage = eg_registry_find(EG_STAGE_source, "file");
    if (!stage || !stage->type) return eg_fail(err, EG_E_USAGE, "built without capture files");
    const struct eg_source_type *source = stage->type;
    EG_TRY(eg_book_new(&scan->book, err));
    struct eg_scan_request request = {
        .source = source,
        .book = scan->book,
        .inputs = (const char *const *)call->paths.paths,
        .input_count = call->paths.count,
        .part_count = part_count,
        .claim = part_count > 1 && !input_parts,
        .input_parts = input_parts,
        .metering = &call->metering,
        .netflow_ports = call->ports,
        .netflow_port_count = call->port_count,
        .keep_going = call->keep_going,
    };
    memcpy(request.parts, parts, part_count * sizeof *parts);
    for (uint32_t i = 0; i < part_count && call->filter; i++)
        if (parts[i].extract->table == call->table)
            request.parts[i].predicate = eg_filter_predicate(call->filter);
    void *options = eg_calloc(1, source->options_size ? source->options_size : 1);
    if (!options) return eg_fail(err, EG_E_NOMEM, "no memory to begin reading");
    request.source_options = options;
    enum eg_status status = eg_options_preset(source->options, options, err);
    if (status >= 0) status = eg_scan_open(&scan->scan, &scan->env, &request, err);
    eg_options_reset(source->options, options);
    eg_free(options);
    return status;
}

static enum eg_status call_open(struct eg_scan_call *call, const struct eg_scan_part *parts,
                                uint32_t part_count, const uint32_t *input_parts,
                                struct eg_engine_scan **out, struct eg_error *err) {
    struct eg_engine_scan *scan = eg_calloc(1, sizeof *scan);
    if (!scan) return eg_fail(err, EG_E_NOMEM, "no memory to begin reading");
    scan->engine = call->engine;
    scan->env = call->engine->env;
    uint32_t room = (uint32_t)duckdb_vector_size();
    if (!scan->env.batch_rows || scan->env.batch_rows > room) scan->env.batch_rows = room;
    atomic_init(&scan->refs, 1);
    enum eg_status status = scan_open(scan, call, parts, part_count, input_parts, err);
    if (status < 0) {
        eg_book_free(scan->book);
        eg_free(scan);
        return status;
    }
    scan->call = eg_owner_ref(&call->owner);
    eg_engine_scan_enlist(call->engine, scan);
    *out = scan;
    return EG_OK;
}

enum eg_status eg_scan_call_open(struct eg_scan_call *call, const struct eg_scan_part *parts,
                                 uint32_t part_count, struct eg_engine_scan **out,
                                 struct eg_error *err) {
    return call_open(call, parts, part_count, NULL, out, err);
}

/* Of each capture, which part: bit 0 its exports, bit 1 its packets. */
static enum eg_status captures_sort(const struct eg_scan_call *call, uint32_t *parts,
                                    struct eg_error *err) {
    for (size_t i = 0; i < call->paths.count; i++) {
        struct eg_exports_look look;
        EG_TRY(eg_exports_look(&call->engine->env, call->paths.paths[i], call->ports,
                               call->port_count, &look, err));
        parts[i] = look.found ? 1 : 2;
    }
    return EG_OK;
}

enum eg_status eg_scan_call_rows(struct eg_scan_call *call, eg_column_set columns,
                                 struct eg_engine_scan **out, struct eg_error *err) {
    const struct eg_stage *metered = eg_registry_find(EG_STAGE_extract, "metered");
    struct eg_scan_part parts[2] = {{.extract = eg_scan_extract(call->table), .columns = columns},
                                    {.extract = metered->type, .columns = columns}};
    if (call->table != EG_TABLE_FLOWS || call->flows_of == EG_FLOWS_EXPORTS)
        return call_open(call, parts, 1, NULL, out, err);
    if (call->flows_of == EG_FLOWS_PACKET) return call_open(call, parts + 1, 1, NULL, out, err);
    if (call->flows_of == EG_FLOWS_ALL) return call_open(call, parts, 2, NULL, out, err);
    uint32_t *input_parts = eg_calloc(call->paths.count, sizeof *input_parts);
    if (!input_parts) return eg_fail(err, EG_E_NOMEM, "no memory to begin reading");
    enum eg_status status = captures_sort(call, input_parts, err);
    if (status >= 0) status = call_open(call, parts, 2, input_parts, out, err);
    eg_free(input_parts);
    return status;
}
