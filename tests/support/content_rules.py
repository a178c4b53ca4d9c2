"""Asks a program's layer 4 content rules what a fetch says of bytes, and whether it waits for more.

Each fetch has two frontends. One keeps the value as soon as there is one; both reject then, so the time of a connection
says whether its rules waited: for a value, in the first, and for another value, in the second. Bytes come in one piece.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from support.programs import Kind, Program
from support.receiver import LogReceiver

DELAY = 400  # ms of inspect-delay
AT_ONCE = 200  # connections


@dataclass(frozen=True, slots=True)
class Said:
    """`value`: None for no sample; numbers are eight bytes. `waits`: more bytes may bring a value, or change it."""

    value: bytes | None
    waits: bool


def configuration(fetches: Sequence[str]) -> str:
    text = """
global
    log {log} len 65000 format raw local0
    maxconn 4000
    tune.bufsize 16384
defaults
    mode tcp
    log global
    timeout client 10s
    timeout connect 1s
    timeout server 10s
"""
    for number, fetch in enumerate(fetches):
        kept = f"set-var(txn.v) {fetch} if {{ {fetch} -m found }}"
        never = f"reject unless {{ {fetch} -m len 99999 }}"
        for letter, rule in (("a", kept), ("b", never)):
            text += f"""frontend {letter}{number}
    bind 127.0.0.1:{{port:{letter}{number}}}
    log-format "{letter} {number} %cp %Tt %[var(txn.v),length] %[var(txn.v),hex]"
    tcp-request inspect-delay {DELAY}ms
    tcp-request content {rule}
    tcp-request content reject
"""
    return text


def ask(kind: Kind, folder: Path, fetches: Sequence[str], inputs: Sequence[bytes]) -> dict[tuple[str, bytes], Said]:
    """What it says of each input."""
    jobs = [(letter, number, data) for data in inputs for number in range(len(fetches)) for letter in "ab"]
    lines: dict[tuple[str, int, bytes], list[str]] = {}
    log = LogReceiver()
    with Program(kind, configuration(fetches), folder, {"log": log.where}) as program:
        seen = 0
        for start in range(0, len(jobs), AT_ONCE):
            batch = jobs[start : start + AT_ONCE]
            senders: dict[tuple[str, str, str], tuple[str, int, bytes]] = {}
            with ExitStack() as stack:
                for letter, number, data in batch:
                    sock = stack.enter_context(socket.socket())
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    sock.connect(("127.0.0.1", program.ports[f"{letter}{number}"]))
                    senders[letter, str(number), str(sock.getsockname()[1])] = letter, number, data
                    if data:
                        sock.sendall(data)
                found = log.wait(seen + len(batch), 20)[seen:]
            seen += len(batch)
            for line in found:
                words = line.split(" ")
                lines[senders[words[0], words[1], words[2]]] = words[3:]
        log.close()
    return _judged(fetches, inputs, lines)


def _judged(
    fetches: Sequence[str], inputs: Sequence[bytes], lines: Mapping[tuple[str, int, bytes], list[str]]
) -> dict[tuple[str, bytes], Said]:
    told: dict[tuple[str, bytes], Said] = {}
    for number, fetch in enumerate(fetches):
        for data in inputs:
            time, length, digits = lines["a", number, data]
            waited = int(time) >= DELAY * 0.8
            other = int(lines["b", number, data][0]) >= DELAY * 0.8
            if digits != "-" or length == "0":
                told[fetch, data] = Said(bytes.fromhex(digits.strip("-")), other)
            else:
                told[fetch, data] = Said(None, waited)
    return told
