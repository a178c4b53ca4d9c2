"""fc_err, bc_err and their sentences: why connections of clients and to servers fail (manual 7.3.3)."""

from __future__ import annotations

from support.actor import Close, End, Pause, Recv, Reset, Send, Tell, Until, Wait
from support.scenario import HTTP, Open, Scenario

from families.requests import get

FORMAT = '    log-format "%ST %ts fc=%[fc_err]/%[fc_err_str] bc=%[bc_err]/%[bc_err_str]"\n'
RESETS = ((Recv(), Reset()),)
HANG = ((Recv(), Tell("asked"), End()),)
NOT_TOLD = "`bc_err` tells of a connection that was refused; HAProxy has no sample there"

RESET_TOLD = "that a client or a server has reset its connection is told since 3.0"


def faults(server: str, front: str = "", back: str = "") -> str:
    return f"""
frontend web
    bind 127.0.0.1:{{port:front}}
{FORMAT}    {front}
    default_backend app
backend app
    retries 0
    {back}
    server s1 {server}
"""


SCENARIOS = [
    Scenario(
        name="nothing has failed",
        config=faults("{server:a}"),
        talk=[Send(get("/")), Recv()],
        expect=["200 -- fc=0/Success bc=0/Success"],
    ),
    Scenario(
        name="no server is asked",
        config=faults("{server:a}", front="http-request return status 200"),
        talk=[Send(get("/")), Recv()],
        expect=["200 LR fc=0/Success bc=-/-"],
    ),
    Scenario(
        name="a server refuses",
        config=faults("{refused:s1}"),
        talk=[Send(get("/")), Recv()],
        expect=["503 SC fc=0/Success bc=-/-"],
        differs=NOT_TOLD,
        ours=["503 SC fc=0/Success bc=46/ECONNREFUSED returned by OS"],
    ),
    Scenario(
        name="what failed first does not count",
        config=faults("{refused:s1}", back="option redispatch 1\n    retries 1\n    balance first").rstrip()
        + "\n    server s2 {server:a}\n",
        talk=[Send(get("/")), Recv()],
        expect=["200 -- fc=0/Success bc=0/Success"],
    ),
    Scenario(
        name="a server cannot be connected to in time",
        config=faults("{silent:s1}", back="timeout connect 200ms"),
        talk=[Send(get("/")), Recv()],
        expect=["503 sC fc=0/Success bc=-/-"],
    ),
    Scenario(
        name="a UNIX socket that is not there",
        config=faults("unix@{dir}/none"),
        talk=[Send(get("/")), Recv()],
        expect=["503 SC fc=0/Success bc=6/General socket error"],
    ),
    Scenario(
        name="an error page tells of it",
        config=faults("unix@{dir}/none", front="http-after-response set-header x-why %[bc_err]"),
        talk=[Send(get("/")), Recv()],
        expect=["x-why: 6"],
    ),
    Scenario(
        name="a server resets",
        config=faults("{server:a}"),
        servers={"a": RESETS},
        talk=[Send(get("/")), Recv()],
        expect=["502 SH fc=0/Success bc=0/Success"],
        differs=RESET_TOLD,
        until_peer=(3, 0),
        ours=["502 SH fc=0/Success bc=47/ECONNRESET returned by OS"],
    ),
    Scenario(
        name="a server closes",
        config=faults("{server:a}"),
        servers={"a": ((Recv(), Close()),)},
        talk=[Send(get("/")), Recv()],
        expect=["502 SH fc=0/Success bc=0/Success"],
    ),
    Scenario(
        name="a client resets",
        config=faults("{server:a}"),
        servers={"a": HANG},
        talk=[Send(get("/")), Wait("asked"), Pause(0.1), Reset()],
        expect=["fc=0/Success bc=0/Success"],
        differs=RESET_TOLD,
        until_peer=(3, 0),
        ours=["400 CD fc=47/ECONNRESET returned by OS bc=0/Success"],
    ),
    Scenario(
        name="a client resets a raw stream",
        prelude=HTTP.replace("mode http", "mode tcp").replace("option httplog", ""),
        config=faults("{server:a}"),
        servers={"a": ((Until(b"hello"), Tell("asked"), End()),)},
        talk=[Send(b"hello"), Wait("asked"), Pause(0.1), Reset()],
        expect=["fc=0/Success bc=0/Success"],
        differs=RESET_TOLD,
        until_peer=(3, 0),
        ours=["CD fc=47/ECONNRESET returned by OS bc=0/Success"],
    ),
    Scenario(
        name="a PROXY header that is none",
        config="""
frontend web
    bind 127.0.0.1:{port:front} accept-proxy
    error-log-format "E fc=%[fc_err]/%[fc_err_str] bc=%[bc_err]/%[bc_err_str]"
""",
        talk=[
            *(Send(get("/")), End(), Open(name="two"), Send(b"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n"), End()),
            *(Open(name="three"), Pause(0.1), Close(), Open(name="four"), Pause(0.1), Reset()),
        ],
        expect=[
            "E fc=15/Received something which does not look like a PROXY protocol header bc=-/-",
            "E fc=17/Received an unhandled protocol in the PROXY protocol header bc=-/-",
            "E fc=11/Connection closed while waiting for PROXY protocol header bc=-/-",
            "E fc=12/Connection error while waiting for PROXY protocol header bc=-/-",
        ],
        logs=4,
        unordered=True,
    ),
]
