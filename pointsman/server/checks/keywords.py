"""The keywords of health checks that hold for both kinds, and those of tcp-check (manual 4.2)."""

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word
from pointsman.server.checks import words
from pointsman.server.checks.order import check_order
from pointsman.server.checks.plan import TCP, CheckFlag, CheckKind, CheckRule
from pointsman.server.checks.steps import BINARY, STRING, CheckStep, CheckText, Remark, SendData

BACK = In.DEFAULTS | In.BACK
RULES = BACK | In.HEALTHCHECK
MATCHES = "min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]rbinary', '[!]string-lf', '[!]binary-lf' or comment'"


@keyword("option log-health-checks", In.DEFAULTS | In.BACK, "4.2", negatable=True)
def log_health_checks(args: Args) -> CheckFlag:
    """option log-health-checks: every change of a check's status or a server's health is logged."""
    args.end()
    return CheckFlag(name="log-health-checks", on=not args.negated and not args.reset, at=args.at)


@keyword("option tcp-check", BACK, "4.2")
def option_tcp_check(args: Args) -> CheckKind:
    """option tcp-check: checks are the sequence of the tcp-check rules; without rules, a connection."""
    args.end()
    return CheckKind(kind=TCP, at=args.at)


def _rule(args: Args, step: CheckStep) -> CheckRule:
    check_order(args, TCP, step)
    return CheckRule(kind=TCP, step=step, at=args.at)


@keyword("tcp-check comment", RULES, "4.2")
def tcp_check_comment(args: Args) -> CheckRule:
    """tcp-check comment <string>: a remark on the rule behind it."""
    return _rule(args, Remark(comment=remark(args)))


def remark(args: Args) -> str:
    if not args.more():
        raise ConfigError(f"'{args.keyword}' : expects a string as argument.", args.here, "<string>")
    text = args.take("<string>")
    args.end()
    return text


@keyword("tcp-check connect", RULES, "4.2")
def tcp_check_connect(args: Args) -> CheckRule:
    """tcp-check connect [default] [port <expr>] [addr <ip>] [send-proxy] [ssl] [sni <sni>] [alpn <alpn>] [linger]
    [comment <msg>]"""
    return _rule(args, words.read_connect(args))


def _send(args: Args, name: str) -> tuple[Word, str]:
    """The data and the comment of a send rule."""
    word = words.value(args, name)
    comment = ""
    if args.more():
        other = args.word("comment")
        if other.text != "comment":
            raise words.unexpected(args, other, "'comment'")
        comment = words.comment(args)
        args.end()
    return word, comment


@keyword("tcp-check send", RULES, "4.2")
def tcp_check_send(args: Args) -> CheckRule:
    """tcp-check send <data> [comment <msg>]"""
    word, comment = _send(args, "send")
    return _rule(args, SendData(data=words.text(word), comment=comment))


@keyword("tcp-check send-lf", RULES, "4.2")
def tcp_check_send_lf(args: Args) -> CheckRule:
    """tcp-check send-lf <fmt> [comment <msg>]"""
    word, comment = _send(args, "send-lf")
    return _rule(args, SendData(data=CheckText(form=words.form(args, word)), comment=comment))


@keyword("tcp-check send-binary", RULES, "4.2")
def tcp_check_send_binary(args: Args) -> CheckRule:
    """tcp-check send-binary <hexstring> [comment <msg>]"""
    word, comment = _send(args, "send-binary")
    return _rule(args, SendData(data=words.binary(args, word), comment=comment))


@keyword("tcp-check send-binary-lf", RULES, "4.2")
def tcp_check_send_binary_lf(args: Args) -> CheckRule:
    """tcp-check send-binary-lf <hexfmt> [comment <msg>]"""
    word, comment = _send(args, "send-binary-lf")
    return _rule(args, SendData(data=CheckText(form=words.form(args, word), hexadecimal=True), comment=comment))


@keyword("tcp-check expect", RULES, "4.2")
def tcp_check_expect(args: Args) -> CheckRule:
    """tcp-check expect [min-recv <n>] [comment <msg>] [statuses and formats] [!] <match> <pattern>"""
    forms = {"string-lf": STRING, "binary-lf": BINARY}
    return _rule(args, words.read_expect(args, words.TCP_KINDS, forms, MATCHES))
