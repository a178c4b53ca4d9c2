"""Each runtime command: what it answers, what it changes, how it complains."""

import re

import pytest
from admin_stand import TEXT, stand

from pointsman.admin.command import COMMANDS, find
from pointsman.admin.info import duration
from pointsman.config.features import VERSION
from pointsman.server.server import FORCED_DRAIN, FORCED_MAINT

# What is asked and a part of what is answered, for commands that only show something.
SHOWN = [
    ("help", "The following commands are valid at this level:"),
    ("help", "  show info [desc|json|typed|float]*      : "),
    ("help show servers", "  show servers state [<backend>]"),
    ("show version", VERSION + "\n"),
    ("show version ignored", VERSION + "\n"),
    ("show backend", "# name\nboth\napp\nspare\nraw\n"),
    ("show backend x", "# name\n"),
    ("show env HOME", "HOME=/root\n"),
    ("show env", "HOME=/root\n"),
    ("show env NOPE", "Variable not found\n"),
    ("show cli level", "admin\n"),
    ("show cli level x", "admin\n"),
    ("show cli sockets", "# socket lvl processes\nunix@/nowhere/sock admin all\nipv4@127.0.0.1:9999 user all\n"),
    ("show cli sockets x", "# socket lvl processes\n"),
    ("show info", "Name: HAProxy\n"),
    ("show info", "\nMaxconn: 500\n"),
    ("show info", "\nConnRateLimit: 7\n"),
    ("show info", "\nnode: here\n"),
    ("show info desc", 'Nbproc: 1:"Worker processes"\n'),
    ("show info typed", "15.Maxconn.1:CLPV:u32:500\n"),
    ("show stat", "# pxname,svname,qcur,"),
    ("show stat app 4 1", "\napp,s1,0,0,0,0,"),
    ("show stat nope 4 1", "No such proxy.\n"),
    ("show stat domain nonsense", "Invalid statistics domain.\n"),
    ("show stat typed up", "F.2.0.0.pxname.1:KNSV:str:web\n"),
    ("show servers state app", "\n4 app 1 s1 127.0.0.1 2 0 2 2 "),
    ("show servers state", "\n4 app 3 s3 127.0.0.1 0 5 1 1 "),
    ("show servers state #5", "\n5 spare 1 u1 - 2 0 3 3 "),
    ("show servers state nope", "Can't find backend.\n"),
    ("show servers conn", "\nboth/l1 3/1 127.0.0.1 81 - 5000 0 0 0 0 0 0 0 -1 0 0"),
    ("show servers conn nope", "Can't find backend.\n"),
    ("show sess", ""),
    ("show sess help", "Usage: show sess "),
    ("show sess help", "   show-uri     "),
    ("show sess all", ""),
    ("show sess susp", ""),
    ("show sess older 5", ""),
    ("show sess older 5s backend app frontend web server app/s1 show-uri", ""),
    ("show sess 0x1", "Session not found.\n"),
    ("show sess nonsense", "Unsupported option 'nonsense', try 'help' for more info.\n"),
    ("show sess older", "Expects a minimum age (in seconds by default).\n"),
    ("show sess older x", "Invalid age.\n"),
    ("show sess backend", "Missing backend name.\n"),
    ("show sess backend nope", "No such backend.\n"),
    ("show sess frontend", "Missing frontend name.\n"),
    ("show sess frontend nope", "No such frontend.\n"),
    ("add backend new from usual", "No such default proxy 'usual'.\n"),
    ("add backend", "Usage: add backend <name> from <defproxy>"),
    ("del backend app", "This backend cannot be removed at runtime due to other configuration elements pointing to"),
    ("del backend nope", "No such backend.\n"),
    ("wait 1ms be-removable nope", "Failed.\nNo such backend.\n"),
    ("publish backend app", "Backend published.\n"),
    ("publish backend nope", "No such backend.\n"),
    ("unpublish backend app", "Backend unpublished.\n"),
    ("unpublish backend", "A backend name is expected.\n"),
    ("add server help", "List of keywords supported for dynamic server:\n"),
    ("add server app/new 127.0.0.1:1", "New server registered.\n"),
    ("del server app/s1", "Only servers in maintenance mode can be deleted.\n"),
    ("del server app/s3", "Server deleted.\n"),
    ("show sess server", "Missing server name (<backend>/<server>).\n"),
    ("show sess server app", "Require 'backend/server'.\n"),
    ("show schema json", '"title":"Stat"'),
    ("show schema json", '"$schema":"http://json-schema.org/draft-04/schema#"'),
    ("get weight app/s1", "2 (initial 2)\n"),
    ("get weight #4/#1", "2 (initial 2)\n"),
    ("get weight app", "Require 'backend/server'.\n"),
    ("get weight nope/s1", "No such backend.\n"),
    ("get weight app/nope", "No such server.\n"),
    ("echo a  b", "a b\n"),
    ("echo", "\n"),
    ("prompt help", "Usage: prompt "),
    ("wait -h", "Usage: wait "),
    ("wait 1ms", "Done.\n"),
    ("wait soon", "Invalid duration.\n"),
    ("wait 1ms srv-removable app/s1", "Failed.\nOnly servers in maintenance mode can be deleted.\n"),
    ("wait 1ms srv-removable app/s3", "Done.\n"),
    ("wait 1ms srv-removable app/none", "Failed.\nNo such server.\n"),
    ("wait 1ms srv-removable", "Missing server name (<px>/<sv>).\n"),
    ("wait 1ms sunshine", "Usage: wait "),
    ("set severity-output loud", "one of 'none', 'number', 'string' is a required argument\n"),
    ("set timeout", "'set timeout' only supports 'cli'.\n"),
    ("set timeout cli", "Expects an integer value.\n"),
    ("set timeout cli soon", "Invalid timeout value.\n"),
    ("set weight app/s1", "Require <weight> or <weight%>.\n"),
    ("set weight app/s1 300", "Absolute weight can only be between 0 and 256 inclusive.\n"),
    ("set weight app/s1 x", "Empty weight string empty or preceded by garbage\n"),
    ("set weight app/s1 5x", "Trailing garbage in weight string\n"),
    ("set weight app/s1 -5%", "Relative weight must be positive.\n"),
    ("set weight spare/u1 7", "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n"),
    ("set server", "Require 'backend/server'.\n"),
    (
        "set server app/s1",
        "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | "
        "check-port | fqdn | health | name | ssl | state | weight\n",
    ),
    ("set server app/s1 health", "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n"),
    ("set server app/s1 health well", "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n"),
    ("set server app/s1 agent up", "agent checks are not enabled on this server.\n"),
    ("set server app/s1 agent-addr 127.0.0.1", "agent checks are not enabled on this server\n"),
    ("set server app/s1 agent-port 5", "agent checks are not enabled on this server\n"),
    ("set server app/s1 agent-send hello", "agent checks are not enabled on this server.\n"),
    ("set server app/s1 ssl on", "'set server <srv> ssl' cannot be set.  default-server should define ssl settings\n"),
    ("disable health app/s1", ""),
    ("disable health", "Require 'backend/server'.\n"),
    ("enable health app/s1", "Health check was not configured on this server, cannot enable.\n"),
    ("enable health app/nope", "No such server.\n"),
    ("disable agent app/s1", ""),
    ("disable agent nope/s1", "No such backend.\n"),
    ("enable agent app/s1", "Agent was not configured on this server, cannot enable.\n"),
    ("enable agent app/nope", "No such server.\n"),
    ("set server app/s1 state", "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n"),
    ("show map", "# id (file) description\n"),
    ("show map #0", "Unknown map identifier. Please use #<id> or <file>.\n"),
    ("show acl", " () acl 'path' file 'haproxy.cfg' line"),
    ("show acl #9", "Unknown ACL identifier. Please use #<id> or <name>.\n"),
    ("get map", "Missing map identifier and/or key.\n"),
    ("get map #0 x", "Unknown map identifier. Please use #<id> or <file>.\n"),
    ("get acl #0", "Missing ACL identifier and/or key.\n"),
    ("get acl #0 /app", 'type=str, case=sensitive, match=yes, idx=tree, pattern="/app"\n'),
    ("add map", "'add map' expects three parameters (map identifier, key and value) or one parameter (map"),
    ("add map #0 a b", "Unknown map identifier. Please use #<id> or <file>.\n"),
    ("add acl #0", "'add acl' expects two parameters: ACL identifier and pattern.\n"),
    ("add acl #0 /more", ""),
    ("set map #0 a", "'set map' expects three parameters: map identifier, key and value.\n"),
    ("set map #0 a b", "Unknown map identifier. Please use #<id> or <file>.\n"),
    ("del map", "This command expects two parameters: map identifier and key.\n"),
    ("del map #0 a", "Unknown map identifier. Please use #<id> or <file>.\n"),
    ("del acl #0", "This command expects two parameters: ACL identifier and key.\n"),
    ("del acl #0 /nope", "Key not found.\n"),
    ("clear map", "Missing map identifier.\n"),
    ("clear map @x #0", "Missing or invalid version number: expects '@<ver>', got '@x'.\n"),
    ("clear acl", "Missing ACL identifier.\n"),
    ("clear acl #0", ""),
    ("prepare map", "Unknown map identifier. Please use #<id> or <file>.\n"),
    ("prepare map #0", "Unknown map identifier. Please use #<id> or <file>.\n"),
    ("prepare acl", "Unknown ACL identifier. Please use #<id> or <name>.\n"),
    ("prepare acl #0", "New version created: 1\n"),
    ("commit map #0", "Missing version number.\n"),
    ("commit map @1 #0", "Unknown map identifier. Please use #<id> or <file>.\n"),
    ("commit acl #0", "Missing version number.\n"),
    ("commit acl @1 #0", "Version number out of range.\n"),
    ("get var", "Missing variable name. Expected argument: <name>.\n"),
    ("get var proc.nobody_has_it", "Variable not found.\n"),
    ("set var proc.x int(3)", "This command is restricted to experimental mode only.\n"),
    ("set var", "This command is restricted to experimental mode only.\n"),
    ("experimental-mode", "experimental-mode is OFF\n"),
    ("experimental-mode maybe", "Expects 'on' or 'off'.\n"),
    ("disable server", "Require 'backend/server'.\n"),
    ("enable server app/nope", "No such server.\n"),
    ("disable server app/nope", "No such server.\n"),
    ("enable server app", "Require 'backend/server'.\n"),
    ("set maxconn server app/s1", "Require <maxconn>.\n"),
    ("set maxconn server app/s1 x", "maxconn string empty or preceded by garbage\n"),
    ("set maxconn server app/s1 5x", "Trailing garbage in maxconn string\n"),
    ("set maxconn frontend web", "Integer value expected.\n"),
    ("set maxconn frontend nope 5", "No such frontend.\n"),
    ("set maxconn global", "Expects an integer value.\n"),
    ("set maxconn global 501", "Value out of range.\n"),
    ("set rate-limit", "'set rate-limit' only supports :\n   - 'connections global' to "),
    ("set rate-limit connections local 5", "\n   - 'http-compression global' to "),
    ("set rate-limit ssl-sessions global", "Expects an integer value.\n"),
    ("set rate-limit connections global x", "Expects an integer value.\n"),
    ("set rate-limit sessions global", "Expects an integer value.\n"),
    ("set rate-limit connections global", "Expects an integer value.\n"),
    ("set rate-limit sessions global -1", "Value out of range.\n"),
    ("disable frontend", "A frontend name is expected.\n"),
    ("disable frontend web", "All sockets are already disabled.\n"),
    ("enable frontend web", "All sockets are already enabled.\n"),
    ("enable frontend nope", "No such frontend.\n"),
    ("shutdown frontend nope", "No such frontend.\n"),
    ("shutdown session 0x1", "No such session (use 'show sess').\n"),
    ("shutdown session", "Session pointer expected (use 'show sess').\n"),
    ("shutdown sessions server app/s1", ""),
    ("shutdown sessions server app", "Require 'backend/server'.\n"),
    ("clear counters server app", "Require 'backend/server'.\n"),
    ("clear counters server app/s1 now", "'clear counters server <bk>/<srv>' knows only 'force', not 'now'.\n"),
    # What there is none of yet.
    ("show table", ""),
    ("show table t", "No such table\n"),
    ("clear table", "<table> "),
    ("set table", "Expects <table> key <key>"),
    ("clear table t data.gpc0 gt 1", "No such table\n"),
    ("set table t key 10.0.0.1 data.gpc0 1", "No such table\n"),
    ("show peers", ""),
    ("show peers dict", ""),
    ("show peers mates", "No such peers\n"),
    ("show cache", ""),
    ("show cache x", ""),
    ("show resolvers dns", "Can't find that resolvers section\n"),
    ("show resolvers other", "Can't find that resolvers section\n"),
    ("show default-server", ""),
    ("show default-server app", ""),
    ("show defaults", ""),
    ("show defaults x", ""),
    ("show anon", "Anonymized mode disabled\n"),
    ("show anon x", "Anonymized mode disabled\n"),
    ("show errors", "] : 0\n"),
    ("show errors app request", "Total events captured on ["),
    ("show errors nope", "No such proxy.\n"),
    ("show events", "Supported events sinks are listed below."),
    ("show events buf0", "No such event sink\n"),
    ("show trace", "Supported trace sources and states"),
    ("show trace h2", "No such trace source\n"),
    ("trace", "Supported trace sources and states"),
    ("trace h2 start now", "No such trace source 'h2'\n"),
    ("trace 0", ""),
    ("show tasks", "Running tasks: 0 ("),
    ("show tasks x", "function                     places"),
    ("show pools", "Dumping pools usage."),
    ("show pools byname", "\nTotal: 0 pools, 0 bytes allocated, 0 used"),
    ("show profiling", "Per-task CPU profiling              : off "),
    ("show profiling all", "\nMemory usage profiling              : off "),
    ("show ssl cert", ""),
    ("show ssl cert x.pem", "Can't display the certificate: Not found or the certificate is a bundle!\n"),
    ("show ssl ca-file", "# filename\n"),
    ("show ssl ca-file x.pem", "Can't display the CA file : Not found!\n"),
    ("show ssl crl-file", "# filename\n"),
    ("show ssl crl-file x.pem", "Can't display the CRL file : Not found!\n"),
    ("show ssl jwt", "# filename\n"),
    ("show ssl jwt x", "# filename\n"),
    ("show ssl crt-list", ""),
    ("show ssl crt-list -n x", "didn't find the specified filename\n"),
    ("abort ssl cert", "'abort ssl cert' expects a filename\n"),
    ("abort ssl cert x.pem", "No ongoing transaction!\n"),
    ("abort ssl ca-file", "'abort ssl ca-file' expects a filename\n"),
    ("abort ssl ca-file x.pem", "No ongoing transaction!\n"),
    ("abort ssl crl-file", "'abort ssl crl-file' expects a filename\n"),
    ("abort ssl crl-file x.pem", "No ongoing transaction!\n"),
    ("commit ssl cert", "'commit ssl cert' expects a filename\n"),
    ("commit ssl cert x.pem", "No ongoing transaction! !\nCan't commit x.pem!\n"),
    ("commit ssl ca-file", "'commit ssl ca-file' expects a filename\n"),
    ("commit ssl ca-file x.pem", "No ongoing transaction! !\nCan't commit x.pem!\n"),
    ("commit ssl crl-file", "'commit ssl crl-file' expects a filename\n"),
    ("commit ssl crl-file x.pem", "No ongoing transaction! !\nCan't commit x.pem!\n"),
    ("set ssl cert", "'set ssl cert' expects a filename and a certificate as a payload\n"),
    ("set ssl cert x.pem", "'set ssl cert' expects a filename and a certificate as a payload\n"),
    ("set ssl ca-file", "'set ssl ca-file' expects a filename and CAs as a payload\n"),
    ("set ssl ca-file x.pem", "'set ssl ca-file' expects a filename and CAs as a payload\n"),
    ("set ssl crl-file", "'set ssl crl-file' expects a filename and CRLs as a payload\n"),
    ("set ssl crl-file x.pem", "'set ssl crl-file' expects a filename and CRLs as a payload\n"),
    ("add ssl ca-file", "'set ssl ca-file' expects a filename and CAs as a payload\n"),
    ("add ssl ca-file x.pem", "'set ssl ca-file' expects a filename and CAs as a payload\n"),
    ("new ssl cert", "'new ssl cert' expects a filename\n"),
    ("new ssl cert x.pem", "New empty certificate store 'x.pem'!\n"),
    ("new ssl ca-file", "'new ssl ca-file' expects a filename\n"),
    ("new ssl ca-file x.pem", "New CA file created 'x.pem'!\n"),
    ("new ssl crl-file", "'new ssl crl-file' expects a filename\n"),
    ("new ssl crl-file x.pem", "New CRL file created 'x.pem'!\n"),
    ("del ssl cert", "'del ssl cert' expects a certificate name\n"),
    ("del ssl cert x.pem", "Can't remove the certificate: certificate 'x.pem' doesn't exist!\n"),
    ("del ssl ca-file", "'del ssl ca-file' expects a CA file name\n"),
    ("del ssl ca-file x.pem", "Can't remove the CA file: CA file 'x.pem' doesn't exist!\n"),
    ("del ssl crl-file", "'del ssl crl-file' expects a CRL file name\n"),
    ("del ssl crl-file x.pem", "Can't remove the CRL file: CRL file 'x.pem' doesn't exist!\n"),
    ("dump ssl cert", "Can't display the certificate: Not found or the certificate is a bundle!\n"),
    ("dump ssl cert x.pem", "Can't display the certificate: Not found or the certificate is a bundle!\n"),
    ("add ssl jwt", "Can't display the certificate: Not found or the certificate is a bundle!\n"),
    ("add ssl jwt x.pem", "Can't display the certificate: Not found or the certificate is a bundle!\n"),
    ("del ssl jwt", "Can't display the certificate: Not found or the certificate is a bundle!\n"),
    ("del ssl jwt x.pem", "Can't display the certificate: Not found or the certificate is a bundle!\n"),
    ("add ssl crt-list x", "'add ssl crtlist' expects a filename and a certificate name\n"),
    ("add ssl crt-list x y", "Can't edit the crt-list: crt-list 'x' does not exist!\n"),
    ("del ssl crt-list x", "'del ssl crtlist' expects a filename and a certificate name\n"),
    ("del ssl crt-list x y", "Can't delete the entry: crt-list 'x' does not exist!\n"),
    ("show ssl ocsp-response", ""),
    ("show ssl ocsp-response x", "'show ssl ocsp-response' expects a valid certid or certificate path.\n"),
    ("set ssl ocsp-response", "'set ssl ocsp-response' expects response in base64 encoding.\n"),
    ("set ssl ocsp-response x", "'set ssl ocsp-response' received invalid base64 encoded response.\n"),
    ("update ssl ocsp-response", "'update ssl ocsp-response' expects a filename\n"),
    (
        "update ssl ocsp-response x",
        "Unknown certificate! 'update ssl ocsp-response' expects an already known certificate file name.\n"
        "Can't send ocsp request for x!\n",
    ),
    ("show ssl ocsp-updates", "OCSP Certid | Path | Next Update | "),
    ("show ssl ocsp-updates x", " | Last Update Status (str)\n"),
    ("show ssl providers", "Loaded providers : \n"),
    ("show ssl providers x", "Loaded providers : \n"),
    ("show ssl sni", "# Frontend/Bind\tSNI\t"),
    ("show ssl sni -f web", "\tNotAfter\tNotBefore\n"),
    ("show tls-keys", "# id (file)\n"),
    ("show tls-keys *", "# id secret\n"),
    ("show tls-keys x", "'show tls-keys' unable to locate referenced filename\n"),
    ("set ssl tls-key", "'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.\n"),
    ("set ssl tls-key #0", "'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.\n"),
    ("set ssl tls-key #0 AAEC", "'set ssl tls-key' unable to locate referenced filename\n"),
    ("show activity", "\naccepted: 0"),
    ("show activity 0", "\naccepted: 0\n"),
    ("show activity 65", "Invalid thread number.\n"),
    ("enable dynamic-cookie backend", "A backend name is expected.\n"),
    ("enable dynamic-cookie backend nope", "No such backend.\n"),
    ("disable dynamic-cookie backend app", ""),
    ("disable dynamic-cookie backend web", "No such backend.\n"),
    ("set dynamic-cookie-key backend app", "String value expected.\n"),
    ("set dynamic-cookie-key backend app key", ""),
    ("set dynamic-cookie-key backend nope key", "No such backend.\n"),
    ("show python", "# name kind calls errors slow avg_ms max_ms place\n"),
    ("show python x", "No such function: python.x\n"),
    ("show decisions", "Decisions are not kept. 'set decisions on' begins to keep them.\n"),
    ("show decisions a b", "Unsupported option 'b'"),
    ("set decisions", "Expects 'on'"),
    ("set decisions off", ""),
    ("show startup-logs", ""),
    ("show startup-logs x", ""),
]


