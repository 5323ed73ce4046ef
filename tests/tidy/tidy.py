#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules as one test: prints `file:line: rule: remedy` for what breaks them, and a report
of sizes for people. Exceptions, each with its reason, stand in allow.txt."""
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SRC = ROOT / "src"
LEVELS = {"base": 0, "table": 1, "wire": 2, "filter": 2, "meter": 3, "match": 3, "source": 3, "sink": 3,
          "engine": 4, "store": 5, "query": 6, "server": 7, "cli": 8}
BANNED = r"\b(strcpy|strcat|sprintf|vsprintf|atoi|atol|strtok|gets|alloca)\s*\("
HEAP = r"\b(malloc|calloc|realloc|strdup|strndup|aligned_alloc|posix_memalign)\s*\("
LOUD = r"\b(exit|_exit|abort|printf|puts|putchar|fprintf)\s*\("
BYTES = r"\beg_load_(be|le)(16|32|64)\s*\("
NAMES = r"(^|_)(util|utils|helper|helpers|common|manager|misc|data|process|handle)(_|$)"
FILE_NAMED = re.compile(r"`([A-Za-z0-9./*][\w./*-]*\.(?:c|h|def|py))`")
MACHINE = r"((?<!self)/root/|/home/[a-z])"


class Tidy:
    """Collects what breaks a rule."""

    def __init__(self):
        self.problems = []
        self.allowed = {}
        for line in (ROOT / "tests/tidy/allow.txt").read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                place, rule, _reason = line.split(None, 2)
                self.allowed[(place, rule)] = False

    def say(self, path, line, rule, remedy):
        """Notes a problem, unless it is an exception with a reason."""
        name = str(path.relative_to(ROOT)) if isinstance(path, pathlib.Path) else path
        if (name, rule) in self.allowed:
            self.allowed[(name, rule)] = True
            return
        self.problems.append(f"{name}:{line}: {rule}: {remedy}")

    def finish(self):
        """Exceptions that nothing needs any more are problems too."""
        for (place, rule), used in self.allowed.items():
            if not used:
                self.problems.append(f"tests/tidy/allow.txt:0: unused: {place} {rule} breaks nothing; remove the line")


def tracked(*patterns):
    """Files git knows or would add."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT,
                         capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in out.splitlines() if (ROOT / line).is_file()]


