"""Sessions that can be resumed, in memory that all lanes share: those of clients (SessionCache), which TLS 1.2 without
tickets needs, and TLS 1.3 without them as well, and our own with servers (ServerSessions).

Both are a Store: entries with keys, in a ring of blocks of one size.

    head     version | blocks | cursor | secret (4 cells)
    index    sets of eight cells: where an entry begins (counted from the first block ever written), and a few bits of
             its key
    block... header (a MAC, the length, until when it is valid), data; an entry takes as many in a row as it needs

Nobody locks anything. A writer takes blocks by adding to the cursor, fills them, and then notes in the index where they
are. A reader believes nothing but the MAC, which is over the key, the length, the time and the data: an entry that was
overtaken by the cursor, written by two at once, left half written by a process that was killed, or damaged, is none.

The cursor takes the oldest entries' places first. An entry that is found in the older half is written anew, so what
goes first is what nobody has asked for in the last half of a turn: "the most idle entries are purged" (manual 3.2,
tune.ssl.cachesize).

Keys begin with a scope, so that a session of one frontend is none of another's. What a client has proved stands in the
session itself, and core/_tls.c resumes none where other proof is asked for.
"""

import hmac
import secrets
import struct
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from pointsman.core.cells import Cells
from pointsman.core.handed import Handed, is_memory_file, memory_file

BLOCK: Final = 28  # cells of a block: with its part of the index "approximately 200 bytes" (manual 3.2)
DEFAULT_BLOCKS: Final = 20_000  # tune.ssl.cachesize
LIFETIME: Final = 300  # s, tune.ssl.lifetime
LARGEST: Final = 16_384  # bytes of a session: one with a client's certificate takes a few thousand
SERVER_BLOCKS: Final = 16_384  # for sessions with servers: 3.6 MB, of which only what is used takes memory
WEEK: Final = 604_800  # s that a ticket can be valid (RFC 8446, 4.6.1)

_VERSION: Final = 0x504D5301  # of this layout
_BLOCKS: Final = 1  # cells of the head
_CURSOR: Final = 2
_SECRET: Final = 3
_HEAD: Final = 8
_WAYS: Final = 8  # cells of a set
_TAG: Final = 20  # bits of a key in a cell of the index; the other 43 say where the entry begins
_TAGS: Final = (1 << _TAG) - 1
_PLACES: Final = (1 << 43) - 1
_MAC: Final = 16
_HEADER: Final = struct.Struct("<16sII")  # MAC, length, until when it is valid (seconds of the epoch)
_ATTEMPTS: Final = 4  # to find blocks in a row, as the ring has an end


