"""What TLS connections keep beside what they need (manual 3.2): a client's hello, and secrets. Nothing, unless they are
asked to."""

from dataclasses import dataclass

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.tls.options import Kept

BIGGEST = (1 << 31) - 1  # what a C int holds


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureBuffer(Setting):
    """How many bytes of each client's hello are kept."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLog(Setting):
    """Whether the secrets of connections are kept."""

    on: bool


@keyword("tune.ssl.capture-buffer-size", In.GLOBAL, "3.2")
@keyword("tune.ssl.capture-cipherlist-size", In.GLOBAL, "3.2")
def capture_buffer_size(args: Args) -> CaptureBuffer:
    """tune.ssl.capture-buffer-size <bytes>: how much is kept of each client's hello, for ssl_fc_cipherlist_bin and its
    kin (manual 7.3.4); 0: nothing. capture-cipherlist-size is its old name."""
    if args.keyword.endswith("capture-cipherlist-size"):
        args.diagnostics.warning(
            f"'{args.keyword}' is deprecated. Please use 'tune.ssl.capture-buffer-size' instead.", args.at
        )
    size = args.integer("<number>", 0, BIGGEST)
    args.end()
    return CaptureBuffer(size=size, at=args.at)


@keyword("tune.ssl.keylog", In.GLOBAL, "3.2")
def keylog(args: Args) -> KeyLog:
    """tune.ssl.keylog { on | off }: whether the secrets of TLS 1.3 are kept, for ssl_fc_client_traffic_secret_0 and
    its kin (manual 7.3.4)."""
    word = args.word("'on' or 'off'")
    if word.text not in ("on", "off"):
        raise args.wrong(word, f"'{args.keyword}' expects either 'on' or 'off' but got '{word.text}'", ("on", "off"))
    args.end()
    return KeyLog(on=word.text == "on", at=args.at)


def kept(main: Section) -> Kept:
    """What both keywords ask for."""
    size, log = main.one(CaptureBuffer), main.one(KeyLog)
    return Kept(capture=0 if size is None else size.size, keylog=log is not None and log.on)
