/* SPDX-License-Identifier: Apache-2.0
 * Every capture of the shared data, read through the `file` source, against what capinfos says of
 * it: number of packets, their lengths, first and last time, link type. A difference that is not in
 * the table below fails, and so does an entry of the table that is no difference any more. */
#include "base/alloc.h"
#include "base/durable.h"
#include "table/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct eg_source_type eg_source_file;

struct difference {
    const char *file;
    const char *what; /* as compare() writes it */
    const char *why;
};

#define CLAMPED                                                                                    \
    "it holds more bytes than its record says the packet had; the length is raised to "            \
    "what is there (B34)"
#define LINK_TYPE                                                                                  \
    "Debian's capinfos does not know the link type; a link type is no reason to refuse"
#define NO_TIME                                                                                    \
    "simple packets have no time; those of the other packets count, where capinfos "               \
    "gives up on all"
#define FRACTION "a fraction of more than a second is no time; capinfos prints it as it stands"
static const struct difference differences[] = {
    {"packets/brimcap/bad-caplen.pcap", "84 bytes, capinfos 68; ", CLAMPED},
    {"packets/libpcap-filter/brcm-tag-stp.pcap", "4 packets, capinfos cannot read it; ", LINK_TYPE},
    {"packets/libpcap-filter/dsa.pcap", "8 packets, capinfos cannot read it; ", LINK_TYPE},
    {"packets/libpcap-filter/slip-compressed_sl_print-oobr.pcap", "255 bytes, capinfos 225; ",
     CLAMPED},
    {"packets/libpcap-filter/slip-sliplink_print-oobr.pcap", "255 bytes, capinfos 225; ", CLAMPED},
    {"packets/pcapng-test-generator/be/test011.pcapng",
     "first 1340954905298858000, capinfos n/a; "
     "last 1340954905300858000, capinfos n/a; ",
     NO_TIME},
    {"packets/pcapng-test-generator/be/test012.pcapng",
     "first 0, capinfos n/a; last 0, capinfos n/a; ", NO_TIME},
    {"packets/pcapng-test-generator/be/test016.pcapng",
     "first 1340954905298858000, capinfos n/a; "
     "last 1340954905300858000, capinfos n/a; ",
     NO_TIME},
    {"packets/pcapng-test-generator/be/test018.pcapng",
     "first 1340954905298858000, capinfos n/a; "
     "last 1340954905300858000, capinfos n/a; ",
     NO_TIME},
    {"packets/pcapng-test-generator/le/test011.pcapng",
     "first 1340954905298858000, capinfos n/a; "
     "last 1340954905300858000, capinfos n/a; ",
     NO_TIME},
    {"packets/pcapng-test-generator/le/test012.pcapng",
     "first 0, capinfos n/a; last 0, capinfos n/a; ", NO_TIME},
    {"packets/pcapng-test-generator/le/test016.pcapng",
     "first 1340954905298858000, capinfos n/a; "
     "last 1340954905300858000, capinfos n/a; ",
     NO_TIME},
    {"packets/pcapng-test-generator/le/test018.pcapng",
     "first 1340954905298858000, capinfos n/a; "
     "last 1340954905300858000, capinfos n/a; ",
     NO_TIME},
    {"packets/tcpdump/brcm-tag.pcap", "23 packets, capinfos cannot read it; ", LINK_TYPE},
    {"packets/tcpdump/dsa.pcap", "8 packets, capinfos cannot read it; ", LINK_TYPE},
    {"packets/tcpdump/edsa.pcap", "10 packets, capinfos cannot read it; ", LINK_TYPE},
    {"packets/tcpdump/kday6.pcap", "1 packets, capinfos cannot read it; ", LINK_TYPE},
    {"packets/tcpdump/timestamp_invalid_micro.pcap",
     "last 1418145369999999000, capinfos 1418145370.1000000; ", FRACTION},
    {"packets/tcpdump/timestamp_invalid_nano.pcap",
     "last 1418145369999999999, capinfos 1418145370.-2147483648; ", FRACTION},
    {NULL, NULL, NULL},
};

