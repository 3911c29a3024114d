"""The walls around an office program, put up by the process that then becomes it.

`python -m documents.extraction.office_cage FOLDER SECONDS MEMORY OUTPUT PROGRAM…`. A program of that
size cannot live under the filter that our own parsers have: it starts others and writes files. So it
has other walls: no network (a namespace of its own), no files but the system's to read and its one
folder to write (Landlock, so that a document that names the vault's files gets nothing), which is its
/tmp as well (such programs put a socket there), and limits on time, memory and what it writes. Where the
first two do not hold, it is not started.
"""

import ctypes
import os
import resource
import struct
import sys
from pathlib import Path

from documents.extraction import cage

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_ASKED, BENEATH = 1, 1
# Of linux/landlock.h: run, write, read a file, list a folder; then what makes, removes, renames and cuts.
RUN, WRITE, READ, LIST = 1, 2, 4, 8
ALL_OF_FIRST = (1 << 13) - 1
REFER, CUT = 1 << 13, 1 << 14
NETWORK_BIND_CONNECT = 3
# What programs of a system need to start at all. Nothing of any person or service lies here.
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/opt", "/etc/fonts", "/etc/ld.so.cache", "/etc/libreoffice",
          "/etc/alternatives", "/etc/localtime", "/var/cache/fontconfig", "/nix/store", "/snap")  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x00020000, 4096, 16384, 1 << 18
TMP = Path("/tmp")  # noqa: S108 (the one that is put away)
OPEN_FILES = 512
NO_WALLS = 97

_libc = ctypes.CDLL(None, use_errno=True)


def leave(folder: Path) -> bool:
    """Into a network where there is nothing, with the folder in place of /tmp. Answers whether the first holds."""
    if _libc.unshare(cage.CLONE_NEWUSER | cage.CLONE_NEWNET | CLONE_NEWNS):
        return cage.leave_network()
    within = folder.relative_to(TMP) if folder.is_relative_to(TMP) else None
    if within is not None:  # it is to be found by its own name all the same
        (folder / within).mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_PATH)
    if not _libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
        here = f"/proc/self/fd/{handle}".encode()
        if not _libc.mount(here, bytes(TMP), None, MS_BIND, None) and within is not None:
            _libc.mount(here, bytes(TMP / within), None, MS_BIND, None)
    os.close(handle)
    return True


def abi() -> int:
    """Which Landlock the kernel has; 0 for none."""
    return max(0, int(_libc.syscall(CREATE_RULESET, None, 0, VERSION_ASKED)))


def see_only(folder: Path, also: list[Path]) -> bool:
    """From now on this process and its children reach the system's files, and one folder to write in."""
    version = abi()
    if not version:
        return False
    files = ALL_OF_FIRST | (REFER if version >= 2 else 0) | (CUT if version >= 3 else 0)
    rules = struct.pack("QQ", files, NETWORK_BIND_CONNECT if version >= 4 else 0)[: 16 if version >= 4 else 8]
    ruleset = int(_libc.syscall(CREATE_RULESET, rules, len(rules), 0))
    if ruleset < 0:
        return False
    for path in (*map(Path, SYSTEM), *also):
        _allow(ruleset, path, RUN | READ | LIST)
    for path in map(Path, DEVICES):
        _allow(ruleset, path, READ | WRITE)
    _allow(ruleset, folder, files & ~RUN)
    if _libc.prctl(cage.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    holds = int(_libc.syscall(RESTRICT_SELF, ruleset, 0)) == 0
    os.close(ruleset)
    return holds


def _allow(ruleset: int, path: Path, what: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not path.is_dir():
        what &= RUN | WRITE | READ
    _libc.syscall(ADD_RULE, ruleset, BENEATH, struct.pack("=Qi", what, handle), 0)
    os.close(handle)


def limit(seconds: int, memory_bytes: int, output_bytes: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes * 4),  # much of what it maps it never touches
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, output_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(what, (most, most))


def main(folder: str, seconds: str, memory: str, output: str, *command: str) -> None:
    parent = os.getppid()
    cage.die_with_parent(parent)
    has_no_network = leave(Path(folder)) or abi() >= 4
    os.chdir(folder)  # where it was may be out of sight now, and programs ask where they are
    os.nice(5)
    limit(int(seconds), int(memory), int(output))
    beside = Path(command[0]).resolve().parent
    beside = beside.parent if beside.name == "program" else beside
    if not has_no_network or not see_only(Path(folder), [beside]):
        sys.exit(NO_WALLS)
    os.execv(command[0], list(command))  # noqa: S606 (this process is what is behind the walls)


if __name__ == "__main__":
    main(*sys.argv[1:])
