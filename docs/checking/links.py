"""Links between the documents of the repository: the file is there, and the heading in it."""

import re
import subprocess
import urllib.parse

from .complaint import Complaint

LINK = re.compile(r"(?<!\\)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def prose(page):
    """Lines outside of code, with their numbers."""
    inside = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def anchors(page):
    """The anchors that mdBook and GitHub give to the headings of a page."""
    found = set()
    for _, line in prose(page):
        if match := re.match(r"#{1,6}\s+(.*?)\s*#*$", line):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).replace("`", "")
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            number = 0
            while (name := slug if number == 0 else f"{slug}-{number}") in found:
                number += 1
            found.add(name)
        found.update(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line))
    return found


def documents(root, book):
    """All documents that are in the repository, and the book when it lies elsewhere."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        capture_output=True, text=True, check=False,
    )
    found = [root / name for name in listed.stdout.splitlines()]
    return sorted({page for page in [*found, *book.rglob("*.md")] if page.is_file()})


def complaints(root, book):
    """Every link that leads nowhere, and every page that the table of contents does not know."""
    found = []
    for page in documents(root, book) if book.is_relative_to(root) else sorted(book.rglob("*.md")):
        for line, text in prose(page):
            code = re.sub(r"`[^`]*`", "", text)
            for target in LINK.findall(code):
                if what := wrong(page, target):
                    found.append(Complaint(page, line, what))
    return found + unlisted(book)


def wrong(page, target):
    if re.match(r"[a-z]+:", target):
        return None
    name, _, anchor = urllib.parse.unquote(target).partition("#")
    there = (page.parent / name).resolve() if name else page
    if not there.exists():
        return f"`{target}` leads to no file"
    if anchor and there.suffix == ".md" and anchor not in anchors(there):
        return f"`{target}` leads to no heading"
    return None


def unlisted(book):
    summary = book / "SUMMARY.md"
    text = summary.read_text(encoding="utf-8") if summary.is_file() else ""
    listed = {(book / target).resolve() for target in LINK.findall(text)}
    pages = (page for page in book.rglob("*.md") if page != summary)
    return [
        Complaint(page, 1, "the page is not in SUMMARY.md")
        for page in sorted(pages)
        if page.resolve() not in listed
    ]
