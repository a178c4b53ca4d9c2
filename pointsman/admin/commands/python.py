"""show python: the functions of python-load files (docs/python.md)."""

from pointsman.admin.command import OPERATOR, Call, CommandError, command


@command("show python", "show python [<name>]", "list the functions of python-load files", level=OPERATOR)
def show_python(call: Call) -> str:
    """show python [<name>]: how often each function was called in all processes, and how long that took. With a name:
    of that one, with what it documents."""
    from pointsman.extension.calls import CALLS  # noqa: PLC0415  (only where a file is loaded)

    name = call.word(0).removeprefix("python.")
    lines = ["# name kind calls errors slow avg_ms max_ms place"]
    text = ""
    for one in CALLS.functions:
        if name and one.name != name:
            continue
        totals = CALLS.totals(one)
        kind = f"async-{one.sort}" if one.is_async else one.sort
        mean = totals.total / totals.count / 1_000 if totals.count else 0.0
        lines.append(
            f"python.{one.name} {kind} {totals.count} {totals.errors} {totals.slow} {mean:.3f} "
            f"{totals.most / 1_000:.3f} {one.place}"
        )
        text += "".join(f"  {line}\n" for line in one.documentation.splitlines()) if name else ""
    if name and len(lines) == 1:
        raise CommandError(f"No such function: python.{name}")
    return "\n".join(lines) + "\n" + text
