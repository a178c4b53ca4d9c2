"""What -dK and -dC print."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.programs import HAPROXY

import pointsman.keywords  # noqa: F401
from pointsman.config.lexer import Place, split_line
from pointsman.sample.arguments import signature
from pointsman.sample.registry import FETCHES
from pointsman.worker.dump import configuration, libraries, quoted
from pointsman.worker.registries import CLASSES, dump, signature_text, unknown_classes

# Lines that HAProxy 3.5 prints, class by class.
THEIRS = {
    "acl": """\
# List of registered ACL keywords:
base = base -m str
base_beg = base -m beg
cook = req.cook -m str
hdr_dom = req.hdr -m dom
http_auth_group = http_auth_group -m str
method = method -m str
req_ver = req.ver -m str
scook_reg = res.cook -m reg
ssl_fc_sni_end = ssl_fc_sni -m end
urlp_sub = urlp -m sub""",
    "cfg": """\
# List of registered configuration keywords:
global
\tchroot
\tstats
\ttune.bufsize
listen
\tclitcpka-cnt
\tdeclare
\thttp-check
\ttimeout
\tbind <addr> accept-proxy
\tbind <addr> backlog +1
\tbind <addr> nice +1
\tbind <addr> ssl crt +1
\tbind <addr> ssl no-sslv3
\tbind <addr> tcp-ut +1
\tbind <addr> v6only
\tserver <name> <addr> addr +1
\tserver <name> <addr> no-send-proxy-v2
\tserver <name> <addr> source +-1
\toption abortonclose [ FE BE ]
\toption clitcpka [ FE ]
\toption http-buffer-request [ FE BE HTTP ]
\toption http-ignore-probes [ FE HTTP ]
\toption log-health-checks [ BE ]
\toption prefer-last-server [ BE HTTP ]
\thttp-request add-acl*
\thttp-request set-method
\thttp-request set-var-fmt*
\thttp-response set-status
\thttp-after-response unset-var*
userlist
\tgroup
\tuser
crt-list
\talpn +1
\tktls +1
\tno-alpn
\tverify +1
crt-store
\tcrt-base
\tkey-base
\tload""",
    "cli": "# List of registered CLI keywords:\nhelp [MASTER] [WORKER] \n"
    "set rate-limit [WORKER] \nset var [WORKER] [EXPERIM] \nshow stat [WORKER] ",
    "cnv": """\
# List of registered sample converter functions:
add(string): sint => sint
add_item(string,string[,string]): str => str
b64dec: bin => str
base64: str => bin
concat(string[,string,string]): str => str
ipmask(IPv4 mask[,IPv6 mask]): addr => addr
length: sint => str
regsub(regex,string[,string]): str => str
set-var(string[,string,string,string,string]): any => any
ub64enc: str => bin""",
    "flt": "# List of registered filter names:",
    "smp": """\
