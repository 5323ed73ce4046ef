# SPDX-License-Identifier: Apache-2.0
"""10,000 random filters, three answers: our evaluator on batches, our SQL in DuckDB, and the
evaluator below, which goes row by row over a tree that this test grew itself and only then wrote
down as text; it never sees what our parser makes of it. Nulls are everywhere.

Seed and count come from EG_FILTER_SEED and EG_FILTER_COUNT; a failure prints what repeats it."""
import datetime
import functools
import glob
import ipaddress
import os
import random
import re
import subprocess

import duckdb
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEED = int(os.environ.get("EG_FILTER_SEED", "1"))
COUNT = int(os.environ.get("EG_FILTER_COUNT", "10000"))
ROWS = 150

ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.1.2.3", "10.255.0.1", "192.168.1.1", "192.168.1.129",
             "255.255.255.255", "0.0.0.0", "2001:db8::1", "2001:db8:0:1::5", "::1", "::", "fe80::1",
             "ff02::fb"]
NETS = ["10.0.0.0/8", "10.0.0.0/30", "192.168.1.0/25", "0.0.0.0/0", "::/0", "2001:db8::/32",
        "2001:db8::/64", "fe80::/10", "10.1.2.3/32", "::1/128", "8000::/1", "0.0.0.0/1"]
NAMES = ["http", "https", "dns", "", "Ünï code", "it's", 'say "hi"', "a.b", "x\ty", "HTTP", "12",
         "back\\slash", "%like_", "line\nbreak"]
MACS = ["00:11:22:33:44:55", "aa:bb:cc:dd:ee:ff", "00:00:00:00:00:00"]
PROTOS = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58, "sctp": 132, "gre": 47}
EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
T0 = int(EPOCH.timestamp()) * 1000000

# name: (SQL type, values)
COLUMNS = {
    "start_time": ("TIMESTAMPTZ", lambda r: T0 + r.choice([0, 1, 500000, 1000000, 60000000])),
    "end_time": ("TIMESTAMPTZ", lambda r: T0 + r.choice([0, 1, 500000, 2000000, 90000000])),
    "src_ip": ("VARCHAR", lambda r: r.choice(ADDRESSES)),
    "dst_ip": ("VARCHAR", lambda r: r.choice(ADDRESSES)),
    "next_hop": ("VARCHAR", lambda r: r.choice(ADDRESSES)),
    "exporter": ("VARCHAR", lambda r: r.choice(ADDRESSES)),
    "src_port": ("INTEGER", lambda r: r.choice([0, 53, 80, 443, 1024, 65535])),
    "dst_port": ("INTEGER", lambda r: r.choice([0, 53, 80, 443, 1024, 65535])),
    "proto": ("SMALLINT", lambda r: r.choice([1, 6, 6, 17, 58, 132, 0, 255])),
    "packets": ("BIGINT", lambda r: r.choice([0, 1, 2, 10, 1000, 2 ** 40])),
    "bytes": ("BIGINT", lambda r: r.choice([0, 40, 64, 1500, 1000000, 1048576, 2 ** 50, 2 ** 63 - 1])),
    "tcp_flags": ("INTEGER", lambda r: r.choice([0, 2, 16, 18, 24, 27, 63, 4095])),
    "tos": ("SMALLINT", lambda r: r.choice([0, 8, 184, 255])),
    "src_as": ("BIGINT", lambda r: r.choice([0, 64512, 65000, 4294967295])),
    "dst_as": ("BIGINT", lambda r: r.choice([0, 64512, 65000, 4294967295])),
    "vlan": ("INTEGER", lambda r: r.choice([0, 1, 100, 4095])),
    "in_if": ("BIGINT", lambda r: r.choice([1, 2, 3])),
    "out_if": ("BIGINT", lambda r: r.choice([1, 2, 3])),
    "rtt_us": ("BIGINT", lambda r: r.choice([0, 500, 1000, 250000])),
    "src_mac": ("VARCHAR", lambda r: r.choice(MACS)),
    "dst_mac": ("VARCHAR", lambda r: r.choice(MACS)),
    "application": ("VARCHAR", lambda r: r.choice(NAMES)),
    "mpls_labels": ("VARCHAR", lambda r: r.choice(NAMES)),
    "initiator": ("BOOLEAN", lambda r: r.random() < 0.5),
}
WHOLE = ["src_port", "dst_port", "proto", "packets", "bytes", "tcp_flags", "tos", "src_as", "dst_as",
         "vlan", "in_if", "out_if", "rtt_us"]
