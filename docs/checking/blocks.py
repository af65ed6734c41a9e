"""Fenced blocks of a page: what they say they are, and the commands in them."""

import dataclasses
import pathlib
import re

FENCE = re.compile(r"^(\s*)```+\s*(.*)$")


@dataclasses.dataclass
class Command:
    """A command line and what it is expected to print."""

    line: int
    text: str
    expected: list  # (line, text)


@dataclasses.dataclass
class Fence:
    """A fenced block: ```console exit=13 has the language `console` and the mark exit = 13."""

    file: pathlib.Path
    line: int
    language: str
    marks: dict
    lines: list  # (line, text)

    def commands(self):
        """`$ ` begins a command, `> ` goes on with it, the rest is what it prints."""
        found = []
        for line, text in self.lines:
            if text.startswith("$ "):
                found.append(Command(line, text[2:], []))
            elif text.startswith("> ") and found and not found[-1].expected:
                found[-1].text += "\n" + text[2:]
            elif found:
                found[-1].expected.append((line, text))
            else:
                found.append(Command(line, "", [(line, text)]))
        return found

    def body(self):
        """The block as it stands."""
        return "".join(text + "\n" for _, text in self.lines)

    def cost(self):
        """Roughly how long it takes."""
        return int(self.marks.get("timeout", 5)) if self.language == "console" else 0


def marks(info):
    """`exit=13 background` as a dictionary."""
    pairs = (word.partition("=") for word in info)
    return {name: value for name, _, value in pairs}


def fences(page):
    """All fenced blocks of a page."""
    found, current = [], None
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        match = FENCE.match(text)
        if match and current is None:
            language, *rest = match[2].split() or [""]
            current = Fence(page, number, language, marks(rest), [])
        elif match and not match[2]:
            found.append(current)
            current = None
        elif current is not None:
            current.lines.append((number, text))
    return found


def mismatch(expected, printed):
    """The line at which what was printed leaves what was expected, and why; None when it does not.

    `…` stands for anything in a line, and alone for any number of lines.
    """
    position, skipping, last = 0, False, 0
    for line, text in expected:
        last = line
        if text.strip() == "…":
            skipping = True
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in text.rstrip().split("…")) + "$")
        rest = range(position, len(printed)) if skipping else range(position, position + 1)
        at = next((at for at in rest if at < len(printed) and pattern.match(printed[at])), None)
        if at is None:
            instead = printed[position] if position < len(printed) else "the end"
            return line, f"expected `{text}`, got `{instead}`"
        position, skipping = at + 1, False
    if position < len(printed) and not skipping:
        return last, f"nothing more was expected, got `{printed[position]}`"
    return None
