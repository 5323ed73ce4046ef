/* SPDX-License-Identifier: Apache-2.0
 * Names of link types, for people. */
#include "cli/link_name.h"

#include <pcap/pcap.h>

const char *eg_link_name(int32_t type) {
    switch (type) {
    case 1: return "Ethernet";
    case 9:
    case 50: return "PPP";
    case 100: return "ATM_RFC1483";
    case 101: return "RAW";
    case 102: return "SLIP_BSDOS";
    case 103: return "PPP_BSDOS";
    case 113: return "SLL";
    case 276: return "SLL2";
    default: return pcap_datalink_val_to_name(type);
    }
}
