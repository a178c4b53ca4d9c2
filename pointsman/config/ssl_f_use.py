"""`ssl-f-use`: certificates of a frontend, which all its bind lines with `ssl` have (manual 4.2)."""

from dataclasses import dataclass
from typing import ClassVar, Final

from pointsman.config.certificates import Referring, refer
from pointsman.config.crt_list import read_line_words
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word
from pointsman.tls.options import CertificateLine, CertificateList

SAID: Final = "'ssl-f-use'"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCertificate(Setting):
    """A line; several certificates, where it names a bundle."""

    lines: tuple[CertificateLine, ...]
    many: ClassVar[bool] = True
    from_defaults: ClassVar[bool] = False


@keyword("ssl-f-use", In.FRONT, "4.2")
def ssl_f_use(args: Args) -> UsedCertificate:
    """ssl-f-use crt <file> [<option>...]: a certificate for all bind lines with `ssl`, with options as in crt-lists."""
    if not args.more():
        raise _missing(args)
    said = read_line_words(args, SAID, _unknown)
    if said.crt is None:
        raise _missing(args)
    by = Referring(SAID, f"'{{name}}' in line {args.at.line}", said.files)
    found = refer(args.configuration, said.crt, by)
    lines = (CertificateLine(files=files, options=said.options, at=said.crt.at) for files in found)
    return UsedCertificate(lines=tuple(lines), at=args.at)


def _missing(args: Args) -> ConfigError:
    return ConfigError("Trying to load a certificate but no 'crt' keyword specified.", args.here, "crt <file>")


def _unknown(word: Word) -> ConfigError:
    return ConfigError(f"unknown crt keyword '{word.text}'", word.at)


def used_certificates(section: Section) -> tuple[CertificateList, ...]:
    """The list that these lines make, @<frontend>; none without such lines."""
    lines = tuple(line for used in section.all(UsedCertificate) for line in used.lines)
    return (CertificateList(name=f"@{section.name}", lines=lines),) if lines else ()
