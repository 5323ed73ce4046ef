/* SPDX-License-Identifier: Apache-2.0
 * Endpoints and allowed senders, from text. */
#include "source/endpoint.h"

#include "base/alloc.h"

#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define WRITTEN "it is written udp://ADDRESS:PORT, udp://[IPv6]:PORT or udp://:PORT, or tcp://…"

/* "host:port", "[v6]:port", ":port" into its two parts. */
static bool parts_split(const char *text, size_t size, char *host, size_t host_size, char *port,
                        size_t port_size) {
    const char *end = text + size, *colon = NULL, *from = text, *to;
    if (size && *text == '[') {
        to = memchr(text, ']', size);
        if (!to || to + 1 >= end || to[1] != ':') return false;
        from = text + 1;
        colon = to + 1;
    } else {
        to = colon = memchr(text, ':', size);
        if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1))) return false;
    }
    size_t host_length = (size_t)(to - from), port_length = (size_t)(end - colon - 1);
    if (host_length >= host_size || port_length >= port_size || !port_length) return false;
    memcpy(host, from, host_length);
    host[host_length] = 0;
    memcpy(port, colon + 1, port_length);
    port[port_length] = 0;
    return true;
}

static bool port_parse(const char *text, uint16_t *port) {
    if (strlen(text) > 5 || strspn(text, "0123456789") != strlen(text)) return false;
    unsigned long value = strtoul(text, NULL, 10);
    *port = (uint16_t)value;
    return value <= 65535;
}

static enum eg_status address_find(struct eg_endpoint *endpoint, const char *host, uint16_t port,
                                   struct eg_error *err) {
    endpoint->every = !*host;
    struct addrinfo hints = {.ai_family = endpoint->every ? AF_INET6 : AF_UNSPEC,
                             .ai_flags = AI_PASSIVE | (endpoint->every ? AI_NUMERICHOST : 0),
                             .ai_socktype = endpoint->tcp ? SOCK_STREAM : SOCK_DGRAM};
    struct addrinfo *found;
    int failed = getaddrinfo(endpoint->every ? "::" : host, NULL, &hints, &found);
    if (failed)
        return eg_fail(err, EG_E_USAGE, "'%s': no address '%s' is known (%s); %s", endpoint->text,
                       host, gai_strerror(failed), WRITTEN);
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    endpoint->address_size = found->ai_addrlen;
    freeaddrinfo(found);
    if (endpoint->address.ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&endpoint->address;
        v6->sin6_port = htons(port);
        endpoint->multicast = IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&endpoint->address;
        v4->sin_port = htons(port);
        endpoint->multicast = IN_MULTICAST(ntohl(v4->sin_addr.s_addr));
    }
    return EG_OK;
}

static enum eg_status interface_find(struct eg_endpoint *endpoint, const char *name,
                                     struct eg_error *err) {
    endpoint->interface = if_nametoindex(name);
    if (endpoint->interface) {
        /* IPv6 addresses that mean something on one link only need to know which. */
        if (endpoint->address.ss_family == AF_INET6)
            ((struct sockaddr_in6 *)(void *)&endpoint->address)->sin6_scope_id =
                endpoint->interface;
        return EG_OK;
    }
    return eg_fail(err, EG_E_NOENT, "'%s': there is no interface '%.40s' (ip link lists them)",
                   endpoint->text, name);
}

enum eg_status eg_endpoint_parse(struct eg_endpoint *out, const char *uri, const char *interface,
                                 struct eg_error *err) {
    struct eg_endpoint endpoint = {.tcp = strncmp(uri, "tcp://", 6) == 0};
    if (!endpoint.tcp && strncmp(uri, "udp://", 6) != 0)
        return eg_fail(err, EG_E_USAGE, "'%.100s' is nothing to listen on: %s", uri, WRITTEN);
    const char *rest = uri + 6;
    size_t size = strcspn(rest, "?/");
    snprintf(endpoint.text, sizeof endpoint.text, "%.*s", (int)(size < 110 ? size + 6 : 116), uri);
    char host[256], port_text[16];
    uint16_t port = 0;
    bool split = parts_split(rest, size, host, sizeof host, port_text, sizeof port_text);
    if (split && strspn(port_text, "0123456789") == strlen(port_text) &&
        strtoul(port_text, NULL, 10) > 65535)
        return eg_fail(err, EG_E_USAGE, "'%s': the port %s is above 65535", endpoint.text,
                       port_text);
    if (!split || !port_parse(port_text, &port))
        return eg_fail(err, EG_E_USAGE, "'%s' names no port: %s", endpoint.text, WRITTEN);
    EG_TRY(address_find(&endpoint, host, port, err));
    rest += size + (rest[size] == '/');
    if (*rest == '?') {
        if (strncmp(rest, "?interface=", 11) != 0)
            return eg_fail(err, EG_E_USAGE,
                           "'%s': '%.60s' is not understood here; only ?interface=NAME is",
                           endpoint.text, rest);
        interface = rest + 11;
    }
    if (interface && *interface) EG_TRY(interface_find(&endpoint, interface, err));
    *out = endpoint;
    return EG_OK;
}

void eg_sockaddr_split(const struct sockaddr_storage *from, struct eg_addr *address,
                       uint16_t *port) {
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
        memcpy(address->bytes, &v6->sin6_addr, sizeof address->bytes);
        *port = ntohs(v6->sin6_port);
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
        *address = eg_addr_v4(ntohl(v4->sin_addr.s_addr));
        *port = ntohs(v4->sin_port);
    }
}

enum eg_status eg_senders_parse(struct eg_senders *out, const struct eg_text_list *words,
                                struct eg_error *err) {
    struct eg_senders allow = {.entries = eg_calloc(words->count, sizeof *allow.entries)};
    if (!allow.entries) return eg_fail(err, EG_E_NOMEM, "no memory for the list of senders");
    for (; allow.count < words->count; allow.count++) {
        const char *word = words->items[allow.count];
        struct eg_sender *entry = &allow.entries[allow.count];
        if (eg_prefix_parse(&entry->prefix, &entry->bits, word, strlen(word))) continue;
        eg_free(allow.entries);
        return eg_fail(err, EG_E_USAGE,
                       "'%.60s' is no address or prefix of senders (192.0.2.7, 10.0.0.0/8, "
                       "2001:db8::/32)",
                       word);
    }
    *out = allow;
    return EG_OK;
}

void eg_senders_reset(struct eg_senders *allow) {
    eg_free(allow->entries);
    *allow = (struct eg_senders){0};
}
