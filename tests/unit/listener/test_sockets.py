"""Listening sockets as bind lines ask for them."""

import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.network import SIGNS

from pointsman.config.bind import BindParameters, SocketOwner
from pointsman.core.address import AF_INET6, AddressSpec
from pointsman.listener.sockets import BindError, Opening, SocketOptions, socket_options
from pointsman.net.tcp_options import IPPROTO_MPTCP, sign_for


@pytest.fixture
def openings() -> Iterator[list[Opening]]:
    made: list[Opening] = []
    yield made
    for opening in made:
        opening.abandon()


def make(openings: list[Opening], spec: AddressSpec, **options: object) -> Opening:
    opening = Opening(spec, SocketOptions(**{"backlog": 64, **options}), "web.cfg:3", "frontend www")  # type: ignore[arg-type]
    openings.append(opening)
    return opening


def inet(host: str = "127.0.0.1", port: int = 0, family: int = 0) -> AddressSpec:
    return AddressSpec("inet", host, port, family)


def unix(path: Path | str) -> AddressSpec:
    return AddressSpec("unix", str(path))


def connectable(path: Path | str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def test_ipv4_listens_and_any_address_is_0_0_0_0(openings: list[Opening]) -> None:
    sock = make(openings, inet("")).open()
    assert sock.getsockname()[0] == "0.0.0.0"
    with socket.create_connection(("127.0.0.1", sock.getsockname()[1])):
        connection, _ = sock.accept()
        connection.close()
    assert not sock.getblocking()


def test_ipv6_any_takes_ipv4_with_v4v6_and_not_with_v6only(openings: list[Opening]) -> None:
    both = make(openings, inet("::"), v4v6=True).open()
    alone = make(openings, inet("::"), v6only=True, v4v6=True).open()
    with socket.create_connection(("127.0.0.1", both.getsockname()[1])):
        connection, peer = both.accept()
        connection.close()
    assert peer[0] == "::ffff:127.0.0.1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", alone.getsockname()[1]))
    with socket.create_connection(("::1", alone.getsockname()[1])):
        connection, _ = alone.accept()
        connection.close()


def test_a_prefix_makes_any_address_ipv6(openings: list[Opening]) -> None:
    assert make(openings, inet("", family=AF_INET6)).open().getsockname()[0] == "::"


def test_next_generation_binds_the_same_port_by_reuseport(openings: list[Opening]) -> None:
    port = make(openings, inet()).open().getsockname()[1]
    assert make(openings, inet(port=port)).open().getsockname()[1] == port


