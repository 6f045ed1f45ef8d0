"""What a program in the sandbox may not ask of the kernel: a seccomp filter, written out as its instructions.

Refused are new processes (threads are none), other programs, sockets, signals to others (also by way of a file's
owner), looking into others, their limits and priorities, memory, queues and keys that outlive a process, new namespaces
and io_uring, by which all of these could be had unseen. Whoever asks is killed by SIGSYS. Where the machine is not one
whose numbers are known here, or the kernel knows no filters, nothing is refused, and `refuse_calls` says so. Numbers:
Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/{unistd,fcntl,sockios}.h; instructions:
include/uapi/linux/{filter,seccomp,audit}.h.
"""

import ctypes
import os
import platform
import signal
import struct
import sys
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["end_with_parent", "hide_process", "refuse_calls"]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
ALLOW, KILL, NO_SUCH_CALL = 0x7FFF0000, 0x80000000, 0x00050000 | 38  # ENOSYS: the C library falls back to clone
LOAD, JUMP_EQUAL, JUMP_ANY_BIT, JUMP_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24  # places in struct seccomp_data
CLONE_THREAD = 0x00010000
CLONE3 = 435
X32 = 0x40000000  # calls of the x32 interface of x86-64 have numbers from here on
EVERYWHERE = (424, 425, 426, 427, 434, 438)  # pidfd_send_signal, io_uring_*, pidfd_open, pidfd_getfd
SETS_OWNER = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX of fcntl: who is signalled of a file, and how
SETS_SOCKET_OWNER = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP of ioctl


REFUSED: dict[str, tuple[int, int | None]] = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "socket": (41, 198),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "unshare": (272, 97),
    "setns": (308, 268),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "perf_event_open": (298, 241),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
"""The calls that are refused whatever they ask for: their numbers on x86-64 and, where it has them, on ARM64."""


class Machine(NamedTuple):
    """The numbers of a machine: its own for audits, of calls that are judged by an argument, and of the `refused`."""

    audit: int
    clone: int
    kill: int
    tgkill: int
    fcntl: int
    ioctl: int
    prlimit64: int
    sched_setaffinity: int
    refused: tuple[int, ...]


X86_64 = Machine(
    0xC000003E,
    clone=56,
    kill=62,
    tgkill=234,
    fcntl=72,
    ioctl=16,
    prlimit64=302,
    sched_setaffinity=203,
    refused=tuple(number for number, _ in REFUSED.values()),
)
AARCH64 = Machine(
    0xC00000B7,
    clone=220,
    kill=129,
    tgkill=131,
    fcntl=25,
    ioctl=29,
    prlimit64=261,
    sched_setaffinity=122,
    refused=tuple(number for _, number in REFUSED.values() if number is not None),
)
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}


class Program(ctypes.Structure):
    """struct sock_fprog: how many instructions, and where."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def hide_process() -> None:
    """Nobody of the same user may look into this process or take its files, its forks included."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def end_with_parent() -> None:
    """Have this process killed when the one that started it is no more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def refuse_calls() -> bool:
    """Refuse these calls to this process from now on; whether that could be done."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return False
    instructions = _filter(MACHINES[platform.machine()], os.getpid())
    text = ctypes.create_string_buffer(instructions, len(instructions))
    program = Program(len(instructions) // 8, ctypes.addressof(text))
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0) == 0)


def _filter(machine: Machine, process: int) -> bytes:
    """The instructions for one process: what is another architecture's or refused is killed.

    clone is, where it makes no thread; a signal, a limit or a set of processors is, where it is another process's.
    """
    parts = [_instruction(LOAD, ARCHITECTURE), _instruction(JUMP_EQUAL, machine.audit, 1, 0)]
    parts += [_instruction(RETURN, KILL), _instruction(LOAD, NUMBER)]
    parts += [_instruction(JUMP_LEAST, X32, 0, 1), _instruction(RETURN, KILL)]
    parts += [_instruction(JUMP_EQUAL, CLONE3, 0, 1), _instruction(RETURN, NO_SUCH_CALL)]
    for number in (*machine.refused, *EVERYWHERE):
        parts += [_instruction(JUMP_EQUAL, number, 0, 1), _instruction(RETURN, KILL)]
    parts += _only(machine.kill, FIRST_ARGUMENT, (process,))
    parts += _only(machine.tgkill, FIRST_ARGUMENT, (process,))
    parts += _only(machine.prlimit64, FIRST_ARGUMENT, (0, process))
    parts += _only(machine.sched_setaffinity, FIRST_ARGUMENT, (0, process))
    parts += _but(machine.fcntl, SECOND_ARGUMENT, SETS_OWNER)
    parts += _but(machine.ioctl, SECOND_ARGUMENT, SETS_SOCKET_OWNER)
    parts += [_instruction(JUMP_EQUAL, machine.clone, 0, 3), _instruction(LOAD, FIRST_ARGUMENT)]
    parts += [_instruction(JUMP_ANY_BIT, CLONE_THREAD, 1, 0), _instruction(RETURN, KILL), _instruction(RETURN, ALLOW)]
    return b"".join(parts)


def _only(number: int, argument: int, values: Sequence[int]) -> list[bytes]:
    """A call is allowed where an argument (its lower half, which is all that these look at) has one of the values."""
    return _judged(number, argument, values, ALLOW, KILL)


def _but(number: int, argument: int, values: Sequence[int]) -> list[bytes]:
    """A call is refused where an argument has one of the values."""
    return _judged(number, argument, values, KILL, ALLOW)


def _judged(number: int, argument: int, values: Sequence[int], verdict: int, otherwise: int) -> list[bytes]:
    tests = [
        part for value in values for part in (_instruction(JUMP_EQUAL, value, 0, 1), _instruction(RETURN, verdict))
    ]
    block = [_instruction(LOAD, argument), *tests, _instruction(RETURN, otherwise)]
    return [_instruction(JUMP_EQUAL, number, 0, len(block)), *block]


def _instruction(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    """struct sock_filter: what to do, how far to jump where it holds and where it does not, and with which value."""
    return struct.pack("HBBI", code, true, false, value)
