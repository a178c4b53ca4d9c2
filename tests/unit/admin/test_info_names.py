"""Names, order, positions, tags and types of `show info`, which programs parse: as HAProxy 3.5 prints them."""

import json
import socket

from admin_stand import TEXT, stand

import pointsman
from pointsman.config.features import VERSION

# As `show info typed` begins each line; "~" is a blank.
TYPED = """
    0.Name.1:POSV:str 1.Version.1:POSV:str 2.Release_date.1:POSV:str 3.Nbthread.1:CGSV:u32 4.Nbproc.1:CGSV:u32
    5.Process_num.1:KGPV:u32 6.Pid.1:SGPV:u32 7.Uptime.1:MDPV:str 8.Uptime_sec.1:MDPV:u32 9.Memmax_MB.1:CLPV:u32
    10.PoolAlloc_MB.1:MGPV:u32 11.PoolUsed_MB.1:MGPV:u32 12.PoolFailed.1:MCPV:u32 13.Ulimit-n.1:CLPV:u32
    14.Maxsock.1:CLPV:u32 15.Maxconn.1:CLPV:u32 16.Hard_maxconn.1:CLPV:u32 17.CurrConns.1:MGPV:u32
    18.CumConns.1:MCPV:u32 19.CumReq.1:MCPV:u32 20.MaxSslConns.1:MMPV:u32 21.CurrSslConns.1:MGPV:u32
    22.CumSslConns.1:MCPV:u32 23.Maxpipes.1:CLPV:u32 24.PipesUsed.1:MGPV:u32 25.PipesFree.1:MGPV:u32
    26.ConnRate.1:MRPV:u32 27.ConnRateLimit.1:CLPV:u32 28.MaxConnRate.1:MMPV:u32 29.SessRate.1:MRPV:u32
    30.SessRateLimit.1:CLPV:u32 31.MaxSessRate.1:MRPV:u32 32.SslRate.1:MRPV:u32 33.SslRateLimit.1:CLPV:u32
    34.MaxSslRate.1:MMPV:u32 35.SslFrontendKeyRate.1:MGPV:u32 36.SslFrontendMaxKeyRate.1:MMPV:u32
    37.SslFrontendSessionReuse_pct.1:MGPV:u32 38.SslBackendKeyRate.1:MRPV:u32 39.SslBackendMaxKeyRate.1:MMPV:u32
    40.SslCacheLookups.1:MCPV:u32 41.SslCacheMisses.1:MCPV:u32 42.CompressBpsIn.1:MRPV:u32
    43.CompressBpsOut.1:MRPV:u32 44.CompressBpsRateLim.1:CLPV:u32 47.Tasks.1:MGPV:u32 48.Run_queue.1:MGPV:u32
    49.Idle_pct.1:MaPV:u32 50.node.1:COSV:str 52.Stopping.1:MGPV:u32 53.Jobs.1:MGPV:u32
    54.Unstoppable~Jobs.1:MGPV:u32 55.Listeners.1:MGPV:u32 56.ActivePeers.1:MGPV:u32 57.ConnectedPeers.1:MGPV:u32
    58.DroppedLogs.1:MGPV:u32 59.BusyPolling.1:MGPV:u32 60.FailedResolutions.1:MGPV:u32
    61.TotalBytesOut.1:MGPV:u64 62.TotalSplicedBytesOut.1:MGPV:u64 63.BytesOutRate.1:MRPV:u64
    64.DebugCommandsIssued.1:MGPV:u32 65.CumRecvLogs.1:MCPV:u32 66.Build~info.1:POSV:str
    67.Memmax_bytes.1:CLPV:u32 68.PoolAlloc_bytes.1:MGPV:u64 69.PoolUsed_bytes.1:MGPV:u64
    70.Start_time_sec.1:MDPV:u32 71.Tainted.1:SGPV:str 72.TotalWarnings.1:MCPV:u32 73.MaxconnReached.1:MCPV:u32
    74.BootTime_ms.1:MDPV:u32 75.Niced_tasks.1:MGPV:u32 76.CurrStreams.1:MGPV:u64 77.CumStreams.1:MGPV:u64
    78.BlockedTrafficWarnings.1:MGPV:u32 79.PatternsAdded.1:MGPV:u64 80.PatternsFreed.1:MGPV:u64
    81.NbThreadGroups.1:CGSV:u32
"""
KNOWN = [one.replace("~", " ") for one in TYPED.split()]


def name_of(line: str) -> str:
    return line.partition(":")[0].split(".")[1]