/* capinfos' names of encapsulations; several numbers share some of them. */
static const struct encapsulation {
    const char *name;
    int32_t types[4]; /* ends with -1 where shorter */
} encapsulations[] = {
    {"ether", {1, -1}},          {"ppp", {9, 50, 166, -1}},
    {"linux-sll", {113, -1}},    {"ieee-802-11-radiotap", {127, -1}},
    {"null", {0, -1}},           {"slip", {8, -1}},
    {"chdlc", {104, -1}},        {"nflog", {239, -1}},
    {"arcnet_linux", {129, -1}}, {"rawip", {101, -1}},
    {"rawip4", {228, -1}},       {"rawip6", {229, -1}},
    {"linux-sll2", {276, -1}},   {"juniper-ether", {178, -1}},
    {"frelay", {107, -1}},       {"wpan", {195, -1}},
    {"user13", {160, -1}},       {"ppi", {192, -1}},
    {"pktap", {258, -1}},        {"netlink", {253, -1}},
    {"mtp2", {140, -1}},         {"ipnet", {226, -1}},
    {"ip-ib", {242, -1}},        {"ieee-802-11", {105, -1}},
    {"dbus", {231, -1}},         {"bacnet-ms-tp", {165, -1}},
    {"vsock", {271, -1}},
};

/* The directory of the shared captures. */
static void shared_find(char place[2048]) {
    const char *root = getenv("EG_SHARED");
    snprintf(place, 2048, "%s/data", root ? root : "../shared");
}

static bool in_ci(void) {
    const char *ci = getenv("CI");
    return ci && strcmp(ci, "true") == 0;
}

struct found {
    enum eg_status open, last;
    char message[800];
    int64_t packets, bytes, first_ns, last_ns, timeless, skipped;
    int32_t link_type; /* -1: none, -2: several */
};

static void found_add(struct found *f, const struct eg_batch *batch) {
    const struct eg_column *c = batch->columns;
    for (uint32_t i = 0; i < batch->rows; i++) {
        int32_t type = (int32_t)eg_col_int(&c[EG_COL(RAW, link_type)], i);
        f->link_type = f->packets == 0 || f->link_type == type ? type : -2;
        f->packets++;
        f->bytes += eg_col_int(&c[EG_COL(RAW, length)], i);
        if (!eg_batch_valid(batch, EG_COL(RAW, time_ns), i)) {
            f->timeless++;
            continue;
        }
        int64_t time = eg_col_int(&c[EG_COL(RAW, time_ns)], i);
        if (time < f->first_ns) f->first_ns = time;
        if (time > f->last_ns) f->last_ns = time;
    }
}

static struct found capture_find(const char *path, uint32_t batch_rows, uint64_t unit_bytes) {
    struct found f = {.first_ns = INT64_MAX, .last_ns = INT64_MIN, .link_type = -1};
    struct eg_env env = eg_env_plain;
    env.batch_rows = batch_rows;
    env.unit_bytes = unit_bytes;
    struct eg_error err = {0};
    struct eg_source *source;
    struct eg_plan plan;
    struct eg_tally tally = {0};
    f.open = eg_source_file.open(&env, path, NULL, &source, &err);
    if (f.open == EG_OK) {
        f.open = eg_source_file.plan(source, NULL, 0, &plan, &err);
        uint64_t units = plan.units == EG_UNITS_STREAM ? 1 : plan.units;
        for (uint64_t u = 0; u < units; u++) {
            struct eg_batch *batch;
            enum eg_status status;
            while ((status = eg_source_file.next(source, u, &batch, &tally, &err)) == EG_OK) {
                found_add(&f, batch);
                eg_batch_unref(batch);
            }
            if (status < 0) f.last = status;
        }
        eg_source_file.close(source);
    }
    f.skipped = eg_tally_sum(&tally, EG_CAUSE_capture_block_skipped).records;
    eg_tally_reset(&tally);
    snprintf(f.message, sizeof f.message, "%s", err.message);
    return f;
}

