"""The format as JSON schema, for editors: made of the same tables that the reader asks (keys.py)."""

import json
from collections.abc import Mapping

from pointsman.verbs.routes.keys import (
    ANSWER,
    ASKED,
    CASE,
    EXPECTED,
    FILE,
    GROUP,
    NOTHING_OR_TEXTS,
    STATUS,
    TEXT,
    TEXTS,
    Json,
    JsonValue,
    Key,
)
from pointsman.verbs.routes.wanted import FLAGS, TESTS

REQUEST = r"^(/|\*$|\S+\s|[A-Za-z][A-Za-z0-9+.-]*://)"


def schema_text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


def schema() -> Json:
    expect: JsonValue = {"$ref": "#/$defs/expect"}
    cases: JsonValue = {"$ref": "#/$defs/cases"}
    defaults = _object(ASKED)
    case = _object({**CASE, **ASKED})
    case["patternProperties"] = {REQUEST: expect}
    group = _object({**GROUP, **ASKED})
    group["required"] = ["cases"]
    file = _object(FILE)
    file["patternProperties"] = {"^x-": {}}
    file["required"] = ["cases"]
    wanted: Json = {"type": "object", "minProperties": 1, "additionalProperties": False}
    wanted["properties"] = {name: {"type": "boolean"} if name in FLAGS else TEXTS for name in TESTS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cases of pointsman test",
        "oneOf": [cases, file],
        "$defs": {
            "cases": {"type": "array", "minItems": 1, "items": {"oneOf": [group, case]}},
            "defaults": defaults,
            "expect": {"oneOf": [TEXT, {"type": "null"}, _object(EXPECTED)]},
            "answer": {"oneOf": [STATUS, {"type": "null"}, _object(ANSWER)]},
            "wanted": {"oneOf": [NOTHING_OR_TEXTS, wanted]},
        },
    }


def _object(keys: Mapping[str, Key]) -> Json:
    properties: Json = {name: {"description": key.says, **key.schema} for name, key in keys.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}