# List of registered sample fetch functions:
#                       _.---------------------- frontend tcp-request connection rule
#                      / _.--------------------- frontend tcp-request session rule
#                     / / _.-------------------- frontend tcp-request content rule
#                    / / / _.------------------- frontend http-request header rule
#                   / / / / _.------------------ frontend http-request body rule
#                  / / / / / _.----------------- frontend use-backend rule
#                 / / / / / / _.---------------- backend tcp-request content rule
#                / / / / / / / _.--------------- backend http-request header rule
#               / / / / / / / / _.-------------- backend http-request body rule
#              / / / / / / / / / _.------------- backend use-server, balance or stick-match rule
#             / / / / / / / / / / _.------------ server source selection
#            / / / / / / / / / / / _.----------- backend tcp-response content rule
#           / / / / / / / / / / / / _.---------- backend http-response header rule
#          / / / / / / / / / / / / / _.--------- backend http-response body rule
#         / / / / / / / / / / / / / / _.-------- backend stick-store rule
#        / / / / / / / / / / / / / / / _.------- frontend tcp-response content rule
#       / / / / / / / / / / / / / / / / _.------ frontend http-response header rule
#      / / / / / / / / / / / / / / / / / _.----- frontend http-response body rule
#     / / / / / / / / / / / / / / / / / / _.---- logs
#    / / / / / / / / / / / / / / / / / / / _.--- backend tcp-check rule
#   / / / / / / / / / / / / / / / / / / / / _.-- configuration parser
#  / / / / / / / / / / / / / / / / / / / / / _.- CLI parser
# / / / / / / / / / / / / / / / / / / / / / /{}
# | | | | | | | | | | | | | | | | | | | | | |{}
[ Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y . . ] accept_date([string]): sint
[ . . Y Y Y Y Y Y Y Y Y . . . . . . . . . . . ] base32+src: bin
[ Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y . Y ] be_conn(backend): sint
[ . . . . . . Y Y Y Y Y Y Y Y Y Y Y Y Y Y . . ] be_name: str
[ . . Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y . Y . . ] hdr([string,integer]): str
[ Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y ] int(integer): sint
[ . . Y Y Y Y Y Y Y Y Y . . . . . . . . . . . ] path: str
[ . . . . . . . . . . . Y Y Y Y Y Y Y . Y . . ] res.hdr([string,integer]): str
[ . . . . . . . . . . Y Y Y Y Y Y Y Y Y Y . . ] srv_id: sint
[ Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y . Y ] srv_is_up(server): bool
[ . . . . . . . . . . . Y Y Y Y Y Y Y Y Y . . ] status: sint""".format("  ", " "),
    "svc": "# List of registered service names:",
}


@pytest.mark.parametrize("name", THEIRS)
def test_a_word_has_haproxys_line_at_its_place(name: str) -> None:
    ours = iter(dump(name).splitlines())
    for line in THEIRS[name].splitlines():
        assert line in ours, line  # the iterator goes on from there, so that the order is looked at too


@pytest.mark.peer
def test_the_peer_prints_the_same_headings_and_criteria() -> None:
    done = subprocess.run(
        [*HAPROXY.command, "-dKall", "-q", "-c", "-f", "/dev/null"], capture_output=True, check=False, text=True
    )
    theirs, ours = done.stdout.splitlines(), dump("all").splitlines()
    assert [line for line in ours if line.startswith("#")] == [line for line in theirs if line.startswith("#")]
    criteria = dump("acl").splitlines()
    assert len(criteria) > 60
    assert set(criteria) <= set(theirs)


@pytest.mark.parametrize("name", ["acl", "cli", "cnv", "smp"])
def test_lists_are_sorted(name: str) -> None:
    names = [
        re.split(r"[(:=\[]", line.split("] ", 1)[-1] if name == "smp" else line)[0].strip()
        for line in dump(name).splitlines()
        if not line.startswith("#")
    ]
    assert names == sorted(names)


def test_what_has_no_fetch_is_no_criterion() -> None:
    assert all(line.split(" = ")[1].split(" -m ")[0] in FETCHES for line in dump("acl").splitlines()[1:])


def test_all_are_all_and_an_unknown_class_has_no_list() -> None:
    assert dump("all") == "\n".join(dump(name) for name in CLASSES)
    assert dump("cfg,nosuch") == dump("cfg")
    assert unknown_classes("cfg,nosuch,all,help") == ["nosuch"]
    assert dump("help").splitlines()[0] == "# List of supported keyword classes:"
    assert set(CLASSES) <= {line.partition(":")[0] for line in dump("help").splitlines()}


@pytest.mark.parametrize("text", ["", "(string)", "(string,string[,string])", "([integer])"])
def test_signatures_are_written_as_haproxy_does(text: str) -> None:
    assert signature_text(signature(text)) == text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0", exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_quoted_word_reads_back_as_itself(text: str) -> None:
    assert [word.text for word in split_line(Place("x", 1, quoted(text)), {})] == [text]


def test_a_dump_has_no_comments_and_its_own_indentation(tmp_path: Path) -> None:
    file = tmp_path / "a.cfg"
    file.write_text('# nothing\nglobal # here\n  daemon\nfrontend f\n      log-format "a b"   # x\n')
    assert list(configuration([str(file)])) == ["global", "\tdaemon", "frontend f", "\tlog-format 'a b'"]


def test_the_c_library_is_among_the_libraries() -> None:
    assert any("libc" in path for path in libraries())
