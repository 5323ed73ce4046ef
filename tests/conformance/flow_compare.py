# SPDX-License-Identifier: Apache-2.0
"""Comparing our rows with somebody's records, both as dictionaries of texts under our column names,
and holding what differs against a table of reasons."""
import collections
import ipaddress

KEY = ("src_ip", "dst_ip", "src_port", "dst_port", "proto")
FLAGS = "CEUAPRSF"


def pairs(rows, records, keys):
    """Each record with a row of the same key, in order; and how many of either found none."""
    names = [name for name in keys if any(name in record for record in records)]
    waiting = collections.defaultdict(collections.deque)
    for row in rows:
        waiting[tuple(row[name] for name in names)].append(row)
    matched, alone = [], 0
    for record in records:
        found = waiting[tuple(record.get(name, "") for name in names)]
        if found:
            matched.append((found.popleft(), record))
        else:
            alone += 1
    return matched, alone, sum(len(rest) for rest in waiting.values())


def differences(rows, records, keys=KEY):
    """{field: an example} of what differs; `records` stands for their number. Without keys, records
    and rows belong together by their order."""
    found = {}
    if keys is None:
        matched = list(zip(rows, records))
        if len(rows) != len(records):
            found["records"] = f"{len(rows)} rows, {len(records)} records"
    else:
        matched, alone, left = pairs(rows, records, keys)
        if alone or left:
            found["records"] = f"{alone} of {len(records)} records have no row, {left} of " \
                               f"{len(rows)} rows no record"
    for row, record in matched:
        for name, theirs in record.items():
            if str(theirs) != row[name]:
                found.setdefault(name, f"ours {row[name]!r}, theirs {str(theirs)!r}")
    return found


class Opinions:
    """What others say of the cases: `of` answers the differences of (who, case), or None where that
    one has no result of it. `reasons` are {(who, case, field): why theirs is not ours}; a case or a
    field may be "*"."""

    def __init__(self, reasons):
        self.reasons = reasons
        self.askers = {}
        self.answers = {}

    def ask(self, who, function):
        self.askers[who] = function

    def of(self, who, case, *context):
        if (who, case) not in self.answers:
            self.answers[who, case] = self.askers[who](case, *context)
        return self.answers[who, case]

    def reason(self, who, case, field):
        """The key of the reason that applies, the most special first."""
        for key in ((who, case, field), (who, case, "*"), (who, "*", field)):
            if key in self.reasons:
                return key
        return None

    def check(self, who, case, *context):
        """Everything that differs has a reason."""
        found = self.of(who, case, *context) or {}
        unexplained = {field: example for field, example in found.items()
                       if not self.reason(who, case, field)}
        assert not unexplained, unexplained

    def unused(self, cases, *context):
        """Reasons for differences that are none (any more)."""
        used = {self.reason(who, case, field) for who in self.askers for case in cases
                for field in self.of(who, case, *context) or {}}
        return sorted(key for key in self.reasons if key[0] in self.askers and key not in used)


def address(text):
    """As we write it: IPv4 plain, IPv6 canonical; nothing for the unspecified one."""
    value = ipaddress.ip_address(text)
    value = getattr(value, "ipv4_mapped", None) or value
    return "" if int(value) == 0 else str(value)


def mac(number):
    return ":".join(f"{number >> shift & 255:02x}" for shift in range(40, -8, -8))


def nfdump_flags(text):
    return sum(1 << FLAGS[::-1].index(letter) for letter in text if letter in FLAGS)


def known(value, *nothing):
    """The value as text, or nothing where it means that it is not known."""
    return "" if value in nothing else str(value)
