/* SPDX-License-Identifier: Apache-2.0
 * SQL functions on addresses, as text and as the numbers of address_code.c:
 *   in_subnet(ip, cidr)  ip_family(ip)  ip_text(number)  ip_code(text) */
#include "engine/scalar.h"
#include "table/address.h"

#include <string.h>

/* An argument that is an address, as VARCHAR or as BIGINT. */
struct address_arg {
    struct eg_arg arg;
    struct eg_address_codes *codes; /* NULL: text */
};

/* False: null, or no address. */
static bool address_at(const struct address_arg *from, idx_t row, struct eg_addr *out) {
    if (!eg_arg_valid(&from->arg, row)) return false;
    if (from->codes) return eg_address_of_code(from->codes, eg_arg_i64(&from->arg, row), out);
    struct eg_span text = eg_arg_text(&from->arg, row);
    return eg_addr_parse(out, (const char *)text.at, text.size);
}

static struct eg_address_codes *codes_of(duckdb_function_info info) {
    return ((struct eg_engine *)duckdb_scalar_function_get_extra_info(info))->codes;
}

/* ---- in_subnet ---- */

/* The network last parsed: it is the same in every row nearly always. */
struct network {
    struct eg_addr prefix;
    int bits;
    char text[64];
    size_t size;
    bool good;
};

static bool network_parse(struct network *net, struct eg_span text) {
    if (net->good && text.size == net->size && memcmp(net->text, text.at, text.size) == 0)
        return true;
    net->good = text.size < sizeof net->text &&
                eg_prefix_parse(&net->prefix, &net->bits, (const char *)text.at, text.size);
    if (!net->good) return false;
    memcpy(net->text, text.at, text.size);
    net->size = text.size;
    return true;
}

static void in_subnet(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output,
                      struct eg_address_codes *codes) {
    struct address_arg ip = {eg_arg(input, 0), codes};
    struct eg_arg cidr = eg_arg(input, 1);
    bool *out = duckdb_vector_get_data(output);
    idx_t rows = duckdb_data_chunk_get_size(input);
    struct network net = {.good = false};
    for (idx_t row = 0; row < rows; row++) {
        struct eg_addr addr = {{0}};
        if (!eg_arg_valid(&cidr, row)) {
            eg_out_null(output, row);
            continue;
        }
        bool known = address_at(&ip, row, &addr);
        struct eg_span text = eg_arg_text(&cidr, row);
        if (!network_parse(&net, text)) {
            struct eg_error err;
            (void)eg_fail(&err, EG_E_USAGE, "in_subnet: '%.*s' is no network like 10.0.0.0/8",
                          (int)(text.size < 80 ? text.size : 80), (const char *)text.at);
            duckdb_scalar_function_set_error(info, err.message);
            return;
        }
        /* an IPv6 network such as ::/0 holds no IPv4 address, though it is ::ffff:… inside */
        bool family = net.bits >= 96 || !eg_addr_is_v4(&addr);
        if (known) out[row] = family && eg_prefix_holds(&net.prefix, net.bits, &addr);
        else eg_out_null(output, row);
    }
}

static void in_subnet_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    in_subnet(info, in, out, NULL);
}
static void in_subnet_code(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    in_subnet(info, in, out, codes_of(info));
}

/* ---- the others ---- */

static void ip_family(duckdb_data_chunk input, duckdb_vector output,
                      struct eg_address_codes *codes) {
    struct address_arg ip = {eg_arg(input, 0), codes};
    int16_t *out = duckdb_vector_get_data(output);
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; row++) {
        struct eg_addr addr;
        if (address_at(&ip, row, &addr)) out[row] = eg_addr_is_v4(&addr) ? 4 : 6;
        else eg_out_null(output, row);
    }
}

static void ip_family_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    (void)info;
    ip_family(in, out, NULL);
}
static void ip_family_code(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    ip_family(in, out, codes_of(info));
}

static void ip_text(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    struct address_arg ip = {eg_arg(input, 0), codes_of(info)};
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; row++) {
        struct eg_addr addr;
        char text[EG_ADDR_TEXT];
        if (address_at(&ip, row, &addr)) eg_out_text(output, row, text, eg_addr_text(&addr, text));
        else eg_out_null(output, row);
    }
}

static void ip_code(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    struct address_arg ip = {eg_arg(input, 0), NULL};
    int64_t *out = duckdb_vector_get_data(output);
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; row++) {
        struct eg_addr addr;
        if (!address_at(&ip, row, &addr)) {
            eg_out_null(output, row);
            continue;
        }
        out[row] = eg_address_code(codes_of(info), &addr);
        if (out[row] < 0) {
            duckdb_scalar_function_set_error(info, "no memory for addresses");
            return;
        }
    }
}

enum eg_status eg_register_addresses(struct eg_engine *engine, struct eg_error *err) {
    static const struct eg_scalar scalars[] = {
        {"in_subnet", DUCKDB_TYPE_BOOLEAN, {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR}, 2,
         in_subnet_text},
        {"in_subnet", DUCKDB_TYPE_BOOLEAN, {DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_VARCHAR}, 2,
         in_subnet_code},
        {"ip_family", DUCKDB_TYPE_SMALLINT, {DUCKDB_TYPE_VARCHAR}, 1, ip_family_text},
        {"ip_family", DUCKDB_TYPE_SMALLINT, {DUCKDB_TYPE_BIGINT}, 1, ip_family_code},
        {"ip_text", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_BIGINT}, 1, ip_text},
        {"ip_code", DUCKDB_TYPE_BIGINT, {DUCKDB_TYPE_VARCHAR}, 1, ip_code},
    };
    return eg_register_scalars(engine, scalars, sizeof scalars / sizeof *scalars, err);
}