class Store:
    """`fd`: of memory_file, for memory that others can go on with; -1: of this program alone."""

    def __init__(self, blocks: int, fd: int = -1) -> None:
        if blocks < 1:
            raise ValueError("at least one block")
        self.blocks = blocks
        self.sets = _sets(blocks)
        self.first = _HEAD + self.sets * _WAYS
        self.cells = Cells(store_size(blocks) // 8, fd)
        self.most = min(LARGEST, max(blocks // 2, 1) * 8 * BLOCK - _HEADER.size)
        if self.cells.load(0) != _VERSION or self.cells.load(_BLOCKS) != blocks:
            self.cells.write(_SECRET, secrets.token_bytes(32))
            self.cells.store(_BLOCKS, blocks)
            self.cells.store(0, _VERSION)
        self.secret = self.cells.read(_SECRET, 32)

    def find(self, key: bytes, now: int) -> bytes | None:
        """The data last stored under that key, unless it is gone or its time (seconds of the epoch) is up."""
        digest = self._digest(key)
        cells, tag, index = self.cells, *self._index(digest)
        cursor = cells.load(_CURSOR)
        for cell in range(index, index + _WAYS):
            value = cells.load(cell)
            if value <= 0 or value & _TAGS != tag:
                continue
            age = (cursor - (value >> _TAG)) & _PLACES
            if not 0 < age <= self.blocks:
                continue
            found = self._read((value >> _TAG) % self.blocks, digest)
            if found is None:
                continue
            data, until = found
            if now >= until:
                return None
            if age > self.blocks // 2:
                self._write(digest, data, until)
            return data
        return None

    def store(self, key: bytes, data: bytes, until: int) -> bool:
        """Valid before that second of the epoch. False: it is too large."""
        if not data or len(data) > self.most:
            return False
        self._write(self._digest(key), data, until)
        return True

    def remove(self, key: bytes) -> None:
        """There is none of this key any more."""
        digest = self._digest(key)
        tag, index = self._index(digest)
        for cell in range(index, index + _WAYS):
            value = self.cells.load(cell)
            if value > 0 and value & _TAGS == tag and self._read((value >> _TAG) % self.blocks, digest) is not None:
                self.cells.cas(cell, value, 0)

    # Where things are.

    def _digest(self, key: bytes) -> bytes:
        return blake2b(key, key=self.secret, digest_size=32).digest()

    def _index(self, digest: bytes) -> tuple[int, int]:
        """The tag, and the first cell of the set."""
        return int.from_bytes(digest[:4], "little") & _TAGS, _HEAD + (
            int.from_bytes(digest[4:8], "little") & self.sets - 1
        ) * _WAYS

    def _mac(self, digest: bytes, rest: bytes) -> bytes:
        return blake2b(digest + rest, key=self.secret, digest_size=_MAC, person=b"session").digest()

    def _read(self, block: int, digest: bytes) -> tuple[bytes, int] | None:
        """Data, and until when it is valid; None: what stands there is no entry of that key."""
        at = self.first + block * BLOCK
        _, length, _ = _HEADER.unpack(self.cells.read(at, _HEADER.size))
        if not 0 < length <= min(self.most, (self.blocks - block) * 8 * BLOCK - _HEADER.size):
            return None
        content = self.cells.read(at, _HEADER.size + length)
        if not hmac.compare_digest(self._mac(digest, content[_MAC:]), content[:_MAC]):
            return None
        return content[_HEADER.size :], int(_HEADER.unpack_from(content)[2])

    def _write(self, digest: bytes, data: bytes, until: int) -> None:
        rest = _HEADER.pack(b"", len(data), max(0, min(until, 0xFFFFFFFF)))[_MAC:] + data
        count = -(-(_MAC + len(rest)) // (8 * BLOCK))
        if not 0 <= self.cells.load(_CURSOR) < 1 << 62:
            self.cells.store(_CURSOR, 0)  # it was damaged
        for _ in range(_ATTEMPTS):
            place = self.cells.add(_CURSOR, count) - count
            if place % self.blocks + count <= self.blocks:
                break
        else:
            return  # others have taken what it needed each time: it is forgotten
        self.cells.write(self.first + place % self.blocks * BLOCK, self._mac(digest, rest) + rest)
        self._note(digest, place & _PLACES)

    def _note(self, digest: bytes, place: int) -> None:
        """In the cell that has the same tag, or in one that is of no use any more, or in that of the oldest entry."""
        cells, tag, index = self.cells, *self._index(digest)
        cursor, chosen, worst = cells.load(_CURSOR), index, -1
        for cell in range(index, index + _WAYS):
            value = cells.load(cell)
            age = _PLACES if value <= 0 else (cursor - (value >> _TAG)) & _PLACES
            if value > 0 and value & _TAGS == tag:
                age = _PLACES + 1
            if age > worst:
                chosen, worst = cell, age
        cells.store(chosen, place << _TAG | tag)


def _sets(blocks: int) -> int:
    """So many that at most four blocks come to one: it is hardly ever full."""
    return 1 << max((blocks - 1).bit_length() - 2, 0)


def store_size(blocks: int) -> int:
    """Bytes of memory that a store of so many blocks takes."""
    return 8 * (_HEAD + _sets(blocks) * _WAYS + blocks * BLOCK)


class SessionCache(Handed):
    """Sessions of clients. Made before the fork; `blocks`: tune.ssl.cachesize, not 0; `lifetime`: seconds,
    tune.ssl.lifetime. The next generation finds them if it has as many blocks.

    What is counted is this generation's alone: how often a session was looked for, and how often there was none.
    """

    def __init__(self, blocks: int = DEFAULT_BLOCKS, lifetime: int = LIFETIME, private: bool = False) -> None:
        super().__init__("tls-sessions")
        self.blocks = blocks
        self.lifetime = lifetime
        self.private = private  # tune.ssl.force-private-cache: each lane has its own
        self.counts = Cells(2)
        self.sessions = Store(blocks)

    def hand_on(self) -> None:
        """What was stored before is lost: nothing, before the fork."""
        if self.fd < 0 and not self.private:
            self.fd = memory_file("tls-sessions", store_size(self.blocks))
            self.sessions = Store(self.blocks, self.fd)

    def adopt(self, fd: int) -> bool:
        if self.private or self.fd >= 0 or not is_memory_file(fd, store_size(self.blocks)):
            return False
        self.fd = fd
        self.sessions = Store(self.blocks, fd)
        return True

    def enter_lane(self) -> None:
        """After the fork, in a lane."""
        if self.private:
            self.sessions = Store(self.blocks)

    @property
    def lookups(self) -> int:
        return self.counts.load(0)

    @property
    def misses(self) -> int:
        return self.counts.load(1)

    def of(self, scope: bytes) -> "ScopedSessions":
        """For the contexts of one frontend or bind line, which nobody else's clients resume at. `scope`: what it is
        known by, which is the same in the next generation."""
        return ScopedSessions(self, len(scope).to_bytes(4, "little") + scope)


class ScopedSessions:
    """`find` and `store` are what a Context of that name calls (core/tls.py)."""

    def __init__(self, cache: SessionCache, prefix: bytes) -> None:
        self.cache = cache
        self.prefix = prefix
        self.clock: Callable[[], float] = time.time  # what OpenSSL counts a session's age by

    def find(self, session_id: bytes) -> bytes | None:
        cache = self.cache
        cache.counts.add(0, 1)
        found = cache.sessions.find(self.prefix + session_id, int(self.clock()))
        if found is None:
            cache.counts.add(1, 1)
        return found

    def store(self, session_id: bytes, session: bytes) -> None:
        cache = self.cache
        cache.sessions.store(self.prefix + session_id, session, int(self.clock()) + cache.lifetime)

    def remove(self, session_id: bytes) -> None:
        """It may be resumed once, and was."""
        self.cache.sessions.remove(self.prefix + session_id)


class ServerSessions:
    """Our own sessions with servers, the last one for each server and name (SNI). Made before the fork.

    `server_key`: what has to be the same for a session to be resumed: the server, and how its certificate is verified.
    """

    def __init__(self, blocks: int = SERVER_BLOCKS) -> None:
        self.sessions = Store(blocks)
        self.clock: Callable[[], float] = time.time

    def find(self, server_key: bytes, sni: bytes) -> bytes | None:
        return self.sessions.find(_pair(server_key, sni), int(self.clock()))

    def store(self, server_key: bytes, sni: bytes, session: bytes) -> None:
        self.sessions.store(_pair(server_key, sni), session, int(self.clock()) + WEEK)

    def remove(self, server_key: bytes, sni: bytes) -> None:
        """The server has another certificate or address, say."""
        self.sessions.remove(_pair(server_key, sni))


def _pair(server_key: bytes, sni: bytes) -> bytes:
    return len(server_key).to_bytes(4, "little") + server_key + sni
