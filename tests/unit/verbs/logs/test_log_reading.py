"""What fields mean: where the time went, whose the status is, what stands out, what the configuration says."""

from pathlib import Path

import pytest

from pointsman.verbs.logs.configured import Configured
from pointsman.verbs.logs.reader import Reader
from pointsman.verbs.logs.reading import Reading, duration, read_meaning
from pointsman.verbs.logs.times import Timers, timers_of

CONFIG = """\
defaults
    mode http
    option httplog
    timeout connect 5s
    timeout client 50s
    timeout server 30s   # slow reports
frontend web
    bind :8080
    maxconn 100
    log stdout format raw local0
    capture request header Host len 20
    default_backend app
backend app
    timeout queue 3s
    server a1 192.0.2.1:80 maxconn 10
"""


def meaning(
    timers: str,
    letters: str = "----",
    *,
    server: str = "app/a1",
    status: int = 200,
    counts: str = "1/1/1/1/0 0/0",
    captures: str = "",
    reader: Reader | None = None,
    configured: Configured | None = None,
) -> Reading:
    line = (
        f"192.0.2.9:1234 [06/Feb/2009:12:14:14.655] web {server} {timers} {status} 10 - - {letters} {counts} "
        f'{captures}"GET / HTTP/1.1"'
    )
    entry = (reader or Reader()).read(line.encode())
    assert entry is not None
    return read_meaning(entry, configured)


def spans(timers: Timers | None) -> list[tuple[str, int | None, int, bool]]:
    assert timers is not None
    return [(span.name, span.ms, span.start, span.open) for span in timers.spans]


def test_where_the_time_went() -> None:
    """The example of manual 8.2.3, 10/0/30/69/109: nothing is left for the data."""
    timers = meaning("10/0/30/69/109").timers
    assert spans(timers) == [
        ("TR", 10, 0, False),
        ("Tw", 0, 10, False),
        ("Tc", 30, 10, False),
        ("Tr", 69, 40, False),
        ("Td", 0, 109, False),
    ]
    assert timers is not None
    assert (timers.total, timers.total_name, timers.marked, timers.unreached) == (109, "Ta", False, [])


def test_the_step_that_was_cut_off_has_what_is_left() -> None:
    """Manual 8.4: "closed its connection unexpectedly after Ta-(TR+Tw+Tc) ms"."""
    timers = meaning("1/2/3/-1/30006", "sH--", status=504).timers
    assert spans(timers) == [("TR", 1, 0, False), ("Tw", 2, 1, False), ("Tc", 3, 3, False), ("Tr", 30000, 6, True)]


def test_steps_that_were_not_reached() -> None:
    timers = meaning("5/-1/-1/-1/5", "PR--", server="web/<NOSRV>", status=403).timers
    assert spans(timers) == [("TR", 5, 0, False)]
    assert timers is not None
    assert timers.unreached == ["Tw", "Tc", "Tr"]
    held = meaning("-1/102/-1/-1/101", "PT--", server="web/<NOSRV>", status=500).timers
    assert spans(held) == [("Tw", 102, 0, False)]


@pytest.mark.parametrize(
    ("fields", "expected", "total"),
    [
        ({"Tw": "0", "Tc": "1", "Tt": "50"}, [("Tw", 0), ("Tc", 1), ("Td", 49)], "Tt"),
        ({"Th": "4", "Tw": "0", "Tc": "1", "Tt": "50"}, [("Th", 4), ("Tw", 0), ("Tc", 1), ("Td", 45)], "Tt"),
        (
            {"Th": "1", "Ti": "2", "TR": "3", "Tw": "4", "Tc": "5", "Tr": "6", "Td": "7", "Ta": "25", "Tt": "28"},
            [("Th", 1), ("Ti", 2), ("TR", 3), ("Tw", 4), ("Tc", 5), ("Tr", 6), ("Td", 7)],
            "Tt",
        ),
        (
            {"Tq": "3", "Tw": "0", "Tc": "1", "Tr": "2", "Tt": "9"},
            [("Tq", 3), ("Tw", 0), ("Tc", 1), ("Tr", 2), ("Td", 3)],
            "Tt",
        ),
        ({"Tw": "-1", "Tc": "-1", "Tt": "20"}, [("Tw", 20)], "Tt"),
        ({"TR": "0", "Tw": "0", "Tc": "1", "Tr": "2", "Ta": "+3"}, [("TR", 0), ("Tw", 0), ("Tc", 1), ("Tr", 2)], "Ta"),
        ({"Ta": "5"}, [], "Ta"),
        ({"Tr": "7"}, [("Tr", 7)], ""),
    ],
)
def test_other_sets_of_timers(fields: dict[str, str], expected: list[tuple[str, int]], total: str) -> None:
    timers = timers_of(fields)
    assert timers is not None
    assert [(span.name, span.ms) for span in timers.spans] == expected
    assert timers.total_name == total
    assert timers.marked is (fields.get("Ta", "").startswith("+"))


def test_no_timers() -> None:
    assert timers_of({"ST": "200", "Tc": None, "Ta": "x"}) is None


@pytest.mark.parametrize(
    ("letters", "status", "server", "answer"),
    [
        ("----", 200, "app/a1", "status 200 (the server's)"),
        ("----", 503, "app/a1", "status 503 (the server's)"),
        ("sH--", 504, "app/a1", "status 504 (the proxy's)"),
        ("SD--", 200, "app/a1", "status 200 (the server's)"),
        ("LR--", 302, "web/<NOSRV>", "status 302 (the proxy's)"),
        ("cR--", -1, "web/<NOSRV>", "none was sent"),
    ],
)
def test_whose_the_status_is(letters: str, status: int, server: str, answer: str) -> None:
    facts = dict(meaning("0/0/0/0/0", letters, status=status, server=server).facts)
    assert facts["answer"].startswith(answer)