def code_of(text):
    """The text with comments and string contents blanked, line by line."""
    text = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def room_rules(tidy):
    """Includes go down; a room's README says which, and says so truly."""
    for room, level in LEVELS.items():
        folder = SRC / room
        if not folder.exists():
            continue
        readme = folder / "README.md"
        if not readme.exists():
            tidy.say(folder / "README.md", 1, "readme", "every room has a page")
            continue
        match = re.search(r"^Includes:(.*)$", readme.read_text(encoding="utf-8"), re.M)
        if not match:
            tidy.say(readme, 1, "includes", "the page needs a line 'Includes: …'")
            continue
        named = {word.strip() for word in match.group(1).split(",") if word.strip()}
        used = set()
        for path in sorted(folder.glob("*.[ch]")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if not found:
                    continue
                target = found.group(1)
                if target.endswith(".c"):
                    tidy.say(path, number, "include-c", "a .c file is compiled, not included")
                other = target.split("/")[0]
                if "/" not in target or other == room:
                    continue
                if other not in LEVELS or LEVELS[other] >= level:
                    tidy.say(path, number, "level", f"{room} (level {level}) may not include {other}")
                used.add(other)
        for other in used - named:
            tidy.say(readme, 1, "includes", f"the room includes {other}, its page does not say so")
        for other in named:
            if other not in LEVELS or LEVELS[other] >= level:
                tidy.say(readme, 1, "includes", f"{other} does not stand below {room}")


def source_rules(tidy):
    """What no source file may do."""
    for path in tracked("src/*.c", "src/*.h", "src/*.def", "include/*.h"):
        text = path.read_text(encoding="utf-8")
        room = path.relative_to(SRC).parts[0] if SRC in path.parents else "include"
        code = code_of(text)
        for number, line in enumerate(code.splitlines(), 1):
            if re.search(BANNED, line):
                tidy.say(path, number, "banned-call", "use the bounded counterpart")
            if room != "base" and re.search(HEAP, line) and "eg_" not in line:
                tidy.say(path, number, "heap", "ask base/alloc.h")
            if room not in ("cli", "include") and re.search(LOUD, line) and "snprintf" not in line:
                tidy.say(path, number, "loud", "only cli prints or exits")
            if room not in ("base",) and re.search(BYTES, line):
                tidy.say(path, number, "bytes", "read outside bytes through a span or cursor")
            if re.match(r"\s*#\s*if(n?def)?\b", line) and path.suffix == ".c" and room not in ("base",) \
                    and path.name != "registry.c":
                tidy.say(path, number, "ifdef", "only base and registry.c know platforms")
        for word in re.split(r"[_.]", path.stem):
            if re.search(NAMES, word):
                tidy.say(path, 1, "name", f"'{word}' says nothing; name the idea")
        for found in re.finditer(r"^[a-z][\w \*]*?\b(\w+)\(", code, re.M):
            if re.search(NAMES, found.group(1)):
                tidy.say(path, code[:found.start()].count("\n") + 1, "name",
                         f"'{found.group(1)}' says nothing; name the idea")


def file_rules(tidy):
    """Licence lines, machine paths, words that promise later work."""
    here = pathlib.Path(__file__).resolve()
    for path in tracked():
        if path.suffix in (".pcap", ".pcapng", ".seq", ".bin", ".gz", ".zst", ".lz4", ".xz", ".parquet", ".png"):
            continue
        if "fuzz/seeds" in str(path):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix in (".c", ".h", ".def", ".py", ".sh", ".cmake") or path.name == "CMakeLists.txt" \
                or path.parent.name == "tools":
            if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.splitlines()[:3]):
                tidy.say(path, 1, "licence", "the first line is the SPDX line")
        if path == here:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(MACHINE, line) or str(ROOT) in line:
                tidy.say(path, number, "machine", "no path or host of one machine")
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                tidy.say(path, number, "later", "finish it, or file it where work is tracked")


def twin_rules(tidy):
    """Every source file has a unit test of its name."""
    for path in tracked("src/*/*.c"):
        room = path.parent.name
        if room == "cli":
            continue  # the verbs are tested through the program, in tests/system
        if not (ROOT / "tests/unit" / room / f"{path.stem}_test.c").exists():
            tidy.say(path, 1, "twin", f"tests/unit/{room}/{path.stem}_test.c is missing")


def public_rules(tidy):
    """The public header says of each function who owns, which thread, which errors, which source."""
    path = ROOT / "include/earlgrey.h"
    text = path.read_text(encoding="utf-8")
    comment = ""
    for match in re.finditer(r"/\*.*?\*/|^EG_API[^;]*;", text, re.M | re.S):
        if match.group().startswith("/*"):
            comment = match.group()
            continue
        for word in ("Ownership:", "Threads:", "Errors:", "Source:"):
            if word not in comment:
                tidy.say(path, text[:match.start()].count("\n") + 1, "contract", f"the comment lacks '{word}'")


# What the loader of programs would have kept had DuckDB been linked: written once, constant afterwards.
LOADED_LATE = {("duckdb_late.c.o", "eg_duckdb")}


def object_rules(tidy):
    """The library has no writable data of its own, and the shared object exports only eg_ names."""
    archive = ROOT / "build/release/libearlgrey_all.a"
    shared = ROOT / "build/release/libearlgrey.so"
    if not archive.exists() or not shared.exists():
        return
    listing = subprocess.run(["objdump", "-t", str(archive)], capture_output=True, text=True,
                             check=True).stdout
    member = ""
    for line in listing.splitlines():
        begins = re.match(r"(\S+\.o):\s+file format", line)
        if begins:
            member = begins.group(1)
        # value, flags with "O" for an object, section, size, name; .data.rel.ro is constant once linked
        found = re.match(r"[0-9a-f]+ .{5}[ d]O (\.data|\.bss|\.tdata|\.tbss|\*COM\*)(\.(?!rel\.ro)\S+)?\s+[0-9a-f]+ (\S+)$", line)
        if found and not found.group(3).startswith((".", "__")) and (member, found.group(3)) not in LOADED_LATE:
            tidy.say(f"object {member}", 0, "writable", f"{found.group(3)} is writable data; pass it in instead")
    names = subprocess.run(["nm", "-D", "--defined-only", str(shared)], capture_output=True, text=True,
                           check=True).stdout
    for line in names.splitlines():
        name = line.split()[-1].split("@")[0]
        if not name.startswith("eg_") and name != "EARLGREY_0":
            tidy.say("build/release/libearlgrey.so", 0, "export", f"{name} is no public name")


