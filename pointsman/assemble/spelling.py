"""Who wants names of header fields spelt otherwise gets the spellings of the global section (manual 3.1,
h1-case-adjust)."""

from pointsman.assemble.live import Live
from pointsman.config.case_adjust import spellings
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import Diagnostics


def share_spellings(live: Live, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """To frontends and backends whose options say so."""
    names = spellings(configuration.main, diagnostics)
    if not names:
        return
    for frontend in live.frontends:
        if frontend.respells:
            frontend.spellings = names
    for backend in live.backends:
        if backend.respells:
            backend.spellings = names
