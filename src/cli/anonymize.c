/* SPDX-License-Identifier: Apache-2.0
 * `earlgrey anonymize`: a capture or a dataset copied with every address mapped by a key. */
#include "cli/anonymize.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "cli/capture_name.h"
#include "cli/link_name.h"
#include "cli/progress.h"
#include "store/mapped_copy.h"
#include "table/encode.h"
#include "wire/capture.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

struct anonymize_options {
    const char *key, *format;
    bool random_key, keep_payload, everything, force, json;
};

static const struct eg_option options[] = {
    {.name = "key",
     .letter = 'k',
     .type = EG_OPT_TEXT,
     .offset = offsetof(struct anonymize_options, key),
     .value_name = "FILE",
     .help = "The key: a file of 32 bytes, or of 64 hex digits. The same key maps the same way in "
             "every file."},
    {.name = "random-key",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct anonymize_options, random_key),
     .help = "A key for this call alone, which nobody will ever know."},
    {.name = "keep-payload",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct anonymize_options, keep_payload),
     .help = "Keeps what stands behind transport headers; addresses are mapped in DNS messages "
             "only, so the rest may name hosts, and what a tunnel on a port that is not its own "
             "holds (Teredo beside 3544) stays as it is. Without it packets end behind their "
             "headers."},
    {.name = "everything",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct anonymize_options, everything),
     .help = "Maps addresses that name no host, too: groups, broadcast, loopback, unspecified."},
    {.name = "format",
     .type = EG_OPT_CHOICE,
     .offset = offsetof(struct anonymize_options, format),
     .choices = "pcap|pcapng",
     .help = "What capture is written; without it, as OUT ends, else pcap. pcapng holds several "
             "link types."},
    {.name = "force",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct anonymize_options, force),
     .help = "Writes over a capture that exists."},
    {.name = "json",
     .type = EG_OPT_FLAG,
     .offset = offsetof(struct anonymize_options, json),
     .help = "The account as one JSON object on standard output."},
    EG_OPTION_END,
};

static const char *const examples[] = {
    "earlgrey anonymize --key secret.key capture.pcap shared.pcap",
    "A capture of headers that can be given away.",
    "earlgrey anonymize --key secret.key data shared-data",
    "A dataset; its addresses are those that the capture got.",
    "earlgrey anonymize --random-key --keep-payload capture.pcapng shared.pcapng",
    "A mapping that is never used again, payloads kept.",
    NULL};

/* ---- the key ---- */

