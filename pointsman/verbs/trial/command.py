"""The verb `try`: its words, and what it prints."""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Final

from pointsman.verbs.trial.faults import FORMS, FaultError, FaultRule, parse_fault
from pointsman.verbs.trial.order import Listening, Order, some
from pointsman.verbs.trial.running import RunError, Running
from pointsman.verbs.trial.seen import Seen

FAILED: Final = 1
USAGE: Final = 2
LISTED: Final = 60  # addresses in the map
SHOWN: Final = 6  # servers that are named in the map

DESCRIPTION: Final = """\
Bring up a configuration on this machine, without rights and without its surroundings: ports above 1024 on 127.0.0.1,
certificates by a CA of the run, and echo servers in the place of all servers. Ctrl-C leaves nothing behind."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="pointsman try", description=DESCRIPTION)
    made.add_argument("-f", dest="files", action="append", default=[], metavar="FILE", help="a file, or a folder")
    made.add_argument("-C", dest="directory", default="", metavar="DIR", help="where relative names start from")
    made.add_argument("--fault", action="append", default=[], metavar="SERVER=FAULT", help=FORMS.replace("%", "%%"))
    made.add_argument(
        "--real", action="append", default=[], metavar="SERVER", help="keep this server as the file has it"
    )
    made.add_argument("--port-base", type=int, default=0, metavar="PORT", help="give out ports from this one on")
    made.add_argument("--keep", default="", metavar="FOLDER", help="keep what is made in this folder")
    made.add_argument("--no-page", action="store_true", help="no page of what happens")
    made.add_argument("--once", nargs="+", default=[], metavar="URL", help="ask these, print the answers, and end")
    made.add_argument("--map", action="store_true", help="print what listens where, and end")
    made.add_argument("--self-test", action="store_true", help="ask each HTTP port once, print what came, and end")
    made.add_argument("--json", action="store_true", help="the map, or the results, as JSON")
    made.add_argument("-V", "--verbose", action="store_true", help="show warnings of the configuration, too")
    return made


def main(words: Sequence[str]) -> int:
    asked = parser().parse_args(list(words))
    if not asked.files:
        print("pointsman try: no configuration: say -f FILE", file=sys.stderr)
        return USAGE
    if asked.port_base and not 1024 <= asked.port_base <= 65_000:
        print("pointsman try: --port-base expects a port from 1024 to 65000", file=sys.stderr)
        return USAGE
    try:
        faults = [parse_fault(text) for text in asked.fault]
    except FaultError as error:
        print(f"pointsman try: --fault {error}", file=sys.stderr)
        return USAGE
    try:
        return asyncio.run(_run(asked, faults))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What nobody has waited for. A connection that broke when its user had left it is nothing to tell."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)


async def _run(asked: argparse.Namespace, faults: list[FaultRule]) -> int:
    """From the start to the end of a run. Returns the exit status."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_tell)
    stop: asyncio.Future[int] = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, partial(_stop, stop))
    order = Order(
        files=asked.files,
        folder="",
        echo=0,
        checks=0,
        agents=0,
        directory=asked.directory,
        port_base=asked.port_base,
        real=asked.real,
        verbose=asked.verbose,
    )
    try:
        running = Running(order, asked.keep)
    except (RunError, OSError) as error:
        print(f"pointsman try: {error}", file=sys.stderr)
        return FAILED
    working: asyncio.Future[int] = loop.create_task(_work(running, asked, faults))
    try:
        await asyncio.wait([working, stop], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return 0
        return working.result()
    except (RunError, FaultError) as error:
        if str(error):
            print(f"pointsman try: {error}", file=sys.stderr)
        return FAILED
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await running.end()


async def _work(running: Running, asked: argparse.Namespace, faults: list[FaultRule]) -> int:
    """Bring it up, and do what was asked. It ends by itself only where the balancer does, or where all is done."""
    seen = Seen(running, quiet=asked.json or asked.self_test or bool(asked.once))
    await running.start()
    for rule in faults:
        running.faults.add(rule)
    await running.settled()
    if asked.self_test or asked.once:
        from pointsman.verbs.trial import asking  # noqa: PLC0415

        return await asking.ask(running, asked.once, as_json=asked.json)
    page = ""
    if not asked.no_page and not asked.map:
        from pointsman.verbs.trial.page import Page  # noqa: PLC0415

        page = await Page(running, seen).start()
    if asked.json:
        print(json.dumps(_as_json(running, page), indent=2), flush=True)
    else:
        for line in describe(running, page, asked.map):
            print(line)
        sys.stdout.flush()
    if asked.map:
        return 0
    status = await running.ended
    how = f"by signal {-status}" if status < 0 else f"with status {status}"
    raise RunError(f"the balancer has ended {how}")


def _stop(stop: asyncio.Future[int]) -> None:
    if not stop.done():
        stop.set_result(0)


def _as_json(running: Running, page: str) -> dict[str, object]:
    plan = running.plan
    return {
        "page": page or None,
        "folder": running.folder,
        "ca": running.path("ca.pem") if _has_tls(running) else None,
        "listening": [{**asdict(one), "place": one.place, "url": one.url or None} for one in plan.listening],
        "servers": [
            {"backend": one.backend, "name": one.name, "wanted": one.wanted, "kind": one.kind, "host": one.host}
            for one in plan.servers
        ],
        "notices": plan.notices,
        "warnings": plan.warnings,
    }


def _has_tls(running: Running) -> bool:
    return os.path.exists(running.path("ca.pem"))


def describe(running: Running, page: str, brief: bool) -> list[str]:
    """The map of what listens where, and what was done to have it so. `brief`: that is all."""
    plan = running.plan
    echoes = [one for one in plan.servers if one.kind == "echo"]
    name = ", ".join(running.order.files)
    servers = f", with {_counted(len(echoes), 'echo server')}" if echoes else ""
    lines = [f"{name} is up{servers}.{'' if brief else ' Ctrl-C ends it.'}", ""]
    width = max([len(one.url or one.place) for one in plan.listening])
    owner = max([len(one.frontend) for one in plan.listening])
    for one in plan.listening[:LISTED]:
        lines.append(f"  {one.url or one.place:<{width}}  {one.frontend:<{owner}}  for {one.wanted}{_extra(one)}")
    if len(plan.listening) > LISTED:
        lines.append(f"  and {len(plan.listening) - LISTED} more: --json lists all of them")
    lines.append("")
    said = len(lines)
    others = [f"{one.title} ({one.kind})" for one in plan.servers if one.kind != "echo"]
    names = [one.title for one in echoes]
    if names:
        lines.append(f"echo servers: {some(names, SHOWN)}")
    if others:
        lines.append(f"other servers: {some(others, SHOWN)}")
    lines += plan.notices
    if plan.warnings:
        lines.append(f"{_counted(plan.warnings, 'warning')} of the configuration: -V shows them")
    columns = max(40, min(shutil.get_terminal_size().columns, 120))
    wrapper = textwrap.TextWrapper(columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    lines[said:] = [part for line in lines[said:] for part in wrapper.wrap(line)]
    lines += [*([""] if lines[-1] else []), *_hints(running)]
    if page:
        lines.append(f"page of what happens: {page}")
    return lines if brief else [*lines, ""]


def _extra(one: Listening) -> str:
    said = []
    if not one.http:
        said.append("TCP")
    if not one.url and one.tls:
        said.append("TLS")
    if one.hello:
        said.append("TLS goes through")
    if one.proxied:
        said.append("PROXY header first")
    if one.verify in ("optional", "required"):
        said.append(f"client certificate {one.verify}")
    return f"  ({', '.join(said)})" if said else ""


def _hints(running: Running) -> list[str]:
    """A command for each kind of port."""
    plan = running.plan
    usable = [one for one in plan.listening if one.url and not one.proxied]
    plain = next((one for one in usable if not one.tls), None)
    passing = [one for one in plan.listening if one.hello and one.port and not one.proxied]
    secure = next((one for one in [*usable, *passing] if one.tls or one.hello), None)
    names = [name for name in plan.names if not name.startswith("*")]
    lines = []
    if plain is not None:
        if names:
            lines.append(f"  curl --connect-to ::{plain.place} http://{names[0]}/")
        else:
            lines.append(f"  curl {plain.url}")
    if secure is not None:
        own = f" --cert {running.path('client.pem')}" if secure.verify in ("optional", "required") else ""
        trust = f"--cacert {running.path('ca.pem')}{own}"
        if names:
            lines.append(f"  curl {trust} --connect-to ::{secure.place} https://{names[0]}/")
        else:
            lines.append(f"  curl {trust} https://{secure.place}/")
    return ["ask it:", *lines] if lines else []


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
