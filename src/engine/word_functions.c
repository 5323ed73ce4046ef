/* SPDX-License-Identifier: Apache-2.0
 * SQL functions that put numbers into words: protocol_name(proto), protocol_number(name),
 * tcp_flags_text(flags). Source: the IANA registry of protocol numbers; RFC 9293 section 3.1 for the
 * flags, RFC 3168 for ECE and CWR. */
#include "engine/scalar.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    uint8_t number;
    const char *name;
} protocols[] = {
    {0, "hopopt"},     {1, "icmp"},       {2, "igmp"},         {3, "ggp"},
    {4, "ipv4"},       {5, "st"},         {6, "tcp"},          {7, "cbt"},
    {8, "egp"},        {9, "igp"},        {12, "pup"},         {16, "chaos"},
    {17, "udp"},       {20, "hmp"},       {22, "xns-idp"},     {27, "rdp"},
    {28, "irtp"},      {29, "iso-tp4"},   {33, "dccp"},        {36, "xtp"},
    {37, "ddp"},       {41, "ipv6"},      {43, "ipv6-route"},  {44, "ipv6-frag"},
    {45, "idrp"},      {46, "rsvp"},      {47, "gre"},         {48, "dsr"},
    {50, "esp"},       {51, "ah"},        {54, "narp"},        {55, "min-ipv4"},
    {57, "skip"},      {58, "ipv6-icmp"}, {59, "ipv6-nonxt"},  {60, "ipv6-opts"},
    {73, "cphb"},      {81, "vmtp"},      {88, "eigrp"},       {89, "ospf"},
    {93, "ax.25"},     {94, "ipip"},      {97, "etherip"},     {98, "encap"},
    {103, "pim"},      {108, "ipcomp"},   {112, "vrrp"},       {113, "pgm"},
    {115, "l2tp"},     {121, "smp"},      {124, "isis"},       {132, "sctp"},
    {133, "fc"},       {135, "mobility"}, {136, "udplite"},    {137, "mpls-in-ip"},
    {138, "manet"},    {139, "hip"},      {140, "shim6"},      {141, "wesp"},
    {142, "rohc"},     {143, "ethernet"}, {144, "aggfrag"},    {255, "reserved"},
};
#define PROTOCOLS (sizeof protocols / sizeof *protocols)

/* A number without a name is its own text. */
static void protocol_name(duckdb_function_info info, duckdb_data_chunk input,
                          duckdb_vector output) {
    (void)info;
    duckdb_string_t names[256];
    memset(names, 0, sizeof names);
    for (size_t i = 0; i < PROTOCOLS; i++)
        names[protocols[i].number] = eg_inline_string(protocols[i].name, strlen(protocols[i].name));
    struct eg_arg proto = eg_arg(input, 0);
    duckdb_string_t *out = duckdb_vector_get_data(output);
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; row++) {
        if (!eg_arg_valid(&proto, row)) {
            eg_out_null(output, row);
            continue;
        }
        int32_t number = eg_arg_i32(&proto, row);
        if (number >= 0 && number < 256 && names[number].value.inlined.length) {
            out[row] = names[number];
            continue;
        }
        char text[16];
        int size = snprintf(text, sizeof text, "%d", number);
        eg_out_text(output, row, text, (size_t)size);
    }
}

static void protocol_number(duckdb_function_info info, duckdb_data_chunk input,
                            duckdb_vector output) {
    (void)info;
    struct eg_arg name = eg_arg(input, 0);
    int16_t *out = duckdb_vector_get_data(output);
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; row++) {
        bool found = false;
        struct eg_span text = eg_span("", 0);
        if (eg_arg_valid(&name, row)) text = eg_arg_text(&name, row);
        for (size_t i = 0; !found && i < PROTOCOLS; i++) {
            found = strlen(protocols[i].name) == text.size &&
                    strncasecmp(protocols[i].name, (const char *)text.at, text.size) == 0;
            if (found) out[row] = protocols[i].number;
        }
        if (!found) eg_out_null(output, row);
    }
}

/* "CEUAPRSF" with a dot for each flag that is not set: "...AP.S." */
static void tcp_flags_text(duckdb_function_info info, duckdb_data_chunk input,
                           duckdb_vector output) {
    (void)info;
    static const char letters[] = "CEUAPRSF";
    struct eg_arg flags = eg_arg(input, 0);
    idx_t rows = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < rows; row++) {
        if (!eg_arg_valid(&flags, row)) {
            eg_out_null(output, row);
            continue;
        }
        char text[8];
        for (int i = 0; i < 8; i++)
            text[i] = eg_arg_i32(&flags, row) >> (7 - i) & 1 ? letters[i] : '.';
        eg_out_text(output, row, text, sizeof text);
    }
}

enum eg_status eg_register_words(struct eg_engine *engine, struct eg_error *err) {
    static const struct eg_scalar scalars[] = {
        {"protocol_name", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_INTEGER}, 1, protocol_name},
        {"protocol_number", DUCKDB_TYPE_SMALLINT, {DUCKDB_TYPE_VARCHAR}, 1, protocol_number},
        {"tcp_flags_text", DUCKDB_TYPE_VARCHAR, {DUCKDB_TYPE_INTEGER}, 1, tcp_flags_text},
    };
    return eg_register_scalars(engine, scalars, sizeof scalars / sizeof *scalars, err);
}
