"""What a child may not do: use more than its share, reach the network, write files, start programs.

Three walls, each of its own make: a network namespace with nothing in it (where the kernel lets an
ordinary user have one), a seccomp filter that refuses sockets, programs, tracing, signals and new
processes, and resource limits. No rights of root go in, and no process of ours lets another look in.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import struct

CLONE_NEWUSER, CLONE_NEWNET, CLONE_THREAD = 0x10000000, 0x40000000, 0x00010000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION = 0x20080522
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
# Of linux/bpf_common.h: load a word, jump if equal, jump if any bit is set, return.
LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ARCHITECTURES = {
    # name: (audit number, clone, clone3, and all that is refused)
    "x86_64": (
        0xC000003E,
        56,
        435,
        {
            "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "sendmsg": 46, "bind": 49, "listen": 50,
            "fork": 57, "vfork": 58, "execve": 59, "ptrace": 101, "mount": 165, "keyctl": 250,
            "unshare": 272, "accept4": 288, "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308,
            "sendmmsg": 307, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321, "execveat": 322,
            "userfaultfd": 323, "io_uring_setup": 425, "pidfd_getfd": 438, "kill": 62, "tkill": 200, "tgkill": 234,
            "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "pidfd_send_signal": 424,
        },
    ),
    "aarch64": (
        0xC00000B7,
        220,
        435,
        {
            "socket": 198, "bind": 200, "listen": 201, "accept": 202, "connect": 203,
            "sendto": 206, "sendmsg": 211, "execve": 221, "ptrace": 117, "mount": 40, "keyctl": 219, "unshare": 97,
            "accept4": 242, "perf_event_open": 241, "open_by_handle_at": 265, "setns": 268, "sendmmsg": 269,
            "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280, "execveat": 281, "userfaultfd": 282,
            "io_uring_setup": 425, "pidfd_getfd": 438, "kill": 129, "tkill": 130, "tgkill": 131,
            "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240, "pidfd_send_signal": 424,
        },
    ),
}  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def die_with_parent(parent: int) -> None:
    """Killed as soon as the parent is gone, however it goes."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def leave_network() -> bool:
    """Into a network of one's own, where there is nothing. Answers whether the system lets us."""
    return bool(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)


def _instruction(code: int, yes: int, no: int, value: int) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def _filter() -> bytes | None:
    if platform.machine() not in ARCHITECTURES:
        return None
    audit, clone, clone3, refused = ARCHITECTURES[platform.machine()]
    refusal = _instruction(RETURN, 0, 0, REFUSE | errno.EPERM)
    lines = [
        _instruction(LOAD, 0, 0, 4),  # the architecture: numbers mean something else in another
        _instruction(JUMP_EQUAL, 1, 0, audit),
        refusal,
        _instruction(LOAD, 0, 0, 0),  # the number of the call
        _instruction(JUMP_EQUAL, 0, 1, clone3),
        _instruction(RETURN, 0, 0, REFUSE | errno.ENOSYS),  # the C library then takes the older one
        _instruction(JUMP_EQUAL, 0, 4, clone),
        _instruction(LOAD, 0, 0, 16),  # its flags: threads are welcome, processes are not
        _instruction(JUMP_SET, 1, 0, CLONE_THREAD),
        refusal,
        _instruction(RETURN, 0, 0, ALLOW),
    ]
    for number in sorted(refused.values()):
        lines += [_instruction(JUMP_EQUAL, 0, 1, number), refusal]
    # The other ABI of x86_64 has numbers of its own.
    if platform.machine() == "x86_64":
        lines += [_instruction(0x35, 0, 1, 0x40000000), refusal]
    lines.append(_instruction(RETURN, 0, 0, ALLOW))
    return b"".join(lines)


def refuse_calls() -> bool:
    """Install the filter for this process and all its threads to come. Answers whether it holds."""
    code = _filter()
    if code is None or _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    held = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(held, ctypes.c_void_p))
    return bool(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def limit(memory_bytes: int, seconds: float) -> None:
    """No files written, few open, no dumps of memory, and ends to memory and computing time."""
    own = _virtual_bytes() + memory_bytes * 2
    for what, most in (
        (resource.RLIMIT_AS, own),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(what, (most, most))
    let_nobody_look()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def let_nobody_look() -> None:
    """No other process of the same user reads or changes this one's memory."""
    _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def give_up_rights() -> bool:
    """All that root may, or whoever is root in a network of its own. Answers whether they are gone."""
    head, none = struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24)
    return bool(_libc.capset(head, none) == 0)


def give_back_memory() -> None:
    """What loading has freed goes back to the system, where the C library is one that can."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)


def _virtual_bytes() -> int:
    with open("/proc/self/statm") as handle:  # noqa: PTH123 (a fork, milliseconds count)
        return int(handle.read().split()[0]) * resource.getpagesize()
