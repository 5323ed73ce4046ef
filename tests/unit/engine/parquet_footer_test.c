/* SPDX-License-Identifier: Apache-2.0
 * Footers read back: where columns are and what is known of them; other writers' files, and any bytes. */
#include "engine/parquet_footer.h"

#include "engine/parquet_crew.h"
#include "every_table.h"

#include <fcntl.h>

struct seen {
    uint32_t groups, rows;
    struct eg_parquet_place places[2][E_COUNT];
};

static enum eg_status see(void *to, const struct eg_parquet_row_group *group,
                          struct eg_error *err) {
    struct seen *seen = to;
    if (seen->groups == 2) return eg_fail(err, EG_E_USAGE, "that is enough");
    memcpy(seen->places[seen->groups++], group->places, sizeof *seen->places);
    seen->rows += group->rows;
    return EG_OK;
}

static void write_file(const char *path, uint64_t rows) {
    const struct eg_parquet_setup setup = {.table = &every_table, .blooms = UINT64_C(1) << E_ADDR};
    const struct every_shape shape = {60, 5};
    struct every_batches all = every_make(rows, 4096, &shape);
    struct eg_parquet_crew *crew = NULL;
    struct eg_parquet_order order = {.finish = true, .note = "n"};
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 1, NULL), EG_OK);
    assert_int_equal(eg_parquet_file_new(&order.file, path, &setup, NULL), EG_OK);
    assert_int_equal(eg_parquet_file_plan(order.file, all.batches, all.count, NULL), EG_OK);
    assert_int_equal(eg_parquet_crew_run(crew, &order, 1, NULL), EG_OK);
    eg_parquet_file_free(order.file);
    eg_parquet_crew_free(crew);
    every_free(&all);
}

/* The footer of a file; its size in *bytes. */
static enum eg_status load(const char *path, struct eg_strbuf *to, uint64_t *bytes) {
    struct stat st;
    struct eg_error err;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    *bytes = (uint64_t)st.st_size;
    enum eg_status status = eg_parquet_footer_load(fd, to, &err);
    close(fd);
    return status;
}

static enum eg_status groups(const struct eg_strbuf *footer, uint64_t bytes, struct seen *seen) {
    struct eg_error err;
    *seen = (struct seen){0};
    return eg_parquet_footer_groups(eg_span(footer->text, footer->size), bytes, &every_table, see,
                                    seen, &err);
}

static void reads_back(void **state) {
    (void)state;
    char directory[64], path[128];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    write_file(path, 200000);
    struct eg_strbuf footer = {0};
    struct seen seen;
    uint64_t bytes, end = 4;
    assert_int_equal(load(path, &footer, &bytes), EG_OK);
    assert_int_equal(groups(&footer, bytes, &seen), EG_OK);
    assert_int_equal(seen.groups, 2);
    assert_int_equal(seen.rows, 200000);
    for (uint32_t g = 0; g < 2; g++)
        for (uint32_t col = 0; col < E_COUNT; col++) {
            const struct eg_parquet_place *place = &seen.places[g][col];
            assert_int_equal(place->at, end); /* one behind the other */
            end += place->bytes;
            assert_true(place->dictionary_bytes < place->bytes);
            assert_int_equal(place->bloom_at > 0, col == E_ADDR);
            assert_int_equal(place->ranged, col != E_ABSENT);
            if (col == E_ABSENT) assert_int_equal(place->nulls, 100000);
            if (col == E_TIME) assert_true(eg_le64(place->least, 0) < eg_le64(place->most, 0));
        }
    struct eg_engine *engine = made_engine();
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM parquet_metadata('%s') WHERE stats_null_count = %lld AND "
             "path_in_schema = 'i32' AND row_group_id = 1",
             path, (long long)seen.places[1][E_I32].nulls);
    answers(engine, sql, "1");
    eg_engine_close(engine);
    eg_strbuf_reset(&footer);
    made_remove(directory);
}

static void other_files(void **state) {
    (void)state;
    char directory[64], path[128], sql[256];
    struct eg_strbuf footer = {0};
    struct seen seen;
    uint64_t bytes;
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    struct eg_engine *engine = made_engine();
    snprintf(sql, sizeof sql, "COPY (SELECT 1 AS i32) TO '%s' (FORMAT parquet)", path);
    assert_int_equal(eg_engine_run(engine, sql, NULL), EG_OK);
    eg_engine_close(engine);
    assert_int_equal(load(path, &footer, &bytes), EG_OK);
    assert_int_equal(groups(&footer, bytes, &seen), EG_E_FORMAT);
    const char *const texts[] = {"", "PAR1", "PAR1\xff\xff\xff\x7fPAR1", "PAR1....\x09\0\0\0PAR1",
                                 "01234567PAR2"};
    const size_t sizes[] = {0, 4, 12, 16, 12};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        FILE *file = fopen(path, "wb");
        assert_true(file && fwrite(texts[i], 1, sizes[i], file) == sizes[i]);
        fclose(file);
        assert_int_equal(load(path, &footer, &bytes), EG_E_FORMAT);
    }
    eg_strbuf_reset(&footer);
    made_remove(directory);
}

/* Cut, it is refused; changed, its places still lie in the file, or it is refused. */
static void damaged_anywhere(void **state) {
    (void)state;
    char directory[64], path[128];
    struct eg_strbuf footer = {0};
    struct seen seen;
    uint64_t bytes, seed = 3;
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    write_file(path, 1000);
    assert_int_equal(load(path, &footer, &bytes), EG_OK);
    for (size_t size = 0; size < footer.size; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        memcpy(copy, footer.text, size);
        struct eg_strbuf cut = {.text = (char *)copy, .size = size};
        assert_int_equal(groups(&cut, bytes, &seen), EG_E_FORMAT);
        free(copy);
    }
    for (int round = 0; round < 20000; round++) {
        uint8_t *copy = malloc(footer.size);
        memcpy(copy, footer.text, footer.size);
        for (int i = 0; i < 1 + round % 3; i++)
            copy[made_random(&seed) % footer.size] ^= (uint8_t)(1u << made_random(&seed) % 8);
        struct eg_strbuf changed = {.text = (char *)copy, .size = footer.size};
        enum eg_status status = groups(&changed, bytes, &seen);
        assert_true(status == EG_OK || status == EG_E_FORMAT || status == EG_E_USAGE);
        for (uint32_t col = 0; seen.groups && col < E_COUNT; col++) {
            const struct eg_parquet_place *place = &seen.places[0][col];
            assert_true(place->at <= bytes && place->bytes <= bytes - place->at);
            assert_true(place->dictionary_bytes <= place->bytes);
            assert_true(place->bloom_at <= bytes && place->bloom_bytes <= bytes - place->bloom_at);
        }
        free(copy);
    }
    eg_strbuf_reset(&footer);
    made_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),
        cmocka_unit_test(other_files),
        cmocka_unit_test(damaged_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
