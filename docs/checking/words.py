"""The pages below `words/`: what `turquoise explain` says, so that the two cannot drift apart."""

import concurrent.futures
import json
import re
import subprocess

from .complaint import Complaint

BREAK = "`turquoise rehearse --break "
MUTANT = "an orchestrator that is wrong on purpose"
# file, heading, what it is about, and which topics it has; the first that fits takes a topic.
PAGES = [
    ("phases", "Phases of a swap", "P0 to P11, in their order.", lambda name, title: re.fullmatch(r"P\d+", name)),
    ("failures", "Failures", "What is known to go wrong in a swap, what is done about it, and what shows that.",
     lambda name, title: re.fullmatch(r"F\d+", name)),
    ("invariants", "Invariants", "What every run is judged by: S is safety, L liveness, Q a budget.",
     lambda name, title: re.fullmatch(r"[SLQ]\d+", name)),
    ("outcomes", "Outcome classes", "Each request ends in exactly one of these.",
     lambda name, title: re.fullmatch(r"[A-Z][A-Z0-9_]+", name)),
    ("breaks", "Deliberate losses", "Each of them must be noticed.", lambda name, title: title.startswith(BREAK)),
    ("mutants", "Wrong orchestrators", "`turquoise simulate` must catch each of them; the first word of a title is the "
     "failure that it stands for.", lambda name, title: title.endswith(MUTANT)),
    ("commands", "Exit codes, campaigns, scripts", "What commands end with, and what they say to machines.",
     lambda name, title: True),
]
NOTE = "<!-- Written by `docs/check --refresh` from `turquoise explain`; do not edit. -->"


def say(turquoise, *arguments):
    printed = subprocess.run(
        [turquoise, "explain", *arguments, "--output", "json"],
        capture_output=True, text=True, check=True, timeout=30,
    )
    return json.loads(printed.stdout.splitlines()[-1])


def topics(turquoise):
    names = [row["topic"] for row in say(turquoise)["topics"]]
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda name: say(turquoise, name), names))


def section(topic):
    """One topic; texts that are set in columns stay so."""
    text = topic["text"]
    if re.search(r"^ +\S", text, re.MULTILINE):
        text = f"```text\n{text}\n```"
    return f"## {topic['topic']}\n\n**{topic['title']}**\n\n{text}\n"


def rendered(turquoise):
    """File names and contents of all pages."""
    chosen = {name: [] for name, *_ in PAGES}
    for topic in topics(turquoise):
        name = next(name for name, _, _, fits in PAGES if fits(topic["topic"], topic["title"]))
        chosen[name].append(topic)
    return {
        f"{name}.md": f"# {heading}\n\n{NOTE}\n\n{about} `turquoise explain {chosen[name][0]['topic']}` prints one.\n\n"
        + "\n".join(section(topic) for topic in chosen[name])
        for name, heading, about, _ in PAGES
        if chosen[name]
    }


def write(book, turquoise):
    """Writes the pages anew."""
    folder = book / "words"
    folder.mkdir(exist_ok=True)
    fresh = rendered(turquoise)
    for old in folder.glob("*.md"):
        if old.name not in fresh:
            old.unlink()
    for name, text in fresh.items():
        (folder / name).write_text(text, encoding="utf-8")
        yield folder / name


def complaints(book, turquoise):
    """Every page that says something else than the command, at the first line that differs."""
    folder, found = book / "words", []
    fresh = rendered(turquoise)
    for name in sorted({*fresh, *(page.name for page in folder.glob("*.md"))}):
        page = folder / name
        old = page.read_text(encoding="utf-8") if page.is_file() else ""
        new = fresh.get(name, "")
        if old != new:
            pairs = zip([*old.splitlines(), None], [*new.splitlines(), None])
            line = next((number for number, (a, b) in enumerate(pairs, 1) if a != b), 1)
            found.append(Complaint(page, line, "`turquoise explain` says something else: docs/check --refresh"))
    return found
