# SPDX-License-Identifier: Apache-2.0
"""A disk of a few megabytes, for tests that fill one."""
import contextlib
import os
import subprocess

import pytest


@contextlib.contextmanager
def mounted(place, size):
    """A disk of this size at `place`; skipped where none may be mounted (for root in CI that is a failure)."""
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail(f"cannot mount a tmpfs: {done.stderr}")
        pytest.skip("a small disk cannot be mounted here (root is needed)")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def resize(place, size):
    """The same disk with more room, or less."""
    subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)
