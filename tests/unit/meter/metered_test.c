/* SPDX-License-Identifier: Apache-2.0
 * The extract `metered` as a whole: whatever the division into batches and units, and in whatever
 * order units are finished, the rows are the same; their sums are those of the packets; a run that
 * goes on gives out what another had not; and memory may run out anywhere. */
#include "make_capture.h"
#include "meter_rows.h"
#include "torture.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

extern const struct eg_extract_type eg_extract_metered;

/* ---- traffic ---- */

struct packet {
    int64_t time_ns;
    uint32_t size, length;
    uint8_t bytes[80];
};

struct traffic {
    struct packet *packets;
    uint32_t count;
};

static void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* An Ethernet frame among a few hosts: TCP, UDP, ICMP, fragments, ARP, tagged or not. */
static void packet_make(struct packet *p, uint64_t *dice) {
    uint64_t r = made_random(dice), kind = r % 16;
    uint8_t *at = p->bytes;
    memset(at, 0, sizeof p->bytes);
    at[5] = (uint8_t)(r >> 8 & 3);
    at[11] = (uint8_t)(r >> 10 & 3);
    at += 12;
    if (kind == 0) {
        put16(at, 0x0806);
        p->size = p->length = 42;
        return;
    }
    if (kind == 1) {
        put16(at, 0x8100);
        put16(at + 2, (unsigned)(r >> 12 & 3));
        at += 4;
    }
    put16(at, 0x0800);
    at += 2;
    bool down = r >> 20 & 1;
    unsigned proto = kind < 9 ? 6 : kind < 13 ? 17 : kind < 14 ? 1 : 17;
    bool piece = kind >= 14;
    at[0] = 0x45;
    put16(at + 2, 44);
    put16(at + 4, (unsigned)(r >> 24 & 7));
    if (piece) put16(at + 6, r >> 28 & 1 ? 0x2000 : 0x0004);
    at[8] = (uint8_t)(60 + (r >> 29 & 3));
    at[9] = (uint8_t)proto;
    at[12] = at[16] = 10;
    at[down ? 19 : 15] = (uint8_t)(1 + (r >> 32 & 3));
    at[down ? 15 : 19] = (uint8_t)(100 + (r >> 34 & 3));
    at += 20;
    put16(at + (down ? 2 : 0), 1000 + (unsigned)(r >> 36 & 3));
    put16(at + (down ? 0 : 2), 80);
    if (proto == 6) {
        static const uint8_t flags[8] = {0x02, 0x12, 0x10, 0x18, 0x10, 0x18, 0x11, 0x04};
        put16(at + 6, (unsigned)(r >> 40 & 0x3f));
        at[12] = 0x50;
        at[13] = flags[r >> 46 & 7];
    } else if (proto == 17) {
        put16(at + 4, 24);
    } else {
        at[0] = down ? 0 : 8;
        at[1] = 0;
    }
    p->size = (uint32_t)(at + 24 - p->bytes);
    p->length = p->size + (uint32_t)(r >> 50 & 255);
}

static struct traffic traffic_make(uint32_t count, uint64_t seed, int64_t step_us) {
    struct traffic t = {calloc(count, sizeof(struct packet)), count};
    int64_t now = INT64_C(1700000000000000000);
    for (uint32_t i = 0; i < count; i++) {
        packet_make(&t.packets[i], &seed);
        uint64_t r = made_random(&seed);
        now += (int64_t)(r % (uint64_t)(step_us * 2)) * 1000;
        t.packets[i].time_ns = now;
        switch (r >> 40 & 255) {
        case 0: now += INT64_C(40000000000); break;
        case 1: t.packets[i].time_ns = now - INT64_C(3000000000); break;
        case 2: t.packets[i].time_ns = now + INT64_C(400000000000000); break;
        case 3: t.packets[i].time_ns = INT64_MIN; break;
        default: break;
        }
    }
    return t;
}

