"""Commands about the connection itself, the process's environment and help (management manual 9.3)."""

from typing import Final

from pointsman.admin.command import ACCESS_LEVELS, OPERATOR, USER, Call, CommandError, command, help_page
from pointsman.admin.lookup import whole_number
from pointsman.config.features import VERSION
from pointsman.config.keyword import parse_time
from pointsman.core.diagnostics import STARTUP, ConfigError, Position
from pointsman.core.words import Word
from pointsman.net.clock import wall_ms

SEVERITY_OUTPUTS: Final = ("none", "number", "string")


def span(text: str, unit: str) -> int | None:
    """A time (manual 2.5), in milliseconds; None: it is none."""
    try:
        return parse_time(Word(text, Position("cli", 1, 1, len(text), text)), unit)
    except ConfigError:
        return None


@command("help", "help [<command>]", "list matching or all commands")
def show_help(call: Call) -> str:
    """All commands, or those that match."""
    return help_page(call.words)


@command("prompt", "prompt [help | n | i | p | timed]*", "change between one command, many, and many with a prompt")
def prompt(call: Call) -> str:
    """prompt: to the prompt and back; n non-interactive, i interactive, p with a prompt, timed shows the uptime."""
    terminal = call.terminal
    if not call.words:
        terminal.interactive = terminal.prompting = not terminal.prompting
    for word in call.words:
        if word == "n":
            terminal.interactive = terminal.prompting = False
        elif word == "i":
            terminal.interactive, terminal.prompting = True, False
        elif word == "p":
            terminal.interactive = terminal.prompting = True
        elif word == "timed":
            terminal.timed = not terminal.timed
            terminal.interactive = terminal.prompting = True
        else:
            return (
                "Usage: prompt [help | n | i | p | timed]*\n"
                "  n      one line of commands, then the end\n"
                "  i      any number of lines\n"
                "  p      the same with a prompt\n"
                "  timed  show the uptime in the prompt, or do not\n"
            )
    return ""


@command("quit", "quit", "disconnect")
def leave(call: Call) -> str:
    """End the connection."""
    call.terminal.ended = True
    return ""


@command("user", "user", "give up the rights above level user")
def become_user(call: Call) -> str:
    """Lower the level of this connection."""
    call.terminal.level = USER
    return ""


@command("operator", "operator", "give up the rights above level operator", level=OPERATOR)
def become_operator(call: Call) -> str:
    """Lower the level of this connection."""
    call.terminal.level = OPERATOR
    return ""


@command("echo", "echo <text>", "print the text")
def echo(call: Call) -> str:
    """For remarks between the answers of other commands."""
    return " ".join(call.words) + "\n"


@command("show cli level", "show cli level", "show the level of this connection")
def show_level(call: Call) -> str:
    return ACCESS_LEVELS[call.terminal.level] + "\n"


@command("show cli sockets", "show cli sockets", "list the stats sockets")
def show_sockets(call: Call) -> str:
    """Address, level, processes."""
    lines = ["# socket lvl processes"]
    lines += [f"{one.address} {one.level} all" for one in call.view.sockets]
    return "\n".join(lines) + "\n"


@command("set severity-output", "set severity-output [none|number|string]", "show how grave messages are, and how")
def set_severity_output(call: Call) -> str:
    """For this connection only."""
    if call.word(0) not in SEVERITY_OUTPUTS:
        raise CommandError("one of 'none', 'number', 'string' is a required argument")
    call.terminal.severity_output = call.word(0)
    return ""


@command("set timeout", "set timeout [cli] <delay>", "change how long this connection may be silent")
def set_timeout(call: Call) -> str:
    """set timeout cli <delay>: in seconds, or with a unit."""
    if call.word(0) != "cli":
        raise CommandError("'set timeout' only supports 'cli'.")
    text = call.word(1)
    if not text:
        raise CommandError("Expects an integer value.")
    delay = span(text, "s")
    if delay is None or delay < 1:
        raise CommandError("Invalid timeout value.")
    call.terminal.timeout = delay
    return ""


@command("show version", "show version", "show the version of this process")
def show_version(call: Call) -> str:
    """Version of `show info`: that of the language."""
    return VERSION + "\n"


@command("show startup-logs", "show startup-logs", "show what was said at the start", level=OPERATOR)
def show_startup_logs(call: Call) -> str:
    """Messages about the configuration and the process."""
    return "".join(f"{line}\n" for line in STARTUP.lines)


@command("show activity", "show activity [-1|0|<lane>]", "show what lanes have done", level=OPERATOR)
def show_activity(call: Call) -> str:
    """show activity [-1 | 0 | <number>]: all with their sum, 0 the sum alone, or one lane."""
    counters, lanes = call.view.process.counters, call.view.nbthread
    wanted = whole_number(call.word(0) or "-1", "Invalid thread number.")
    if not -1 <= wanted <= lanes:
        raise CommandError("Invalid thread number.")
    each = [counters.of_lane(lane, "connections") for lane in range(lanes)]
    shown = str(each[wanted - 1]) if wanted > 0 else str(sum(each))
    if wanted < 0 and lanes > 1:
        shown += f" [ {' '.join(str(one) for one in each)} ]"
    now = wall_ms()
    return (
        f"thread_id: {max(1, wanted)} (1..{lanes})\ndate_now: {now // 1000}.{now % 1000:03}000\n"
        f"uptime_now: {(call.view.now - call.view.started) / 1000:f}\naccepted: {shown}\n"
    )


@command("show env", "show env [<name>]", "list environment variables, or show one", level=OPERATOR)
def show_env(call: Call) -> str:
    """As the configuration saw and changed them."""
    name = call.word(0)
    if not name:
        return "".join(f"{key}={value}\n" for key, value in call.view.environment.items())
    value = call.view.environment.get(name)
    if value is None:
        raise CommandError("Variable not found")
    return f"{name}={value}\n"