def test_typed_lines() -> None:
    with stand() as one:
        lines = [
            line.rsplit(":", 1)[0]
            for line in one.ask("show info typed").splitlines()
            if not line.startswith("7.Uptime.")
        ]
    assert lines[:-3] == [one for one in KNOWN if not one.startswith("7.Uptime.")]
    assert lines[-3:] == ["82.Product.1:POSV:str", "83.Product_version.1:POSV:str", "84.ExhaustedRegexes.1:MGPV:u64"]


def test_names_in_their_order() -> None:
    names = [name_of(line) for line in KNOWN]
    with stand() as one:
        plain = [line.partition(": ")[0] for line in one.ask("show info").splitlines()]
        data = json.loads(one.ask("show info json"))
    ours = ["Product", "Product_version", "ExhaustedRegexes"]
    assert plain == [*names, *ours] == [item["field"]["name"] for item in data]
    assert [item["field"]["pos"] for item in data][:-3] == [int(line.partition(".")[0]) for line in KNOWN]


def test_a_description_has_its_place_where_there_is_one() -> None:
    with stand(TEXT.replace("    node here\n", "    node here\n    description of this node\n")) as one:
        lines = one.ask("show info").splitlines()
    place = lines.index("description: of this node")
    assert lines[place - 1] == "node: here" and lines[place + 1] == "Stopping: 0"


def test_who_is_asked() -> None:
    """Clients choose by name and version what they may ask for; who really answers stands at the end."""
    with stand(TEXT.replace("    node here\n", "")) as one:
        info = dict(line.split(": ", 1) for line in one.ask("show info").splitlines())
        assert one.ask("show version") == VERSION + "\n"
    assert (info["Name"], info["Version"], info["node"]) == ("HAProxy", VERSION, socket.gethostname())
    assert (info["Product"], info["Product_version"]) == ("Pointsman", pointsman.__version__)
    assert VERSION.startswith("3.5") and pointsman.__version__ in info["Build info"]


def test_entries_of_lists_are_counted() -> None:
    def patterns() -> list[int]:
        info = dict(line.split(": ", 1) for line in one.ask("show info").splitlines())
        return [int(info["PatternsAdded"]), int(info["PatternsFreed"])]

    text = TEXT.replace("default_backend spare", "use_backend app if { path -f virt@list }\n    default_backend spare")
    with stand(text) as one:
        before = patterns()
        one.ask("add acl virt@list /a")
        one.ask("add acl virt@list /b")
        one.ask("del acl virt@list /a")
        assert patterns() == [before[0] + 2, before[1] + 1] and before[1] == 0


def test_warnings_are_counted() -> None:
    with stand(TEXT + "    timeout client 1s\n") as one:
        assert "\nTotalWarnings: 1\n" in one.ask("show info")


def test_the_schema_names_what_values_may_be() -> None:
    with stand() as one:
        schema = json.loads(one.ask("show schema json"))
        values = json.loads(one.ask("show info json"))
        for row in json.loads(one.ask("show stat json")):
            values += row
    assert [form["title"] for form in schema["oneOf"]] == ["Info", "Stat", "Error"]
    assert list(schema["definitions"]) == ["field", "processNum", "tags", "typedValue"]
    kinds = schema["definitions"]["typedValue"]["definitions"]
    assert list(kinds) == ["s32Value", "s64Value", "u32Value", "u64Value", "strValue", "unknownValue"]
    assert kinds["u64Value"]["properties"]["value"] == {"type": "integer", "minimum": 0, "maximum": 9007199254740991}
    assert kinds["s32Value"]["properties"]["value"]["minimum"] == -2147483648
    tags = schema["definitions"]["tags"]
    assert tags["origin"]["enum"] == ["Metric", "Status", "Key", "Config", "Product", "Unknown"]
    assert " ".join(tags["nature"]["enum"]) == (
        "Gauge Limit Min Max Rate Counter Duration Age Time Name Output Avg Unknown"
    )
    assert tags["scope"]["enum"] == ["Cluster", "Process", "Service", "System", "Unknown"]
    for item in values:
        assert all(item["tags"][name] in tags[name]["enum"] for name in ("origin", "nature", "scope")), item
        range_of = kinds[item["value"]["type"] + "Value"]["properties"]["value"]
        value = item["value"]["value"]
        assert (
            isinstance(value, str)
            if range_of["type"] == "string"
            else (range_of["minimum"] <= value <= range_of["maximum"])
        ), item