static int64_t traffic_bytes(const struct traffic *t) {
    int64_t bytes = 0;
    for (uint32_t i = 0; i < t->count; i++) bytes += t->packets[i].length;
    return bytes;
}

static struct eg_batch *raw_of(const struct traffic *t, uint32_t from, uint32_t count) {
    struct eg_builder *b;
    struct eg_batch *raw;
    if (eg_builder_new(&b, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, count, EG_COLUMNS_ALL, NULL))
        abort();
    for (uint32_t i = from; i < from + count; i++) {
        const struct packet *p = &t->packets[i];
        if (p->time_ns != INT64_MIN) eg_put_int(b, EG_COL(RAW, time_ns), p->time_ns);
        eg_put_int(b, EG_COL(RAW, link_type), 1);
        eg_put_int(b, EG_COL(RAW, length), p->length);
        eg_put_view(b, EG_COL(RAW, payload), eg_span(p->bytes, p->size));
        eg_builder_row(b, 1);
    }
    if (eg_builder_seal(b, &raw, NULL)) abort();
    eg_builder_free(b);
    return raw;
}

/* ---- running ---- */

struct division {
    uint32_t batch, unit; /* packets each at most; 0: all in one */
    uint64_t dice;  /* 0: exactly so many, and finished at once; else random, and in any order */
    uint32_t until; /* stop there, as if killed; 0: to the end */
};

struct result {
    struct texts rows;
    int64_t packets, bytes, emergencies, no_memory;
    struct eg_extract_state state;
};

static uint32_t some(uint64_t *dice, uint32_t most, uint32_t left) {
    if (!most || most > left) most = left;
    return *dice ? 1 + (uint32_t)(made_random(dice) % most) : most;
}

static void unit_feed(struct eg_extract_unit *unit, const struct traffic *t, uint32_t from,
                      uint32_t count, struct division *how, struct eg_out *out) {
    while (count) {
        uint32_t rows = some(&how->dice, how->batch, count);
        struct eg_batch *raw = raw_of(t, from, rows);
        assert_int_equal(eg_extract_metered.feed(unit, raw, NULL, out, NULL), EG_OK);
        eg_batch_unref(raw);
        from += rows;
        count -= rows;
    }
}

#define UNITS_OPEN 8

static struct result run(const struct traffic *t, struct division how,
                         const struct eg_metering *metering, const uint64_t *leave) {
    struct result result = {.packets = 0};
    for (int i = 0; leave && i < EG_SHARDS; i++) result.state.leave[i] = leave[i];
    struct eg_extract_options options = {
        .columns = EG_COLUMNS_ALL, .metering = metering, .state = &result.state};
    struct eg_extract *x;
    struct eg_extract_unit *open[UNITS_OPEN] = {0};
    struct eg_out out;
    out_open(&out, 64, EG_COLUMNS_ALL);
    assert_int_equal(eg_extract_metered.open(&eg_env_plain, &options, &x, NULL), EG_OK);
    uint32_t end = how.until ? how.until : t->count, unit = 0;
    for (uint32_t at = 0; at < end; unit++) {
        uint32_t count = some(&how.dice, how.unit, end - at), slot = 0;
        if (how.dice) slot = (uint32_t)(made_random(&how.dice) % UNITS_OPEN);
        if (open[slot]) assert_int_equal(eg_extract_metered.finish(open[slot], &out, NULL), EG_OK);
        assert_int_equal(eg_extract_metered.begin(x, unit, &open[slot], NULL), EG_OK);
        unit_feed(open[slot], t, at, count, &how, &out);
        assert_int_equal(eg_extract_metered.join(x, open[slot], &out, NULL), EG_OK);
        if (!how.dice) {
            assert_int_equal(eg_extract_metered.finish(open[slot], &out, NULL), EG_OK);
            open[slot] = NULL;
        }
        at += count;
    }
    for (int i = 0; i < UNITS_OPEN; i++)
        if (open[i]) assert_int_equal(eg_extract_metered.finish(open[i], &out, NULL), EG_OK);
    enum eg_status status = how.until ? EG_OK : EG_AGAIN;
    while (status == EG_AGAIN) status = eg_extract_metered.join(x, NULL, &out, NULL);
    assert_int_equal(status, EG_OK);
    texts_add(&result.rows, &out);
    texts_sort(&result.rows);
    result.packets = out_sum(&out, FLOW(packets));
    result.bytes = out_sum(&out, FLOW(bytes));
    result.emergencies = eg_tally_sum(&out.tally, EG_CAUSE_flow_emergency).records;
    result.no_memory = eg_tally_sum(&out.tally, EG_CAUSE_no_memory).packets;
    eg_extract_metered.close(x);
    out_close(&out);
    return result;
}

