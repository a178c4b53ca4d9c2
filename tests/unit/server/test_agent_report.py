"""What agents say, read as HAProxy reads it (manual 5.2, agent-check)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.server.checks.agent_report import AgentReport, read_report, whole_line


@pytest.mark.parametrize(
    ("line", "report"),
    [
        (b"up", AgentReport(state="up")),
        (b"DOWN", AgentReport(state="DOWN")),
        (b"stopped # x y z", AgentReport(state="stopped", remark="x y z")),
        (b"down,#why, this", AgentReport(state="down", remark="why, this")),
        (b"up down", AgentReport(state="down")),
        (b"up\tready, 100%", AgentReport(state="up", admin="ready", weight="100%")),
        (b"up maxconn:7 weight:10 drain", AgentReport(state="up", admin="drain", weight="10", maxconn="7")),
        (b"MAXCONN:20 DRAIN Weight:20%", AgentReport(admin="drain", weight="20%", maxconn="20")),
        (b"drain maint", AgentReport(admin="maint")),
        (b"foo bar up", AgentReport(state="up", unknown="foo")),
        (b"fail#some reason", AgentReport(unknown="fail#some")),
        (b"failed stop", AgentReport(unknown="failed")),
        (b"-5% % 75%", AgentReport(weight="75%", unknown="-5%")),
        (b"weight: maxconn:", AgentReport(weight="", maxconn="")),
        (b" ,\t", AgentReport()),
        (b"", AgentReport()),
        (b"#down", AgentReport(remark="down")),
        (b"up #", AgentReport(state="up")),
    ],
)
def test_words_of_an_agent(line: bytes, report: AgentReport) -> None:
    assert read_report(line) == report


@pytest.mark.parametrize(
    ("line", "warning", "info"),
    [
        (b"up", "", "via agent : up"),
        (b"down # why", "", "via agent : down (why)"),
        (b"up foo # c", "w", "via agent : up (foo)"),
        (b"up # c", "w", "via agent : up (w)"),
        (b"foo bar", "w", "agent reports an error : foo"),
        (b"75% # c", "w", "agent warns : w"),
        (b"75% # c", "", ""),
    ],
)
def test_what_is_shown_of_it(line: bytes, warning: str, info: str) -> None:
    assert read_report(line).info(warning) == info


def test_a_line_ends_with_the_first_cr_or_lf() -> None:
    assert whole_line(b"up\r75%\n") == whole_line(b"up\nready\n") == b"up"
    assert whole_line(b"\n") == b""
    assert whole_line(b"up") is None and whole_line(b"") is None
    assert whole_line(b"up\0\n") is None, "what stands behind a NUL is not read"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_report(line: bytes) -> None:
    report = read_report(line)
    assert report.state.lower() in ("", "up", "down", "fail", "stopped")
    assert report.admin in ("", "ready", "drain", "maint")
    assert isinstance(report.info(""), str)


@given(st.lists(st.sampled_from([b"up", b"75%", b"maxconn:3", b"drain"]), unique=True), st.sampled_from([b" ", b",\t"]))
def test_order_and_what_parts_words_do_not_matter(words: list[bytes], between: bytes) -> None:
    assert read_report(between.join(words)) == read_report(b" ".join(sorted(words)))
