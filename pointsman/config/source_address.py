"""Where connections to servers come from: `source` of proxies and of server lines (manual 4.2 and 5.2).

    source <addr>[:<port>[-<port>]] [usesrc <addr2>[:<port2>] | client | clientip | hdr_ip(<hdr>[,<occ>])]
                                    [interface <name>]

`usesrc` presents to servers an address that may be anybody's: `Presented` says whose. Health checks come from <addr>.
"""

from dataclasses import dataclass, replace
from typing import Final

from pointsman.config.addresses import expand, parse_addresses, resolve
from pointsman.config.parameters import Words
from pointsman.core.address import AddressSpec, is_ip
from pointsman.core.words import Word

EARLIEST: Final = -10  # how far from the last value of a field may be counted
EXPECTED: Final = "<addr>[:<port>], 'client', 'clientip' or 'hdr_ip(<name>[,<number>])'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """Whose address servers see (usesrc)."""

    kind: str  # "address", "client" (its port too), "clientip", "header"
    address: AddressSpec | None = None  # of "address"
    field: str = ""  # the name of a header
    occurrence: int = -1  # of its values: 1 is the first, -1 the last, 0 none


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAddress:
    """Where connections to servers come from (manual 4.2 "source", 5.2 "source")."""

    address: AddressSpec
    last_port: int = 0  # the end of a range of ports; 0: there is none
    interface: str = ""
    presented: Presented | None = None


def read_source(words: Words, word: Word, ranges: bool) -> SourceAddress:
    """An address to bind outgoing connections to, with `usesrc` and `interface` behind it. `ranges`: a port may be a
    range."""
    word = expand(word, words.args.configuration.environment)
    text, dash, last = word.text, "", ""
    if ranges and not is_ip(text) and "-" in text.rpartition(":")[2] and ":" in text:
        text, dash, last = word.text.rpartition("-")
    address = _address(words, Word(text, word.at), word)
    lowest = address.port or 0
    if dash and not (last.isascii() and last.isdigit() and len(last) < 6 and lowest <= int(last) <= 65535):
        raise words.wrong(f"invalid port range in '{word.text}'", word, "<lowest>-<highest>")
    device = ""
    presented: Presented | None = None
    while words.args.peek() in ("usesrc", "interface"):
        words.word = words.args.word("interface")
        if words.word.text == "interface":
            device = words.value("missing interface name", "<name>").text
        else:
            presented = _presented(words)
    return SourceAddress(address=address, last_port=int(last) if dash else 0, interface=device, presented=presented)


def _address(words: Words, word: Word, whole: Word) -> AddressSpec:
    spec = (
        AddressSpec("inet", word.text)
        if is_ip(word.text)
        else parse_addresses(word, default_port=None, listening=False)[0]
    )
    host = spec.host if not spec.host or is_ip(spec.host) else resolve(spec.host, spec.family) or ""
    if spec.kind != "inet" or spec.port_offset or spec.datagram or (spec.host and not host):
        raise words.wrong(f"invalid address: '{spec.host}' in '{whole.text}'", whole, "<addr>[:<port>]")
    return replace(spec, host=host)


def _presented(words: Words) -> Presented:
    word = expand(words.value(f"expects {EXPECTED} as argument.", EXPECTED), words.args.configuration.environment)
    if word.text in ("client", "clientip"):
        return Presented(kind=word.text)
    name, bracket, rest = word.text.partition("(")
    if name != "hdr_ip" or not bracket:
        return Presented(kind="address", address=_address(words, word, word))
    field, comma, number = rest.removesuffix(")").partition(",")
    digits = number.removeprefix("-")
    if not rest.endswith(")") or not field or comma and not (digits.isascii() and digits.isdigit()):
        raise words.wrong(f"'{word.text}' : expects hdr_ip(<name>[,<number>])", word, "hdr_ip(<name>[,<number>])")
    occurrence = int(number) if comma else -1
    if occurrence < EARLIEST:
        raise words.wrong(f"hdr_ip(name,num) does not support numbers smaller than {EARLIEST}", word)
    return Presented(kind="header", field=field, occurrence=occurrence)
