"""Log formats: bytes in each of the three ways in which they are written, or ConfigError."""

from typing import Final

import pointsman.keywords  # noqa: F401  # fills the registries
from fuzz.exchange import exchange, text_of, word
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.format import parse_format
from pointsman.sample.types import Where

SEEDS: Final = [
    b"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r",
    b"%{+json}o %(a)[src] %(b:sint)Ta %HM%HP%HQ%HV%HU",
    b'%{+Q,+E}[req.hdr(x)] %% "%[path,lower]"',
    b"%{+cbor}o%(x)[int(5)]%(y:str)[src]",
    b"%[str(a\\]b)]%{-Q}[res.hdr(x)]",
    b"%{+X}pid %rt %ID %lc %t %T %Ts %ms",
]


def fuzz_one(data: bytes) -> None:
    for merges in (False, True):
        try:
            form = parse_format(word(text_of(data)), Where.EVERYWHERE, merge_spaces=merges)
        except ConfigError as error:
            assert error.finding.render()
            continue
        ctx = exchange()
        for line in (form.render(ctx), form.render_header(ctx), form.render_log(ctx)):
            assert isinstance(line, bytes)
