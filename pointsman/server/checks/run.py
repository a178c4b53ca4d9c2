"""One check of one server, on asyncio: its steps one after the other, each with its deadline.

The connection is closed by a reset, as HAProxy does, so that it leaves no TIME_WAIT behind; in order where `linger`
asks for it, or where the last thing was to send something that must arrive. A check that only connects does not even
complete the handshake: the reset answers SYN/ACK, so that the server has nothing to accept.
"""

import asyncio
import copy
import ipaddress
import os
import socket
import struct
from dataclasses import dataclass
from typing import Final

from pointsman.core.address import AF_INET, AF_INET6, UNIX_ADDRESS, NetAddress, net_address
from pointsman.core.connection_faults import TLS_TOO_MANY, message_of
from pointsman.net.clock import monotonic_ms, wall_ms
from pointsman.net.tls_state import TlsAccount
from pointsman.net.transport import Transport
from pointsman.proto.proxy import render_v1
from pointsman.proto.spelling import respelt
from pointsman.sample.context import CheckSession, Context
from pointsman.sample.types import Type
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.checks.expect import judge_data, judge_reply, label
from pointsman.server.checks.h2 import CheckH2
from pointsman.server.checks.http_request import render_request, request_of_check
from pointsman.server.checks.http_response import CheckResponse
from pointsman.server.checks.kept import KeptConnection, asks_to_stay, stays
from pointsman.server.checks.plan import CheckPlan
from pointsman.server.checks.reply import ExpectReply
from pointsman.server.checks.status import Result, connection_error
from pointsman.server.checks.steps import CheckStep, Connect, Expect, SendData, SendRequest, Silent
from pointsman.server.checks.tls import CheckStream, CheckTls, fault_text
from pointsman.server.dial import Dial
from pointsman.server.server import RUNNING, STARTING, STOPPING
from pointsman.server.server_name import as_name
from pointsman.server.socks4 import Socks4Proxy, Socks4Transport

SILENT: Final = (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)  # an option, set before connecting: no ACK at once
LONGEST: Final = 127  # of what is told of a check, in logs and statistics (as the peer program has it)
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds


@dataclass(frozen=True, slots=True)
class Target:
    """Where checks go, as the server line says (manual 5.2 addr, port, check-send-proxy)."""

    address: str = ""  # "": that of the server
    port: int = 0  # 0: that of the server
    send_proxy: bool = False
    tls: CheckTls | None = None  # None: no check of it is encrypted
    via_socks4: bool = False  # by the proxy that the server's connections go by
    proto: str = ""  # what HTTP checks speak, h1 or h2 (check-proto); "": what the server does, or what ALPN has found
    traffic_proto: str = ""  # what the server does (proto)

    @property
    def elsewhere(self) -> bool:
        """Not where the traffic goes: how that is wrapped says nothing of checks."""
        return bool(self.port or self.address)


