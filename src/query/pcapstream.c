/* SPDX-License-Identifier: Apache-2.0
 * Packets in the shape of mapr-pcapstream's 22 columns, for tools that were made for those: the view
 * packets_pcapstream. `length` is what it was there, the captured payload behind the transport header;
 * the lengths of the frame stand in two columns more. What a packet has not is 0, false or, of texts,
 * null; checksums are not kept (udpSum is 0). */
#include "query/analysis.h"

#define PART(name) "CAST(" name "(utc_) AS INTEGER) AS \"" name "\", "
#define OR_0(column, type, as) "CAST(coalesce(" column ", 0) AS " type ") AS " as ", "
#define FLAG(as, bit) as " := coalesce(tcp_flags & " bit ", 0) <> 0"

void eg_sql_pcapstream_view(struct eg_strbuf *sql) {
    eg_strbuf_text(
        sql,
        "CREATE OR REPLACE TEMP VIEW packets_pcapstream AS SELECT "
        "CAST(floor(epoch_us(time) / 1000.0) AS BIGINT) AS \"timestamp\", " PART("year") PART(
            "month") PART("day")
            PART("hour") PART("minute") "src_ip AS src, " OR_0("src_port", "INTEGER", "\"srcPort\"") "dst_ip AS dst, " OR_0(
                "dst_port", "INTEGER",
                "\"dstPort\"") "upper(protocol) AS protocol, " OR_0("ttl", "INTEGER", "ttl")
                OR_0("ip_version", "INTEGER", "\"ipVersion\"")
                    OR_0("greatest(payload_length - greatest(length - captured, 0), 0)", "BIGINT",
                         "length") OR_0("tcp_seq", "BIGINT", "\"tcpSeq\"")
                        OR_0("tcp_ack", "BIGINT",
                             "\"tcpAck\"") "CAST(0 AS INTEGER) AS \"udpSum\", "
                                           "CAST(CASE WHEN proto = 17 THEN coalesce(payload_length "
                                           "+ 8, 0) ELSE 0 END AS INTEGER) "
                                           "AS \"udpLength\", "
                                           "CAST(NULL AS VARCHAR) AS \"reassembledTcpFragments\", "
                                           "CAST(NULL AS VARCHAR) AS \"reassembledUdpFragments\", "
                                           "struct_pack(\"ipFlagsDf\" := coalesce(dont_fragment, "
                                           "FALSE), "
                                           "\"ipFlagsMf\" := coalesce(more_fragments, FALSE)) AS "
                                           "\"ipFlags\", "
                                           "struct_pack(" FLAG("\"tcpFlagNs\"", "256") ", " FLAG("\"tcpFlagCwr\"", "128") ", " FLAG("\"tcpFlagEce\"", "64") ", " FLAG(
                                               "\"tcpFlagUrg\"",
                                               "32") ", " FLAG("\"tcpFlagAck\"",
                                                               "16") ", " FLAG("\"tcpFlagPsh\"",
                                                                               "8") ", " FLAG("\"tc"
                                                                                              "pFla"
                                                                                              "gRst"
                                                                                              "\"",
                                                                                              "4") ", " FLAG("\"tcpFlagSyn\"",
                                                                                                             "2") ", " FLAG("\"tcpFlagFin\"",
                                                                                                                            "1") ") AS \"tcpFlags\", "
                                                                                                                                 "captured AS \"frameLength\", length AS \"wireLength\" "
                                                                                                                                 "FROM (SELECT *, make_timestamp(epoch_us(time)) AS utc_ FROM packets) AS p;\n");
}