@pytest.mark.parametrize(("line", "part"), SHOWN)
def test_answers(line: str, part: str) -> None:
    with stand() as one:
        answer = one.ask(line)
    assert part in answer if part else answer == ""


def test_every_command_is_tried_twice() -> None:
    changing = {
        "quit",
        "user",
        "operator",
        "prompt",
        "set timeout",
        "set severity-output",
        "clear counters",
        "shutdown frontend",
        "wait",
    }  # below, by name
    asked = [found[0].name for line, _ in SHOWN if (found := find(line.split())) is not None]
    assert {name for name in COMMANDS if asked.count(name) < 2} <= changing


def test_the_longest_name_wins_and_the_rest_are_arguments() -> None:
    found = find(["set", "server", "app/s1", "state"])
    assert found is not None and found[0].name == "set server" and found[1] == ["app/s1", "state"]
    assert find(["show"]) is None and find([]) is None


def test_an_unknown_command_is_answered_with_its_like() -> None:
    with stand() as one:
        near, none, empty = one.ask("show backand"), one.ask("xyzzy"), one.ask("")
    assert near.startswith("Unknown command, but maybe one of the following ones is a better match:\n")
    assert "  show backend " in near and "  shutdown frontend" not in near and near.endswith(": disconnect\n")
    assert none.startswith("Unknown command. Please enter one of the following commands only:\n")
    assert none.count("\n") == len(COMMANDS) + 1
    assert empty == ""


