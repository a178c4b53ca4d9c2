"""Log-format tags ("aliases" of manual 8.2.6): the decorators that register them.

    @tag("ci", TagKind.ADDRESS, reads=Reads.CONNECTION)
    def client_ip(ctx: Context) -> Value | None:
        return ctx.source.text

A tag yields a value; how it is written (quotes, hexadecimal, escapes, "-" for none) is the business of format.py, which
goes by the kind, and of pieces.py. Numbers are declared as a class, number_tag("TR", RequestTime(...)), so that a line
reads them natively. A `key` says what decides the tag's text, for lines that remember texts (key.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeVar

from pointsman.core.registry import Registry
from pointsman.sample.context import Context
from pointsman.sample.key import Key, Number, Text
from pointsman.sample.types import Reads, Value, Where


class TagKind(IntEnum):
    """How a tag's value is written."""

    NAME = 0  # text of our own or already encoded (%b, %s, %hr): quoted on demand
    TEXT = 1  # text from the network (%r, %HU): encoded as manual 8.6 says, quoted on demand
    NUMBER = 2  # never quoted
    HEX = 3  # a number that the flag X turns into at least four hexadecimal digits (ports, %Ts, %rt, %pid)
    ADDRESS = 4  # an address as text, which X turns into hexadecimal digits
    DATE = 5  # text that is never quoted (%t, %ts, %rc)
    LIST = 6  # several texts (%hrl): registered with list_tag


TagGetter = Callable[[Context], Value | None]
TagLister = Callable[[Context], list[bytes]]


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    kind: TagKind
    reads: Reads
    http: bool  # needs mode http (H in the manual's table)
    where: Where
    get: TagGetter
    many: TagLister
    key: Key | None
    documentation: str


TAGS: Final[Registry[Tag]] = Registry("log-format tag")

G = TypeVar("G", bound=TagGetter)
L = TypeVar("L", bound=TagLister)


def tag(
    name: str,
    kind: TagKind = TagKind.NAME,
    *,
    reads: Reads = Reads.ALL,
    http: bool = False,
    where: Where = Where.EVERYWHERE,
    key: Key | None = None,
) -> Callable[[G], G]:
    """Register the function of a tag."""

    def record(function: G) -> G:
        TAGS.add(name, Tag(name, kind, reads, http, where, function, _none, key, function.__doc__ or ""))
        return function

    return record


def number_tag(name: str, number: Number, *, http: bool = False) -> None:
    """Register a tag that is a number; its class has the documentation."""
    TAGS.add(
        name,
        Tag(
            name,
            TagKind.NUMBER,
            Reads.ALL,
            http,
            Where.EVERYWHERE,
            number.get,
            _none,
            number,
            type(number).__doc__ or "",
        ),
    )


def text_tag(name: str, kind: TagKind, text: Text, *, http: bool = False) -> None:
    """Register a tag that is a text of which many lines show a new one; its class has the documentation."""
    TAGS.add(name, Tag(name, kind, Reads.ALL, http, Where.EVERYWHERE, text.get, _none, text, type(text).__doc__ or ""))


def list_tag(
    name: str, *, reads: Reads = Reads.ALL, http: bool = False, where: Where = Where.EVERYWHERE, key: Key | None = None
) -> Callable[[L], L]:
    """Register a tag with several values, already encoded; an empty one is written "-"."""

    def record(function: L) -> L:
        TAGS.add(name, Tag(name, TagKind.LIST, reads, http, where, _nothing, function, key, function.__doc__ or ""))
        return function

    return record


def _none(_: Context) -> list[bytes]:
    return []


def _nothing(_: Context) -> Value | None:
    return None
