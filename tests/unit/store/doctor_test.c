/* SPDX-License-Identifier: Apache-2.0
 * The doctor: says what is wrong and what to do; asked to, does it. */
#include "parquet.h"

static char *told(const char *root, bool repair) {
    struct eg_finding *findings;
    size_t count;
    must(eg_dataset_doctor(root, repair, &test_env, &findings, &count, ERR));
    struct eg_strbuf text = {0};
    for (size_t i = 0; i < count; i++)
        eg_strbuf_printf(&text, "%d %s\n", findings[i].level, findings[i].text);
    eg_findings_free(findings, count);
    return eg_strbuf_take(&text);
}

static void says(const char *root, bool repair, const char *expected) {
    char *text = told(root, repair);
    if (!strstr(text, expected)) fail_msg("not said: %s\nbut:\n%s", expected, text);
    eg_free(text);
}
static void does_not_say(const char *root, const char *unwanted) {
    char *text = told(root, false);
    if (strstr(text, unwanted)) fail_msg("said: %s\nin:\n%s", unwanted, text);
    eg_free(text);
}

static void command(const char *format, const char *root) {
    char text[800];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, format, root);
#pragma GCC diagnostic pop
    assert_int_equal(system(text), 0);
}

static char *filled(void *state) {
    char *root = eg_path_join(state, "d");
    struct eg_sink *sink = sink_open_at(root);
    struct eg_position p = position_at("k", 100);
    sink_write_flows(sink, NOON, HOUR, 3);
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    p.offset = 200;
    sink_write_flows(sink, NOON, HOUR, 2);
    must(eg_sink_dataset.flush(sink, &p, 1, ERR));
    eg_sink_dataset.close(sink);
    return root;
}

static void healthy(void **state) {
    char *root = filled(*state);
    says(root, false, "schema version 1, made by earlgrey");
    says(root, false, "6 flows: 5 rows in 5 files of ");
    says(root, false, "2026-01-02T12:00:00.000000Z to 2026-01-02T14:01:00.000000Z");
    says(root, false, "6 the catalog is fresh\n");
    does_not_say(root, "\n4 ");
    does_not_say(root, "\n3 ");
    eg_free(root);
}

static void leftovers(void **state) {
    char *root = filled(*state);
    command("cd '%s' && f=$(ls flows/*/hour=14/*) && mv $f ${f%%/*}/_${f##*/}.tmp && "
            "c=_earlgrey/commits/$(basename $f | cut -d- -f2-3) && mv $c.done $c.intent", root);
    says(root, false, "4 1 commits of writers that were cut off are to be completed; the next ingest");
    says(root, true, "4 1 commits of writers that were cut off were completed\n");
    does_not_say(root, "cut off");
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 5);
    eg_free(root);
}

/* Two exchanges that were cut off, one of which had happened; and an hour that was replaced. */
static void exchanges(void **state) {
    char *root = filled(*state);
    command("cd '%s/_earlgrey' && mkdir -p aside/aaaaaaaaaaaaaaaa-000003.hour && cd commits && "
            "f=$(ls *000001.done) && mv $f aaaaaaaaaaaaaaaa-000001.swap", root);
    struct eg_journal change = {0};
    struct eg_strbuf text = {0}, path = {0};
    struct eg_journal_file file = {0};
    char never[] = "flows/date=2026-01-02/hour=12/sorted-aaaaaaaaaaaaaaaa-000002-0000.parquet";
    file.path = never;
    must(eg_journal_add_file(&change, &file, ERR));
    must(eg_journal_text(&change, "aaaaaaaaaaaaaaaa-000002", NOON, &text, ERR));
    eg_strbuf_printf(&path, "%s/_earlgrey/commits/aaaaaaaaaaaaaaaa-000002.swap", root);
    must(eg_file_create(path.text, text.text, text.size, ERR));
    says(root, false, "4 2 exchanges of an hour that were cut off are to be settled; the next ingest");
    says(root, false, "6 1 hours that were replaced wait in _earlgrey/aside");
    says(root, true, "4 2 exchanges of an hour that were cut off were settled\n");
    assert_int_equal(scratch_count(root, ".swap"), 0);
    assert_int_equal(scratch_count(root, ".done"), 2); /* one is written down, one never was */
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 5);
    does_not_say(root, "no commit names");
    /* a damaged note is told, and stays */
    command("cd '%s/_earlgrey/commits' && echo rubbish > aaaaaaaaaaaaaaaa-000004.swap", root);
    says(root, true, "3 1 commits under way are damaged");
    assert_int_equal(scratch_count(root, ".swap"), 1);
    eg_journal_reset(&change);
    eg_strbuf_reset(&text);
    eg_strbuf_reset(&path);
    eg_free(root);
}

/* A file that is larger than what was committed is as wrong as one that is smaller. */
static void sizes(void **state) {
    char *root = filled(*state);
    does_not_say(root, "not of the size");
    command("cd '%s' && f=$(ls flows/*/hour=12/* | head -1) && printf x >> $f", root);
    says(root, false, "3 1 files are not of the size that was committed, flows/date=2026-01-02/hour=12/");
    command("cd '%s' && f=$(ls flows/*/hour=13/* | head -1) && truncate -s -1 $f", root);
    says(root, false, "3 2 files are not of the size that was committed, ");
    eg_free(root);
}