/* "1684085372.915038" -> ns; INT64_MAX: "n/a" or not a time. */
static int64_t time_parse(const char *text) {
    char *end;
    long long seconds = strtoll(text, &end, 10);
    if (end == text || *end != '.') return INT64_MAX;
    size_t digits = strspn(end + 1, "0123456789");
    if (digits == 0 || digits > 9 || end[1 + digits]) return INT64_MAX;
    int64_t fraction = strtoll(end + 1, NULL, 10);
    for (; digits < 9; digits++) fraction *= 10;
    return seconds * 1000000000 + fraction;
}

static bool type_fits(const char *encapsulation, const struct found *f) {
    if (strcmp(encapsulation, "per-packet") == 0) return f->link_type == -2 || f->packets < 2;
    if (strcmp(encapsulation, "unknown") == 0) return f->packets == 0;
    if (f->packets == 0) return true;
    for (size_t i = 0; i < sizeof encapsulations / sizeof *encapsulations; i++)
        if (strcmp(encapsulations[i].name, encapsulation) == 0)
            for (int k = 0; k < 4 && encapsulations[i].types[k] >= 0; k++)
                if (encapsulations[i].types[k] == f->link_type) return true;
    return false;
}

#define FIELDS 13
enum { NAME, TYPE, ENCAPSULATION, PACKETS = 6, BYTES = 8, FIRST = 10, LAST = 11 };

/* Writes down every difference, "" where there is none. */
static void compare(char *fields[FIELDS], const struct found *f, char *out, size_t size) {
    size_t used = 0;
    out[0] = 0;
#define SAY(...) used += (size_t)snprintf(out + used, size - used, __VA_ARGS__)
    if (!fields[PACKETS]) { /* capinfos could not read it, and says why */
        if (f->open == EG_OK) SAY("%lld packets, capinfos cannot read it; ", (long long)f->packets);
        return;
    }
    if (f->open != EG_OK) {
        SAY("refused; ");
        return;
    }
    if (f->last != EG_OK) SAY("%s; ", eg_status_name(f->last));
    if (f->packets != strtoll(fields[PACKETS], NULL, 10))
        SAY("%lld packets, capinfos %s; ", (long long)f->packets, fields[PACKETS]);
    if (f->bytes != strtoll(fields[BYTES], NULL, 10))
        SAY("%lld bytes, capinfos %s; ", (long long)f->bytes, fields[BYTES]);
    if (!type_fits(fields[ENCAPSULATION], f))
        SAY("link type %d, capinfos %s; ", f->link_type, fields[ENCAPSULATION]);
    int64_t first = time_parse(fields[FIRST]), last = time_parse(fields[LAST]);
    if (f->first_ns != first)
        SAY("first %lld, capinfos %s; ", (long long)f->first_ns, fields[FIRST]);
    if (f->last_ns != (last == INT64_MAX ? INT64_MIN : last))
        SAY("last %lld, capinfos %s; ", (long long)f->last_ns, fields[LAST]);
#undef SAY
}

static const struct difference *difference_of(const char *file) {
    for (size_t i = 0; differences[i].file; i++)
        if (strcmp(differences[i].file, file) == 0) return &differences[i];
    return NULL;
}

