/* SPDX-License-Identifier: Apache-2.0
 * SQL functions on addresses mapped by a key, for an engine that was given one:
 *   mapped_ip(text)  mapped_mac(text)   null for what is no address: better nothing than the original */
#include "engine/scalar.h"
#include "table/address.h"
#include "wire/address_map.h"

static void each_text(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output,
                      size_t (*mapped)(struct eg_address_map *, struct eg_span, char *text)) {
    struct eg_engine *engine = duckdb_scalar_function_get_extra_info(info);
    struct eg_arg arg = eg_arg(input, 0);
    idx_t rows = duckdb_data_chunk_get_size(input);
    pthread_mutex_lock(&engine->mutex); /* the map remembers; any of DuckDB's threads may be here */
    for (idx_t row = 0; row < rows; row++) {
        char text[EG_ADDR_TEXT > EG_MAC_TEXT ? EG_ADDR_TEXT : EG_MAC_TEXT];
        size_t size =
            eg_arg_valid(&arg, row) ? mapped(engine->mapping, eg_arg_text(&arg, row), text) : 0;
        if (size)
            eg_out_text(output, row, text, size);
        else
            eg_out_null(output, row);
    }
    pthread_mutex_unlock(&engine->mutex);
}

static size_t ip_text(struct eg_address_map *map, struct eg_span text, char *to) {
    struct eg_addr addr;
    if (!eg_addr_parse(&addr, (const char *)text.at, text.size)) return 0;
    addr = eg_address_map_ip(map, addr);
    return eg_addr_text(&addr, to);
}

static size_t mac_text(struct eg_address_map *map, struct eg_span text, char *to) {
    int64_t mac;
    if (!eg_mac_parse(&mac, (const char *)text.at, text.size)) return 0;
    return eg_mac_text((int64_t)eg_address_map_mac(map, (uint64_t)mac), to);
}

static void mapped_ip(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    each_text(info, input, output, ip_text);
}
static void mapped_mac(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    each_text(info, input, output, mac_text);
}

enum eg_status eg_register_mapping(struct eg_engine *engine, struct eg_error *err) {
    static const struct eg_scalar scalars[] = {
        {"mapped_ip", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_VARCHAR}, 1, mapped_ip},
        {"mapped_mac", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_VARCHAR}, 1, mapped_mac},
    };
    if (!engine->mapping) return EG_OK;
    return eg_register_scalars(engine, scalars, sizeof scalars / sizeof *scalars, err);
}
