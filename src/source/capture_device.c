/* SPDX-License-Identifier: Apache-2.0
 * A captured interface. Sources: pcap(3PCAP) and its pages; the link-layer header types of
 * tcpdump.org (LINUX_SLL2 tells of each packet which interface it came through). */
#include "source/capture_device.h"

#include "base/alloc.h"
#include "base/option.h"
#include "base/privileges.h"
#include "base/strbuf.h"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define BLOCK_MS 100 /* a block of the ring is handed over after this long, full or not */
#define NAMES_MAX 256
#define LISTED_MAX 32
enum { SLL2_INDEX = 4 }; /* where the header says it */

struct interface_name {
    uint32_t index;
    char name[IF_NAMESIZE];
};

struct eg_device {
    char name[IF_NAMESIZE];
    pcap_t *pcap;
    int fd;
    int32_t link_type;
    bool nanoseconds, any;
    struct eg_wide_counter received, dropped;
    struct eg_wide_counter missed, overrun; /* of the interface itself */
    struct interface_name names[NAMES_MAX]; /* of `any`: those seen so far */
    uint32_t name_count;
    /* of the read that is going on */
    eg_device_take take;
    void *to;
    uint32_t taken;
};

uint64_t eg_wide_advance(struct eg_wide_counter *counter, uint32_t now) {
    uint32_t grown = now - counter->last;
    counter->last = now;
    counter->sum += grown;
    return grown;
}

/* ---- opening ---- */

static void interfaces_list(struct eg_strbuf *to, const char *wanted, const char **nearest,
                            char near[IF_NAMESIZE]) {
    struct if_nameindex *all = if_nameindex();
    const char *names[LISTED_MAX + 1];
    size_t count = 0;
    for (struct if_nameindex *at = all; at && at->if_index && count < LISTED_MAX; at++) {
        eg_strbuf_printf(to, "%s, ", at->if_name);
        names[count++] = at->if_name;
    }
    eg_strbuf_text(to, "any");
    *nearest = NULL;
    const char *found = eg_nearest(wanted, names, count);
    if (found) {
        snprintf(near, IF_NAMESIZE, "%s", found);
        *nearest = near;
    }
    if (all) if_freenameindex(all);
}

static enum eg_status unknown(const char *name, struct eg_error *err) {
    struct eg_strbuf list = {0};
    char near[IF_NAMESIZE];
    const char *nearest;
    interfaces_list(&list, name, &nearest, near);
    enum eg_status status =
        eg_fail(err, EG_E_NOENT, "there is no interface '%.40s'%s%s%s; there are: %.400s", name,
                nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "",
                list.text ? list.text : "any");
    eg_strbuf_reset(&list);
    return status;
}

static enum eg_status refused(const char *name, int code, pcap_t *pcap, struct eg_error *err) {
    if (code == PCAP_ERROR_NO_SUCH_DEVICE) return unknown(name, err);
    char remedy[EG_RAW_REMEDY];
    if (code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED)
        return eg_fail(
            err, EG_E_ACCESS,
            "no permission to capture on %s: %s (as root, user=NAME goes on as that user)", name,
            eg_privileges_raw_remedy(remedy));
    const char *why = pcap_statustostr(code), *text = pcap_geterr(pcap);
    bool more = text && *text && strcmp(text, why) != 0;
    return eg_fail(err, EG_E_IO, "cannot capture on %s: %s%s%s", name, why, more ? ": " : "",
                   more ? text : "");
}

