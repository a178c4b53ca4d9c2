"""Which cases `-k` means."""

import os

from pointsman.verbs.routes.model import Case


def selected(case: Case, expression: str) -> bool:
    """Words that stand in its name, in those of its groups or its file; with "and", "or" and "not"."""
    text = f"{os.path.basename(case.at.file)} {case.path}".lower()
    return any(
        all(_means(word.strip(), text) for word in part.split(" and ")) for part in expression.lower().split(" or ")
    )


def _means(word: str, text: str) -> bool:
    if word.startswith("not "):
        return not _means(word[4:].strip(), text)
    return word in text