def test_a_port_in_use_is_told_in_haproxys_words(openings: list[Opening]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        opening = make(openings, inet(port=other.getsockname()[1]))
        with pytest.raises(BindError) as caught:
            opening.open()
        assert caught.value.in_use
        assert opening.complaint(caught.value) == (
            "Binding [web.cfg:3] for frontend www: cannot bind socket (Address already in use) "
            f"for [127.0.0.1:{other.getsockname()[1]}]"
        )


def test_an_address_that_is_not_ours_is_not_in_use(openings: list[Opening]) -> None:
    with pytest.raises(BindError, match=r"Cannot assign requested address\) for \[192.0.2.1:81\]") as caught:
        make(openings, inet("192.0.2.1", 81)).open()
    assert not caught.value.in_use


def test_tcp_options_are_set_and_inherited(openings: list[Opening]) -> None:
    sock = make(
        openings,
        inet(),
        user_timeout=12_000,
        defer_accept=True,
        fast_open=True,
        max_segment=900,
        keepalive=True,
        keepalive_idle=77,
        keepalive_interval=11,
        keepalive_count=4,
        no_linger=True,
    ).open()
    tcp = socket.IPPROTO_TCP
    assert sock.getsockopt(tcp, socket.TCP_DEFER_ACCEPT) > 0
    assert sock.getsockopt(tcp, socket.TCP_FASTOPEN) > 0
    assert sock.getsockopt(tcp, socket.TCP_MAXSEG) == 900
    with socket.create_connection(sock.getsockname()) as client:
        client.sendall(b"x")  # deferred until there is data
        sock.settimeout(5)
        connection, _ = sock.accept()
        with connection:
            assert connection.getsockopt(tcp, socket.TCP_NODELAY) == 1
            assert connection.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == 12_000
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert connection.getsockopt(tcp, socket.TCP_KEEPIDLE) == 77
            assert connection.getsockopt(tcp, socket.TCP_KEEPINTVL) == 11
            assert connection.getsockopt(tcp, socket.TCP_KEEPCNT) == 4
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == b"\x01\0\0\0\0\0\0\0"


def test_an_option_that_the_system_refuses_is_a_warning(openings: list[Opening]) -> None:
    opening = make(openings, inet(), max_segment=65_535_000)
    opening.open()
    assert len(opening.warnings) == 1
    assert "cannot set MSS to 65535000" in opening.warnings[0]


def test_congestion_control_is_inherited(openings: list[Opening]) -> None:
    sock = make(openings, inet(), congestion="reno").open()
    with socket.create_connection(sock.getsockname()):
        sock.settimeout(15)
        with sock.accept()[0] as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == b"reno"


def test_an_unknown_congestion_control_is_a_warning(openings: list[Opening]) -> None:
    opening = make(openings, inet(), congestion="nosuch")
    opening.open()
    assert len(opening.warnings) == 1
    assert "cannot set congestion control 'nosuch' (No such file or directory)" in opening.warnings[0]


@pytest.mark.parametrize("host, client", [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")])
def test_who_signs_segments_is_heard(openings: list[Opening], host: str, client: str) -> None:
    """By the same password; without one nothing is answered, not even that it is refused. Not all kernels can."""
    if not SIGNS:
        with pytest.raises(BindError, match="cannot enable TCP MD5 signature"):
            make(openings, inet(host), password="s3cret").open()
        return
    sock = make(openings, inet(host), password="s3cret", v4v6=host == "::").open()
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    for password in (b"s3cret", b"other", b""):
        with socket.socket(family) as one:
            if password:
                sign_for(one, family, socket.inet_pton(family, client), password)
            one.settimeout(15 if password == b"s3cret" else 0.1)
            if password == b"s3cret":
                one.connect((client, sock.getsockname()[1]))
            else:
                with pytest.raises(TimeoutError):
                    one.connect((client, sock.getsockname()[1]))


def test_mptcp(openings: list[Opening]) -> None:
    """A client of TCP is served by TCP. Where the kernel has none it is an error."""
    spec = AddressSpec("inet", "127.0.0.1", 0, mptcp=True)
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
    except OSError:
        with pytest.raises(BindError, match="cannot create receiving socket"):
            make(openings, spec).open()
        return
    sock = make(openings, spec).open()
    assert sock.proto == IPPROTO_MPTCP and sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == IPPROTO_MPTCP
    with socket.create_connection(sock.getsockname()):
        sock.settimeout(15)
        sock.accept()[0].close()
    assert make(openings, spec).key != make(openings, inet()).key


def test_a_namespace_that_is_not_there(openings: list[Opening]) -> None:
    with pytest.raises(BindError, match="cannot create receiving socket \\(No such file or directory\\)"):
        make(openings, inet(), namespace="nosuch-1").open()
    assert make(openings, inet(), namespace="a").key != make(openings, inet()).key


def test_an_unknown_interface_is_an_error(openings: list[Opening]) -> None:
    with pytest.raises(BindError, match="cannot bind listener to device 'nosuch0' "):
        make(openings, inet(), interface="nosuch0").open()


def test_interface_restricts_the_socket(openings: list[Opening]) -> None:
    sock = make(openings, inet(), interface="lo").open()
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"


@pytest.mark.root
def test_transparent_binds_foreign_addresses(openings: list[Opening]) -> None:
    assert make(openings, inet("192.0.2.1", 8181), transparent=True).open().getsockname() == ("192.0.2.1", 8181)
    assert make(openings, inet("2001:db8::1", 8181), transparent=True).open().getsockname()[0] == "2001:db8::1"


# Unix sockets.


def test_unix_socket_gets_its_name_only_when_committed(openings: list[Opening], tmp_path: Path) -> None:
    path = tmp_path / "s"
    opening = make(openings, unix(path), mode=0o640)
    opening.open()
    assert not path.exists()
    opening.commit()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert connectable(path)
    assert os.listdir(tmp_path) == ["s"]


def test_an_abandoned_unix_socket_leaves_the_old_one_alone(openings: list[Opening], tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
        old.listen()
        opening = make(openings, unix(path))
        opening.open()
        opening.abandon()
        assert connectable(path)
    assert os.listdir(tmp_path) == ["s"]


def test_a_stale_unix_socket_is_replaced(openings: list[Opening], tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    assert not connectable(path)
    opening = make(openings, unix(path))
    opening.open()
    opening.commit()
    assert connectable(path)


def test_what_is_no_socket_is_not_overwritten(openings: list[Opening], tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(BindError, match="not a socket"):
        make(openings, unix(path)).open()
    assert path.read_text() == "data"


def test_a_missing_folder_is_told_as_haproxy_does(openings: list[Opening]) -> None:
    with pytest.raises(BindError, match=r"cannot bind UNIX socket \(No such file or directory\) \[/nonexistent/s\]"):
        make(openings, unix("/nonexistent/s")).open()


def test_a_path_of_107_bytes_fits_and_108_do_not(openings: list[Opening], tmp_path: Path) -> None:
    longest = str(tmp_path) + "/" + "x" * (107 - len(str(tmp_path)) - 1)
    opening = make(openings, unix(longest))
    opening.open()
    opening.commit()
    assert connectable(longest)
    with pytest.raises(BindError, match="longer than 107 bytes"):
        make(openings, unix(longest + "x")).open()


@pytest.mark.root
def test_unix_socket_has_owner_and_group(openings: list[Opening], tmp_path: Path) -> None:
    user, group = pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid
    opening = make(openings, unix(tmp_path / "s"), uid=user, gid=group)
    opening.open()
    opening.commit()
    status = (tmp_path / "s").stat()
    assert (status.st_uid, status.st_gid) == (user, group)


def test_abstract_names_are_padded_unless_abnsz(openings: list[Opening]) -> None:
    name = f"pointsman-test-{os.getpid()}"
    assert make(openings, AddressSpec("abns", name)).open().getsockname() == b"\0" + name.encode().ljust(107, b"\0")
    assert make(openings, AddressSpec("abnsz", name)).open().getsockname() == b"\0" + name.encode()


def test_an_abstract_name_in_use(openings: list[Opening]) -> None:
    spec = AddressSpec("abns", f"pointsman-test-{os.getpid()}")
    make(openings, spec).open()
    with pytest.raises(BindError, match="already in use") as caught:
        make(openings, spec).open()
    assert caught.value.in_use


# Inherited descriptors.


@pytest.mark.parametrize("listening", [True, False])
def test_an_inherited_descriptor_is_used(openings: list[Opening], listening: bool) -> None:
    given = socket.socket()
    given.bind(("127.0.0.1", 0))
    address = given.getsockname()
    if listening:
        given.listen()
    number = given.detach()
    os.set_inheritable(number, True)
    sock = make(openings, AddressSpec("fd", "", number)).open()
    assert not os.get_inheritable(number)
    with socket.create_connection(address):
        connection, _ = sock.accept()
        connection.close()


def test_a_descriptor_that_is_none(openings: list[Opening]) -> None:
    with pytest.raises(BindError, match="cannot use file descriptor '987' : Bad file descriptor"):
        make(openings, AddressSpec("fd", "", 987)).open()


def test_a_datagram_descriptor_is_refused_and_left_open(openings: list[Opening]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as given:
        with pytest.raises(BindError, match="not a stream socket"):
            make(openings, AddressSpec("fd", "", given.fileno())).open()
        assert os.fstat(given.fileno())


def test_socket_options_take_what_a_bind_line_says() -> None:
    parameters = BindParameters(
        backlog=7,
        interface="eth0",
        v6only=True,
        defer_accept=True,
        tfo=True,
        transparent=True,
        mss=-40,
        user_timeout=5,
        owner=SocketOwner(mode=0o600, uid=1, gid=2),
    )
    options = socket_options(parameters, 99)
    assert (options.backlog, options.interface, options.v6only, options.v4v6) == (7, "eth0", True, False)
    assert (options.defer_accept, options.fast_open, options.transparent) == (True, True, True)
    assert (options.max_segment, options.user_timeout) == (-40, 5)
    assert (options.mode, options.uid, options.gid) == (0o600, 1, 2)
    assert socket_options(BindParameters(), 99).backlog == 99