def test_states_of_servers_change() -> None:
    with stand() as one:
        server = one.server("app", "s1")
        assert one.ask("set server app/s1 state drain") == "" and server.admin == FORCED_DRAIN
        assert one.ask("disable server app/s1") == "" and server.admin == FORCED_MAINT
        assert server not in server.backend.usable
        assert one.ask("enable server #4/s1") == "" and server.admin == 0
        assert server in server.backend.usable
        assert one.ask("set server app/s1 state maint") == one.ask("set server app/s1 state drain") == ""
        assert server.admin == FORCED_DRAIN
        assert one.ask("set server app/s1 state ready") == "" and server.admin == 0
        assert one.ask("set server app/s3 state ready") == "" and one.server("app", "s3").usable


def test_weights_change() -> None:
    with stand() as one:
        server = one.server("app", "s1")
        for words, weight in (("7", 7), ("50%", 1), ("200%", 4), ("0", 0), ("100%", 2), ("99999%", 256)):
            assert one.ask(f"set weight app/s1 {words}") == "" and server.weight == weight
            assert one.ask("get weight app/s1") == f"{weight} (initial 2)\n"
        assert one.ask("set server app/s1 weight 3") == "" and server.weight == 3
        assert one.ask("set weight spare/u1 0%") == "" and one.server("spare", "u1").weight == 0