static uint64_t given_of(const struct result *r) {
    uint64_t given = 0;
    for (int i = 0; i < EG_SHARDS; i++) given += r->state.given[i];
    return given;
}

/* ---- tests ---- */

static void divisions_agree(const struct eg_metering *metering, uint32_t count, uint64_t seed) {
    struct traffic t = traffic_make(count, seed, 20000);
    struct result whole = run(&t, (struct division){0}, metering, NULL);
    assert_int_equal(whole.packets, t.count);
    assert_int_equal(whole.bytes, traffic_bytes(&t));
    assert_int_equal(given_of(&whole), whole.rows.count);
    static const struct division divisions[] = {
        {1, 0, 0, 0},     {1, 1, 0, 0},   {7, 100, 0, 0},
        {64, 1000, 5, 0}, {9, 50, 77, 0}, {3, 9, 4242, 0},
    };
    for (size_t i = 0; i < sizeof divisions / sizeof *divisions; i++) {
        struct result other = run(&t, divisions[i], metering, NULL);
        assert_true(texts_same(&whole.rows, &other.rows));
        assert_memory_equal(whole.state.given, other.state.given, sizeof whole.state.given);
        assert_int_equal(whole.emergencies, other.emergencies);
        texts_free(&other.rows);
    }
    texts_free(&whole.rows);
    free(t.packets);
}

static void test_any_division_gives_the_same(void **state) {
    (void)state;
    divisions_agree(NULL, 6000, 1);
    divisions_agree(&(struct eg_metering){.one_way = true, .vlan_key = true}, 3000, 2);
    divisions_agree(
        &(struct eg_metering){.idle_us = 1000000, .active_us = 5000000, .payload_bytes = 12}, 3000,
        3);
}

/* Every packet a flow of its own, more of them than there is memory for. */
static struct traffic flood_make(uint32_t count) {
    struct traffic t = {calloc(count, sizeof(struct packet)), count};
    for (uint32_t i = 0; i < count; i++) {
        static const uint8_t head[] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1};
        struct packet *p = &t.packets[i];
        p->time_ns = INT64_C(1700000000000000000) + i;
        p->size = 42;
        p->length = 60;
        put16(p->bytes + 12, 0x0800);
        memcpy(p->bytes + 14, head, sizeof head);
        put16(p->bytes + 30, i >> 16);
        put16(p->bytes + 32, i & 0xffff);
        put16(p->bytes + 34, 53);
        put16(p->bytes + 38, 8);
    }
    return t;
}

static void test_a_flood_stays_in_bounds(void **state) {
    (void)state;
    struct traffic t = flood_make(200000);
    struct eg_metering metering = {.memory_max = 8 << 20};
    struct result one = run(&t, (struct division){4096, 40000, 0, 0}, &metering, NULL);
    assert_int_equal(one.packets, t.count);
    assert_int_equal(one.rows.count, t.count);
    assert_true(one.emergencies > 100000 && one.emergencies < 190000);
    struct result other = run(&t, (struct division){100, 3000, 9, 0}, &metering, NULL);
    assert_true(texts_same(&one.rows, &other.rows));
    assert_int_equal(one.emergencies, other.emergencies);
    texts_free(&one.rows);
    texts_free(&other.rows);
    free(t.packets);
}