ADDRS = ["src_ip", "dst_ip", "next_hop", "exporter"]
TEXTS = ["application", "mpls_labels"]
MAXIMA = {"src_port": 65535, "dst_port": 65535, "proto": 255, "tcp_flags": 4095, "tos": 255,
          "vlan": 4095, "src_as": 2 ** 32 - 1, "dst_as": 2 ** 32 - 1}
ALIASES = {"src_ip": ["source.ip", "sa", "ip.src", "SRC_IP", "srcAddress"], "dst_ip": ["destination.ip", "da"],
           "src_port": ["source.port", "sp", "Src_Port"], "dst_port": ["destination.port", "dport"],
           "bytes": ["network.bytes", "octets", "byt"], "proto": ["network.iana_number", "protocol"],
           "start_time": ["event.start"], "src_as": ["source.as.number"], "exporter": ["observer.ip"]}


# ---- SQL's logic, written out ----

def land(values):
    values = list(values)
    return False if False in values else None if None in values else True


def lor(values):
    values = list(values)
    return True if True in values else None if None in values else False


def lnot(value):
    return None if value is None else not value


OPS = {"=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
       "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}
SPELLINGS = {"=": ["=", "==", " eq "], "!=": ["!=", "<>", " ne "], "<": ["<", " lt "], "<=": ["<="],
             ">": [">", " gt "], ">=": [">=", " ge "]}


def compare(op, a, b):
    return None if a is None or b is None else OPS[op](a, b)


@functools.lru_cache(None)
def in_net(address, net):
    address, net = ipaddress.ip_address(address), ipaddress.ip_network(net, strict=False)
    return address.version == net.version and address in net


def duration(row):
    if row["start_time"] is None or row["end_time"] is None:
        return None
    return row["end_time"] - row["start_time"]


def rate(row, column, factor):
    span = duration(row)
    if span is None or span <= 0 or row[column] is None:
        return None
    return float(row[column]) * factor / float(span)


MADE = {
    "duration": duration,
    "pps": lambda row: rate(row, "packets", 1e6),
    "bps": lambda row: rate(row, "bytes", 8e6),
    "bpp": lambda row: None if row["bytes"] is None or not row["packets"] else
    float(row["bytes"]) / float(row["packets"]),
}


def field(name):
    return MADE.get(name) or (lambda row: row[name])


# ---- leaves: (text, function of a row) ----

def name_of(r, column):
    return r.choice(ALIASES[column]) if column in ALIASES and r.random() < 0.25 else column


def number_text(r, value, column=None):
    forms = [str(value)]
    if value >= 0:
        forms.append(hex(value) if value < 2 ** 59 else str(value))
    for suffix, factor in (("k", 1000), ("M", 1000000), ("Ki", 1024), ("Mi", 1048576)):
        if value and value % factor == 0:
            forms.append(f"{value // factor}{suffix}")
    if column == "proto":
        forms += [name for name, number in PROTOS.items() if number == value]
    if column == "tcp_flags" and value in (2, 16, 18):
        forms.append({2: "S", 16: "a", 18: "SA"}[value])
    if column == "rtt_us":
        forms.append(f"{value}us")
    return r.choice(forms)


def some_number(r, column):
    value = COLUMNS[column][1](r) + r.choice([0, 0, 0, 1, -1])
    return max(0, min(value, MAXIMA.get(column, 2 ** 62)))


def quoted(r, text):
    quote = r.choice("'\"")
    return quote + text.replace(quote, quote * 2) + quote


def leaf_whole(r):
    column = r.choice(WHOLE)
    op = r.choice(list(OPS))
    value = some_number(r, column)
    text = f"{name_of(r, column)}{r.choice(SPELLINGS[op])}{number_text(r, value, column)}"
    return text, lambda row: compare(op, row[column], value)


def number_list(r, column):
    items, texts = [], []
    for _ in range(r.choice([1, 1, 2, 3, 5, 9])):
        a, b = sorted((some_number(r, column), some_number(r, column)))
        if r.random() < 0.6:
            b = a
        items.append((a, b))
        joint = r.choice(["..", "-", " .. "])
        texts.append(number_text(r, a, column) if a == b else f"{a}{joint}{b}")
    opening, closing = r.choice(["()", "[]"])
    return items, opening + r.choice([", ", ",", " "]).join(texts) + closing


def leaf_list(r):
    column = r.choice(WHOLE)
    items, text = number_list(r, column)
    negate = r.random() < 0.3

    def holds(row):
        value = row[column]
        if value is None:
            return None
        return any(a <= value <= b for a, b in items) != negate
    return f"{name_of(r, column)} {'not ' if negate else ''}in {text}", holds


def leaf_port(r):
    items, text = number_list(r, "src_port")
    side = r.choice(["", "src ", "dst ", "src or dst ", "src and dst "])
    columns = {"src ": ["src_port"], "dst ": ["dst_port"]}.get(side, ["src_port", "dst_port"])
    negate = r.random() < 0.3

    def one(row, column):
        value = row[column]
        return None if value is None else any(a <= value <= b for a, b in items)

    def holds(row):
        values = [one(row, column) for column in columns]
        if side == "src and dst ":
            return land(map(lnot, values)) if negate else land(values)
        return lnot(lor(values)) if negate else lor(values)
    prefix = r.choice(["", "", "tcp ", "udp "])
    word = f"{prefix}{side}port {'not in ' if negate else r.choice(['', 'in '])}{text}"
    if not prefix:
        return word, holds
    return word, lambda row: land([compare("=", row["proto"], PROTOS[prefix.strip()]), holds(row)])


def leaf_host(r):
    side = r.choice(["", "src ", "dst "])
    columns = {"src ": ["src_ip"], "dst ": ["dst_ip"]}.get(side, ["src_ip", "dst_ip"])
    wanted = [r.choice(ADDRESSES + NETS) for _ in range(r.choice([1, 1, 1, 2, 4, 8]))]
    negate = r.random() < 0.2

    def one(row, column):
        value = row[column]
        if value is None:
            return None
        return any(in_net(value, item) if "/" in item else value == item for item in wanted)

    def holds(row):
        value = lor(one(row, column) for column in columns)
        return lnot(value) if negate else value
    if len(wanted) == 1 and not negate and r.random() < 0.7:
        word = "net" if "/" in wanted[0] else r.choice(["host", "ip"])
        return f"{side}{word} {wanted[0]}", holds
    return f"{side}ip {'not in' if negate else 'in'} ({', '.join(wanted)})", holds


def leaf_address(r):
    column = r.choice(ADDRS)
    item = r.choice(ADDRESSES + NETS)
    op = r.choice(["=", "!="])

    def holds(row):
        value = row[column]
        if value is None:
            return None
        return (in_net(value, item) if "/" in item else value == item) == (op == "=")
    return f"{name_of(r, column)} {op} {item}", holds


def leaf_null(r):
    column = r.choice(list(COLUMNS) + list(MADE))
    get = field(column)
    form = r.choice([f"{column} is null", f"{column} is not null", f"exists {column}",
                     f"exists({column})"])
    wants_null = form.endswith("is null")
    return form, lambda row: (get(row) is None) == wants_null


def leaf_text(r):
    column = r.choice(TEXTS)
    kind = r.random()
    if kind < 0.5:
        op = r.choice(list(OPS))
        value = r.choice(NAMES)
        return (f"{column} {op} {quoted(r, value)}",
                lambda row: None if row[column] is None else
                OPS[op](row[column].encode(), value.encode()))
    values = [r.choice(NAMES) for _ in range(r.choice([1, 2, 5]))]
    negate = r.random() < 0.4
    text = ", ".join(quoted(r, value) for value in values)
    return (f"{column} {'not in' if negate else 'in'} ({text})",
            lambda row: None if row[column] is None else (row[column] in values) != negate)


def pattern(r, depth=0):
    """(our syntax, Python's syntax)"""
    atoms = [("h", "h"), ("t", "t"), (".", "[^\n]"), ("[a-z]", "[a-z]"), ("[^a-p]", "[^a-p]"),
             ("\\.", "\\."), ("\\d", "[0-9]"), ("\\w", "[0-9A-Za-z_]"), ("Ü", "Ü"), ("ï", "ï"),
             ("[[:upper:]]", "[A-Z]"), (" ", " "), ("\\\\", "\\\\"), ("\"", "\""), ("'", "'"),
             ("[Ü-ü]", "[Ü-ü]"), ("\\W", "[^0-9A-Za-z_]"), ("[\\-\\]x]", "[\\-\\]x]"), ("%", "%")]
    parts = []
    for _ in range(r.choice([1, 1, 2, 3])):
        ours, theirs = r.choice(atoms)
        if depth < 2 and r.random() < 0.2:
            inner = [pattern(r, depth + 1) for _ in range(r.choice([1, 2]))]
            ours = "(" + "|".join(a for a, _ in inner) + ")"
            theirs = "(?:" + "|".join(b for _, b in inner) + ")"
        repeat = r.choice(["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "{2,3}"])
        parts.append((ours + repeat, theirs + repeat))
    ours, theirs = "".join(a for a, _ in parts), "".join(b for _, b in parts)
    if r.random() < 0.25:
        ours, theirs = "^" + ours, r"\A" + theirs
    if r.random() < 0.25:
        ours, theirs = ours + "$", theirs + r"\Z"
    return ours, theirs


def leaf_match(r):
    column = r.choice(TEXTS)
    ours, theirs = pattern(r)
    compiled = re.compile(theirs, re.ASCII)
    negate = r.random() < 0.3
    return (f"{column} {'!~' if negate else '~'} {quoted(r, ours)}",
            lambda row: None if row[column] is None else
            (compiled.search(row[column]) is not None) != negate)


def leaf_duration(r):
    op = r.choice(list(OPS))
    value, text = r.choice([(0, "0"), (0, "0s"), (500000, "500ms"), (1000000, "1s"),
                            (1500000, "1.5s"), (60000000, "1m"), (1, "1us")])
    return f"duration {op} {text}", lambda row: compare(op, duration(row), value)


def leaf_rate(r):
    name = r.choice(["pps", "bps", "bpp"])
    op = r.choice(list(OPS))
    value, text = r.choice([(0.0, "0"), (1e6, "1M"), (1.5, "1.5"), (8000.0, "8k"), (40.0, "40"),
                            (1500.0, "1500"), (1e-3, "1e-3"), (5.12e8, "5.12e8"), (1048576.0, "1Mi")])
    if r.random() < 0.25:
        return (f"{name} in ({text}, 40..1500)",
                lambda row: None if MADE[name](row) is None else
                MADE[name](row) == value or 40 <= MADE[name](row) <= 1500)
    return f"{name} {op} {text}", lambda row: compare(op, MADE[name](row), value)


def leaf_time(r):
    column = r.choice(["start_time", "end_time"])
    op = r.choice(list(OPS))
    offset = r.choice([0, 1, 500000, 1000000, 60000000, -1])
    moment = EPOCH + datetime.timedelta(microseconds=offset)
    text = r.choice([moment.strftime("'%Y-%m-%dT%H:%M:%S.%fZ'"), moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                     moment.strftime('"%Y-%m-%d %H:%M:%S.%f"')])
    return f"{column} {op} {text}", lambda row: compare(op, row[column], T0 + offset)


def leaf_columns(r):
    group = r.choice([WHOLE + ["duration", "pps", "bps", "bpp"], ["start_time", "end_time"], ADDRS,
                      TEXTS, ["src_mac", "dst_mac"]])
    a, b = r.choice(group), r.choice(group)
    op = r.choice(["=", "!="] if group is ADDRS or group[0] == "src_mac" else list(OPS))
    left, right = field(a), field(b)

    def holds(row):
        x, y = left(row), right(row)
        if x is None or y is None:
            return None
        if isinstance(x, str):
            x, y = x.encode(), y.encode()
        if isinstance(x, float) or isinstance(y, float):
            x, y = float(x), float(y)
        return OPS[op](x, y)
    return f"{a} {op} {b}", holds


def leaf_flags(r):
    letters = r.choice(["S", "A", "SA", "F", "R", "UAPRSF", "sa", "X", "E", "CN"])
    bits = sum({1 << "FSRPAUECN".index(letter) for letter in letters.upper() if letter != "X"})
    bits |= 0x3f if "X" in letters else 0
    return f"flags {letters}", lambda row: compare("=", None if row["tcp_flags"] is None
                                                   else row["tcp_flags"] & bits, bits)


def leaf_mask(r):
    column = r.choice(["tcp_flags", "tos", "bytes"])
    bits, want = r.choice([1, 2, 18, 252]), r.choice([0, 2, 16, 18, 184])
    op = r.choice(["=", "!=", "<"])
    return (f"{column} & {r.choice([hex(bits), str(bits)])} {op} {want}",
            lambda row: compare(op, None if row[column] is None else row[column] & bits, want))


def leaf_word(r):
    kind = r.randrange(10)
    if kind == 0:
        name = r.choice(list(PROTOS))
        return r.choice([name, name.upper(), f"proto {name}"]), \
            lambda row: compare("=", row["proto"], PROTOS[name])
    if kind == 1:
        number = some_number(r, "src_as")
        return f"as {number}", lambda row: lor(compare("=", row[c], number)
                                               for c in ("src_as", "dst_as"))
    if kind == 2:
        number = some_number(r, "in_if")
        return f"if {number}", lambda row: lor(compare("=", row[c], number)
                                               for c in ("in_if", "out_if"))
    if kind == 3:
        column, number = r.choice(["in_if", "out_if"]), some_number(r, "in_if")
        return f"{column[:-3]} if {number}", lambda row: compare("=", row[column], number)
    if kind == 4:
        word, net = r.choice([("ip", "0.0.0.0/0"), ("ipv4", "0.0.0.0/0"), ("ip6", "::/0")])
        return word, lambda row: None if row["src_ip"] is None else in_net(row["src_ip"], net)
    if kind == 5:
        want = r.random() < 0.5
        text = r.choice([f"initiator = {str(want).lower()}", f"initiator != {str(not want).lower()}"])
        return text, lambda row: compare("=", row["initiator"], want)
    if kind == 6:
        mac = r.choice(MACS)
        return f"mac {mac}", lambda row: lor(compare("=", row[c], mac)
                                             for c in ("src_mac", "dst_mac"))
    if kind == 7:
        return r.choice(["vlan", "exists vlan"]), lambda row: row["vlan"] is not None
    if kind == 8:
        address = r.choice(ADDRESSES)
        return f"router ip {address}", lambda row: compare("=", row["exporter"], address)
    return r.choice(["any", "initiator"]), None


def leaf_any(r):
    make = r.choice([leaf_whole, leaf_list, leaf_port, leaf_host, leaf_address, leaf_null, leaf_text,
                     leaf_match, leaf_duration, leaf_rate, leaf_time, leaf_columns, leaf_flags,
                     leaf_mask, leaf_word])
    text, holds = make(r)
    if holds is None:
        holds = (lambda row: True) if text == "any" else (lambda row: row["initiator"])
    return text, holds


# ---- trees: (text, strength, function); strength 0 or, 1 and, 2 a unit ----

def tree(r, depth):
    if depth == 0 or r.random() < 0.3:
        text, holds = leaf_any(r)
        return text, 2, holds
    kind = r.choice(["and", "or", "not"])
    if kind == "not":
        text, strength, holds = tree(r, depth - 1)
        if strength < 2 or r.random() < 0.3:
            text = f"({text})"
        return r.choice(["not ", "! ", "NOT "]) + text, 2, lambda row: lnot(holds(row))
    kids = [tree(r, depth - 1) for _ in range(r.choice([2, 2, 3]))]
    level = kind == "and"
    texts = [f"({t})" if s < level or r.random() < 0.2 else t for t, s, _ in kids]
    sign = r.choice([" and ", " && ", " AND "] if level else [" or ", " || ", " OR -- a remark\n"])
    functions = [f for _, _, f in kids]
    combine = land if level else lor
    return sign.join(texts), int(level), lambda row: combine(f(row) for f in functions)


# ---- the three evaluators ----

def program():
    given = os.environ.get("EG_FILTER_ROWS")
    found = [given] if given else sorted(
        glob.glob(os.path.join(ROOT, "build", "*", "tests", "system", "filter_rows")),
        key=os.path.getmtime)
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail("filter_rows is not built")
        pytest.skip("filter_rows is not built (cmake --build … --target filter_rows)")
    return found[-1]


def escape(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def cell(value):
    if value is None:
        return "\\N"
    return str(int(value)) if isinstance(value, bool) else escape(str(value))


def run_ours(rows, filters, capacity):
    lines = ["\t".join(COLUMNS)] + ["\t".join(cell(row[c]) for c in COLUMNS) for row in rows]
    text = "\n".join(lines) + "\n\n" + "".join(escape(f) + "\n" for f in filters)
    done = subprocess.run([program(), "flows", str(capacity)], input=text.encode(),
                          stdout=subprocess.PIPE, check=True, timeout=120)
    # SQL may hold newlines: an answer begins where a line begins with its kind
    answers = re.split(r"^(?=rows\t|error\t)", done.stdout.decode(), flags=re.M)[1:]
    assert len(answers) == len(filters)
    return answers


def parse_answer(answer):
    kind, rest = answer.split("\t", 1)
    assert kind == "rows", answer
    selected, rest = rest.split("\t", 1)
    sql, normal = rest.rstrip("\n").rsplit("\x1f", 1)
    return [int(n) for n in selected.split(",")] if selected else [], sql, normal


def database(rows):
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone='UTC'")
    connection.create_function("in_subnet", in_net, ["VARCHAR", "VARCHAR"], "BOOLEAN")
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    connection.execute(f"CREATE TABLE flows (i INTEGER, {columns})")
    slots = ", ".join("make_timestamp(?::BIGINT) AT TIME ZONE 'UTC'" if kind == "TIMESTAMPTZ" else "?"
                      for kind, _ in COLUMNS.values())
    for i, row in enumerate(rows):
        connection.execute(f"INSERT INTO flows VALUES (?, {slots})", [i, *row.values()])
    return connection


def run_sql(connection, conditions):
    """Many at once: parsing and planning is what a query costs here."""
    lists = ", ".join(f"list(i ORDER BY i) FILTER (WHERE {sql})" for sql in conditions)
    return [found or [] for found in connection.execute(f"SELECT {lists} FROM flows").fetchone()]


def make_rows(r):
    return [{name: None if r.random() < 0.15 else make(r) for name, (_, make) in COLUMNS.items()}
            for _ in range(ROWS)]


def test_three_evaluators_agree():
    r = random.Random(SEED)
    rows = make_rows(r)
    filters = [tree(r, r.choice([0, 1, 2, 3])) for _ in range(COUNT)]
    texts = [text for text, _, _ in filters]
    answers = [parse_answer(answer) for answer in run_ours(rows, texts, 4096)]
    again = [parse_answer(answer) for answer in run_ours(rows, texts, 7)]
    connection = database(rows)
    selected = 0
    for begin in range(0, COUNT, 40):
        group = range(begin, min(begin + 40, COUNT))
        from_sql = run_sql(connection, [answers[n][1] for n in group])
        for n, sql_rows in zip(group, from_sql):
            text, _, holds = filters[n]
            expected = [i for i, row in enumerate(rows) if holds(row) is True]
            told = f"EG_FILTER_SEED={SEED}, filter {n}: {text}\nSQL: {answers[n][1]}"
            assert answers[n][0] == expected, f"our evaluator differs; {told}"
            assert again[n][0] == expected, f"it differs with batches of 7 rows; {told}"
            assert sql_rows == expected, f"the SQL differs; {told}"
            selected += len(expected)
    # a test in which everything or nothing is selected would prove nothing
    assert 0.1 < selected / (COUNT * ROWS) < 0.9


def test_normal_forms_select_the_same():
    r = random.Random(SEED + 1)
    rows = make_rows(r)
    texts = [tree(r, 3)[0] for _ in range(min(COUNT, 2000))]
    first = [parse_answer(answer) for answer in run_ours(rows, texts, 64)]
    second = [parse_answer(answer) for answer in run_ours(rows, [f[2] for f in first], 64)]
    for text, a, b in zip(texts, first, second):
        assert a == b, text


def test_the_page_tells_the_truth():
    """Each line of docs/filter.md's blocks is a filter of that table."""
    page = open(os.path.join(ROOT, "docs", "filter.md"), encoding="utf-8").read()
    blocks = re.findall(r"^```filter *(\w*)\n(.*?)^```", page, flags=re.M | re.S)
    assert len(blocks) >= 6
    for table, block in blocks:
        filters = block.splitlines()
        done = subprocess.run([program(), table or "flows", "1"], timeout=60, check=True,
                              input=("bytes\n\n" if not table else "length\n\n").encode() +
                              "".join(escape(f) + "\n" for f in filters).encode(),
                              stdout=subprocess.PIPE)
        answers = done.stdout.decode().splitlines()
        assert [a for a in answers if not a.startswith("rows\t")] == []
        assert len(answers) == len(filters)


# ---- the program: captures filtered while they are decoded, and by SQL afterwards ----

def sampled(rows):
    """COLUMNS with values that occur in these rows, so that random filters select some."""
    columns = dict(COLUMNS)
    for name, (kind, make) in COLUMNS.items():
        found = sorted({row[name] for row in rows if row.get(name) is not None})
        if found and name in WHOLE + ADDRS + TEXTS:
            columns[name] = (kind, lambda r, found=found: r.choice(found))
    return columns


def both_ways(earlgrey, function, path, table, filters):
    """Per filter: (what read_…(filter := …) gives, what its SQL gives)."""
    done = subprocess.run([program(), table, "1"], check=True, stdout=subprocess.PIPE, timeout=60,
                          input=b"proto\n\n" + "".join(escape(f) + "\n" for f in filters).encode())
    answers = re.split(r"^(?=rows\t|error\t)", done.stdout.decode(), flags=re.M)[1:]
    conditions = [parse_answer(answer)[1] for answer in answers]
    what = "count(*) || ' ' || coalesce(sum(src_port), 0) || ' ' || coalesce(min(src_ip), '')"
    results = []
    for begin in range(0, len(filters), 10):
        parts = []
        for n in range(begin, min(begin + 10, len(filters))):
            quote = filters[n].replace("'", "''")
            parts.append(f"(SELECT {what} FROM {function}('{path}', filter := '{quote}')) AS a{n}")
            parts.append(f"(SELECT {what} FROM {function}('{path}') WHERE {conditions[n]}) AS b{n}")
        row = earlgrey.rows("sql", "SELECT " + ", ".join(parts), cwd=os.path.dirname(path))[0]
        results += [(row[f"a{n}"], row[f"b{n}"]) for n in range(begin, min(begin + 10, len(filters)))]
    return results


def test_flows_of_a_capture(earlgrey, exports, monkeypatch):
    path = exports[0]
    rows = earlgrey.rows("flows", "-r", path, "--fields", "all", "-n", "300")
    columns = sampled(rows)
    addresses = columns["src_ip"][1]
    r = random.Random(SEED)
    some = [addresses(r) for _ in range(8)]
    monkeypatch.setattr("%s.COLUMNS" % __name__, columns)
    monkeypatch.setattr("%s.ADDRESSES" % __name__, some)
    monkeypatch.setattr("%s.NETS" % __name__, [f"{a}/{n}" for a in some for n in (8, 16, 24)])
    filters = [tree(r, r.choice([0, 1, 2]))[0] for _ in range(100)]
    results = both_ways(earlgrey, "read_flows", path, "flows", filters)
    for text, (decoded, queried) in zip(filters, results):
        assert decoded == queried, text
    assert len({decoded for decoded, _ in results}) > 30


def test_packets_of_a_capture(earlgrey, packets):
    filters = ["tcp", "not tcp", "flags S and not flags A", "port 80 or 443", "ip", "ip6", "ttl < 64",
               "bytes > 100", "length = captured", "payload_length = 0 and tcp", "src net 10",
               "dont_fragment", "not more_fragments", "tcp_window > 1000 and tcp_seq < 0x80000000",
               "time < now and time > '2000-01-01'", "interface is null", "icmp and icmp-type 8",
               "offset > 1000", "src_mac = dst_mac", "src_port > dst_port", "file ~ 'made'",
               "ip_id & 1 = 1", "vlan", "not vlan", "source = packet"]
    results = both_ways(earlgrey, "read_packets", packets[0], "packets", filters)
    for text, (decoded, queried) in zip(filters, results):
        assert decoded == queried, text
    assert len({decoded for decoded, _ in results}) > 10
