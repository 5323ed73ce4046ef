/* SPDX-License-Identifier: Apache-2.0
 * Ethernet frames out of an interface, as they are. Source: packet(7). */
#include "sink/sender.h"

#include "base/alloc.h"
#include "base/privileges.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FULL_NAP_NS 50000L /* the interface's queue is full: try again */
#define FULL_TRIES 20000   /* for a second */

struct eg_frame_sender {
    int fd;
    uint32_t mtu;
    char name[IFNAMSIZ];
};

static enum eg_status interface_take(struct eg_frame_sender *sender, const char *interface,
                                     struct eg_error *err) {
    struct ifreq request = {0};
    char remedy[EG_RAW_REMEDY];
    struct sockaddr_ll to = {.sll_family = AF_PACKET};
    unsigned index = if_nametoindex(interface);
    if (!index)
        return eg_fail(err, EG_E_NOENT, "there is no interface '%.60s' to send through", interface);
    sender->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* 0: it receives nothing */
    if (sender->fd < 0 && (errno == EPERM || errno == EACCES))
        return eg_fail(err, EG_E_ACCESS, "no permission to send frames through %s: %s", interface,
                       eg_privileges_raw_remedy(remedy));
    if (sender->fd < 0) return eg_fail_errno(err, errno, "cannot open a packet socket");
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    if (ioctl(sender->fd, SIOCGIFHWADDR, &request) != 0)
        return eg_fail_errno(err, errno, "cannot ask %s what it is", interface);
    if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER &&
        request.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
        return eg_fail(err, EG_E_USAGE, "%s takes no Ethernet frames", interface);
    snprintf(sender->name, sizeof sender->name, "%s", interface);
    if (ioctl(sender->fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0)
        sender->mtu = (uint32_t)request.ifr_mtu;
    to.sll_ifindex = (int)index;
    if (bind(sender->fd, (const struct sockaddr *)&to, sizeof to) != 0)
        return eg_fail_errno(err, errno, "cannot send through %s", interface);
    return EG_OK;
}

enum eg_status eg_frame_sender_open(struct eg_frame_sender **out, const char *interface,
                                    struct eg_error *err) {
    struct eg_frame_sender *sender = eg_calloc(1, sizeof *sender);
    if (!sender) return eg_fail(err, EG_E_NOMEM, "no memory to send");
    sender->fd = -1;
    enum eg_status status = interface_take(sender, interface, err);
    if (status < 0) {
        eg_frame_sender_close(sender);
        return status;
    }
    *out = sender;
    return EG_OK;
}

enum eg_status eg_frame_sender_send(struct eg_frame_sender *sender, struct eg_span frame,
                                    struct eg_error *err) {
    const struct timespec nap = {.tv_nsec = FULL_NAP_NS};
    for (int tries = 0;; tries++) {
        if (send(sender->fd, frame.at, frame.size, MSG_NOSIGNAL) >= 0) return EG_OK;
        bool full = errno == ENOBUFS || errno == EAGAIN;
        if (errno == EINTR || (full && tries < FULL_TRIES)) {
            if (full) nanosleep(&nap, NULL);
            continue;
        }
        int failed = errno;
        if (failed == ENXIO || failed == ENODEV || failed == ENETDOWN)
            return eg_fail(err, EG_E_NOENT, "the interface is gone or down: sending ended there");
        eg_fail_errno(err, failed, "cannot send a frame of %zu bytes", frame.size);
        enum eg_status status = failed == EMSGSIZE ? EG_E_USAGE : EG_E_IO;
        if (err) err->status = status;
        return status;
    }
}

uint32_t eg_frame_sender_mtu(const struct eg_frame_sender *sender) { return sender->mtu; }
const char *eg_frame_sender_name(const struct eg_frame_sender *sender) { return sender->name; }

void eg_frame_sender_close(struct eg_frame_sender *sender) {
    if (!sender) return;
    if (sender->fd >= 0) close(sender->fd);
    eg_free(sender);
}