def test_idle_connections_are_shown_by_lane() -> None:
    with stand(TEXT.replace("global\n", "global\n    nbthread 2\n", 1)) as one:
        server = one.server("app", "s1")
        server.counters.links, server.counters.idle = 3, 2
        lines = one.ask("show servers conn app").splitlines()
    assert lines[0].endswith(" idle_lim idle_cur idle_per_thr[2]")
    assert lines[1] == "app/s1 4/1 127.0.0.1 81 - 5000 0 1 0 1 0 2 0 -1 2 2 0"


def test_limits_change() -> None:
    with stand() as one:
        front = one.view.front("web")
        assert front is not None
        assert one.ask("set maxconn frontend #2 33") == "" and front.frontend.limit == 33
        assert one.ask("set maxconn server both/l1 4") == "" and one.server("both", "l1").maxconn == 4
        assert one.ask("set maxconn global 100") == "" and one.view.process.limit == 100
        assert one.ask("set maxconn global 0") == "" and one.view.process.limit == 500
        assert one.ask("set rate-limit connections global 5") == "" and one.view.process.connection_rate.limit == 5
        assert one.ask("set rate-limit sessions global 6") == "" and one.view.process.session_rate.limit == 6
        assert one.ask("set rate-limit ssl-sessions global 7") == ""
        assert one.ask("set rate-limit http-compression global 8") == ""
        info = one.ask("show info")
        assert "\nConnRateLimit: 5\n" in info and "\nSessRateLimit: 6\n" in info
        assert "\nSslRateLimit: 7\n" in info and "\nCompressBpsRateLim: 8192\n" in info


