"""Memory that a generation hands to the next one: files in memory, known by a key, as listening sockets are.

Whoever makes one registers it with the generation (listener/generation.py). A master gets its descriptor, keeps it, and
gives it to the program that it starts at a reload; no byte of it stands on a disk, in an environment or among the words
of a command.
"""

import fcntl
import os
from typing import Final

MARK: Final = "memory:"  # what keys begin with, so that they are none of sockets


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