/* The rows of what lives at the end take the place of the flows. Sanitizers do not tell what is taken. */
static void test_the_end_gives_memory_back(void **state) {
    (void)state;
    struct traffic t = flood_make(60000);
    struct eg_extract_options options = {.columns = EG_SET(FLOWS, packets)};
    struct division whole = {4096, 60000, 0, 0};
    struct eg_extract *x;
    struct eg_extract_unit *unit;
    struct eg_out out;
    size_t taken[3] = {0}, half = 0;
    out_open(&out, 4096, options.columns);
    assert_int_equal(eg_extract_metered.open(&eg_env_plain, &options, &x, NULL), EG_OK);
    taken[0] = mallinfo2().uordblks;
    assert_int_equal(eg_extract_metered.begin(x, 0, &unit, NULL), EG_OK);
    unit_feed(unit, &t, 0, t.count, &whole, &out);
    assert_int_equal(eg_extract_metered.join(x, unit, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.finish(unit, &out, NULL), EG_OK);
    taken[1] = mallinfo2().uordblks;
    int pieces = 0;
    while (eg_extract_metered.join(x, NULL, &out, NULL) == EG_AGAIN) {
        assert_int_equal(out_rows(&out), ++pieces * 16384);
        if (pieces == 2) half = mallinfo2().uordblks;
    }
    assert_int_equal(pieces, 3);
    taken[2] = mallinfo2().uordblks;
    assert_int_equal(out_rows(&out), t.count);
    size_t flows = 60000 * 128;
    if (taken[1]) {
        assert_true(taken[0] + flows < taken[1]);
        assert_true(half + flows / 3 < taken[1]);
        assert_true(taken[2] + flows * 9 / 10 < taken[1]);
    }
    eg_extract_metered.close(x);
    out_close(&out);
    free(t.packets);
}

static void test_a_run_that_goes_on_gives_the_rest(void **state) {
    (void)state;
    struct traffic t = traffic_make(5000, 11, 20000);
    struct eg_metering metering = {.idle_us = 2000000};
    struct result all = run(&t, (struct division){0}, &metering, NULL);
    for (uint32_t until = 1; until < t.count; until += 777) {
        struct result first = run(&t, (struct division){50, 300, 3, until}, &metering, NULL);
        struct result second =
            run(&t, (struct division){9, 1000, 8, 0}, &metering, first.state.given);
        assert_memory_equal(second.state.given, all.state.given, sizeof all.state.given);
        struct texts both = first.rows;
        both.items = realloc(both.items, (both.count + second.rows.count + 1) * sizeof(char *));
        memcpy(both.items + both.count, second.rows.items, second.rows.count * sizeof(char *));
        both.count += second.rows.count;
        texts_sort(&both);
        assert_true(texts_same(&both, &all.rows));
        free(second.rows.items);
        texts_free(&both);
    }
    texts_free(&all.rows);
    free(t.packets);
}

static void test_claimed_frames_are_left_out(void **state) {
    (void)state;
    struct traffic t = traffic_make(100, 5, 1000);
    struct eg_batch *raw = raw_of(&t, 0, t.count);
    uint64_t claimed[2] = {0xff, 0};
    struct eg_extract_options options = {.columns = EG_COLUMNS_ALL};
    struct eg_extract *x;
    struct eg_extract_unit *unit;
    struct eg_out out;
    out_open(&out, 64, EG_COLUMNS_ALL);
    assert_int_equal(eg_extract_metered.open(&eg_env_plain, &options, &x, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.begin(x, 0, &unit, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.feed(unit, raw, claimed, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.join(x, unit, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.finish(unit, &out, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.join(x, NULL, &out, NULL), EG_OK);
    assert_int_equal(out_sum(&out, FLOW(packets)), 92);
    eg_extract_metered.close(x);
    out_close(&out);
    eg_batch_unref(raw);
    free(t.packets);
}

static int64_t clock_of(void *clock) { return *(int64_t *)clock; }

/* ---- a live input, whose clock may be set ---- */

enum { FLOWS = 4 };

struct live {
    int64_t steady_us, wall_us;
    struct eg_env env;
    struct traffic packets; /* one of each flow */
    struct eg_extract *x;
    struct eg_out out;
    uint64_t units;
    int64_t sent;
};

static int64_t wall_of(void *clock) { return ((struct live *)clock)->wall_us; }
static int64_t steady_of(void *clock) { return ((struct live *)clock)->steady_us; }

static void live_open(struct live *l) {
    static const struct eg_extract_options options = {.columns = EG_COLUMNS_ALL, .live = true};
    *l = (struct live){.steady_us = 77000000, .wall_us = INT64_C(1700000000000000)};
    l->env = eg_env_plain;
    l->env.now_us = wall_of;
    l->env.steady_us = steady_of;
    l->env.clock = l;
    l->packets = flood_make(FLOWS);
    out_open(&l->out, 64, EG_COLUMNS_ALL);
    assert_int_equal(eg_extract_metered.open(&l->env, &options, &l->x, NULL), EG_OK);
}

static void live_unit(struct live *l, struct eg_batch *raw) {
    struct eg_extract_unit *unit;
    assert_int_equal(eg_extract_metered.begin(l->x, l->units++, &unit, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.feed(unit, raw, NULL, &l->out, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.join(l->x, unit, &l->out, NULL), EG_OK);
    assert_int_equal(eg_extract_metered.finish(unit, &l->out, NULL), EG_OK);
    eg_batch_unref(raw);
}

static void live_empty(struct live *l) {
    struct eg_batch *nothing;
    assert_int_equal(eg_batch_empty(&nothing, EG_TABLE_RAW, NULL), EG_OK);
    live_unit(l, nothing);
}

/* So many times: a second passes, and a packet of each of the first flows comes, or nothing does. */
static void live_pass(struct live *l, int seconds, uint32_t flows) {
    for (; seconds; seconds--) {
        l->steady_us += 1000000;
        l->wall_us += 1000000;
        for (uint32_t i = 0; i < flows; i++) l->packets.packets[i].time_ns = l->wall_us * 1000;
        if (flows)
            live_unit(l, raw_of(&l->packets, 0, flows));
        else
            live_empty(l);
        l->sent += flows;
    }
}

static uint64_t live_rows(struct live *l, int64_t reason) {
    uint64_t count = 0, rows = out_rows(&l->out);
    for (uint64_t i = 0; i < rows; i++) count += out_value(&l->out, FLOW(end_reason), i) == reason;
    assert_int_equal(count, rows); /* of all that came out */
    return rows;
}

static void live_close(struct live *l) {
    while (eg_extract_metered.join(l->x, NULL, &l->out, NULL) == EG_AGAIN) continue;
    assert_int_equal(out_sum(&l->out, FLOW(packets)), l->sent);
    assert_int_equal(out_sum(&l->out, FLOW(bytes)), l->sent * 60);
    eg_extract_metered.close(l->x);
    out_close(&l->out);
    free(l->packets.packets);
}

static const int64_t steps_s[] = {-3600, 3600, -86400 * 365, 86400 * 365, -3, 3, -40, 40};
#define EACH_STEP(i) for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++)

/* The clock is set while packets flow: no flow is cut, and they end when they fall silent. */
static void test_the_clock_is_set_while_packets_flow(void **state) {
    (void)state;
    EACH_STEP(i) {
        struct live l;
        live_open(&l);
        live_pass(&l, 20, FLOWS);
        l.wall_us += steps_s[i] * 1000000;
        live_pass(&l, 20, FLOWS);
        l.wall_us -= steps_s[i] * 1000000; /* and back again */
        live_pass(&l, 20, FLOWS);
        l.wall_us += steps_s[i] * 1000000;
        live_pass(&l, 20, 1); /* the others have fallen silent */
        assert_int_equal(out_rows(&l.out), 0);
        live_pass(&l, 25, 1);
        assert_int_equal(live_rows(&l, 1), FLOWS - 1);
        assert_int_equal(out_sum(&l.out, FLOW(packets)), 60 * (FLOWS - 1));
        live_pass(&l, 25, 0);
        assert_int_equal(out_rows(&l.out), FLOWS - 1);
        live_pass(&l, 20, 0);
        assert_int_equal(live_rows(&l, 1), FLOWS);
        live_close(&l);
    }
}

/* The clock is set while none do: it is the silence that counts, and what comes later is new flows. */
static void test_the_clock_is_set_in_silence(void **state) {
    (void)state;
    EACH_STEP(i) {
        struct live l;
        live_open(&l);
        live_pass(&l, 10, FLOWS);
        live_pass(&l, 10, 0);
        l.wall_us += steps_s[i] * 1000000;
        live_pass(&l, 10, 0);
        assert_int_equal(out_rows(&l.out), 0);
        live_pass(&l, 1, 1); /* one of them goes on */
        assert_int_equal(out_rows(&l.out), 0);
        live_pass(&l, 25, 0);
        assert_int_equal(live_rows(&l, 1), FLOWS - 1);
        live_pass(&l, 20, 0);
        assert_int_equal(live_rows(&l, 1), FLOWS);
        l.wall_us -= steps_s[i] * 1000000;
        live_pass(&l, 20, FLOWS);
        assert_int_equal(out_rows(&l.out), FLOWS);
        live_pass(&l, 45, 0);
        assert_int_equal(live_rows(&l, 1), 2 * FLOWS);
        live_close(&l);
    }
}

/* The active timeout is no longer and no shorter for it, but for the ticks it is remembered in. */
static void test_the_clock_is_set_in_a_long_flow(void **state) {
    (void)state;
    EACH_STEP(i) {
        struct live l;
        live_open(&l);
        live_pass(&l, 150, FLOWS);
        l.wall_us += steps_s[i] * 1000000;
        live_pass(&l, 130, FLOWS);
        assert_int_equal(out_rows(&l.out), 0);
        live_pass(&l, 45, FLOWS);
        assert_int_equal(live_rows(&l, 2), FLOWS);
        live_pass(&l, 200, FLOWS);
        assert_int_equal(out_rows(&l.out), FLOWS);
        live_close(&l);
    }
}

/* Reading falls behind, and catches up: what waits to be read is not silence. */
static void test_reading_falls_behind(void **state) {
    (void)state;
    struct live l;
    live_open(&l);
    live_pass(&l, 20, FLOWS);
    l.steady_us += 100000000; /* nothing was read for so long, while packets came … */
    for (int i = 0; i < 10; i++) {
        l.steady_us -= 1000000; /* … and are read at once now */
        live_pass(&l, 1, FLOWS);
        l.wall_us += 9000000;
    }
    assert_int_equal(out_rows(&l.out), 0);
    live_pass(&l, 45, 0);
    assert_int_equal(live_rows(&l, 1), FLOWS);
    live_close(&l);
}

/* On a live input a batch without rows is time that passes. */
static void test_time_passes_on_a_live_input(void **state) {
    (void)state;
    struct traffic t = traffic_make(50, 6, 10);
    for (uint32_t i = 0; i < t.count; i++)
        if (t.packets[i].time_ns != INT64_MIN) t.packets[i].time_ns = INT64_C(1700000000000000000);
    int64_t now = INT64_C(1700000000000000);
    struct eg_env env = eg_env_plain;
    env.steady_us = clock_of;
    env.clock = &now;
    struct eg_extract_options options = {.columns = EG_COLUMNS_ALL, .live = true};
    struct eg_batch *raw = raw_of(&t, 0, t.count), nothing = {.table = raw->table};
    nothing.columns = raw->columns;
    struct eg_extract *x;
    struct eg_out out;
    out_open(&out, 64, EG_COLUMNS_ALL);
    assert_int_equal(eg_extract_metered.open(&env, &options, &x, NULL), EG_OK);
    static const int64_t seconds[] = {0, 20, 10, 100};
    static const bool rows_yet[] = {false, false, false, true};
    for (size_t i = 0; i < 4; i++) {
        struct eg_extract_unit *unit;
        now += seconds[i] * 1000000;
        assert_int_equal(eg_extract_metered.begin(x, i, &unit, NULL), EG_OK);
        assert_int_equal(eg_extract_metered.feed(unit, i ? &nothing : raw, NULL, &out, NULL),
                         EG_OK);
        assert_int_equal(eg_extract_metered.join(x, unit, &out, NULL), EG_OK);
        assert_int_equal(eg_extract_metered.finish(unit, &out, NULL), EG_OK);
        if (i == 2) continue; /* closed connections may be over by now */
        assert_int_equal(out_rows(&out) > 0 && out_sum(&out, FLOW(packets)) == t.count,
                         rows_yet[i]);
    }
    eg_extract_metered.close(x);
    out_close(&out);
    eg_batch_unref(raw);
    free(t.packets);
}

/* Every allocation fails once: no packet is lost without being counted, and nothing leaks. */
static void test_memory_runs_out(void **state) {
    (void)state;
    struct traffic t = traffic_make(300, 12, 20000);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct eg_extract_options options = {.columns = EG_COLUMNS_ALL};
        struct eg_batch *raw = raw_of(&t, 0, t.count);
        struct eg_extract *x = NULL;
        struct eg_extract_unit *unit = NULL;
        struct eg_out out;
        out_open(&out, 64, EG_COLUMNS_ALL);
        torture_fail_after(n);
        if (eg_extract_metered.open(&eg_env_plain, &options, &x, NULL) == EG_OK) {
            if (eg_extract_metered.begin(x, 0, &unit, NULL) == EG_OK) {
                assert_int_equal(eg_extract_metered.feed(unit, raw, NULL, &out, NULL), EG_OK);
                assert_int_equal(eg_extract_metered.join(x, unit, &out, NULL), EG_OK);
                assert_int_equal(eg_extract_metered.finish(unit, &out, NULL), EG_OK);
            }
            assert_int_equal(eg_extract_metered.join(x, NULL, &out, NULL), EG_OK);
            eg_out_seal(&out);
            failed = torture_off();
            int64_t lost = eg_tally_sum(&out.tally, EG_CAUSE_no_memory).packets;
            if (unit && !out.failed && !out.tally.lost)
                assert_int_equal(out_sum(&out, FLOW(packets)) + lost, t.count);
            eg_extract_metered.close(x);
        } else {
            failed = torture_off();
            assert_true(failed);
        }
        out_close(&out);
        eg_batch_unref(raw);
    }
    free(t.packets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_division_gives_the_same),
        cmocka_unit_test(test_a_flood_stays_in_bounds),
        cmocka_unit_test(test_the_end_gives_memory_back),
        cmocka_unit_test(test_a_run_that_goes_on_gives_the_rest),
        cmocka_unit_test(test_claimed_frames_are_left_out),
        cmocka_unit_test(test_time_passes_on_a_live_input),
        cmocka_unit_test(test_the_clock_is_set_while_packets_flow),
        cmocka_unit_test(test_the_clock_is_set_in_silence),
        cmocka_unit_test(test_the_clock_is_set_in_a_long_flow),
        cmocka_unit_test(test_reading_falls_behind),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
