"""The keyword `balance` (manual 4.2), and the spelling `random draw <n>`, which is kinder than the original."""

from pointsman.balance.random_draws import MOST_DRAWS, Random
from pointsman.balance.registry import ALGORITHMS, Balance, Make
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.core.diagnostics import ConfigError

LOG_MODE = ("log-hash", "sticky")  # algorithms of log backends
LATER = LOG_MODE


@keyword("balance", In.DEFAULTS | In.BACK, "4.2")
def balance(args: Args) -> Balance:
    """balance <algorithm> [<arguments>]: how a server is chosen. Without an algorithm it is round robin."""
    if not args.more():
        entry = ALGORITHMS.get("roundrobin")
        assert entry is not None
        return Balance(algorithm=entry, make=entry.parse(args, ""), text="roundrobin", at=args.at)
    start = args.index
    word = args.word("<algorithm>")
    name, parenthesis, argument = word.text.partition("(")
    entry = ALGORITHMS.get(name)
    if entry is None:
        if name in LATER:
            mode = " and needs 'mode log'" if name in LOG_MODE else ""
            raise ConfigError(f"'balance {name}' is not built yet{mode} (manual 4.2, balance)", word.at)
        raise args.wrong(word, f"unknown balance algorithm '{name}'", tuple(ALGORITHMS))
    if parenthesis and (not argument.endswith(")") or not entry.argument):
        expected = f"{name}({entry.argument})" if entry.argument else name
        raise ConfigError(f"'balance {name}' : unexpected '{parenthesis}{argument}'", word.at, expected)
    make = entry.parse(args, argument.removesuffix(")"))
    if args.more():
        rest = " ".join(one.text for one in args.rest())
        args.diagnostics.warning(f"'balance {name}' takes no argument '{rest}': it has no effect, remove it", args.at)
    return Balance(algorithm=entry, make=make, text=" ".join(one.text for one in args.words[start:]), at=args.at)


@keyword("random", In.DEFAULTS | In.BACK, "4.2")
def random_draw(args: Args) -> Balance:
    """random draw <n>: what was meant is "balance random(<n>)"."""
    args.choice("<parameter>", ("draw",))
    at = args.here
    draws = args.integer("<draws>", 1, MOST_DRAWS)
    chosen = args.section.one(Balance)
    if chosen is not None and chosen.algorithm.name != "random":
        raise ConfigError(f"'random draw' under 'balance {chosen.text}'", at, "'random draw' under 'balance random'")
    entry = ALGORITHMS.get("random")
    assert entry is not None
    args.diagnostics.warning(f"'random draw {draws}' is read as 'balance random({draws})': write that instead", args.at)
    make = Make(lambda hashing: Random(draws, hashing.factor))
    return Balance(algorithm=entry, make=make, text=f"random({draws})", at=args.at)
