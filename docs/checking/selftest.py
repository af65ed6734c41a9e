"""A wrong page for each rule: a check that cannot fail proves nothing."""

import concurrent.futures
import pathlib
import tempfile

RIGHT = """# Right

```console
$ turquoise explain P5
P5: confirm add
…
$ turquoise explain nonsense 2>&1 | head -n 1; printf 'a\\nb\\nc\\n'
error: nothing is called …
a
…
$ cd / && export SEEN=yes
$ echo "$SEEN $PWD"
yes /
```

```toml file=some.toml
port = 1
```
"""

# name, page, line of the complaint, part of what is said
WRONG = [
    ("a line that is not printed", "```console\n$ turquoise explain P5\nP6: …\n…\n```\n", 3, "expected `P6: …`"),
    ("a line too many", "```console\n$ printf 'a\\nb\\n'\na\n```\n", 3, "nothing more was expected"),
    ("a line after any lines", "```console\n$ printf 'a\\nb\\n'\n…\nc\n```\n", 4, "expected `c`"),
    ("a command that fails", "```console\n$ turquoise explain nonsense\n```\n", 2, "ended with 64, not with 0"),
    ("another exit code", "```console exit=13\n$ turquoise explain nonsense\n```\n", 2, "ended with 64, not with 13"),
    ("an exit code that does not come", "```console exit=13\n$ true\n```\n", 2, "ended with 0, not with 13"),
    ("a command that hangs", "```console timeout=1\n$ sleep 30\n```\n", 2, "not done after 1 s"),
    ("a server that says something else", "```console background timeout=1\n$ sleep 30\nready\n```\n", 3, "expected `ready`"),
    ("a server that ends", "```console background\n$ echo started\nready\n```\n", 3, "expected `ready`"),
    ("a flag that Azure's commands lack", "```console azure\n$ turquoise swap --to blue --gently\n```\n", 2, "unexpected argument"),
    ("a verb that is not there", "```console azure\n$ turquoise wap\n```\n", 2, "is refused"),
    ("an argument that the verb does not take", "```console azure\n$ turquoise retire green\n```\n", 2, "is refused"),
    ("a test that is not there", "```console shown-by=tests/nothing.rs\n$ true\n```\n", 1, "is not there"),
    ("a block that nobody runs", "```sh\nturquoise swap\n```\n", 1, "not `sh`"),
    ("a mark that nobody knows", "```console quickly\n$ true\n```\n", 1, "no mark `quickly`"),
    ("a part that is no part", "```toml part-of=Cargo.toml\nno = 'such line'\n```\n", 1, "no such part"),
    ("a link to nowhere", "# A\n\n[b](b.md)\n", 3, "leads to no file"),
    ("a link to no heading", "# A\n\n[b](#b)\n", 3, "leads to no heading"),
    ("a page that nobody lists", "# A\n", 1, "not in SUMMARY.md"),
]


def complaints(examine, turquoise, page, listed=True, with_words=False):
    """What is said about a book of one page."""
    with tempfile.TemporaryDirectory(prefix="turquoise-manual-") as folder:
        book = pathlib.Path(folder).resolve()
        (book / "page.md").write_text(page, encoding="utf-8")
        (book / "SUMMARY.md").write_text("[page](page.md)\n" if listed else "", encoding="utf-8")
        found, _ = examine(book, turquoise, with_words=with_words)
        return found


def of_wrong(examine, turquoise, case):
    """What is amiss with a rule; None when it sees its page."""
    name, page, line, part = case
    said = complaints(examine, turquoise, page, listed="nobody lists" not in name)
    if any(one.file.name == "page.md" and one.line == line and part in one.what for one in said):
        return None
    heard = "; ".join(f"{one.line}: {one.what}" for one in said) or "nothing"
    return f"{name}: expected `{part}` at line {line}, heard {heard}"


def run(turquoise, examine):
    """0 when every rule sees its wrong page and lets the right one be."""
    said = complaints(examine, turquoise, RIGHT, with_words=True)
    failed = [f"the right page, line {one.line}: {one.what}" for one in said if one.file.name == "page.md"]
    if not any("`turquoise explain` says" in one.what for one in said):
        failed.append("pages of words that are missing: nobody noticed")
    with concurrent.futures.ThreadPoolExecutor(max_workers=6) as pool:
        failed += filter(None, pool.map(lambda case: of_wrong(examine, turquoise, case), WRONG))
    for what in failed:
        print(what)
    print(f"self-test: {len(WRONG) + 2} pages, {len(failed)} rules do not see what they must")
    return 1 if failed else 0
