/* SPDX-License-Identifier: Apache-2.0
 * The source `udp`: rows and counters of what was received, positions, restarts without loss or
 * repetition, a listener that outlives its readers, draining. */
#include "source/listener.h"

#include "base/alloc.h"
#include "base/durable.h"
#include "table/address.h"

#include "torture.h"

#include "spool_case.h"
#include "udp_case.h"

extern const struct eg_source_type eg_source_udp;

struct run {
    struct eg_env env;
    atomic_bool drain, cancel;
    struct eg_udp_options options;
    struct eg_source *source;
    struct eg_plan plan;
    struct eg_tally tally;
    uint64_t rows, next; /* read so far; the number expected next (or later) */
    int64_t last_offset;
};

static void run_begin(struct run *run, const char *spool) {
    memset(run, 0, sizeof *run);
    run->env = eg_env_plain;
    run->env.drain = &run->drain;
    run->env.cancel = &run->cancel;
    assert_int_equal(eg_options_preset(eg_udp_option_list, &run->options, NULL), EG_OK);
    if (spool)
        assert_int_equal(eg_option_set(eg_udp_option_list, &run->options, "spool", spool, NULL),
                         EG_OK);
    run->last_offset = -1;
}

static void run_open(struct run *run, const struct eg_position *known) {
    struct eg_error err;
    if (eg_source_udp.open(&run->env, "udp://127.0.0.1:0", &run->options, &run->source, &err) !=
        EG_OK)
        fail_msg("%s", err.message);
    assert_int_equal(eg_source_udp.plan(run->source, known, known != NULL, &run->plan, NULL),
                     EG_OK);
    assert_true(run->plan.live);
    assert_true(run->plan.units == EG_UNITS_STREAM);
}

/* The port is not to be asked of a source: it stands in the position's name. */
static uint16_t run_port(struct run *run) {
    struct eg_position position;
    assert_int_equal(eg_source_udp.position(run->source, 0, &position, NULL), EG_OK);
    return (uint16_t)strtoul(strrchr(position.name, ':') + 1, NULL, 10);
}

static void batch_look(struct run *run, struct eg_batch *batch) {
    for (uint32_t row = 0; row < batch->rows; row++) {
        const struct eg_span *payload = &eg_col_view(&batch->columns[EG_COL(RAW, payload)])[row];
        uint64_t number;
        memcpy(&number, payload->at, 8);
        assert_true(number >= run->next);
        run->next = number + 1;
        int64_t offset = eg_col_i64(&batch->columns[EG_COL(RAW, offset)])[row];
        assert_true(offset > run->last_offset);
        run->last_offset = offset;
        assert_int_equal(eg_col_i64(&batch->columns[EG_COL(RAW, length)])[row], payload->size);
        assert_int_equal(eg_col_i16(&batch->columns[EG_COL(RAW, transport)])[row], 17);
        assert_true(eg_addr_is_v4(&eg_col_addr(&batch->columns[EG_COL(RAW, peer)])[row]));
        assert_true(eg_batch_valid(batch, EG_COL(RAW, peer_port), row));
        assert_true(eg_batch_valid(batch, EG_COL(RAW, local_port), row));
        assert_true(eg_batch_valid(batch, EG_COL(RAW, time_ns), row));
        assert_false(eg_batch_valid(batch, EG_COL(RAW, link_type), row));
        assert_false(eg_batch_valid(batch, EG_COL(RAW, interface), row));
    }
    run->rows += batch->rows;
}

/* Reads until `rows` more came, or the stream ends. */
static enum eg_status run_read(struct run *run, uint64_t rows) {
    uint64_t until = run->rows + rows;
    enum eg_status status = EG_OK;
    for (int quiet = 0; run->rows < until && status != EG_END && quiet < 50;) {
        struct eg_batch *batch;
        status = eg_source_udp.next(run->source, 0, &batch, &run->tally, NULL);
        assert_true(status >= 0);
        quiet = status == EG_AGAIN ? quiet + 1 : 0;
        if (status != EG_OK) continue;
        assert_true(batch->rows <= run->env.batch_rows);
        batch_look(run, batch);
        eg_batch_unref(batch);
    }
    return status;
}

static int64_t lost(const struct run *run, enum eg_cause cause) {
    return eg_tally_sum(&run->tally, cause).records;
}

static void run_close(struct run *run) {
    eg_source_udp.close(run->source);
    eg_tally_reset(&run->tally);
    run->source = NULL;
}

static void run_end(struct run *run) {
    run->options.listener = NULL;
    eg_options_reset(eg_udp_option_list, &run->options);
}

