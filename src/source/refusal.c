/* SPDX-License-Identifier: Apache-2.0
 * What to say to a file that is not a capture: what it looks like, and what would be accepted. */
#include "source/refusal.h"

#include <stdio.h>
#include <string.h>

struct look {
    const char *begins; /* bytes */
    size_t size;
    const char *what;
};

static const struct look looks[] = {
    {"PK\3\4", 4, "zip"},
    {"BZh", 3, "bzip2; expand it first"},
    {"7z\xbc\xaf", 4, "7-zip"},
    {"Rar!", 4, "rar"},
    {"\x1f\x9d", 2, "compress; expand it first"},
    {"\x02\x21\x4c\x18", 4, "the old lz4 format; expand it first"},
    {"LZIP", 4, "lzip; expand it first"},
    {"PAR1", 4, "Parquet"},
    {"SQLite format 3", 15, "SQLite"},
    {"ARROW1", 6, "Arrow"},
    {"\x7f"
     "ELF",
     4, "a program"},
    {"%PDF", 4, "PDF"},
    {"snoop\0\0\0", 8, "snoop; editcap -F pcapng converts it"},
    {"\x54\x52\x53\x4e", 4, "a NetXRay capture; editcap -F pcapng converts it"},
    {"GMBU", 4, "a Network Monitor capture; editcap -F pcapng converts it"},
    {"\x0c\xa5\x01\x00", 4, "an nfdump file of version 1; nfdump reads it"},
    {"\x0c\xa5\x02\x00", 4, "an nfdump file; nfdump reads it"},
    {"#!", 2, "a script"},
    {"{", 1, "JSON"},
    {"<", 1, "XML or HTML"},
};

static bool is_text(struct eg_span head) {
    for (size_t i = 0; i < head.size; i++) {
        uint8_t c = eg_u8(head, i);
        if (c != '\n' && c != '\r' && c != '\t' && (c < 0x20 || c == 0x7f)) return false;
    }
    return true;
}

static const char *look_of(struct eg_span head) {
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (head.size >= looks[i].size && memcmp(head.at, looks[i].begins, looks[i].size) == 0)
            return looks[i].what;
    enum eg_packing packing = eg_packing_of(head);
    if (packing != EG_PACKING_NONE) return eg_packing_name(packing);
    return is_text(head) ? "text" : NULL;
}

enum eg_status eg_refuse(struct eg_error *err, const char *name, enum eg_packing packing,
                         struct eg_span head) {
    char bytes[3 * 4 + 1] = "";
    for (size_t i = 0; i < 4 && i < head.size; i++)
        snprintf(bytes + i * 3, 4, "%02x%s", eg_u8(head, i), i < 3 && i + 1 < head.size ? " " : "");
    const char *look = look_of(head);
    bool packed = packing != EG_PACKING_NONE;
    enum eg_status status;
    if (head.size == 0)
        status =
            eg_fail(err, EG_E_FORMAT, "%s is empty inside its %s", name, eg_packing_name(packing));
    else
        status = eg_fail(
            err, EG_E_FORMAT,
            "%s is not a capture: %s%s begins with %s%s%s%s; pcap, pcapng, sequence files and files "
            "of IPFIX messages can be read, plain or in gzip, zstd, lz4 or xz",
            name, packed ? "inside its " : "it", packed ? eg_packing_name(packing) : "", bytes,
            look ? " (" : "", look ? look : "", look ? ")" : "");
    if (err) err->position = 0;
    return status;
}
