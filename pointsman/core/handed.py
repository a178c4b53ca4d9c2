"""Memory that a generation hands to the next one: files in memory, known by a key, as listening sockets are.

Whoever makes one registers it with the generation (listener/generation.py). A master gets its descriptor, keeps it, and
gives it to the program that it starts at a reload. Without a master the next program fetches it itself, if it is told
so (-x), from a stats socket that hands out descriptors (expose-fd listeners). No byte of it stands on a disk, in an
environment or among the words of a command.
"""

import fcntl
import os
import socket
from collections.abc import Iterable
from typing import Final

MARK: Final = "memory:"  # what keys begin with, so that they are none of sockets
FETCH: Final = "_getmemory"  # the command on a stats socket by which the next program fetches it
_PATIENCE: Final = 2.0  # s that the former program may take to answer
_LONGEST: Final = 1 << 16  # bytes of all keys
_MOST: Final = 250  # pieces of memory at once: the kernel passes 253 descriptors at most


class Handed:
    """Base: a piece of memory. `key`: under which the next generation finds it; `fd`: -1 where there is none."""

    def __init__(self, key: str) -> None:
        self.key = MARK + key
        self.fd = -1

    def hand_on(self) -> None:
        """Make `fd` what the next generation is to find: before the fork, where there may be a next one."""
        raise NotImplementedError

    def adopt(self, fd: int) -> bool:
        """Go on with what the former generation had. False: it is of no use, and `fd` stays the caller's."""
        raise NotImplementedError


def memory_file(name: str, size: int) -> int:
    """A descriptor of so many bytes, all 0, whose number nobody can change: those who have mapped it may touch all."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    except OSError:
        os.close(fd)
        raise
    return fd


def is_memory_file(fd: int, size: int) -> bool:
    """It is one of memory_file's, of that size."""
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
        return seals & fcntl.F_SEAL_SHRINK != 0 and os.fstat(fd).st_size == size
    except OSError:
        return False


def give(sock: socket.socket, memories: Iterable[Handed]) -> None:
    """All of them, to whoever has sent FETCH. OSError: it does not take them."""
    given = [memory for memory in memories if memory.fd >= 0][:_MOST]
    words = " ".join([FETCH, *(memory.key for memory in given)])
    socket.send_fds(sock, [words.encode() + b"\n"], [memory.fd for memory in given])


def fetch(path: str, memories: Iterable[Handed]) -> str:
    """Go on with what the program behind the stats socket `path` has. "", or why it gives none."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(_PATIENCE)
            sock.connect(path)
            sock.sendall(FETCH.encode() + b"\n")
            data, descriptors, _, _ = socket.recv_fds(sock, _LONGEST, _MOST, socket.MSG_CMSG_CLOEXEC)
    except OSError as error:
        return error.strerror or str(error)
    words = data.decode("utf-8", "replace").split()
    found = dict(zip(words[1:], descriptors))
    for memory in memories:
        fd = found.get(memory.key, -1)
        if fd >= 0 and memory.adopt(fd):
            del found[memory.key]
    for fd in found.values():
        os.close(fd)
    return "" if words[:1] == [FETCH] else "it hands out no descriptors (expose-fd listeners, level admin)"