static enum eg_status filter_set(struct eg_device *device, const char *bpf, struct eg_error *err) {
    struct bpf_program program;
    if (pcap_compile(device->pcap, &program, bpf, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return eg_fail(err, EG_E_USAGE, "bpf filter '%.200s': %s", bpf, pcap_geterr(device->pcap));
    int failed = pcap_setfilter(device->pcap, &program);
    pcap_freecode(&program);
    if (!failed) return EG_OK;
    return eg_fail(err, EG_E_IO, "bpf filter '%.200s' on %s: %s", bpf, device->name,
                   pcap_geterr(device->pcap));
}

/* Options that cannot fail before the handle is active. */
static void options_set(struct eg_device *device, const struct eg_device_options *options) {
    pcap_t *pcap = device->pcap;
    pcap_set_snaplen(pcap, (int)options->snaplen);
    pcap_set_promisc(pcap, options->promiscuous);
    pcap_set_timeout(pcap, BLOCK_MS);
    pcap_set_immediate_mode(pcap, 0);
    pcap_set_buffer_size(pcap, (int)options->buffer_bytes);
    device->nanoseconds = pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO) == 0;
}

/* A loopback interface shows each packet twice, going out and coming in; libpcap passes over the
 * former, but the kernel has counted it, and may have dropped another one for it. */
static void outgoing_ignore(const struct eg_device *device) {
    struct ifreq request = {0};
    int on = 1, fd = pcap_fileno(device->pcap);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device->name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_LOOPBACK))
        (void)!setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
}

static uint64_t interface_drops(struct eg_device *);

static enum eg_status activate(struct eg_device *device, const struct eg_device_options *options,
                               char warning[300], struct eg_error *err) {
    char text[PCAP_ERRBUF_SIZE] = "";
    options_set(device, options);
    int code = pcap_activate(device->pcap);
    if (code < 0) return refused(device->name, code, device->pcap, err);
    if (code > 0)
        snprintf(warning, 300, "%s: %s %s", device->name, pcap_statustostr(code),
                 pcap_geterr(device->pcap));
    device->nanoseconds = pcap_get_tstamp_precision(device->pcap) == PCAP_TSTAMP_PRECISION_NANO;
    device->any =
        strcmp(device->name, "any") == 0 && pcap_set_datalink(device->pcap, DLT_LINUX_SLL2) == 0;
    device->link_type = eg_link_type((uint32_t)pcap_datalink(device->pcap));
    outgoing_ignore(device);
    if (options->bpf && options->bpf[0]) EG_TRY(filter_set(device, options->bpf, err));
    if (pcap_setnonblock(device->pcap, 1, text) != 0)
        return eg_fail(err, EG_E_IO, "cannot capture on %s: %s", device->name, text);
    (void)interface_drops(device); /* what was before is not ours */
    device->fd = pcap_get_selectable_fd(device->pcap);
    if (device->fd >= 0) return EG_OK;
    return eg_fail(err, EG_E_IO, "cannot capture on %s: nothing tells when packets come",
                   device->name);
}

enum eg_status eg_device_open(struct eg_device **out, const char *name,
                              const struct eg_device_options *options, char warning[300],
                              struct eg_error *err) {
    char text[PCAP_ERRBUF_SIZE] = "";
    warning[0] = 0;
    bool any = strcmp(name, "any") == 0;
    if (strlen(name) >= IF_NAMESIZE || (!any && !if_nametoindex(name))) return unknown(name, err);
    struct eg_device *device = eg_calloc(1, sizeof *device);
    if (!device) return eg_fail(err, EG_E_NOMEM, "no memory to capture on %s", name);
    snprintf(device->name, sizeof device->name, "%s", name);
    device->pcap = pcap_create(name, text);
    enum eg_status status = EG_OK;
    if (!device->pcap)
        status = eg_fail(err, EG_E_NOMEM, "cannot capture on %s: %s", name, text);
    else
        status = activate(device, options, warning, err);
    if (status < 0) {
        eg_device_close(device);
        return status;
    }
    *out = device;
    return EG_OK;
}

void eg_device_close(struct eg_device *device) {
    if (!device) return;
    if (device->pcap) pcap_close(device->pcap);
    eg_free(device);
}

const char *eg_device_name(const struct eg_device *device) { return device->name; }
int eg_device_fd(const struct eg_device *device) { return device->fd; }

/* ---- packets ---- */

