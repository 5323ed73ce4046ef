/* SPDX-License-Identifier: Apache-2.0
 * The sink `pcap:DIR`: raw rows as rotating capture files (recording.h); `pcap:-`: as one capture to
 * standard output, each packet as soon as it is there. */
#include "base/timetext.h"
#include "sink/recording.h"

#include <stdio.h>
#include <string.h>

struct pcap_options {
    int64_t rotate, size, files, max_age, max_bytes, exec_at_once, pretty_print;
    const char *name, *exec, *format;
};

static const struct eg_option options[] = {
    {.name = "rotate",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct pcap_options, rotate),
     .preset = "1h",
     .max = INT64_MAX / 2,
     .value_name = "TIME",
     .help = "A new file begins at each full multiple of this (60s, 1h); 0 is never."},
    {.name = "size",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, size),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "And when one would grow beyond this size (100M); 0 is no bound."},
    {.name = "name",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct pcap_options, name),
     .value_name = "PATTERN",
     .help = "Names of the files below the directory: strftime conversions in UTC, %{host}, "
             "%{interface}. Default: %Y/%m/%d/%{host}-%{interface}-%Y%m%dT%H%M%S.pcap."},
    {.name = "format",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct pcap_options, format),
     .preset = "pcap",
     .choices = "pcap|pcapng",
     .value_name = "FORMAT",
     .help = "pcap holds one link type a file, pcapng any, and names interfaces."},
    {.name = "exec",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct pcap_options, exec),
     .value_name = "PROGRAM",
     .help = "Run for each finished file, with its path as the only argument; no shell."},
    {.name = "exec-at-once",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, exec_at_once),
     .preset = "2",
     .min = 1,
     .max = 64,
     .value_name = "N",
     .help = "How many of them may run at the same time; the others wait."},
    {.name = "files",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, files),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "Keeps the newest so many finished files, and removes the others; 0 keeps all."},
    {.name = "max-age",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct pcap_options, max_age),
     .preset = "0",
     .max = INT64_MAX / 2,
     .value_name = "TIME",
     .help = "Removes files that were finished longer ago; 0 keeps all."},
    {.name = "max-bytes",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, max_bytes),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "BYTES",
     .help = "Removes the oldest files while all together are larger; 0 keeps all."},
    {.name = "pretty-print",
     .type = EG_OPT_INT,
     .offset = offsetof(struct pcap_options, pretty_print),
     .preset = "0",
     .max = INT64_MAX,
     .value_name = "N",
     .help = "To standard output (pcap:-): in place of a capture, a line for every N-th packet."},
    EG_OPTION_END,
};
_Static_assert(sizeof(((struct pcap_options *)0)->rotate) == sizeof(int64_t), "see option.h");
_Static_assert(sizeof(((struct pcap_options *)0)->name) == sizeof(char *), "see option.h");

static enum eg_status pcap_open(const struct eg_env *env, const char *uri, const void *given,
                                struct eg_sink **out, struct eg_error *err) {
    static const char usual[] = "%Y/%m/%d/%{host}-%{interface}-%Y%m%dT%H%M%S.";
    const struct pcap_options *opts = given;
    char pattern[sizeof usual + 16];
    snprintf(pattern, sizeof pattern, "%s%s", usual, opts->format);
    struct eg_recording_options recording = {
        .uri = uri,
        .pattern = opts->name && opts->name[0] ? opts->name : pattern,
        .exec = opts->exec,
        .exec_at_once = (uint32_t)opts->exec_at_once,
        .streams = true,
        .every = (uint64_t)opts->pretty_print,
        .how = {.format = strcmp(opts->format, "pcapng") == 0 ? EG_WRITE_PCAPNG : EG_WRITE_PCAP,
                .rotate_us = opts->rotate,
                .size_max = (uint64_t)opts->size,
                .files_max = (uint64_t)opts->files,
                .age_max_us = opts->max_age,
                .bytes_max = (uint64_t)opts->max_bytes},
    };
    return eg_recording_open(out, env, &recording, err);
}

const struct eg_sink_type eg_sink_pcap = {
    .abi = EG_STAGE_ABI,
    .name = "pcap",
    .help =
        "Records packets and datagrams as they came, in rotating capture files, or (pcap:-) as a "
        "capture to standard output.",
    .options = options,
    .options_size = sizeof(struct pcap_options),
    .takes = EG_TAKES_RAW,
    .open = pcap_open,
    .write = eg_recording_write,
    .flush = eg_recording_flush,
    .positions = eg_sink_positions_none,
    .losses = eg_recording_losses,
    .close = eg_recording_close,
};
