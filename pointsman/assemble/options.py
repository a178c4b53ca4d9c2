"""Small options that frontends and backends share."""

from pointsman.config.options import ForwardForSetting, Network, OriginalToSetting, RestrictHeaderNames
from pointsman.config.setting import Section
from pointsman.stream.header_names import POLICIES, PRESERVE
from pointsman.stream.proxies import ForwardFor


def _networks(excluded: Network | None) -> list[tuple[bytes, int]]:
    return [] if excluded is None else [(excluded.network_address.packed, excluded.prefixlen)]


def header_names(section: Section) -> int:
    """option http-restrict-req-hdr-names of a section."""
    found = section.one(RestrictHeaderNames)
    return POLICIES[found.policy] if found is not None else PRESERVE


def forward_for(section: Section) -> ForwardFor | None:
    """option forwardfor of a section."""
    found = section.one(ForwardForSetting)
    if found is None:
        return None
    return ForwardFor(found.header or b"x-forwarded-for", found.if_none, _networks(found.excluded))


def original_to(section: Section) -> ForwardFor | None:
    """option originalto of a section."""
    found = section.one(OriginalToSetting)
    if found is None:
        return None
    return ForwardFor(found.header or b"x-original-to", False, _networks(found.excluded))