/* As long as a file cannot be read, what a damaged journal said of it is known by nobody: it stays. */
static void journal_stays(void **state) {
    char *root = filled(*state);
    command("cd '%s' && echo rubbish > $(ls _earlgrey/commits/*.done | head -1) && "
            "f=$(ls flows/*/hour=12/* | head -1) && cp $f ../aside && echo rubbish > $f", root);
    says(root, true, "3 1 files cannot be read as Parquet, ");
    says(root, false, "3 1 files of the journal in ");
    command("cd '%s' && cp ../aside $(ls flows/*/hour=12/* | head -1)", root);
    eg_free(told(root, true));
    does_not_say(root, "files of the journal");
    does_not_say(root, "cannot be read");
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 5);
    eg_free(root);
}

static void catalog(void **state) {
    char *root = filled(*state);
    command("echo rubbish > '%s/_earlgrey/catalog.sqlite'", root);
    says(root, false, "4 the catalog is damaged; the next ingest, or doctor --rebuild, makes it again");
    says(root, true, "6 the catalog is fresh");
    command("rm '%s/_earlgrey/catalog.sqlite'", root);
    says(root, false, "4 the catalog is missing");
    struct eg_sink *sink = sink_open_at(root);
    sink_write_flows(sink, NOON, HOUR, 1);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    eg_sink_dataset.close(sink);
    says(root, false, "6 the catalog is fresh (made again 2026-01-02T12:00:00.000000Z, since it was missing)");
    eg_free(root);
}

static void by_hand(void **state) {
    char *root = filled(*state);
    command("cd '%s/flows/date=2026-01-02' && cp hour=12/$(ls hour=12 | head -1) hour=13/mine.parquet "
            "&& rm hour=14/*", root);
    says(root, false, "4 1 files that were committed are not there any more");
    says(root, false, "4 1 files that no commit names (put there by hand?); doctor --rebuild");
    says(root, true, "4 1 files that no commit names were read and written down");
    does_not_say(root, "no commit names");
    says(root, false, "6 flows: 5 rows in 5 files");
    command("echo rubbish > '%s/flows/date=2026-01-02/hour=12/x.parquet'", root);
    says(root, true, "3 1 files cannot be read as Parquet, flows/date=2026-01-02/hour=12/x.parquet");
    does_not_say(root, "of the size that was committed");
    command("truncate -s -1 '%s/flows/date=2026-01-02/hour=13/mine.parquet'", root);
    says(root, false, "3 1 files are not of the size that was committed, flows/date=2026-01-02/hour=13/"
                      "mine.parquet for one");
    eg_free(root);
}

static void table_removed(void **state) {
    char *root = filled(*state);
    does_not_say(root, "is gone, and");
    command("rm -r '%s/flows'", root);
    says(root, false,
         "/flows is gone, and 5 rows with it: put it back from a backup, or ingest the");
    says(root, false, "\n3 /");
    does_not_say(root, "/packets is gone");
    eg_free(root);
}

/* The whole journal is lost: ranges and positions come back out of the Parquet files. */
static void lost_journal(void **state) {
    char *root = filled(*state);
    command("cd '%s/_earlgrey' && rm -r commits locks catalog.sqlite", root);
    says(root, true, "6 flows: 5 rows in 5 files of ");
    struct eg_dataset *ds = open_reader(root);
    struct eg_position *positions;
    struct eg_dataset_file *files;
    size_t count;
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    assert_int_equal(count, 1);
    struct eg_position expected = position_at("k", 100);
    expected.offset = 200;
    assert_memory_equal(positions, &expected, sizeof expected);
    eg_free(positions);
    must(eg_dataset_files(ds, EG_TABLE_FLOWS, NOON + 2 * HOUR + 60000000, INT64_MAX, &files, &count,
                          ERR));
    assert_int_equal(count, 1);
    assert_int_equal(files[0].rows, 1);
    assert_int_equal(files[0].start_us, NOON + 2 * HOUR);
    assert_int_equal(files[0].end_us, NOON + 2 * HOUR + 60000000);
    eg_dataset_files_free(files, count);
    eg_dataset_close(ds);
    eg_free(root);
}

static void damaged_journal(void **state) {
    char *root = filled(*state);
    command("cd '%s/_earlgrey/commits' && sed -i 's/rows/rowz/' $(ls | tail -1)", root);
    says(root, false, "3 1 files of the journal in ");
    says(root, true, "were read and written down");
    does_not_say(root, "\n3 ");
    struct eg_dataset *ds = open_reader(root);
    struct eg_position *positions;
    size_t count;
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    assert_int_equal(count, 1);
    assert_int_equal(positions[0].offset, 200);
    eg_free(positions);
    eg_dataset_close(ds);
    eg_free(root);
}

static void no_dataset(void **state) {
    struct eg_finding *findings;
    size_t count;
    char *none = eg_path_join(*state, "none");
    assert_int_equal(eg_dataset_doctor(none, true, &test_env, &findings, &count, ERR), EG_E_NOENT);
    eg_free(none);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(healthy), IN_SCRATCH(leftovers), IN_SCRATCH(exchanges), IN_SCRATCH(sizes), IN_SCRATCH(journal_stays), IN_SCRATCH(catalog),
        IN_SCRATCH(by_hand), IN_SCRATCH(lost_journal), IN_SCRATCH(damaged_journal),
        IN_SCRATCH(table_removed), IN_SCRATCH(no_dataset)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
