"""Lines of the runtime socket: from a terminal to commands, and from control to the lanes."""

from collections.abc import Sequence


def split_commands(line: str) -> list[list[str]]:
    """A line as commands and their words. A backslash takes the meaning from the character behind it."""
    commands: list[list[str]] = []
    words: list[str] = []
    word: list[str] | None = None
    rest = iter(line)
    for char in rest:
        if char in " \t;":
            if word is not None:
                words.append("".join(word))
                word = None
            if char == ";":
                commands.append(words)
                words = []
            continue
        word = [] if word is None else word
        word.append(next(rest, "") if char == "\\" else char)
    if word is not None:
        words.append("".join(word))
    if words or not commands or line.rstrip(" \t").endswith(";"):
        commands.append(words)
    return commands


def join_words(words: Sequence[str]) -> str:
    """A command as the line that `split_commands` reads."""
    return " ".join("".join(f"\\{char}" if char in " \t;\\" else char for char in word) for word in words)
