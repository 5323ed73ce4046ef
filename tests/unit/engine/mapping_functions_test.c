/* SPDX-License-Identifier: Apache-2.0
 * mapped_ip, mapped_mac: there only where a key was given, and never the original. */
#include "engine_make.h"
#include "wire/address_map.h"

static struct eg_engine *mapping_engine(struct eg_address_map *map) {
    struct eg_engine *engine;
    struct eg_error err = {0};
    struct eg_engine_options options = {.threads = 2, .mapping = map};
    if (eg_engine_open(&engine, &eg_env_plain, &options, &err) < 0) fail_msg("%s", err.message);
    return engine;
}

static void maps(void **state) {
    (void)state;
    /* the sample key and addresses of Crypto-PAn's reference implementation */
    static const uint8_t key[EG_ADDRESS_KEY_BYTES] = {
        21,  34,  23,  141, 51,  164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
        216, 152, 143, 131, 121, 121, 101, 39,  98, 87, 76, 45, 42, 132, 34,  2};
    struct eg_address_map *map = eg_address_map_new(key, true);
    struct eg_engine *engine = mapping_engine(map);
    answers(engine, "SELECT mapped_ip('128.11.68.132'), mapped_ip('2001:db8::1'), mapped_ip(NULL), "
                    "mapped_ip('no address'), mapped_mac('no address'), mapped_mac(NULL)",
            "135.242.180.132\t4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e\t\t\t\t");
    answers(engine, "SELECT mapped_mac('00:11:22:33:44:55') = mapped_mac('00:11:22:33:44:55'), "
                    "mapped_mac('00:11:22:33:44:55') <> '00:11:22:33:44:55'", "true\ttrue");
    answers(engine, "SELECT count(DISTINCT mapped_ip('10.0.' || (range // 256) || '.' || (range % 256))) "
                    "FROM range(20000)", "20000");
    eg_engine_close(engine);
    eg_address_map_free(map);
}

static void without_a_key(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    refuses(engine, "SELECT mapped_ip('10.0.0.1')", "EG_E_USAGE", "mapped_ip");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps),
        cmocka_unit_test(without_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
