# SPDX-License-Identifier: Apache-2.0
"""The house rules' own test: a rule that cannot fail is none. Each case breaks the house in one way, in
a copy, and the rule must say so."""
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

CASES = {
    "level": ("src/base/status.c", '#include "table/batch.h"\n'),
    "banned-call": ("src/table/tally.c", "void eg_bad(char *a, char *b);\nvoid eg_bad(char *a, char *b) { strcpy(a, b); }\n"),
    "heap": ("src/table/tally.c", "static void *x(void) { return malloc(3); }\n"),
    "loud": ("src/wire/netflow5.c", 'static void x(void) { printf("x"); }\n'),
    "bytes": ("src/wire/netflow5.c", "static int x(const unsigned char *p) { return eg_load_be16(p); }\n"),
    "ifdef": ("src/wire/netflow5.c", "#ifdef __linux__\n#endif\n"),
    "name": ("src/table/tally.c", "int eg_data_manager(void) { return 1; }\n"),
    "machine": ("docs/filter.md", "see " + "/ro" + "ot/x\n"),
    "later": ("docs/filter.md", "TO" + "DO: write\n"),
    "link": ("docs/filter.md", "[x](nowhere.md)\n"),
    "contract": ("include/earlgrey.h", "/* Nothing. */\nEG_API void eg_x(void);\n"),
    "unnamed": ("src/base/nowhere.c", "/* SPDX-License-Identifier: Apache-2.0 */\n"),
    "gone": ("docs/internals/pump.md", "`nowhere.c`\n"),
    "alone": ("src/table/tally.h", "struct eg_alone { eg_unknown_type x; };\n"),
}


@pytest.fixture(scope="module", name="tree")
def _tree(tmp_path_factory):
    tree = tmp_path_factory.mktemp("house") / "tree"
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                           check=True).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    (tree / "build" / "release").mkdir(parents=True)
    (tree / "build" / "deps").symlink_to(ROOT / "build" / "deps")
    (tree / "build" / "release" / "made").symlink_to(ROOT / "build" / "release" / "made")
    return tree


def run(tree):
    return subprocess.run([sys.executable, "tests/tidy/tidy.py"], cwd=tree, capture_output=True, text=True, check=False)


def test_the_house_is_clean(tree):
    done = run(tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("rule", sorted(CASES))
def test_a_broken_rule_is_named(tree, rule):
    name, text = CASES[rule]
    place = tree / name
    whole = place.read_text(encoding="utf-8") if place.exists() else None
    place.write_text((whole or "") + text, encoding="utf-8")
    try:
        done = run(tree)
        assert done.returncode == 1 and f": {rule}: " in done.stdout and name in done.stdout, done.stdout[-2000:]
    finally:
        if whole is None:
            place.unlink()
        else:
            place.write_text(whole, encoding="utf-8")
