/* SPDX-License-Identifier: Apache-2.0
 * The doctor: says what is wrong and what to do; asked to, does it. */
#include "capture_made.h"

static char *told(const char *root, unsigned repair) {
    struct eg_finding *findings;
    size_t count;
    must(eg_dataset_doctor(root, repair, &test_env, &findings, &count, ERR));
    struct eg_strbuf text = {0};
    for (size_t i = 0; i < count; i++)
        eg_strbuf_printf(&text, "%d%s %s\n", findings[i].level, findings[i].lost ? " lost" : "",
                         findings[i].text);
    eg_findings_free(findings, count);
    return eg_strbuf_take(&text);
}

static void says(const char *root, unsigned repair, const char *expected) {
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

/* As a writer leaves it that is killed when all is decided and not in place. */
static void commit_cut_off(const char *root) {
    command("cd '%s' && f=$(ls flows/*/hour=14/*) && mv $f ${f%%/*}/_${f##*/}.tmp && "
            "c=_earlgrey/commits/$(basename $f | cut -d- -f2-3) && mv $c.done $c.intent", root);
}

static void leftovers(void **state) {
    char *root = filled(*state);
    commit_cut_off(root);
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
    says(root, EG_DOCTOR_ACCEPT, "4 flows: 5 rows of files that are gone were forgotten; ");
    does_not_say(root, "\n3 ");
    does_not_say(root, "not there any more");
    says(root, false, "6 the catalog is fresh\n"); /* brought up to it, not made again */
    says(root, EG_DOCTOR_ACCEPT, "6 no file is missing, so there is nothing to accept");
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

/* What vanishes is told until it is accepted, and what vanishes after that is told again; what comes back
 * is read, and taken up by a rebuild. */
static void accepted(void **state) {
    char *root = filled(*state);
    command("cd '%s' && cp -r flows ../backup && rm -r flows/*/hour=13 && rm -r flows/*/hour=12", root);
    says(root, false, "4 4 files that were committed are not there any more (removed by hand?); doctor "
                      "--accept-missing forgets them");
    says(root, EG_DOCTOR_REBUILD, "4 4 files that were committed are not there any more");
    says(root, EG_DOCTOR_REBUILD | EG_DOCTOR_ACCEPT, "4 flows: 4 rows of files that are gone");
    does_not_say(root, "\n4 ");
    says(root, false, "6 flows: 1 rows in 1 files");
    command("rm '%s'/flows/*/hour=14/*", root);
    says(root, false, "4 1 files that were committed are not there any more");
    command("cd '%s' && rm -r flows && mv ../backup flows", root);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 5);
    says(root, false, "4 4 files that no commit names");
    says(root, EG_DOCTOR_REBUILD, "4 4 files that no commit names were read and written down");
    does_not_say(root, "\n4 ");
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 5);
    eg_free(root);
}

/* A commit that was cut off is no loss: its files come first. */
static void accepted_when_settled(void **state) {
    char *root = filled(*state);
    commit_cut_off(root);
    says(root, EG_DOCTOR_ACCEPT, "6 no file is missing");
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 5);
    eg_free(root);
}

/* Its level is what a finding is worth: 3 breaks, 4 is to be known, 6 is fine. */
static void levels(void **state) {
    char *root = filled(*state);
    says(root, false, "6 dataset ");
    struct eg_dataset *ds = open_writer(root);
    must(eg_dataset_ready(ds, ERR));
    says(root, false, "\n6 1 process is writing now\n");
    eg_dataset_close(ds);
    command("cd '%s' && touch _earlgrey/locks/writer-aaaaaaaaaaaaaaaa.lock flows/date=2026-01-02/hour=14/_part-aaaaaaaaaaaaaaaa-000001-0000.parquet.tmp", root);
    says(root, false, "\n4 1 unfinished files are to be removed; the next ingest, or doctor --rebuild, does that\n");
    says(root, true, "\n4 1 unfinished files were removed\n");
    command("cd '%s' && f=$(ls flows/*/hour=14/*) && rm $f && "
            "c=_earlgrey/commits/$(basename $f | cut -d- -f2-3) && mv $c.done $c.intent", root);
    says(root, true, "\n3 1 files of a commit are gone: ingest their sources into a new dataset\n");
    struct eg_sink *sink = sink_open_at(root);
    sink_write_flows(sink, INT64_C(400000000000000000), 0, 2); /* of no time that can be */
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    eg_sink_dataset.close(sink);
    says(root, false, "\n4 quarantine: 2 rows without a usable time, in 1 files\n");
    eg_free(root);
}

/* A copy is the dataset's own; a file elsewhere is not, but its packets are lost with it. */
static void captures(void **state) {
    const char *root = path_of(*state, "d"), *copied = path_of(*state, "copy.pcap"), *linked = NULL;
    struct made m = capture_of(10, 99);
    capture_write(copied, &m, m.size, false);
    ingest_as(root, copied, EG_KEEP_COPY);
    for (unsigned i = 0; i < 12; i++) {
        char name[24];
        snprintf(name, sizeof name, "%u.pcap", i);
        linked = path_of(*state, name);
        struct made other = capture_of(10, i);
        capture_write(linked, &other, other.size, false);
        ingest_as(root, linked, EG_KEEP_LINK);
        made_free(&other);
    }
    says(root, false, "\n6 captures: 13 with 130 packets, 1 of them copies\n");
    does_not_say(root, "\n4");
    does_not_say(root, "\n3");
    unlink(linked);
    says(root, false, "\n4 lost ");
    says(root, false, "11.pcap is gone, and its packets with it");
    does_not_say(root, "\n3");
    command("touch '%s/captures/2026-01-02/mine'", root);
    says(root, false, "\n4 1 files in captures/ that nothing points into, captures/2026-01-02/mine for one\n");
    command("rm '%s'/../[0-9]*.pcap", root);
    says(root, false, "\n4 lost and 2 captures more like these; inspect --captures names all\n");
    does_not_say(root, "\n3");
    command("rm -r '%s'/captures/*", root);
    says(root, false, "\n3 lost and 3 captures more like these; inspect --captures names all\n");
    const char *other = path_of(*state, "e");
    capture_write(copied, &m, m.size, false);
    ingest_as(other, copied, EG_KEEP_COPY);
    command("rm -r '%s'/captures/*", other);
    char *text = told(other, false), *at = strstr(text, "\n3 ");
    assert_non_null(at);
    assert_non_null(strstr(at, "restore the dataset's captures/ from a backup, or ask"));
    assert_null(strstr(at + 1, "\n3 "));
    assert_null(strstr(text, "lost "));
    eg_free(text);
    made_free(&m);
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
        IN_SCRATCH(table_removed), IN_SCRATCH(accepted), IN_SCRATCH(accepted_when_settled),
        IN_SCRATCH(levels), IN_SCRATCH(captures), IN_SCRATCH(no_dataset)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
