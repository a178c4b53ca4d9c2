"""What somebody has asked for, noted while a configuration is read, that costs something for each connection.

Nobody asks for most of it, so it is not found out. A note stays for as long as the process lives: one too many costs
little, one too few would leave an answer out.
"""

from typing import Final

LAST_RULE: Final = 1  # bits of `verdicts`: last_rule_file, last_rule_line, last_entity
DECISIONS: Final = 2  # decisions are kept
ALL_OF_IT: Final = 1  # bits of `sending`: bc_reused, bs.id, req.bytes_out and their kin
REUSED: Final = 2  # whether the server connection has served before


class Wishes:
    def __init__(self) -> None:
        self.server_source = False  # our own address towards a server: bc_src, bc_src_port, %bi, %bp
        self.glitches = False  # fc_glitches, bc_glitches
        self.proxy_tlvs = False  # TLVs of PROXY headers that are received: fc_pp_tlv, and authorities that are sent on
        self.faults = False  # why a connection has failed: fc_err, bc_err
        self.sending = 0  # what is known when a request goes to its server: see above
        self.server_tls = False  # what TLS of the server's connection knows: ssl_bc..., ssl_s_...
        self.measured = False  # what the kernel measures on the server's connection: bc_rtt, bc_rttvar
        self.verdicts = 0  # who wants to know which rule has ended a list: see above
        self.tracks = False  # entries of stick tables are tracked (track-sc0 and its kin)
        self.answers = False  # what servers answer is looked at: entries of stick tables count it, or health is judged
        self.observes = False  # connections and responses show how servers are (observe)
        self.server_marks = False  # marks and TOS bytes of servers' connections: set-bc-mark, set-bc-tos
        self.priorities = False  # queues have another order than that of arrival: set-priority-class and its kin
        self.number = False  # one sequence of numbers for the exchanges of all lanes: %rt, txn.id32

    def fetched(self, name: str) -> None:
        """An expression begins with this fetch."""
        if name.startswith("bc_src"):
            self.server_source = True
        elif name.startswith(("bc_reused", "req.bytes_out", "bc_http_major", "bs.", "bc_nb_", "bc_settings_")):
            self.sending |= ALL_OF_IT
        elif name.startswith(("ssl_bc", "ssl_s_")):
            self.server_tls = True
        elif name.startswith("bc_rtt"):
            self.measured = True
        elif name.startswith("fc_pp_"):
            self.proxy_tlvs = True
        elif name.startswith(("fc_err", "bc_err")):
            self.faults = True
        elif name == "txn.id32":
            self.number = True
        elif name in ("last_rule_file", "last_rule_line", "last_entity"):
            self.verdicts |= LAST_RULE
        elif name in ("fc_glitches", "bc_glitches"):
            self.glitches = True
            self.sending |= ALL_OF_IT

    def shown(self, name: str) -> None:
        """A format shows this tag."""
        if name in ("bi", "bp"):
            self.server_source = True
        elif name == "rt":
            self.number = True


WISHES: Final = Wishes()
