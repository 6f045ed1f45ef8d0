"""What a program in the sandbox may not ask of the kernel: a seccomp filter, written out as its instructions.

Refused are new processes (threads are none), other programs, sockets, signals to others, looking into others, new
namespaces and io_uring, by which all of these could be had unseen. Whoever asks is killed by SIGSYS. Where the
machine is not one whose numbers are known here, or the kernel knows no filters, nothing is refused, and `refuse_calls`
says so. Numbers: Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h; instructions:
include/uapi/linux/{filter,seccomp,audit}.h.
"""

import ctypes
import platform
import signal
import struct
import sys

__all__ = ["end_with_parent", "hide_process", "refuse_calls"]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
ALLOW, KILL, NO_SUCH_CALL = 0x7FFF0000, 0x80000000, 0x00050000 | 38  # ENOSYS: the C library falls back to clone
LOAD, JUMP_EQUAL, JUMP_ANY_BIT, JUMP_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # places in struct seccomp_data
CLONE_THREAD = 0x00010000
CLONE3 = 435
X32 = 0x40000000  # calls of the x32 interface of x86-64 have numbers from here on
EVERYWHERE = (424, 425, 426, 427, 434, 438)  # pidfd_send_signal, io_uring_*, pidfd_open, pidfd_getfd

# By machine: its audit number, clone, and fork, vfork, execve, execveat, socket, kill, tkill, tgkill, rt_sigqueueinfo,
# rt_tgsigqueueinfo, ptrace, process_vm_readv, process_vm_writev, unshare, setns, as far as it has them.
MACHINES = {
    "x86_64": (0xC000003E, 56, (57, 58, 59, 322, 41, 62, 200, 234, 129, 297, 101, 310, 311, 272, 308)),
    "aarch64": (0xC00000B7, 220, (221, 281, 198, 129, 130, 131, 138, 240, 117, 270, 271, 97, 268)),
}


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
    instructions = _filter(*MACHINES[platform.machine()])
    text = ctypes.create_string_buffer(instructions, len(instructions))
    program = Program(len(instructions) // 8, ctypes.addressof(text))
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0) == 0)


def _filter(architecture: int, clone: int, refused: tuple[int, ...]) -> bytes:
    """The instructions: what is another architecture's or refused is killed; clone is, where it makes no thread."""
    parts = [_instruction(LOAD, ARCHITECTURE), _instruction(JUMP_EQUAL, architecture, 1, 0), _instruction(RETURN, KILL)]
    parts += [_instruction(LOAD, NUMBER), _instruction(JUMP_LEAST, X32, 0, 1), _instruction(RETURN, KILL)]
    parts += [_instruction(JUMP_EQUAL, CLONE3, 0, 1), _instruction(RETURN, NO_SUCH_CALL)]
    for number in (*refused, *EVERYWHERE):
        parts += [_instruction(JUMP_EQUAL, number, 0, 1), _instruction(RETURN, KILL)]
    parts += [_instruction(JUMP_EQUAL, clone, 0, 3), _instruction(LOAD, FIRST_ARGUMENT)]
    parts += [_instruction(JUMP_ANY_BIT, CLONE_THREAD, 1, 0), _instruction(RETURN, KILL), _instruction(RETURN, ALLOW)]
    return b"".join(parts)


def _instruction(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    """struct sock_filter: what to do, how far to jump where it holds and where it does not, and with which value."""
    return struct.pack("HBBI", code, true, false, value)