def test_counters_begin_anew() -> None:
    with stand() as one:
        server = one.server("app", "s1")
        for words, total, highest in (("", 5, 1), ("all", 0, 1), ("server app/s1", 0, 1), ("server #4/#1 force", 0, 1)):
            server.connections = 1
            server.counters.sessions = server.counters.highest = 5
            server.downs = server.check_fails = 5
            assert one.ask(f"clear counters {words}") == ""
            assert (server.counters.sessions, server.counters.highest) == (total, highest)
            assert (server.downs, server.check_fails) == (total, total)


def test_levels() -> None:
    with stand(level="user") as one:
        for line in ("show env", "show sess", "clear counters", "set weight app/s1 1", "operator"):
            assert one.ask(line) == "Permission denied\n"
        assert one.ask("show cli level") == "user\n" and one.ask("get weight app/s1") == "2 (initial 2)\n"
    with stand(level="operator") as one:
        assert one.ask("clear counters") == "" and one.ask("clear counters all") == "Permission denied\n"
        assert one.ask("user") == "" and one.ask("operator") == "Permission denied\n"


def test_levels_can_only_be_given_up() -> None:
    with stand() as one:
        assert one.ask("operator") == "" and one.ask("show cli level") == "operator\n"
        assert one.ask("user") == "" and one.ask("user") == "" and one.ask("show cli level") == "user\n"


