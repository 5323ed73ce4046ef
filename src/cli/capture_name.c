/* SPDX-License-Identifier: Apache-2.0
 * Names of captures that are written: `packets -w`, `anonymize`. */
#include "cli/capture_name.h"

#include <string.h>
#include <strings.h>

enum eg_capture_format eg_capture_format_of(const char *path, const char *word) {
    const char *dot = strrchr(path, '.');
    if (word) return strcmp(word, "pcapng") == 0 ? EG_WRITE_PCAPNG : EG_WRITE_PCAP;
    return dot && strcmp(dot, ".pcapng") == 0 ? EG_WRITE_PCAPNG : EG_WRITE_PCAP;
}

enum eg_status eg_capture_name_check(const char *path, struct eg_error *err) {
    static const char *const packed[] = {".gz", ".zst", ".zstd", ".lz4", ".xz", ".bz2"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof packed / sizeof *packed; i++)
        if (strcasecmp(dot, packed[i]) == 0)
            return eg_fail(err, EG_E_USAGE,
                           "%s: captures are written uncompressed: name it .pcap or .pcapng", path);
    return EG_OK;
}