/* The name of the interface that a packet of `any` came through. */
static const char *interface_of(struct eg_device *device, struct eg_span bytes) {
    if (!device->any) return device->name;
    uint32_t index = eg_be32(bytes, SLL2_INDEX);
    for (uint32_t i = 0; i < device->name_count; i++)
        if (device->names[i].index == index) return device->names[i].name;
    if (device->name_count == NAMES_MAX) device->name_count = 0; /* ask for them again */
    struct interface_name *one = &device->names[device->name_count++];
    one->index = index;
    if (!if_indextoname(index, one->name)) snprintf(one->name, sizeof one->name, "if%u", index);
    return one->name;
}

static void packet_take(u_char *to, const struct pcap_pkthdr *head, const u_char *bytes) {
    struct eg_device *device = (struct eg_device *)(void *)to;
    int64_t fraction = (int64_t)head->ts.tv_usec * (device->nanoseconds ? 1 : 1000);
    struct eg_frame frame = {
        .time_ns = (int64_t)head->ts.tv_sec * INT64_C(1000000000) + fraction,
        .link_type = device->link_type,
        .interface = -1,
        .length = head->len > head->caplen ? head->len : head->caplen,
        .payload = eg_span(bytes, head->caplen),
    };
    device->taken++;
    if (!device->take(device->to, &frame, interface_of(device, frame.payload)))
        pcap_breakloop(device->pcap);
}

enum eg_status eg_device_read(struct eg_device *device, uint32_t max, eg_device_take take, void *to,
                              uint32_t *taken, struct eg_error *err) {
    device->take = take;
    device->to = to;
    device->taken = 0;
    int code = pcap_dispatch(device->pcap, (int)max, packet_take, (u_char *)(void *)device);
    *taken = device->taken;
    if (code >= 0 || code == PCAP_ERROR_BREAK) return EG_OK;
    if (!strcmp(device->name, "any") || if_nametoindex(device->name))
        return eg_fail(err, EG_E_IO, "capturing on %s failed: %s", device->name,
                       pcap_geterr(device->pcap));
    return eg_fail(err, EG_E_CUT, "the interface %s went away; what it captured before was kept",
                   device->name);
}

/* What the interface or its driver counted as dropped since the last call. libpcap asks for it in
 * promiscuous mode only, and in /sys, which may be another network's. Nothing is told of `any`. */
static uint64_t interface_drops(struct eg_device *device) {
    struct ifaddrs *all;
    uint64_t drops = 0;
    if (strcmp(device->name, "any") == 0 || getifaddrs(&all) != 0) return 0;
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        const struct rtnl_link_stats *counted = at->ifa_data;
        if (!counted || !at->ifa_addr || at->ifa_addr->sa_family != AF_PACKET ||
            strcmp(at->ifa_name, device->name) != 0)
            continue;
        drops = eg_wide_advance(&device->missed, counted->rx_missed_errors) +
                eg_wide_advance(&device->overrun, counted->rx_fifo_errors);
        break;
    }
    freeifaddrs(all);
    return drops;
}

uint32_t eg_device_passed(const struct eg_device *device) {
    struct ifaddrs *all;
    uint32_t passed = 0;
    bool any = strcmp(device->name, "any") == 0;
    if (getifaddrs(&all) != 0) return 0;
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        const struct rtnl_link_stats *counted = at->ifa_data;
        if (!counted || !at->ifa_addr || at->ifa_addr->sa_family != AF_PACKET ||
            (!any && strcmp(at->ifa_name, device->name) != 0))
            continue;
        passed += counted->rx_packets;
        if (!(at->ifa_flags & IFF_LOOPBACK)) passed += counted->tx_packets;
    }
    freeifaddrs(all);
    return passed;
}

uint64_t eg_device_seen(const struct eg_device *device) { return device->received.sum; }

struct eg_device_drops eg_device_drops(struct eg_device *device) {
    struct pcap_stat now;
    if (pcap_stats(device->pcap, &now) != 0) return (struct eg_device_drops){0};
    eg_wide_advance(&device->received, now.ps_recv);
    return (struct eg_device_drops){
        .kernel = eg_wide_advance(&device->dropped, now.ps_drop),
        .interface = interface_drops(device),
    };
}

uint64_t eg_device_arrived(const struct eg_device *device) {
    return device->received.sum - device->dropped.sum;
}
