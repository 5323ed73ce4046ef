/* SPDX-License-Identifier: Apache-2.0
 * Frames out of an interface: a packet socket on the same loopback sees them, bytes as they were. */
#include "sink/sender.h"

#include "source/lone_network.h"
#include "torture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <linux/if_ether.h>

#include <linux/if_packet.h>

static void frames_arrive(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_frame_sender *sender;
    struct eg_error err;
    struct timeval second = {.tv_sec = 1};
    uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5}, got[100];
    int fd = socket(AF_PACKET, SOCK_RAW, htons(0x88b5));
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second), 0);
    if (eg_frame_sender_open(&sender, "lo", &err) != EG_OK) fail_msg("%s", err.message);
    for (uint8_t i = 0; i < 5; i++) {
        frame[20] = i;
        assert_int_equal(eg_frame_sender_send(sender, eg_span(frame, sizeof frame), NULL), EG_OK);
        assert_int_equal(recv(fd, got, sizeof got, 0), sizeof frame);
        assert_memory_equal(got, frame, sizeof frame);
    }
    static const uint8_t large[70000];
    assert_int_equal(eg_frame_sender_send(sender, eg_span(large, sizeof large), &err), EG_E_USAGE);
    assert_int_equal(err.status, EG_E_USAGE);
    assert_non_null(strstr(err.message, "frame of 70000 bytes"));
    assert_int_equal(eg_frame_sender_send(sender, eg_span(frame, sizeof frame), NULL), EG_OK);
    assert_true(loopback_set(false));
    assert_int_equal(eg_frame_sender_send(sender, eg_span(frame, sizeof frame), &err), EG_E_NOENT);
    assert_true(loopback_set(true));
    eg_frame_sender_close(sender);
    close(fd);
}

static void refused(void **state) {
    (void)state;
    if (!lone) skip();
    struct eg_frame_sender *sender;
    struct eg_error err;
    assert_int_equal(eg_frame_sender_open(&sender, "eth9", &err), EG_E_NOENT);
    assert_string_equal(err.message, "there is no interface 'eth9' to send through");
    pid_t pid = fork();
    if (pid == 0) {
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) _exit(9);
        if (eg_frame_sender_open(&sender, "lo", &err) != EG_E_ACCESS) _exit(1);
        _exit(strstr(err.message, "cap_net_raw") ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
}

static void without_memory(void **state) {
    (void)state;
    struct eg_frame_sender *sender;
    torture_fail_after(0);
    enum eg_status status = eg_frame_sender_open(&sender, "lo", NULL);
    assert_true(torture_off());
    assert_int_equal(status, EG_E_NOMEM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive),
        cmocka_unit_test(refused),
        cmocka_unit_test(without_memory),
    };
    lone_network();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
