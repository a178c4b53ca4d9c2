"""Rows as text: CSV (manual 9.1), typed lines and JSON (manual 9.2). Also of `show info`, whose fields are alike."""

import json
from collections.abc import Iterable
from typing import Final

from pointsman.admin.columns import COLUMNS, CSV_HEADER, line
from pointsman.admin.rows import StatisticsRow, Value

OBJECTS: Final = {"F": "Frontend", "B": "Backend", "L": "Listener", "S": "Server"}
ORIGINS: Final = {"M": "Metric", "S": "Status", "K": "Key", "C": "Config", "P": "Product"}
NATURES: Final = {
    "A": "Age",
    "a": "Avg",
    "C": "Counter",
    "D": "Duration",
    "G": "Gauge",
    "L": "Limit",
    "M": "Max",
    "m": "Min",
    "N": "Name",
    "O": "Output",
    "R": "Rate",
    "T": "Time",
}
TAG_SCOPES: Final = {"C": "Cluster", "P": "Process", "S": "Service", "s": "System"}
PROCESS_NUMBER: Final = 1


def quoted(value: Value) -> str:
    """A cell: in double quotes only where it is ambiguous (quote, comma); a line break has no place in a cell."""
    if isinstance(value, int):
        return str(value)
    text = value.replace("\r", " ").replace("\n", " ")
    return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text else text


def csv(rows: Iterable[StatisticsRow]) -> str:
    lines = [CSV_HEADER]
    lines += [line(quoted(row.get(column.name)) for column in COLUMNS) for row in rows]
    return "\n".join(lines) + "\n"


def _described(text: str, descriptions: bool) -> str:
    return f':"{text}"' if descriptions else ""


def typed_value(tags: str, type_name: str, value: Value) -> str:
    return f"{tags}:{type_name}:{value}"


def typed(rows: Iterable[StatisticsRow], descriptions: bool = False) -> str:
    """<obj>.<px_id>.<id>.<fpos>.<fname>.<process_num>:<tags>:<type>:<value>"""
    lines: list[str] = []
    for row in rows:
        for position, column in enumerate(COLUMNS):
            value = row.values.get(column.name)
            if value is None:
                continue
            tags = column.tags_of(row.kind)
            lines.append(
                f"{row.kind}.{row.number}.{row.sid}.{position}.{column.name}.{PROCESS_NUMBER}:"
                f"{typed_value(tags, column.type, value)}{_described(column.text, descriptions)}"
            )
    return "".join(line + "\n" for line in lines)


def item(position: int, name: str, tags: str, type_name: str, value: Value) -> dict[str, object]:
    """One value in JSON."""
    return {
        "field": {"pos": position, "name": name},
        "processNum": PROCESS_NUMBER,
        "tags": {"origin": ORIGINS[tags[0]], "nature": NATURES[tags[1]], "scope": TAG_SCOPES[tags[2]]},
        "value": {"type": type_name, "value": value},
    }


def compact(data: object) -> str:
    return json.dumps(data, separators=(",", ":")) + "\n"


def as_json(rows: Iterable[StatisticsRow]) -> str:
    """A list of objects, each a list of its values."""
    found: list[list[dict[str, object]]] = []
    for row in rows:
        head: dict[str, object] = {"objType": OBJECTS[row.kind], "proxyId": row.number, "id": row.sid}
        found.append(
            [
                head | item(position, column.name, column.tags_of(row.kind), column.type, row.get(column.name))
                for position, column in enumerate(COLUMNS)
                if column.name in row.values
            ]
        )
    return compact(found)
