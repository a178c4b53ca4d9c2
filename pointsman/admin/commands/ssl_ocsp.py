"""Commands about OCSP responses (management manual 9.3): what is sent along with certificates, set and updated."""

import base64
from typing import Final

from pointsman.admin.command import ADMIN, NOTICE, Call, CommandError, command
from pointsman.admin.ocsp_updater import SUCCESS, response_text
from pointsman.admin.publish import publish
from pointsman.log.dates import local_zone_date
from pointsman.net.clock import wall_ms
from pointsman.tls.changes import KIND, OCSP
from pointsman.tls.ocsp import OcspError, decoded, described, is_about, parsed, usable
from pointsman.tls.store import Certificate

HEAD: Final = (
    "OCSP Certid | Path | Next Update | Last Update | Successes | Failures | Last Update Status | "
    "Last Update Status (str)\n"
)


@command(
    "show ssl ocsp-response",
    "show ssl ocsp-response [[text|base64] <id>]",
    "list the OCSP responses in memory",
    level=ADMIN,
)
def show_ocsp_responses(call: Call) -> str:
    """show ssl ocsp-response [[text|base64] <id or path>]"""
    store = call.view.tls.store
    if not call.words:
        lines = ["# Certificate IDs"] if store.by_ocsp_key else []
        for key, certificates in store.by_ocsp_key.items():
            lines += [f"Certificate ID key : {key}", f"Certificate path : {certificates[0].name}", *described(key)]
        return "".join(line + "\n" for line in lines)
    words = list(call.words)
    form = words.pop(0) if words[0] in ("text", "base64") else ""
    if not words:
        raise CommandError("'show ssl ocsp-response [text|base64]' expects a valid certid.")
    found = _found(call, words[0])
    if found is None or not found.material.ocsp:
        raise CommandError("'show ssl ocsp-response' expects a valid certid or certificate path.")
    if form == "base64":
        return base64.b64encode(found.material.ocsp).decode() + "\n"
    return response_text(parsed(found.material.ocsp).text)


def _found(call: Call, word: str) -> Certificate | None:
    """By the identifier, or the path of a certificate."""
    store = call.view.tls.store
    sharing = store.by_ocsp_key.get(word.lower())
    return sharing[0] if sharing else store.certificates.get(word)


@command(
    "set ssl ocsp-response",
    "set ssl ocsp-response <resp|payload>",
    "replace the OCSP response of the certificate that it is about",
    level=ADMIN,
)
async def set_ocsp_response(call: Call) -> str:
    """set ssl ocsp-response <response or payload>: a DER in base64; it is looked at as those of files are."""
    said = call.payload or call.word(0)
    if not said:
        raise CommandError("'set ssl ocsp-response' expects response in base64 encoding.")
    try:
        der = decoded(said)
    except OcspError as error:
        raise CommandError(f"'set ssl ocsp-response' {error}.") from None
    try:
        response = parsed(der)
        for key, certificates in call.view.tls.store.by_ocsp_key.items():
            subject = certificates[0].subject
            if subject is not None and is_about(response, subject):
                usable(der, subject, wall_ms() // 1000)
                await publish(call, [KIND, OCSP, key, base64.b64encode(der).decode()])
                raise CommandError("OCSP Response updated!", NOTICE)
    except OcspError as error:
        raise CommandError(f"{error}.") from None
    raise CommandError("OCSP single response: Certificate ID does not match any certificate or issuer.")


@command("show ssl ocsp-updates", "show ssl ocsp-updates", "list the OCSP responses that are updated", level=ADMIN)
def show_ocsp_updates(call: Call) -> str:
    """show ssl ocsp-updates: those that are due first come first."""
    updater = call.view.updater
    text = HEAD
    for entry in sorted(updater.entries.values() if updater is not None else (), key=lambda entry: entry.due):
        columns = (
            entry.key,
            entry.path,
            _date(entry.due),
            _date(entry.last) if entry.last else "-",
            str(entry.successes),
            str(entry.failures),
            str(entry.status),
            entry.text,
        )
        text += " | ".join(columns) + "\n"
    return text


def _date(seconds: int) -> str:
    return local_zone_date(seconds * 1000).decode()


@command(
    "update ssl ocsp-response",
    "update ssl ocsp-response <certfile>",
    "ask the responder of a certificate for its OCSP response now",
    level=ADMIN,
)
async def update_ocsp_response(call: Call) -> str:
    """update ssl ocsp-response <certfile>: of one that has a response, or whose responses are updated anyway."""
    updater, name = call.view.updater, call.word(0)
    if not name:
        raise CommandError("'update ssl ocsp-response' expects a filename")
    failed = f"\nCan't send ocsp request for {name}!"
    found = call.view.tls.store.certificates.get(name)
    if found is None or updater is None:
        raise CommandError(
            "Unknown certificate! 'update ssl ocsp-response' expects an already known certificate file name." + failed
        )
    if found.subject is None:
        raise CommandError(
            f"'update ssl ocsp-response' only works on certificates that already have a known OCSP response.{failed}"
        )
    entry = updater.entries.get(found.ocsp_key) or updater.entry(found)
    if entry is None:
        raise CommandError(f"The certificate names no OCSP responder.{failed}")
    text = await updater.update(entry)
    if entry.status != SUCCESS:
        raise CommandError(f"{entry.text}!{failed}")
    return text
