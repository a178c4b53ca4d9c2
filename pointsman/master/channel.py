"""What master and keeper say to each other, over a pair of sockets that the keeper's program inherits.

    keeper -> master    loaded <daemon> <pidfile> <survives> <max reloads>    the configuration is good
                        sockets <key>...  with descriptors                    what it listens on, and memory
                        ready                                                 its lanes accept
                        failed <reason>                                       it ends, for this reason
    master -> keeper    sockets <key>...  with descriptors                    the former generation's
                        go <silent>                                           open what is missing, and begin
                        log <level> <text>                                    then SIGUSR2, which makes it look

Memory (core/handed.py) goes the way of listening sockets, under keys that none of them has.
A message is one packet: words, with a NUL between them, and at most PACK descriptors (the kernel's bound is 253).
"""

import os
import socket
from array import array
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Final

MARK: Final = "POINTSMAN_GENERATION"  # the variable that tells a program that it is a keeper's: "<descriptor>:<number>"
PACK: Final = 200
_LARGEST: Final = 1 << 17  # bytes of a message; the kernel has a bound too


@dataclass(frozen=True, slots=True)
class Message:
    kind: str
    words: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()


class MasterChannel:
    """One end. `generation`: the number of the keeper's generation, from 1."""

    def __init__(self, sock: socket.socket, generation: int, quiet: bool = False) -> None:
        self.sock = sock
        self.generation = generation
        self.quiet = quiet  # warnings were shown when it was loaded before

    def send(self, kind: str, *words: str, descriptors: tuple[int, ...] = ()) -> bool:
        """False: the other end is closed."""
        data = "\0".join((kind, *(word.replace("\0", " ") for word in words))).encode("utf-8", "surrogateescape")
        try:
            socket.send_fds(self.sock, [data[:_LARGEST]], list(descriptors))
        except OSError:
            return False
        return True

    def receive(self, wait: bool = True) -> Message | None:
        """The next message. None: the other end is closed; or there is none, where it shall not wait."""
        try:
            # Not socket.recv_fds: it forgets its flags (Python 3.11).
            data, others, _, _ = self.sock.recvmsg(
                _LARGEST,
                socket.CMSG_SPACE(PACK * array("i").itemsize),
                socket.MSG_CMSG_CLOEXEC | (0 if wait else socket.MSG_DONTWAIT),
            )
        except OSError:
            return None
        if not data:
            return None
        descriptors = array("i")
        for level, kind_of_data, content in others:
            if (level, kind_of_data) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(content)
        kind, *words = data.decode("utf-8", "surrogateescape").split("\0")
        return Message(kind, tuple(words), tuple(descriptors))

    def send_sockets(self, sockets: Mapping[str, int]) -> bool:
        """Listening sockets, or memory, by their keys."""
        return all(
            self.send("sockets", *keys, descriptors=tuple(sockets[key] for key in keys))
            for keys in _packs(list(sockets))
        )

    def close(self) -> None:
        self.sock.close()


def pair(generation: int) -> tuple[MasterChannel, MasterChannel]:
    """The master's and the keeper's end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return MasterChannel(ours, generation), MasterChannel(theirs, generation)


def inherited(environment: MutableMapping[str, str]) -> MasterChannel | None:
    """The keeper's end, in a program that a master has started. The mark is taken away: no child shall see it."""
    mark = environment.pop(MARK, "")
    if not mark:
        return None
    fd, generation, quiet = mark.split(":")
    os.set_inheritable(int(fd), False)
    return MasterChannel(socket.socket(fileno=int(fd)), int(generation), quiet == "quiet")


def mark(channel: MasterChannel, quiet: bool) -> str:
    """What `inherited` reads."""
    return f"{channel.sock.fileno()}:{channel.generation}:{'quiet' if quiet else ''}"


def _packs(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), PACK):
        yield keys[start : start + PACK]