static void agrees_with_capinfos(void **state) {
    (void)state;
    char shared[2048];
    shared_find(shared);
    char path[4096];
    snprintf(path, sizeof path, "%s/golden-tools/capinfos.tsv", shared);
    if (access(path, R_OK) != 0) {
        if (in_ci()) fail_msg("%s is missing", path);
        print_message("the shared captures are not there: %s\n", path);
        skip();
    }
    char *text;
    size_t size;
    assert_int_equal(eg_file_read(&text, &size, path, 10 << 20, NULL), EG_OK);
    unsigned files = 0, known = 0, unexplained = 0;
    char *line_end, *line = strchr(text, '\n') + 1;
    for (; (line_end = strchr(line, '\n')); line = line_end + 1) {
        *line_end = 0;
        char *fields[FIELDS] = {0}, *rest = line;
        for (int i = 0; i < FIELDS && rest; i++) fields[i] = strsep(&rest, "\t");
        snprintf(path, sizeof path, "%s/%s", shared, fields[NAME]);
        char said[1024], again[1024];
        struct found found = capture_find(path, 4096, 0);
        compare(fields, &found, said, sizeof said);
        struct found small = capture_find(path, 7, 1000);
        compare(fields, &small, again, sizeof again);
        assert_string_equal(said, again);
        const struct difference *difference = difference_of(fields[NAME]);
        files++;
        if (difference) known++;
        if (strcmp(said, difference ? difference->what : "") != 0) {
            unexplained++;
            print_message("%s: %s(%s)\n", fields[NAME], said, found.message);
        }
    }
    eg_free(text);
    print_message("%u captures, %u known differences\n", files, known);
    assert_int_equal(unexplained, 0);
    assert_int_equal(files, 399);
    assert_int_equal(known, sizeof differences / sizeof *differences - 1);
}

/* "    EPB: 4" -> 4; 0 where the line is not there. */
static int64_t block_count(const char *text, const char *block) {
    char start[16];
    snprintf(start, sizeof start, "\t%s: ", block);
    const char *line = strstr(text, start);
    return line ? strtoll(line + strlen(start), NULL, 10) : 0;
}

/* The generator's own lists of what is in each file. */
static void agrees_with_the_generator(void **state) {
    (void)state;
    char shared[2048];
    shared_find(shared);
    static const char *const orders[] = {"be", "le"};
    unsigned files = 0;
    for (int k = 0; k < 36; k++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/packets/pcapng-test-generator/%s/test%03d.txt", shared,
                 orders[k / 18], k % 18 + 1);
        char *text;
        size_t size;
        if (eg_file_read(&text, &size, path, 1 << 20, NULL) != EG_OK) {
            if (in_ci()) fail_msg("%s is missing", path);
            continue;
        }
        memcpy(strrchr(path, '.'), ".pcapng", 8);
        struct found found = capture_find(path, 4096, 0);
        assert_int_equal(found.open, EG_OK);
        assert_int_equal(found.last, EG_OK);
        int64_t simple = block_count(text, "SPB");
        assert_int_equal(found.packets,
                         simple + block_count(text, "EPB") + block_count(text, "PB"));
        assert_int_equal(found.timeless, simple);
        static const char *const others[] = {"NRB",  "ISB", "CB",  "DCB",
                                             "SDJE", "DSB", "UNK", "unk"};
        int64_t skipped = 0;
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            skipped += block_count(text, others[i]);
        assert_int_equal(found.skipped, skipped);
        eg_free(text);
        files++;
    }
    if (files == 0) skip();
    assert_int_equal(files, 36);
}

static void refuses_what_libpcap_refuses(void **state) {
    (void)state;
    static const char *const files[] = {
        "linktype-reserved-field-not-zero.pcap",
        "pcap-invalid-version-1.pcap",
        "pcapng-invalid-vers-1.pcapng",
        "shb-option-too-long.pcapng",
    };
    char shared[2048];
    shared_find(shared);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/packets/libpcap-invalid/%s", shared, files[i]);
        if (access(path, R_OK) != 0 && !in_ci()) skip();
        struct found found = capture_find(path, 4096, 0);
        assert_int_equal(found.open, EG_E_FORMAT);
        assert_non_null(strstr(found.message, files[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_capinfos),
        cmocka_unit_test(agrees_with_the_generator),
        cmocka_unit_test(refuses_what_libpcap_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
