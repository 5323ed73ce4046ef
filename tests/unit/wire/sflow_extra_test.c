/* SPDX-License-Identifier: Apache-2.0
 * sFlow: what has no column, as JSON. */
#include "sflow_make.h"
#include "torture.h"

static struct bytes texts(void) {
    struct bytes b = begin(1);
    uint32_t sample = flow(&b, 7);
    put_header(&b, 28, 28);
    uint32_t record = block(&b, 1004);
    put_be(&b, 106, 4), put_xdr_text(&b, "al\"ice"), put_be(&b, 106, 4), put_xdr_text(&b, "");
    block_end(&b, record);
    record = block(&b, 1005);
    put_be(&b, 1, 4), put_xdr_text(&b, "http://example.net/\xff"), put_xdr_text(&b, "example.net");
    block_end(&b, record);
    record = block(&b, 1008);
    put_xdr_text(&b, "lsp"), put_words(&b, 2, 12, 0);
    block_end(&b, record);
    record = block(&b, 1009);
    put_xdr_text(&b, "vc"), put_words(&b, 2, 13, 0);
    block_end(&b, record);
    record = block(&b, 1010);
    put_xdr_text(&b, "ftn"), put_be(&b, 0, 4);
    block_end(&b, record);
    record = block(&b, 1011);
    put_be(&b, 24, 4);
    block_end(&b, record);
    block_end(&b, sample);
    return b;
}

static void every_member(void **state) {
    (void)state;
    struct bytes b = texts();
    char *row = one_row(&b, 0);
    assert_string_equal(row, HEADER_ROW
                        "extra={\"src_user\":\"al\\\"ice\","
                        "\"url\":\"http://example.net/\xef\xbf\xbd\",\"host\":\"example.net\","
                        "\"mpls_tunnel_name\":\"lsp\",\"mpls_tunnel_id\":12,"
                        "\"mpls_vc_name\":\"vc\",\"mpls_vc_id\":13,\"mpls_ftn\":\"ftn\","
                        "\"mpls_fec_prefix_length\":24} ");
    free(row);
}

static void texts_that_are_too_long(void **state) {
    (void)state;
    static const uint32_t sizes[] = {13, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bytes b = begin(1);
        uint32_t sample = flow(&b, 2);
        put_header(&b, 28, 28);
        uint32_t record = block(&b, 1005);
        put_words(&b, 5, 1, 2, 0x68690000, sizes[i], 0);
        block_end(&b, record);
        block_end(&b, sample);
        char *row = one_row(&b, 0);
        assert_string_equal(row, HEADER_ROW "extra={\"url\":\"hi\"} ");
        free(row);
    }
}

static void memory_runs_out(void **state) {
    (void)state;
    struct bytes b = texts();
    struct eg_datagram d = datagram(&b);
    for (long n = 0;; n++) {
        struct eg_out out;
        assert_true(out_new(&out, 4, EG_COLUMNS_ALL));
        struct eg_decoder *self;
        assert_int_equal(eg_decoder_sflow.open(&eg_env_plain, NULL, NULL, &self, NULL), EG_OK);
        struct eg_sequence_note note;
        torture_fail_after(n);
        eg_decoder_sflow.decode(self, &d, &out, &note);
        bool failed = torture_off();
        bool said = out.failed || out.rows->failed || out.tally.lost;
        assert_int_equal(failed, said);
        eg_decoder_sflow.close(self);
        struct result r = {0};
        result_take(&r, &out);
        result_reset(&r);
        if (!failed) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member),
        cmocka_unit_test(texts_that_are_too_long),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