def header_rules(tidy):
    """Each header compiles alone."""
    made = ROOT / "build/release/made"
    for path in tracked("src/*.h", "include/*.h"):
        done = subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Iinclude", "-Isrc",
                               f"-I{made}", "-Ibuild/deps/duckdb", "-include", str(path), "-x", "c", "/dev/null"],
                              cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            tidy.say(path, 1, "alone", "the header does not compile alone: " +
                     done.stderr.splitlines()[0][-120:])


def docs_rules(tidy):
    """Links resolve; every decision and room is reachable from docs/internals/README.md."""
    for path in tracked("*.md"):
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r"\]\(([^)#\s]+)(#[^)]*)?\)", text):
            target = found.group(1)
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (path.parent / target).exists():
                tidy.say(path, text[:found.start()].count("\n") + 1, "link", f"{target} is not there")
    index = ROOT / "docs/internals/README.md"
    text = index.read_text(encoding="utf-8") if index.exists() else ""
    for path in [*tracked("docs/decisions/*.md"), *tracked("docs/internals/*.md")]:
        if path != index and path.name not in text:
            tidy.say(index, 1, "index", f"{path.relative_to(ROOT)} is not linked")
    for room in LEVELS:
        if (SRC / room).exists() and f"src/{room}/README.md" not in text:
            tidy.say(index, 1, "index", f"src/{room}/README.md is not linked")


def named_rules(tidy):
    """A room's page names all its source files (`dissect_*.c` is a name too), and files that pages name are
    there."""
    there = ["/" + str(path.relative_to(ROOT)) for path in tracked()]
    for room in LEVELS:
        page = SRC / room / "README.md"
        if not page.exists():
            continue
        names = FILE_NAMED.findall(page.read_text(encoding="utf-8"))
        for path in tracked(f"src/{room}/*.c"):
            if not any(fnmatch.fnmatch(path.name, name) for name in names):
                tidy.say(page, 1, "unnamed", f"{path.name} is in the room and not on its page")
    for page in tracked("src/*/README.md", "docs/internals/*.md", "CONTRIBUTING.md"):
        text = page.read_text(encoding="utf-8")
        for found in FILE_NAMED.finditer(text):
            name = found.group(1).removeprefix("..")
            if not any(fnmatch.fnmatch(path, "*/" + name.removeprefix("/")) for path in there):
                tidy.say(page, text[:found.start()].count("\n") + 1, "gone", f"{name} is not there")


def report():
    """Sizes, for people: nothing here fails."""
    sizes = sorted(((len(p.read_text(encoding="utf-8").splitlines()), p) for p in tracked("src/*.c", "src/*.h")),
                   reverse=True)
    if not sizes:
        return
    middle = sizes[len(sizes) // 2][0]
    print(f"report: {len(sizes)} source files, median {middle} lines; largest: " +
          ", ".join(f"{p.relative_to(ROOT)} {n}" for n, p in sizes[:5]))


def main():
    tidy = Tidy()
    for rule in (room_rules, source_rules, file_rules, twin_rules, public_rules, object_rules,
                 header_rules, docs_rules, named_rules):
        rule(tidy)
    tidy.finish()
    report()
    for problem in sorted(set(tidy.problems)):
        print(problem)
    print(json.dumps({"tidy": "clean" if not tidy.problems else f"{len(set(tidy.problems))} problems"}))
    return 1 if tidy.problems else 0


if __name__ == "__main__":
    sys.exit(main())
