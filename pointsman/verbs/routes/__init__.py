"""`pointsman test`: requests and what is to become of them, played against a configuration without a socket.

    nodes.py      YAML as a tree that knows its places; what is said about mistakes
    keys.py       every key of the format, once: its words for documentation, its schema
    tree.py       made of PyYAML's events
    reader.py     the tree as cases: defaults, groups, parameters; values.py: their values, names.py: their names
    schema.py     the same tables as JSON schema
    model.py      a case: what is asked (explain's Asked), and what is expected of the Explanation
    wanted.py     one expectation: "is", "regex", "absent"...
    check.py      an Explanation beside a case: what fails, and whether it could be known at all
    play.py       cases one after the other, each from the state in which the program starts
    why.py        the few steps of an explanation that decided
    command.py    the words of the command; report.py what it prints, junit.py what programs read
    coverage.py   which rules no case has reached: as a summary, a listing, lcov
    plugin.py     the same cases as items of pytest (items.py, fixtures.py)

The format is described in docs/test.md, and by the JSON schema that `pointsman test --schema` prints.
"""