static void rows_come_as_they_were_sent(void **state) {
    (void)state;
    static const uint32_t capacities[] = {EG_BATCH_ROWS, 7, 1};
    for (int spooled = 0; spooled < 2; spooled++) {
        for (int i = 0; i < 3; i++) {
            struct spool_case c;
            case_begin(&c);
            eg_spool_close(c.spool);
            c.spool = NULL;
            struct run run;
            run_begin(&run, spooled ? c.directory : NULL);
            run.env.batch_rows = capacities[i];
            run_open(&run, NULL);
            assert_int_equal(strlen(run.plan.key), spooled ? 32 : 0);
            int fd = case_sender(AF_INET, SOCK_DGRAM, run_port(&run));
            struct eg_batch *none;
            assert_int_equal(eg_source_udp.next(run.source, 0, &none, &run.tally, NULL), EG_AGAIN);
            uint64_t next = 0;
            case_send(fd, &next, 1000, 1464);
            run_read(&run, 1000);
            assert_int_equal(run.rows, 1000);
            case_send(fd, &next, 500, 100);
            atomic_store(&run.drain, true);
            assert_int_equal(run_read(&run, UINT32_MAX), EG_END);
            assert_int_equal(run.rows, 1500);
            assert_int_equal(atomic_load(run.plan.bytes_read), 1000 * 1464 + 500 * 100);
            assert_int_equal(run.tally.count, 0);
            struct eg_position position;
            assert_int_equal(eg_source_udp.position(run.source, 0, &position, NULL), EG_OK);
            assert_string_equal(position.key, run.plan.key);
            if (spooled) assert_true(position.offset > (uint64_t)run.last_offset);
            run_close(&run);
            run_end(&run);
            close(fd);
            if (spooled) case_open(&c);
            case_end(&c);
        }
    }
}

static void a_restart_goes_on_where_the_sink_is(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    eg_spool_close(c.spool);
    struct run run;
    struct eg_position known = {.offset = 0};
    uint64_t next = 0, seen = 0;
    for (int round = 0; round < 6; round++) {
        run_begin(&run, c.directory);
        run.env.batch_rows = 100; /* positions inside blocks */
        run.next = seen;
        run_open(&run, round ? &known : NULL);
        assert_int_equal(run.plan.state, round ? EG_PLAN_GROWN : EG_PLAN_NEW);
        int fd = case_sender(AF_INET, SOCK_DGRAM, run_port(&run));
        case_send(fd, &next, 700, 1464);
        run_read(&run, 300);
        assert_int_equal(run.next, seen + run.rows); /* nothing is missing, nothing twice */
        assert_int_equal(eg_source_udp.position(run.source, 0, &known, NULL), EG_OK);
        seen = run.next;
        run_read(&run, 100); /* and these are not kept: they come again */
        assert_int_equal(eg_source_udp.commit(run.source, &known, NULL), EG_OK);
        run_close(&run);
        run_end(&run);
        close(fd);
    }
    run_begin(&run, c.directory);
    run.next = seen;
    run_open(&run, &known);
    atomic_store(&run.drain, true);
    assert_int_equal(run_read(&run, UINT32_MAX), EG_END);
    assert_int_equal(seen + run.rows, next);
    assert_int_equal(run.next, next);
    assert_int_equal(run.tally.count, 0);
    run_close(&run);
    run_end(&run);
    case_open(&c);
    case_end(&c);
}

static void a_listener_outlives_its_readers(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    eg_spool_close(c.spool);
    char *uri[] = {"udp://127.0.0.1:0"}, *nobody[] = {"127.0.0.1"};
    struct eg_listener_options listen = {
        .endpoints = {uri, 1}, .allow = {nobody, 1}, .spool = c.directory};
    struct eg_listener *listener;
    assert_int_equal(eg_listener_open(&listener, &eg_env_plain, &listen, NULL), EG_OK);
    struct eg_listener_counts counts;
    eg_listener_counts(listener, &counts);
    int fd = case_sender(AF_INET, SOCK_DGRAM, counts.endpoints[0].port);
    uint64_t next = 0;
    case_send(fd, &next, 500, 1000);
    struct run run;
    run_begin(&run, NULL);
    run.options.listener = listener;
    run_open(&run, NULL);
    run_read(&run, 500);
    assert_int_equal(run.rows, 500);
    run_close(&run); /* nothing was committed */
    case_send(fd, &next, 500, 1000);
    run.rows = run.next = 0;
    run.last_offset = -1;
    run_open(&run, NULL);
    run_read(&run, 1000);
    assert_int_equal(run.rows, 1000);
    struct eg_position known;
    assert_int_equal(eg_source_udp.position(run.source, 0, &known, NULL), EG_OK);
    assert_int_equal(eg_source_udp.commit(run.source, &known, NULL), EG_OK);
    run_close(&run);
    run_open(&run, &known);
    case_send(fd, &next, 10, 1000);
    run_read(&run, 10);
    assert_int_equal(run.rows, 1010);
    atomic_store(&run.drain, true);
    assert_int_equal(run_read(&run, 1), EG_END);
    run_close(&run);
    run_end(&run);
    close(fd);
    eg_listener_close(listener);
    case_open(&c);
    case_end(&c);
}

