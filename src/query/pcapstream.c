/* SPDX-License-Identifier: Apache-2.0
 * Packets in the shape of mapr-pcapstream's 22 columns, for tools that were made for those: the view
 * packets_pcapstream. `length` is what it was there, the captured payload behind the transport header;
 * the lengths of the frame stand in two columns more. What a packet has not is 0, false or, of texts,
 * null; checksums are not kept (udpSum is 0). */
#include "query/analysis.h"

#define PART(name)                                                                                 \
    { name, "CAST(" name "(utc_) AS INTEGER)" }
#define OR_0(name, column, type)                                                                   \
    { name, "CAST(coalesce(" column ", 0) AS " type ")" }

static const struct {
    const char *name, *is; /* NULL: the TCP flags, a struct */
} columns[] = {
    {"timestamp", "CAST(floor(epoch_us(time) / 1000.0) AS BIGINT)"},
    PART("year"),
    PART("month"),
    PART("day"),
    PART("hour"),
    PART("minute"),
    {"src", "src_ip"},
    OR_0("srcPort", "src_port", "INTEGER"),
    {"dst", "dst_ip"},
    OR_0("dstPort", "dst_port", "INTEGER"),
    {"protocol", "upper(protocol)"},
    OR_0("ttl", "ttl", "INTEGER"),
    OR_0("ipVersion", "ip_version", "INTEGER"),
    OR_0("length", "greatest(payload_length - greatest(length - captured, 0), 0)", "BIGINT"),
    OR_0("tcpSeq", "tcp_seq", "BIGINT"),
    OR_0("tcpAck", "tcp_ack", "BIGINT"),
    {"udpSum", "CAST(0 AS INTEGER)"},
    {"udpLength",
     "CAST(CASE WHEN proto = 17 THEN coalesce(payload_length + 8, 0) ELSE 0 END AS INTEGER)"},
    {"reassembledTcpFragments", "CAST(NULL AS VARCHAR)"},
    {"reassembledUdpFragments", "CAST(NULL AS VARCHAR)"},
    {"ipFlags", "struct_pack(\"ipFlagsDf\" := coalesce(dont_fragment, FALSE), "
                "\"ipFlagsMf\" := coalesce(more_fragments, FALSE))"},
    {"tcpFlags", NULL},
    {"frameLength", "captured"},
    {"wireLength", "length"},
};

static void flags(struct eg_strbuf *sql) {
    static const char *const names[] = {"Ns",  "Cwr", "Ece", "Urg", "Ack",
                                        "Psh", "Rst", "Syn", "Fin"}; /* the highest bit first */
    const size_t count = sizeof names / sizeof *names;
    eg_strbuf_text(sql, "struct_pack(");
    for (size_t i = 0; i < count; i++)
        eg_strbuf_printf(sql, "%s\"tcpFlag%s\" := coalesce(tcp_flags & %u, 0) <> 0", i ? ", " : "",
                         names[i], 1u << (count - 1 - i));
    eg_strbuf_char(sql, ')');
}

void eg_sql_pcapstream_view(struct eg_strbuf *sql) {
    eg_strbuf_text(sql, "CREATE OR REPLACE TEMP VIEW packets_pcapstream AS SELECT ");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (i) eg_strbuf_text(sql, ", ");
        if (columns[i].is)
            eg_strbuf_text(sql, columns[i].is);
        else
            flags(sql);
        eg_strbuf_printf(sql, " AS \"%s\"", columns[i].name);
    }
    eg_strbuf_text(sql,
                   " FROM (SELECT *, make_timestamp(epoch_us(time)) AS utc_ FROM packets) AS p;\n");
}
