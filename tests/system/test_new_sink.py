# SPDX-License-Identifier: Apache-2.0
"""A new sink is one new file and one line: null.c is copied to a new name, named in the registry,
built, and run. Whatever else it took would make this test fail."""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def test_copying_null_makes_a_sink(tmp_path, exports):
    tree = tmp_path / "tree"
    for name in ("CMakeLists.txt", "CMakePresets.json", "cmake", "include", "src", "bench"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("made", "results"))
        else:
            tree.mkdir(exist_ok=True)
            shutil.copy(source, tree / name)
    (tree / "tests" / "unit").mkdir(parents=True)
    for folder in ("unit", "conformance", "system"):
        (tree / "tests" / folder).mkdir(parents=True, exist_ok=True)
        (tree / "tests" / folder / "CMakeLists.txt").write_text("")
    (tree / "build").mkdir()
    (tree / "build" / "deps").symlink_to(ROOT / "build" / "deps")

    # the whole change:
    null = (tree / "src/sink/null.c").read_text()
    (tree / "src/sink/void.c").write_text(null.replace("sink_null", "sink_void").replace('"null"', '"void"'))
    with open(tree / "src/registry.def", "a", encoding="utf-8") as registry:
        registry.write("EG_STAGE(sink,    void,     sink/void.c,          CORE)\n")

    subprocess.run(["cmake", "--preset", "release"], cwd=tree, check=True, capture_output=True)
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", "earlgrey", "-j",
                    str(os.cpu_count())], cwd=tree, check=True, capture_output=True)
    program = tree / "build" / "release" / "earlgrey"
    done = subprocess.run([program, "ingest", exports[0], "--to", "void:"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "60,000 flows" in done.stderr