static void losses_come_by_cause(void **state) {
    (void)state;
    struct run run;
    run_begin(&run, NULL);
    assert_int_equal(eg_option_set(eg_udp_option_list, &run.options, "allow", "192.0.2.1", NULL),
                     EG_OK);
    run_open(&run, NULL);
    int fd = case_sender(AF_INET, SOCK_DGRAM, run_port(&run));
    uint64_t next = 0;
    case_send(fd, &next, 9, 100);
    atomic_store(&run.drain, true);
    assert_int_equal(run_read(&run, 1), EG_END);
    assert_int_equal(lost(&run, EG_CAUSE_source_refused), 9);
    assert_int_equal(eg_tally_sum(&run.tally, EG_CAUSE_source_refused).bytes, 900);
    assert_string_equal(run.tally.entries[0].source, "udp");
    run_close(&run);
    run_end(&run);
    close(fd);

    run_begin(&run, NULL); /* a queue nobody empties, and a buffer that is too small */
    run.options.listen.queue = 1;
    run.options.listen.receive_buffer = 16384;
    run_open(&run, NULL);
    fd = case_sender(AF_INET, SOCK_DGRAM, run_port(&run));
    next = 0;
    case_send(fd, &next, 5000, 1464);
    case_pause(50);
    case_send(fd, &next, 500, 1464);
    atomic_store(&run.drain, true);
    assert_int_equal(run_read(&run, UINT32_MAX), EG_END);
    int64_t queue = lost(&run, EG_CAUSE_queue_full), kernel = lost(&run, EG_CAUSE_socket_drop);
    assert_int_equal((int64_t)run.rows + queue + kernel, next);
    assert_true(queue + kernel > 0);
    run_close(&run);
    run_end(&run);
    close(fd);
}

static void damage_is_counted_and_passed(void **state) {
    (void)state;
    struct spool_case c;
    case_begin(&c);
    for (int i = 0; i < 3; i++) assert_int_equal(case_append(&c, 100, 1464, NULL), EG_OK);
    char path[400];
    case_segment(&c, 0, path);
    FILE *file = fopen(path, "r+");
    fseek(file, 200000, SEEK_SET); /* in the second block */
    fputc('x', file);
    fclose(file);
    eg_spool_close(c.spool);
    struct run run;
    run_begin(&run, c.directory);
    run_open(&run, NULL);
    atomic_store(&run.drain, true);
    assert_int_equal(run_read(&run, UINT32_MAX), EG_END);
    assert_int_equal(run.rows, 200);
    assert_int_equal(lost(&run, EG_CAUSE_spool_damaged), 100);
    run_close(&run);
    run_end(&run);
    case_open(&c);
    case_end(&c);
}

/* The page for users has a row for every option, with its default. */
static void every_option_is_on_its_page(void **state) {
    (void)state;
    char *page = NULL;
    size_t size;
    assert_int_equal(eg_file_read(&page, &size, "docs/receiving.md", 1 << 20, NULL), EG_OK);
    for (const struct eg_option *o = eg_udp_option_list; o->name; o++) {
        char row[200];
        snprintf(row, sizeof row, "| `%s` | %s |", o->name, o->preset ? o->preset : "");
        if (!strstr(page, row)) fail_msg("docs/receiving.md lacks '%s'", row);
    }
    eg_free(page);
}

static void it_can_be_interrupted(void **state) {
    (void)state;
    struct run run;
    struct eg_batch *batch;
    run_begin(&run, NULL);
    run_open(&run, NULL);
    atomic_store(&run.cancel, true);
    assert_int_equal(eg_source_udp.next(run.source, 0, &batch, &run.tally, NULL), EG_E_CANCELLED);
    run_close(&run);
    run_end(&run);
}

static void lack_of_memory_is_told(void **state) {
    (void)state;
    struct run run;
    run_begin(&run, NULL);
    for (long n = 0; n < 100; n++) {
        struct eg_error err;
        torture_fail_after(n);
        enum eg_status status =
            eg_source_udp.open(&run.env, "udp://127.0.0.1:0", &run.options, &run.source, &err);
        bool failed = torture_off();
        if (status == EG_OK) run_close(&run);
        if (status == EG_OK && !failed) break;
        if (status != EG_OK && !failed) fail_msg("%s", err.message);
    }
    run_end(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_as_they_were_sent),
        cmocka_unit_test(a_restart_goes_on_where_the_sink_is),
        cmocka_unit_test(a_listener_outlives_its_readers),
        cmocka_unit_test(losses_come_by_cause),
        cmocka_unit_test(damage_is_counted_and_passed),
        cmocka_unit_test(every_option_is_on_its_page),
        cmocka_unit_test(it_can_be_interrupted),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
