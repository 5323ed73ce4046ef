/* SPDX-License-Identifier: Apache-2.0
 * Targets of datagrams. Sources: raw(7), ipv6(7): a raw socket takes the IP header as it is. */
#include "sink/udp_target.h"

#include "base/privileges.h"
#include "table/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IPV6_HEADER_INCLUDED                                                                       \
    36 /* IPV6_HDRINCL of linux/in6.h, which cannot stand beside netinet/in.h */

static enum eg_status target_split(const char *text, char host[256], char port[8],
                                   struct eg_error *err) {
    size_t size = strcspn(text, "/?");
    const char *colon = size ? memrchr(text, ':', size) : NULL;
    size_t host_size = colon ? (size_t)(colon - text) : 0;
    size_t port_size = colon ? size - host_size - 1 : 0;
    bool bracketed = host_size >= 2 && text[0] == '[' && text[host_size - 1] == ']';
    if (bracketed) host_size -= 2;
    if (!host_size || !port_size || host_size >= 256 || port_size >= 8 ||
        (!bracketed && (text[0] == '[' || memchr(text, ':', host_size))))
        return eg_fail(err, EG_E_USAGE, "'%.200s' is no target: HOST:PORT or [ADDRESS]:PORT", text);
    snprintf(host, 256, "%.*s", (int)host_size, text + bracketed);
    snprintf(port, 8, "%.*s", (int)port_size, colon + 1);
    if (strspn(port, "0123456789") == port_size && strtoul(port, NULL, 10) <= 65535) return EG_OK;
    if (strspn(port, "0123456789") == port_size)
        return eg_fail(err, EG_E_USAGE, "'%.200s': the port %s is above 65535", text, port);
    return eg_fail(err, EG_E_USAGE, "'%.200s': %s is no port", text, port);
}

static void address_split(struct eg_udp_target *target) {
    if (target->address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&target->address;
        memcpy(target->ip.bytes, &v6->sin6_addr, 16);
        target->port = ntohs(v6->sin6_port);
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&target->address;
        target->ip = eg_addr_v4(ntohl(v4->sin_addr.s_addr));
        target->port = ntohs(v4->sin_port);
    }
}

enum eg_status eg_udp_target_find(struct eg_udp_target *out, const char *text,
                                  struct eg_error *err) {
    char host[256], port[8];
    EG_TRY(target_split(text, host, port, err));
    struct addrinfo want = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV}, *found;
    int failed = getaddrinfo(host, port, &want, &found);
    if (failed == EAI_SERVICE)
        return eg_fail(err, EG_E_USAGE, "'%.200s': %s is no port", text, port);
    if (failed)
        return eg_fail(err, EG_E_NOENT, "no address of '%.100s' is known: %s", host,
                       gai_strerror(failed));
    *out = (struct eg_udp_target){.size = found->ai_addrlen};
    memcpy(&out->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    address_split(out);
    if (!out->port) return eg_fail(err, EG_E_USAGE, "'%.200s': 0 is no port", text);
    return EG_OK;
}

/* The system sends to an address of its own from that very address. */
static bool sends_to_itself(const struct eg_udp_target *target) {
    int fd = socket(target->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct eg_udp_target from = {.size = sizeof from.address};
    bool itself = fd >= 0 &&
                  connect(fd, (const struct sockaddr *)&target->address, target->size) == 0 &&
                  getsockname(fd, (struct sockaddr *)&from.address, &from.size) == 0;
    if (fd >= 0) close(fd);
    if (!itself) return false;
    address_split(&from);
    return memcmp(&from.ip, &target->ip, sizeof from.ip) == 0;
}

bool eg_udp_target_here(const struct eg_udp_target *target) {
    static const struct eg_addr none;
    const uint8_t *at = target->ip.bytes;
    if (memcmp(at, none.bytes, sizeof none.bytes) == 0) return true;
    if (eg_addr_is_v4(&target->ip)) {
        bool any = at[12] == 0 && at[13] == 0 && at[14] == 0 && at[15] == 0;
        if (any || at[12] == 127) return true;
    }
    return sends_to_itself(target);
}

enum eg_status eg_udp_target_raw(struct eg_udp_target *target, int *fd, struct eg_error *err) {
    bool v6 = target->address.ss_family == AF_INET6;
    char remedy[EG_RAW_REMEDY];
    int on = 1, raw = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (raw < 0 && (errno == EPERM || errno == EACCES))
        return eg_fail(err, EG_E_ACCESS, "no permission to send with other addresses: %s",
                       eg_privileges_raw_remedy(remedy));
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, option = v6 ? IPV6_HEADER_INCLUDED : IP_HDRINCL;
    if (raw < 0 || setsockopt(raw, level, option, &on, sizeof on) != 0) {
        int failed = errno;
        if (raw >= 0) close(raw);
        return eg_fail_errno(err, failed, "cannot open a raw socket");
    }
    if (v6) /* the kernel takes no port here */
        ((struct sockaddr_in6 *)(void *)&target->address)->sin6_port = 0;
    *fd = raw;
    return EG_OK;
}