static bool hex_read(const char *text, uint8_t key[EG_ADDRESS_KEY_BYTES]) {
    for (size_t i = 0; i < EG_ADDRESS_KEY_BYTES; i++) {
        int high = eg_hex_value(text[2 * i]), low = high < 0 ? -1 : eg_hex_value(text[2 * i + 1]);
        if (low < 0) return false;
        key[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static enum eg_status key_read(const struct eg_call *call, const char *path,
                               uint8_t key[EG_ADDRESS_KEY_BYTES], struct eg_error *err) {
    char *text = NULL;
    size_t size = 0;
    struct stat about;
    if (stat(path, &about) != 0)
        return eg_fail(err, errno == ENOENT ? EG_E_USAGE : EG_E_ACCESS,
                       "%s: %s; 'head -c 32 /dev/urandom > %s' makes a key", path, strerror(errno),
                       path);
    EG_TRY(eg_file_read(&text, &size, path, 4096, err));
    bool raw = size == EG_ADDRESS_KEY_BYTES, good = raw;
    if (raw) memcpy(key, text, EG_ADDRESS_KEY_BYTES);
    size_t shown = size;
    while (shown && isspace((unsigned char)text[shown - 1])) shown--;
    if (!raw && shown == 2 * EG_ADDRESS_KEY_BYTES) good = hex_read(text, key);
    if (size) explicit_bzero(text, size);
    eg_free(text);
    if (!good)
        return eg_fail(err, EG_E_USAGE, "%s is no key: 32 bytes, or 64 hex digits, not %zu bytes",
                       path, size);
    if (about.st_mode & 077)
        eg_note(call, "earlgrey: anonymize: %s can be read by others: 'chmod 600 %s'", path, path);
    return EG_OK;
}

static enum eg_status key_get(const struct eg_call *call, uint8_t key[EG_ADDRESS_KEY_BYTES],
                              struct eg_error *err) {
    const struct anonymize_options *o = call->options;
    if ((o->key != NULL) == o->random_key)
        return eg_fail(err, EG_E_USAGE,
                       o->key ? "one of --key and --random-key, not both"
                              : "name a key with --key FILE, or --random-key");
    if (o->key) return key_read(call, o->key, key, err);
    if (getrandom(key, EG_ADDRESS_KEY_BYTES, 0) != EG_ADDRESS_KEY_BYTES)
        return eg_fail_errno(err, errno, "no random numbers");
    return EG_OK;
}

/* ---- captures ---- */

/* "IEEE802_5 6 (12), FDDI 10 (3)"; as JSON, an array of objects. */
static void links_put(const struct eg_anonymize_account *a, bool json, struct eg_strbuf *to) {
    for (size_t i = 0; i < a->link_count; i++) {
        const struct eg_emptied_link *link = &a->links[i];
        const char *name = eg_link_name(link->link_type);
        if (json)
            eg_strbuf_printf(to, "%s{\"link_type\":%d,\"name\":%s%s%s,\"packets\":%llu}",
                             i ? "," : "", (int)link->link_type, name ? "\"" : "",
                             name ? name : "null", name ? "\"" : "",
                             (unsigned long long)link->frames);
        else
            eg_strbuf_printf(to, "%s%s%s%d (%llu)", i ? ", " : "", name ? name : "",
                             name ? " " : "", (int)link->link_type,
                             (unsigned long long)link->frames);
    }
}

static void capture_json(const struct eg_anonymize_account *a) {
    struct eg_strbuf trouble = {0}, links = {0};
    eg_encode_json_text(a->trouble, strlen(a->trouble), &trouble);
    links_put(a, true, &links);
    printf("{\"packets\":%llu,\"bytes\":%llu,\"shortened\":%llu,\"emptied\":%llu,"
           "\"emptied_link_types\":[%s],\"options_blanked\":%llu,\"damaged\":%llu,\"cut\":%s,"
           "\"trouble\":%s}\n",
           (unsigned long long)a->frames, (unsigned long long)a->bytes,
           (unsigned long long)a->shortened, (unsigned long long)a->emptied,
           links.text ? links.text : "", (unsigned long long)a->options_blanked,
           (unsigned long long)a->damaged, a->cut ? "true" : "false",
           a->trouble[0] && trouble.text ? trouble.text : "null");
    eg_strbuf_reset(&trouble);
    eg_strbuf_reset(&links);
}

static void emptied_tell(const struct eg_call *call, const struct eg_anonymize_account *a) {
    struct eg_strbuf links = {0};
    links_put(a, false, &links);
    eg_note(call,
            "earlgrey: anonymize: %llu packets of link types whose addresses are not known were "
            "left empty: %s",
            (unsigned long long)a->emptied, links.text ? links.text : "");
    eg_strbuf_reset(&links);
}

static enum eg_exit capture_tell(const struct eg_call *call, const struct eg_anonymize_account *a) {
    const struct anonymize_options *o = call->options;
    if (o->json)
        capture_json(a);
    else
        eg_note(call, "anonymize: %llu packets, of which %llu lost their payload",
                (unsigned long long)a->frames, (unsigned long long)a->shortened);
    if (a->options_blanked)
        eg_note(call,
                "earlgrey: anonymize: %llu packets have options that are not known: their data "
                "became zeros, since it may name hosts",
                (unsigned long long)a->options_blanked);
    if (a->emptied) emptied_tell(call, a);
    if (!a->trouble[0]) return EG_EXIT_DONE;
    eg_say(call, a->trouble);
    return EG_EXIT_PARTIAL;
}

/* Whoever calls the output by the input's name would lose the original. */
static enum eg_status must_differ(const char *from, const char *to, struct eg_error *err) {
    return eg_path_same(from, to)
               ? eg_fail(err, EG_E_USAGE, "%s is what is read: name another file", to)
               : EG_OK;
}

static enum eg_exit capture_run(struct eg_call *call, struct eg_address_map *map) {
    const struct anonymize_options *o = call->options;
    struct eg_anonymize_account account;
    struct eg_error err = {0};
    struct eg_anonymizer by = {
        .map = map, .keep_payload = o->keep_payload, .before = eg_malloc(EG_FRAME_BYTES_MAX)};
    struct eg_packet_file_options to = {.path = call->words[1],
                                        .format = eg_capture_format_of(call->words[1], o->format),
                                        .replace = o->force};
    enum eg_status status = by.before ? must_differ(call->words[0], call->words[1], &err)
                                      : eg_fail(&err, EG_E_NOMEM, "no memory to rewrite a capture");
    if (status >= 0) status = eg_anonymize_capture(call, &by, call->words[0], &to, &account, &err);
    eg_free(by.before);
    return status < 0 ? eg_complain(call, &err) : capture_tell(call, &account);
}

/* ---- datasets ---- */

static void copy_progress(void *to, uint64_t done, uint64_t total) {
    struct eg_scan_progress seen = {.bytes_done = done, .bytes_total = total};
    if (to) eg_progress_draw(to, &seen);
}

static enum eg_exit dataset_run(struct eg_call *call, struct eg_address_map *map) {
    const struct anonymize_options *o = call->options;
    struct eg_error err = {0};
    struct eg_progress *progress = eg_progress_manual(call);
    struct eg_mapped_copy copy = {.map = map, .progress = copy_progress, .progress_to = progress};
    enum eg_status status =
        eg_dataset_mapped_copy(&copy, call->words[0], call->words[1], &call->env, &err);
    eg_progress_stop(progress);
    if (status < 0) return eg_complain(call, &err);
    if (o->json)
        printf("{\"files\":%llu,\"flows\":%llu,\"packets\":%llu,\"counters\":%llu,\"losses\":%llu,"
               "\"quarantined\":%llu}\n",
               (unsigned long long)copy.files, (unsigned long long)copy.rows[EG_TABLE_FLOWS],
               (unsigned long long)copy.rows[EG_TABLE_PACKETS],
               (unsigned long long)copy.rows[EG_TABLE_COUNTERS],
               (unsigned long long)copy.rows[EG_TABLE_LOSSES],
               (unsigned long long)copy.quarantined);
    else
        eg_note(call,
                "anonymize: %llu flows, %llu packets, %llu counters, %llu losses in %llu files",
                (unsigned long long)copy.rows[EG_TABLE_FLOWS],
                (unsigned long long)copy.rows[EG_TABLE_PACKETS],
                (unsigned long long)copy.rows[EG_TABLE_COUNTERS],
                (unsigned long long)copy.rows[EG_TABLE_LOSSES], (unsigned long long)copy.files);
    if (!o->json && copy.quarantined)
        eg_note(call, "earlgrey: anonymize: %llu of these rows stand in quarantine, there and here",
                (unsigned long long)copy.quarantined);
    return EG_EXIT_DONE;
}

static enum eg_exit run(struct eg_call *call) {
    const struct anonymize_options *o = call->options;
    uint8_t key[EG_ADDRESS_KEY_BYTES];
    struct eg_error err = {0};
    struct stat about;
    if (call->word_count != 2)
        return eg_complain_usage(call, "name a capture or a dataset, and what is to be made of it");
    if (key_get(call, key, &err) < 0) return eg_complain(call, &err);
    struct eg_address_map *map = eg_address_map_new(key, o->everything);
    explicit_bzero(key, sizeof key);
    if (!map)
        return eg_complain(call, (eg_fail(&err, EG_E_NOMEM, "no memory to map addresses"), &err));
    bool dataset = stat(call->words[0], &about) == 0 && S_ISDIR(about.st_mode);
    enum eg_exit code = dataset ? dataset_run(call, map) : capture_run(call, map);
    eg_address_map_free(map);
    return code;
}

const struct eg_verb eg_verb_anonymize = {
    .name = "anonymize",
    .summary = "copies a capture or a dataset with every address mapped by a key",
    .synopsis = "IN OUT",
    .description =
        "Every IP address is mapped by Crypto-PAn: addresses that share a prefix share as long a "
        "prefix afterwards, and the same key maps the same way in every file. MAC addresses are "
        "mapped likewise. In captures that is done in every header: of tunnels, of packets quoted "
        "by ICMP errors, in ARP, neighbour discovery and DNS, too; payload is cut; checksums that "
        "were right are right again; lengths and times stay. Packets of link types whose addresses "
        "are not known stay as empty records.\n\n"
        "In datasets all columns of addresses are mapped; the columns extra, file and offset are "
        "left out.\n\n"
        "What a prefix-preserving mapping keeps can be used to attack it: who knows some of the "
        "original addresses learns of the prefixes of others. Keep the key secret, or use "
        "--random-key.",
    .examples = examples,
    .options = options,
    .options_size = sizeof(struct anonymize_options),
    .run = run,
};
