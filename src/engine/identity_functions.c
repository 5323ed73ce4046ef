/* SPDX-License-Identifier: Apache-2.0
 * SQL functions that name a conversation or a row:
 *   community_id(src_ip, dst_ip, src_port, dst_port, proto)  the same text as other tools give
 *   flow_id(column, …)   32 hex digits of the columns' values: XXH3 of 128 bits over one text a
 *                        value (times as µs, null as byte 0), each ended by byte 31 */
#include "base/hash.h"
#include "engine/scalar.h"
#include "table/address.h"
#include "wire/community_id.h"

#include <string.h>

static bool tuple_at(const struct eg_arg args[5], idx_t row, struct eg_community_tuple *out) {
    for (int i = 0; i < 2; i++) {
        if (!eg_arg_valid(&args[i], row)) return false;
        struct eg_span text = eg_arg_text(&args[i], row);
        if (!eg_addr_parse(i ? &out->dst : &out->src, (const char *)text.at, text.size))
            return false;
    }
    if (!eg_arg_valid(&args[4], row)) return false;
    int32_t proto = eg_arg_i32(&args[4], row);
    if (proto < 0 || proto > 255) return false;
    out->proto = (uint8_t)proto;
    out->has_ports = eg_arg_valid(&args[2], row) && eg_arg_valid(&args[3], row);
    out->src_port = out->has_ports ? (uint16_t)eg_arg_i32(&args[2], row) : 0;
    out->dst_port = out->has_ports ? (uint16_t)eg_arg_i32(&args[3], row) : 0;
    return true;
}

static void community_id(duckdb_function_info info, duckdb_data_chunk input,
                         duckdb_vector output) {
    (void)info;
    struct eg_arg args[5];
    for (idx_t i = 0; i < 5; i++) args[i] = eg_arg(input, i);
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; row++) {
        struct eg_community_tuple tuple = {0};
        char text[EG_COMMUNITY_ID_TEXT];
        if (tuple_at(args, row, &tuple))
            eg_out_text(output, row, text, eg_community_id(&tuple, 0, false, text));
        else eg_out_null(output, row);
    }
}

static void flow_id_value(duckdb_vector vector, duckdb_logical_type type, idx_t row,
                          struct eg_strbuf *to) {
    struct eg_arg arg = {duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)};
    duckdb_type id = duckdb_get_type_id(type);
    if (id == DUCKDB_TYPE_SQLNULL || !eg_arg_valid(&arg, row)) eg_strbuf_char(to, 0);
    else if (id == DUCKDB_TYPE_TIMESTAMP_TZ || id == DUCKDB_TYPE_TIMESTAMP)
        eg_strbuf_i64(to, eg_arg_i64(&arg, row));
    else eg_cell_text(vector, type, row, false, to);
    eg_strbuf_char(to, 31);
}

static void flow_id(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    idx_t rows = duckdb_data_chunk_get_size(input), count = duckdb_data_chunk_get_column_count(input);
    struct eg_strbuf text = {0};
    for (idx_t row = 0; row < rows; row++) {
        eg_strbuf_clear(&text);
        for (idx_t i = 0; i < count; i++) {
            duckdb_vector vector = duckdb_data_chunk_get_vector(input, i);
            duckdb_logical_type type = duckdb_vector_get_column_type(vector);
            flow_id_value(vector, type, row, &text);
            duckdb_destroy_logical_type(&type);
        }
        char digest[33];
        eg_digest_text(eg_hash128(text.text ? text.text : "", text.size), digest);
        eg_out_text(output, row, digest, 32);
    }
    if (text.failed) duckdb_scalar_function_set_error(info, "no memory for flow_id");
    eg_strbuf_reset(&text);
}

enum eg_status eg_register_identities(struct eg_engine *engine, struct eg_error *err) {
    static const struct eg_scalar scalars[] = {
        {"community_id",
         DUCKDB_TYPE_VARCHAR,
         {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_INTEGER,
          DUCKDB_TYPE_INTEGER},
         5,
         community_id},
        {"flow_id", DUCKDB_TYPE_VARCHAR, {0}, 0, flow_id},
    };
    return eg_register_scalars(engine, scalars, sizeof scalars / sizeof *scalars, err);
}