class Failed(Exception):
    """The check is over."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.info)
        self.result = result


class CheckRun:
    """One check. `perform` is called once."""

    def __init__(
        self,
        server: LiveServer,
        plan: CheckPlan,
        target: Target,
        inter: int,
        state: bytes,
        kept: KeptConnection | None = None,
    ) -> None:
        self.server = server
        self.plan = plan
        self.target = target
        self.inter = inter  # ms
        self.state = state  # x-haproxy-server-state
        self.loop = asyncio.get_running_loop()
        self.sock: socket.socket | None = None
        self.transport: Transport | None = None  # what its bytes pass through; None: it is plain
        self.account: TlsAccount | None = None  # where it is counted that they do
        self.deadline = 0.0  # by the loop's clock
        self.data = b""  # received since the last send
        self.ended = False
        self.reply: CheckResponse | None = None
        self.h2: CheckH2 | None = None  # HTTP/2 is spoken
        self.in_order = False  # how to close
        self.kept = kept  # where a connection may be taken from, and left; None: it has one of its own
        self.reused = False  # it was taken from there
        self.heard = False  # the server has said something
        self.stays = False  # the last request leaves the connection open
        self.session = CheckSession()
        self.context = self._context()

    def _context(self) -> Context:
        context = Context(self.server.backend, self.session)
        context.backend = self.server.backend
        context.server = self.server
        context.now = monotonic_ms()
        context.date_offset = wall_ms() - context.now
        if self.plan.unique_id is not None:
            context.unique_id = self.plan.unique_id.render(context)
        return context

    async def perform(self) -> Result:
        """The result, with its duration."""
        begun = monotonic_ms()
        try:
            result = await self._outcome()
            if self.reused and not self.heard and result.status == "SOCKERR":
                self._close()  # the server has ended it meanwhile: that says nothing of its health
                result = await self._outcome()
            self._keep()
        finally:
            self._close()
            VARIABLE_LIMITS.exchange_over(self.context)
            VARIABLE_LIMITS.session_over(self.session)
        return Result(result.status, result.code, result.info[:LONGEST], monotonic_ms() - begun)

    async def _outcome(self) -> Result:
        try:
            return await self._steps()
        except Failed as failed:
            return failed.result

    async def _steps(self) -> Result:
        told = "(tcp-check)" if self.plan.told and not self.plan.http else ""
        result = Result("L4OK", 0, told)
        for step in self.plan.steps:
            if isinstance(step, Connect):
                await self._connect(step)
                result = Result("L4OK" if self.transport is None else "L6OK", 0, told)
            elif isinstance(step, Expect):
                result = await self._expect(step)
                if not result.passed:
                    return result
                if told and not result.info:
                    result = Result(result.status, result.code, told)
            elif isinstance(step, Silent):
                step.act(self.context)
            else:
                await self._send(step)
                result = Result("L7OK", 0, told)
        last = [step for step in self.plan.steps if not isinstance(step, Silent)][-1]
        self.in_order = self.in_order or isinstance(last, SendData)
        return result

    # Connections.

    async def _connect(self, step: Connect) -> None:
        self._close()
        self._forget()
        self.context.server_tls = None
        plan = self.plan
        limit = min(plan.connect_timeout or self.inter, self.inter) if plan.read_timeout else self.inter
        self.deadline = self.loop.time() + limit / 1000
        if self._take_kept():
            return
        port = self._port(step)
        socks4 = self._proxy(step)
        if self._encrypts(step):
            self._begin_tls(step)
        try:
            dial = self._dial(step, port)
            aim = dial.address(UNIX_ADDRESS)
            if socks4 is not None:
                dial = copy.copy(socks4.dial)
            if dial.family != socket.AF_UNIX and self._stays_silent(step):
                dial.options = [*dial.options, SILENT]
            self.sock = socket.socket(fileno=dial.open(UNIX_ADDRESS).detach())
            self.sock.setblocking(False)
            await self._opened(self.sock)
        except TimeoutError:
            raise self._connect_failed(step, "L4TOUT", "") from None
        except OSError as error:
            raise self._connect_failed(step, "L4CON", connection_error(error)) from None
        self.in_order = step.linger
        self._name_ends(aim)
        if socks4 is not None:
            await self._pass(step, self.sock, socks4.transport(self.sock.fileno(), aim))
        header = self._proxy_header(step)
        if not self._encrypts(step):
            self._begin_reading()
            if header:
                await self._write(step, header)
            self._begin_speaking(step)
            return
        if header:
            await self._write(step, header)
        await self._secure(step, self.sock)
        self._begin_reading()
        self._begin_speaking(step)

    def _begin_speaking(self, step: Connect) -> None:
        """HTTP/2, where a line says so, or ALPN has found it."""
        if not self.plan.http:
            return
        target = self.target
        proto = step.proto
        if not proto and not step.own:
            proto = target.proto or ("" if target.elsewhere else target.traffic_proto)
        tls = self.context.server_tls
        if proto == "h2" or not proto and tls is not None and tls.alpn == b"h2":
            self.h2 = CheckH2(tls is not None)

    def _take_kept(self) -> bool:
        """Go on with the connection that the check before has left. False: there is none."""
        found = self.kept.take(self.server.dial.target) if self.kept is not None and not self.reused else None
        self.reused = found is not None
        if found is None:
            return False
        self.sock, self.transport, self.account = found
        self.h2 = self.kept.h2 if self.kept is not None else None
        if self.transport is not None:
            self.context.server_tls = self.transport.tls
        self._name_ends(self.server.dial.address(UNIX_ADDRESS))
        self._begin_reading()
        return True

    def _keep(self) -> None:
        """Leave the connection to the next check, if it lasts."""
        if self.kept is None or self.sock is None or self.reply is None or not self.stays or not stays(self.reply):
            return
        if self.h2 is not None:
            if not self.h2.lasts:
                return
            self.h2.drop()
        self.kept.put(self.sock, self.transport, self.account, self.server.dial.target)
        self.kept.h2 = self.h2
        self.sock = self.transport = self.account = None

    def _name_ends(self, aim: NetAddress) -> None:
        """For expressions: both ends of the connection, and that it has come about."""
        assert self.sock is not None
        context = self.context
        context.server_address = aim
        context.server_source = _end(self.sock.getsockname())
        context.record.connected = monotonic_ms()

    def _proxy(self, step: Connect) -> Socks4Proxy | None:
        """The SOCKS4 proxy that it goes by."""
        return self.server.socks4 if step.via_socks4 or self.target.via_socks4 and not step.own else None

    async def _pass(self, step: Connect, sock: socket.socket, transport: Socks4Transport) -> None:
        """Until the proxy has opened the way to the server: that is part of connecting."""
        try:
            await self._stream(sock).handshake(transport)
        except TimeoutError:
            raise self._connect_failed(step, "L7TOUT", "") from None
        except OSError:
            raise self._connect_failed(step, "SOCKERR", transport.reason) from None

    def _begin_tls(self, step: Connect) -> None:
        """It counts as traffic does, and is refused as traffic is where maxsslconn is reached (manual 3.2)."""
        account = self.server.tls_account
        if account is None:
            return
        if not account.begin():
            raise self._connect_failed(step, "SOCKERR", message_of(TLS_TOO_MANY).decode())
        self.account = account

    def _begin_reading(self) -> None:
        """It is open: from now on `timeout check` counts, if there is one."""
        if self.plan.read_timeout:
            self.deadline = self.loop.time() + self.plan.read_timeout / 1000

    def _encrypts(self, step: Connect) -> bool:
        tls = self.target.tls
        if tls is None or step.ssl or step.own:
            return step.ssl
        return tls.forced or tls.traffic and not self.target.elsewhere

    async def _secure(self, step: Connect, sock: socket.socket) -> None:
        """From now on it is encrypted."""
        tls = self.target.tls
        assert tls is not None
        name = self._server_name(step, tls)
        transport = self.transport = tls.by_offer[tls.offer if step.alpn is None else step.alpn].connect(
            sock.fileno(), name
        )
        try:
            await self._stream(sock).handshake(transport)
        except TimeoutError:
            raise self._connect_failed(step, "L6TOUT", "") from None
        except OSError as error:
            if self.account is not None:
                self.account.failed()
            raise self._connect_failed(step, "L6RSP", fault_text(error, transport, bool(name))) from None
        self.context.server_tls = transport.tls
        if self.account is not None:
            self.account.established(transport.tls is not None and transport.tls.resumed)

    def _server_name(self, step: Connect, tls: CheckTls) -> bytes:
        """For whom the connection is; b"": it names nobody."""
        if step.sni:
            return as_name(step.sni.encode("utf-8", "surrogateescape"))
        if step.own or tls.name:
            return b"" if step.own else tls.name
        if not tls.automatic or not self.plan.http or self.plan.asks_own:
            return b""
        return as_name(self.plan.host(self.context).partition(b":")[0])

    def _stream(self, sock: socket.socket) -> CheckStream:
        stream = CheckStream(sock.fileno(), self.loop)
        stream.deadline = self.deadline
        return stream

    def _stays_silent(self, step: Connect) -> bool:
        """Nothing is done with the connection: what comes next is its end, by a reset. The kernel keeps its ACK for a
        moment then, and the reset takes its place."""
        steps = [one for one in self.plan.steps if not isinstance(one, Silent)]
        last = steps[-1] is step or isinstance(steps[steps.index(step) + 1], Connect)
        with_header = self._proxy_version(step) or self._proxy(step) is not None
        return last and not step.linger and not with_header and not self._encrypts(step)

    def _port(self, step: Connect) -> int:
        """The port that the rule or the line says; 0: the server's own."""
        if step.port_expression is not None:
            get = step.port_expression.cast_to(Type.SINT)
            value = get(self.context) if get is not None else None
            number = int(value) if value is not None else 0
            if not 0 <= number < 65536:
                raise self._connect_failed(step, "SOCKERR", f"{number} is no port")
            return number or self.target.port
        return step.port or self.target.port

    def _dial(self, step: Connect, port: int) -> Dial:
        dial = copy.copy(self.server.dial)
        address = step.address or self.target.address
        if isinstance(dial.target, str):
            if not address:
                return dial
            dial.target = (address, port)
        dial.target = (address or dial.target[0], port or dial.target[1])
        if address:
            dial.family = AF_INET6 if ipaddress.ip_address(address).version == 6 else AF_INET
            dial.follow_address = False
        if port:
            dial.follow_port = False
        return dial

    async def _opened(self, sock: socket.socket) -> None:
        """Wait until a connection is open, or raise what it met."""
        if sock.family == socket.AF_UNIX:
            return
        await self._stream(sock).ready(True)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))

    def _connect_failed(self, step: Connect, status: str, info: str) -> Failed:
        if self.plan.sequence:
            info += self._place(step, step.label(step.port)) or " at initial connection step of tcp-check"
        return Failed(Result(status, 0, info))

    def _proxy_version(self, step: Connect) -> int:
        """0: no PROXY header."""
        version = 0
        if step.send_proxy:
            version = 1
        elif not step.own:
            if self.target.send_proxy or not self.target.elsewhere:
                version = self.server.header.version if self.server.header is not None else 0
            if self.target.send_proxy:
                version = version or 1
        return version

    def _proxy_header(self, step: Connect) -> bytes:
        version = self._proxy_version(step)
        if not version or self.sock is None:
            return b""
        own = _end(self.sock.getsockname())
        peer = _end(self.sock.getpeername())
        if version == 2 and self.server.header is not None:
            return self.server.header.of_check(self.context, own, peer)
        return render_v1(own, peer)

    def _close(self) -> None:
        sock, self.sock = self.sock, None
        transport, self.transport = self.transport, None
        account, self.account = self.account, None
        self.h2 = None
        if account is not None:
            account.ended()
        if sock is None:
            return
        if transport is not None:
            self._end_tls(transport)
        if not self.in_order and sock.family != socket.AF_UNIX:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            except OSError:
                pass  # the connection is gone already
        sock.close()

    def _end_tls(self, transport: Transport) -> None:
        """Tell the server that this is the end, unless it learns it by a reset."""
        if self.in_order:
            try:
                transport.shut()
            except OSError:
                pass  # it is gone already
        transport.close()

    # Sending and receiving.

    def _forget(self) -> None:
        """What has come before counts for nothing behind a step that connects or sends."""
        self.data = self.context.response_bytes = self.session.body = b""
        self.ended = False
        self.reply = self.context.response = None

    async def _send(self, step: CheckStep) -> None:
        self.data = self.context.response_bytes = b""
        if isinstance(step, SendRequest):
            self.reply = CheckResponse(self.plan.size, bodiless=step.method == b"HEAD")
            if self.h2 is not None:
                self.stays = True
                await self._write(step, self.h2.ask(request_of_check(step, self.context, self.state), self.reply))
                return
            data = render_request(step, self.context, self.state)
            self.stays = asks_to_stay(data)
            names = self.server.backend.spellings
            await self._write(step, data if names is None else respelt(data, names))
        elif isinstance(step, SendData):
            try:
                data = step.data.render(self.context)
            except ValueError:
                info = f"tcp-check send : failed to build log-format string at step {step.number}"
                raise Failed(Result("L7RSP", 0, info)) from None
            await self._write(step, data)

    async def _write(self, step: CheckStep, data: bytes) -> None:
        assert self.sock is not None
        try:
            if self.transport is not None:
                await self._stream(self.sock).write(self.transport, data)
                return
            async with asyncio.timeout_at(self.deadline):
                await self.loop.sock_sendall(self.sock, data)
        except TimeoutError:
            raise Failed(Result("L7TOUT", 0, self._place(step, "send"))) from None
        except OSError as error:
            raise Failed(Result("SOCKERR", 0, connection_error(error) + self._place(step, "send"))) from None

    async def _read(self, step: Expect) -> None:
        """More bytes, or the end."""
        assert self.sock is not None
        try:
            if self.transport is not None:
                data = await self._stream(self.sock).read(self.transport, self.plan.size)
            else:
                async with asyncio.timeout_at(self.deadline):
                    data = await self.loop.sock_recv(self.sock, self.plan.size)
        except TimeoutError:
            raise Failed(Result(step.timeout_status, 0, self._place(step, label(step, self.context)))) from None
        except OSError as error:
            if not self.data:
                place = self._place(step, label(step, self.context))
                raise Failed(Result("SOCKERR", 0, connection_error(error) + place)) from None
            data = b""  # what has come before can still be judged
        self.heard = self.heard or bool(data)
        if not data:
            self.ended = True
            if self.h2 is not None:
                self.h2.end()
            if self.reply is not None:
                self.reply.end()
        elif self.reply is not None:
            if self.h2 is None:
                self.reply.feed(data)
            else:
                await self._answer(step, self.h2.feed(data))
            self.context.response = self.reply.head
            self.session.body = self.reply.body
        else:
            self.data += data
            self.context.response_bytes = self.data

    async def _answer(self, step: CheckStep, data: bytes) -> None:
        """What HTTP/2 has to say in return. That the server does not take it says nothing: what it has said counts."""
        if data:
            try:
                await self._write(step, data)
            except Failed:
                pass

    async def _expect(self, step: Expect) -> Result:
        while True:
            result = self._judge(step)
            if result is not None:
                return result
            await self._read(step)

    def _judge(self, step: Expect) -> Result | None:
        if self.reply is None:
            ended = self.ended or len(self.data) >= self.plan.size
            if isinstance(step, ExpectReply):
                return step.judge(self.data, ended)
            try:
                return judge_data(step, self.data, ended, self.context)
            except ValueError:
                return Result("L7RSP", 0, "Failed to parse hexastring resulting of eval of a log-format string")
        alive = self.server.state in (RUNNING, STARTING, STOPPING)
        return judge_reply(step, self.reply, self.plan.disable_on_404 and alive, self.context)

    def _place(self, step: CheckStep, what: str) -> str:
        """Where a tcp-check ended: " at step 2 of tcp-check (expect regex) comment: 'banner'"."""
        if self.plan.http or not step.number:
            return ""
        remark = f" comment: '{step.comment}'" if step.comment else ""
        return f" at step {step.number} of tcp-check ({what}){remark}"


def _end(name: object) -> NetAddress | None:
    """What getsockname() says; None for a UNIX socket."""
    if isinstance(name, tuple):
        return net_address(str(name[0]), int(name[1]))
    return None
