"""A balancer in a process of its own, for demonstrations: started, waited for, and ended in order at Ctrl-C."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final

PATIENCE: Final = 15.0  # s for it to listen
GRACE: Final = 5.0  # s for it to end


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """The wanted port of that address, or a free one where it is taken (or 0)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError:
            probe.bind((host, 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


async def balance(file: str, port: int, told: str, variables: Mapping[str, str]) -> int:
    """Run `pointsman -db -f file`, with these environment variables too, until SIGINT, SIGTERM, SIGHUP, or its own end.

    `told` is printed when the port of 127.0.0.1 takes connections. Returns an exit status: 0 after a signal.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    # A session of its own: Ctrl-C in the terminal is for us, who then end it in order.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pointsman", "-db", "-f", file, env={**os.environ, **variables}, start_new_session=True
    )
    waits: Sequence[asyncio.Future[None]] = [
        asyncio.ensure_future(wait) for wait in (_ended(process), _set(stop), _listening(port))
    ]
    ended, stopped, listening = waits
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
        if listening.done():
            print(told, flush=True)
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        asked = stopped.done()
        if not asked:
            print("The balancer has ended." if ended.done() else "The balancer does not listen.", file=sys.stderr)
    finally:
        for wait in waits:
            wait.cancel()
        await _end(process)
    if asked:
        print("\nThat was all.", flush=True)
    return 0 if asked else 1


async def _ended(process: asyncio.subprocess.Process) -> None:
    await process.wait()


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _listening(port: int) -> None:
    """Returns as soon as the port takes connections."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()
