/* SPDX-License-Identifier: Apache-2.0
 * Sequence files on any bytes, stepped through in two ways: with all bytes there, and with a few at a
 * time, as they come from a pipe. Both must give the same packets at the same places; places grow;
 * nothing outside an exact-size copy of the input may be read. */
#include "base/hash.h"
#include "source/seqfile.h"
#include "table/stage.h"
#include "wire/seqfile_write.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct told {
    uint64_t rows, hash, last;
};

static void row_tell(struct told *told, const struct eg_builder *b) {
    uint32_t row = b->rows - 1;
    struct eg_span payload = eg_col_view(&b->columns[EG_COL(RAW, payload)])[row];
    uint64_t offset = (uint64_t)eg_col_i64(&b->columns[EG_COL(RAW, offset)])[row];
    if (told->rows && offset <= told->last) abort();
    told->last = offset;
    told->rows++;
    told->hash = eg_hash64(payload.at, payload.size, told->hash ^ offset);
}

static struct told read_all(const struct eg_seqfile *file, const uint8_t *bytes, size_t size,
                            size_t few) {
    struct told told = {0};
    struct eg_seqfile_reader *reader;
    struct eg_builder *builder;
    struct eg_tally tally = {0};
    if (eg_seqfile_reader_new(&reader, file, NULL) < 0 ||
        eg_builder_new(&builder, eg_table_get(EG_TABLE_RAW), EG_TABLE_RAW, 16, EG_COLUMNS_ALL,
                       NULL) < 0)
        abort();
    for (size_t at = file->head_size, want = few;;) {
        struct eg_seqfile_step step;
        struct eg_record_note note;
        size_t have = size - at < want ? size - at : want;
        uint8_t *copy = malloc(have ? have : 1);
        if (!copy) abort();
        if (have) memcpy(copy, bytes + at, have);
        enum eg_record record =
            eg_seqfile_reader_step(reader, eg_span(copy, have), at, builder, &step, &note, &tally);
        if (record == EG_RECORD_FRAME) row_tell(&told, builder);
        bool over = record == EG_RECORD_MORE && have == size - at &&
                    !eg_seqfile_reader_over(reader, eg_span(copy, have));
        free(copy);
        if (step.took > have || step.whole > at + step.took + (step.inside ? size : 0)) abort();
        if (over || record == EG_RECORD_NO_MEMORY) break;
        if (record == EG_RECORD_MORE && have < size - at && note.size <= have) abort();
        if (record == EG_RECORD_MORE) want = note.size > want ? (size_t)note.size : want + few;
        if (step.took) want = few;
        at += step.took;
        if (builder->rows == 16) {
            struct eg_batch *batch;
            if (eg_builder_seal(builder, &batch, NULL) == EG_OK) eg_batch_unref(batch);
            eg_seqfile_reader_sealed(reader);
        }
    }
    eg_builder_free(builder);
    eg_seqfile_reader_free(reader);
    eg_tally_reset(&tally);
    return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct eg_seqfile file;
    struct eg_error err;
    struct eg_seqfile_name name;
    if (size > 200000 || eg_seqfile_open(&file, eg_span(bytes, size), &err) != EG_OK) return 0;
    if (file.head_size > size) abort();
    struct told all = read_all(&file, bytes, size, size), few = read_all(&file, bytes, size, 37);
    if (all.rows != few.rows || all.hash != few.hash) abort();
    char text[64] = "pcap_";
    memcpy(text + 5, bytes, size < 50 ? size : 50);
    (void)eg_seqfile_name_read(&name, text);
    return 0;
}