@pytest.mark.parametrize(
    ("timers", "letters", "counts", "expected"),
    [
        ("0/0/3004/1/3005", "----", "1/1/1/1/0 0/0", "a lost packet is sent again"),
        ("0/0/0/900/901", "----", "1/1/1/1/0 0/0", "99 % of the time went into Tr"),
        ("0/0/0/0/0", "----", "1/1/1/1/+2 0/0", "redispatched"),
        ("0/0/0/0/0", "----", "1/1/1/1/2 0/0", "tried again"),
        ("0/100/0/0/100", "----", "1/1/1/1/0 4/0", "4 requests were before it in the server's queue, about 25 ms"),
        ("0/100/0/0/100", "----", "1/1/1/1/0 0/1", "1 request was before it in the backend's queue"),
        ("0/0/0/0/+0", "----", "1/1/1/1/0 0/0", "option logasap"),
    ],
)
def test_what_stands_out(timers: str, letters: str, counts: str, expected: str) -> None:
    assert any(expected in text for text in meaning(timers, letters, counts=counts).striking)
    assert not any(expected in text for text in meaning("0/0/0/1/1").striking)


def test_a_backend_without_servers() -> None:
    assert meaning("0/-1/-1/-1/0", "SC--", server="app/<NOSRV>", status=503).headline.startswith("There was no server")


def test_each_letter_is_told() -> None:
    letters = meaning("0/0/0/0/0", "--VN").letters
    assert letters is not None
    assert (letters.third, letters.fourth) == (
        "the client's cookie is valid, and was followed",
        "none was set in the response",
    )
    assert letters.persistence.startswith("The client's cookie was followed.")


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Configured:
    path = tmp_path_factory.mktemp("logs") / "haproxy.cfg"
    path.write_text(CONFIG)
    found = Configured([str(path)])
    assert not found.diagnostics.failed
    return found


def test_the_configuration_names_what_is_in_force(configured: Configured) -> None:
    reader = Reader(configured.forms())
    reading = meaning("0/0/1/-1/30001", "sH--", captures="{a} {b} ", reader=reader, configured=configured)
    assert "Proxies of this configuration write this format, but capture other headers." in reading.configured
    reading = meaning(
        "0/0/1/-1/30001",
        "sH--",
        status=504,
        counts="1/95/1/10/0 0/0",
        captures="{a} ",
        reader=reader,
        configured=configured,
    )
    file = configured.configuration.proxies[0].at.file
    assert reading.letters is not None
    assert reading.letters.look[0] == f"`timeout server 30s` of defaults, {file}:6"
    assert reading.configured == [f"the format: {file}:3", f"`server a1 192.0.2.1:80 maxconn 10`, {file}:15"]
    assert not reading.unsure
    assert "srv_conn 10 is at the limit of server a1 (maxconn 10)." in reading.striking
    assert any(text.startswith("feconn 95 is at the limit of `maxconn 100`") for text in reading.striking)


def test_timeouts_that_are_not_set_and_names_that_are_gone(configured: Configured) -> None:
    reader = Reader(configured.forms())
    queued = meaning("0/3000/-1/-1/3000", "sQ--", captures="{a} ", reader=reader, configured=configured).letters
    assert queued is not None
    assert queued.look[0].startswith("`timeout queue 3s` of backend 'app', ")
    slow = meaning("-1/-1/-1/-1/50000", "cR--", captures="{a} ", reader=reader, configured=configured).letters
    assert slow is not None
    assert slow.look[0].endswith("which holds where `timeout http-request` is not set")
    gone = meaning("0/0/0/0/0", server="app/a9", captures="{a} ", reader=reader, configured=configured)
    assert "There is no server 'a9' in backend 'app' now." in gone.configured
    gone = meaning("0/0/0/0/0", server="old/a9", captures="{a} ", reader=reader, configured=configured)
    assert "There is no backend 'old' in this configuration." in gone.configured
    close = meaning("0/0/0/30003/30004", "SH--", captures="{a} ", reader=reader, configured=configured)
    assert any(text.startswith("Tr is just above `timeout server 30s`") for text in close.striking)
    usual = meaning("0/0/0/5003/5004", captures="{a} ", reader=reader, configured=configured)
    assert not any("just above" in text for text in usual.striking)


def test_structured_data_is_read_by_its_format(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text(
        CONFIG + "frontend sd\n bind :81\n log 127.0.0.1:514 format rfc5424 local0\n"
        ' log-format "%ft %ST"\n log-format-sd \'[x@1 host="%{+E}[capture.req.hdr(0)]" id="%rt"]\'\n'
    )
    configured = Configured([str(path)])
    assert not configured.diagnostics.failed
    line = b'<134>1 2009-02-06T12:12:56Z lb haproxy 7 - [x@1 host="a\\]b" id="12"] sd 200'
    entry = Reader(configured.forms()).read(line)
    assert entry is not None
    assert read_meaning(entry, configured).others == [("capture.req.hdr(0)", "a]b"), ("request_counter", "12")]
    assert read_meaning(entry).others == [("structured data", '[x@1 host="a\\]b" id="12"]')]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (30004, "30.0 s"),
        (130_000, "2 min 10 s"),
        (7_260_000, "2 h 1 min"),
    ],
)
def test_durations(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text
