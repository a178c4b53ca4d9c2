"""Which encrypted JSON web tokens may be decrypted (manual 3.1, jwt.decrypt_alg_list and jwt.decrypt_enc_list)."""

from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import nearest
from pointsman.sample.converter.encrypted_tokens import ALGORITHMS, CONTENT


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptList(Setting):
    """Names of one of both lists: those of "enc" (`content`), or those of "alg"."""

    content: bool
    names: frozenset[str]

    def key(self) -> object:
        return self.content


def _listed(args: Args, known: Sequence[str]) -> frozenset[str]:
    """<name>[:<name>...]; ALL: all of them; !<name>: not that one."""
    word = args.word("<list>")
    found: set[str] = set()
    for text in word.text.split(":"):
        name = text.removeprefix("!")
        if name == "ALL" and name == text:
            found |= set(known)
        elif name not in known:
            near = nearest(name, [one.lower() for one in known])
            hint = next((f"did you mean '{one}'?" for one in known if one.lower() == near), "")
            raise ConfigError(f"'{args.keyword}' : unknown algorithm '{name}'", word.at, ", ".join(known), hint)
        elif name == text:
            found.add(name)
        else:
            found.discard(name)
    return frozenset(found)


@keyword("jwt.decrypt_alg_list", In.GLOBAL, "3.1")
def algorithms(args: Args) -> DecryptList:
    """jwt.decrypt_alg_list <list>: which ways of encrypting a token's key jwt_decrypt_secret and its kin take."""
    return DecryptList(content=False, names=_listed(args, ALGORITHMS), at=args.at)


@keyword("jwt.decrypt_enc_list", In.GLOBAL, "3.1")
def content_algorithms(args: Args) -> DecryptList:
    """jwt.decrypt_enc_list <list>: which ways of encrypting its content they take."""
    return DecryptList(content=True, names=_listed(args, tuple(CONTENT)), at=args.at)