def test_modes_of_the_connection() -> None:
    with stand() as one:
        console = one.console
        seen = []
        for line in ("prompt", "prompt", "prompt i", "prompt", "prompt n", "prompt p", "prompt timed"):
            assert one.ask(line) == ""
            seen.append((console.interactive, console.prompting, console.timed))
    assert seen == [
        (True, True, False),
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (False, False, False),
        (True, True, False),
        (True, True, True),
    ]


def test_timeout_and_severity_are_the_connections_own() -> None:
    with stand() as one:
        assert one.ask("set timeout cli 30") == "" and one.console.timeout == 30_000
        assert one.ask("set timeout cli 2m") == "" and one.console.timeout == 120_000
        assert one.ask("set severity-output number") == "" and one.ask("get weight x/y") == "[3]: No such backend.\n"
        assert one.ask("set severity-output string") == "" and one.ask("get weight x/y") == "[err]: No such backend.\n"
        assert one.ask("set severity-output none") == "" and one.ask("get weight x/y") == "No such backend.\n"


def test_times_with_fractions() -> None:
    with stand() as one:
        plain, floats = one.ask("show info float"), one.ask("show info typed float")
    assert re.search(r"^Uptime_sec: \d+\.\d{6}$", plain, re.MULTILINE)
    assert re.search(r"^8\.Uptime_sec\.1:MDPV:flt:\d+\.\d{6}$", floats, re.MULTILINE)


def test_durations() -> None:
    assert [duration(ms) for ms in (0, 27_999, 3_600_000, 90_061_000)] == [
        "0d 0h00m00s",
        "0d 0h00m27s",
        "0d 1h00m00s",
        "1d 1h01m01s",
    ]


def test_a_bug_in_a_command_does_not_end_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    with stand() as one:
        one.view.proxies.append(None)  # type: ignore[arg-type]  # what must not be there
        assert one.ask("show backend") == "Internal error.\n"
    assert "Traceback" in capsys.readouterr().err
