/* SPDX-License-Identifier: Apache-2.0
 * The sink `seqfile:DIR`: raw rows as Hadoop sequence files (wire/seqfile_write.h), which Metron's
 * queries, MapReduce and Spark read. A file's name is pcap_TOPIC_TIME_PARTITION_RUN, TIME being its
 * first packet's; a new one begins when a file has so many packets, or its packets' times so long. */
#include "base/strbuf.h"
#include "base/timetext.h"
#include "sink/recording.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct seqfile_options {
    int64_t num_packets, max_time, partition, exec_at_once;
    const char *topic, *run, *exec;
};

static const struct eg_option options[] = {
    {.name = "topic",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct seqfile_options, topic),
     .preset = "pcap",
     .value_name = "WORD",
     .help = "The second part of the files' names; it may hold a '_'."},
    {.name = "partition",
     .type = EG_OPT_INT,
     .offset = offsetof(struct seqfile_options, partition),
     .preset = "0",
     .max = UINT32_MAX,
     .value_name = "N",
     .help = "The fourth part of the files' names; give each writer of a topic its own."},
    {.name = "run",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct seqfile_options, run),
     .value_name = "WORD",
     .help = "The last part of the files' names, without a '_'. Default: earlgrey- and 16 random "
             "digits."},
    {.name = "num-packets",
     .type = EG_OPT_INT,
     .offset = offsetof(struct seqfile_options, num_packets),
     .preset = "1000000",
     .min = 0,
     .max = INT64_MAX,
     .value_name = "N",
     .help = "A new file begins when one has so many packets; 0 is no bound."},
    {.name = "max-time",
     .type = EG_OPT_DURATION,
     .offset = offsetof(struct seqfile_options, max_time),
     .preset = "5m",
     .max = INT64_MAX / 2,
     .value_name = "TIME",
     .help = "And so long after its first packet, by the packets' times; 0 is never."},
    {.name = "exec",
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct seqfile_options, exec),
     .value_name = "PROGRAM",
     .help = "Run for each finished file, with its path as the only argument; no shell."},
    {.name = "exec-at-once",
     .type = EG_OPT_INT,
     .offset = offsetof(struct seqfile_options, exec_at_once),
     .preset = "2",
     .min = 1,
     .max = 64,
     .value_name = "N",
     .help = "How many of them may run at the same time; the others wait."},
    EG_OPTION_END,
};
_Static_assert(sizeof(((struct seqfile_options *)0)->partition) == sizeof(int64_t), "see option.h");
_Static_assert(sizeof(((struct seqfile_options *)0)->topic) == sizeof(char *), "see option.h");

/* What can stand in a name, and be found again in it. */
static bool word_good(const char *word, bool line) {
    if (!*word || strlen(word) > 100) return false;
    for (; *word; word++) {
        bool plain = (*word >= 'a' && *word <= 'z') || (*word >= 'A' && *word <= 'Z') ||
                     (*word >= '0' && *word <= '9') || *word == '-' || *word == '.';
        if (!plain && !(line && *word == '_')) return false;
    }
    return true;
}

static enum eg_status pattern_make(char pattern[300], const struct seqfile_options *opts,
                                   struct eg_error *err) {
    char usual[40];
    const char *run = opts->run && opts->run[0] ? opts->run : usual;
    uint64_t id;
    if (getrandom(&id, sizeof id, 0) != sizeof id)
        return eg_fail_errno(err, errno, "no random numbers from the system");
    snprintf(usual, sizeof usual, "earlgrey-%016llx", (unsigned long long)id);
    if (!word_good(opts->topic, true))
        return eg_fail(err, EG_E_USAGE,
                       "topic: '%.60s' is no part of a name: letters, digits, '-', '.' and '_'",
                       opts->topic);
    if (!word_good(run, false))
        return eg_fail(err, EG_E_USAGE,
                       "run: '%.60s' is no last part of a name: letters, digits, '-' and '.'", run);
    snprintf(pattern, 300, "pcap_%s_%%{ns}_%lld_%s", opts->topic, (long long)opts->partition, run);
    return EG_OK;
}

static enum eg_status seqfile_open(const struct eg_env *env, const char *uri, const void *given,
                                   struct eg_sink **out, struct eg_error *err) {
    const struct seqfile_options *opts = given;
    char pattern[300];
    EG_TRY(pattern_make(pattern, opts, err));
    struct eg_recording_options recording = {
        .uri = uri,
        .pattern = pattern,
        .exec = opts->exec,
        .exec_at_once = (uint32_t)opts->exec_at_once,
        .how = {.format = EG_WRITE_SEQFILE,
                .packets_max = (uint64_t)opts->num_packets,
                .span_us = opts->max_time},
    };
    return eg_recording_open(out, env, &recording, err);
}

const struct eg_sink_type eg_sink_seqfile = {
    .abi = EG_STAGE_ABI,
    .name = "seqfile",
    .help = "Records packets and datagrams as they came, in Hadoop sequence files.",
    .options = options,
    .options_size = sizeof(struct seqfile_options),
    .takes = EG_TAKES_RAW,
    .open = seqfile_open,
    .write = eg_recording_write,
    .flush = eg_recording_flush,
    .positions = eg_sink_positions_none,
    .losses = eg_recording_losses,
    .close = eg_recording_close,
};
