# SPDX-License-Identifier: Apache-2.0
"""What the program shows on a terminal."""
import fcntl
import os
import pty
import struct
import subprocess
import termios

from conftest import EARLGREY


def shown(program, *words, columns=80, lines=40, errors=False, code=None):
    """The bytes that a terminal of so many columns and lines gets, without colours and progress; `errors`: standard
    error's too; `code`: how it must end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    env = {"PATH": os.environ["PATH"], "HOME": str(program.home), "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm"}
    command = [str(EARLGREY), *words, "--color", "never", "--progress", "never"]
    with subprocess.Popen(command, cwd=program.home, env=env, stdin=subprocess.DEVNULL, stdout=theirs,
                          stderr=theirs if errors else subprocess.DEVNULL) as run:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            seen += part
        assert run.wait(60) == code or code is None
    os.close(ours)
    return seen
