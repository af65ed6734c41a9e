"""One page: its commands are run one after the other, in a folder and on a port of their own."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import blocks
from .complaint import Complaint

DEFAULT_TIMEOUT = 45
# The port of the manual; each page gets a free one in its place.
PORT = "8400"
KNOWN = {"exit", "background", "azure", "timeout", "needs", "shown-by"}
# One command of a line or of a pipe; what stands in quotes belongs to it, line ends and all.
PART = re.compile(r"""(?:'[^']*'|"[^"]*"|(?<!&)&(?!&)|[^\n|;&])+""")
PLAIN = {"text", "json", "toml", "yaml", "python", "rust", "csv", "ini", "javascript", "hcl"}
# What real clients are called, and where ./check installs them.
CLIENTS = {"az": "azure-cli/bin/az", "python-sdk": "azure-sdk/bin/python3", "node-sdk": "azure-js/node_modules"}


@dataclasses.dataclass
class Done:
    """What was done, counted."""

    run: int = 0
    flags: int = 0
    elsewhere: int = 0
    left_out: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.run += other.run
        self.flags += other.flags
        self.elsewhere += other.elsewhere
        self.left_out += other.left_out

    def text(self):
        return (
            f"{self.run} commands run, {self.elsewhere} run by tests that are named, "
            f"{self.flags} for Azure with their flags checked"
        )


class Page:
    """A page that is run."""

    def __init__(self, root, page, turquoise):
        self.root, self.page, self.turquoise = root, page, turquoise
        self.complaints, self.done = [], Done()
        self.behind = []
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])

    def complain(self, line, what):
        self.complaints.append(Complaint(self.page, line, what))

    def run(self):
        """Runs every block; a first wrong command ends the page, since the next ones build on it."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="turquoise-manual-"))
        try:
            self.furnish()
            for fence in blocks.fences(self.page):
                before = len(self.complaints)
                self.block(fence)
                if len(self.complaints) > before and fence.language == "console":
                    break
        finally:
            for process, _ in self.behind:
                end(process)
            shutil.rmtree(self.folder, ignore_errors=True)
        return self

    def furnish(self):
        """The folder of a reader who has the repository's examples and the command in the PATH."""
        (self.folder / "bin").mkdir()
        (self.folder / "bin/turquoise").symlink_to(self.turquoise)
        self.work = self.folder / "work"
        self.work.mkdir()
        shutil.copytree(self.root / "examples", self.work / "examples")
        for name in ("scenarios/corpus", "packaging"):
            if (self.root / name).is_dir():
                (self.work / name).parent.mkdir(exist_ok=True)
                (self.work / name).symlink_to(self.root / name)

    def environment(self):
        kept = {name: os.environ[name] for name in ("LANG", "TMPDIR", "PYENV_ROOT") if name in os.environ}
        found = {
            **kept,
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TURQUOISE_KEYS": str(self.folder / "keys"),
            "TURQUOISE_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "NO_COLOR": "1",
            "COLUMNS": "100",
        }
        if sdk := self.client("python-sdk"):
            found["PATH"] = f"{pathlib.Path(sdk).parent}:{found['PATH']}"
        if az := self.client("az"):
            found["TURQUOISE_AZ"] = az
        if sdk := self.client("node-sdk"):
            found["NODE_PATH"] = sdk
        return found

    def client(self, name):
        """Where a real client is; nothing when it is not installed."""
        if name == "az" and os.environ.get("TURQUOISE_AZ"):
            return os.environ["TURQUOISE_AZ"]
        installed = self.root / "target" / CLIENTS[name]
        if installed.exists():
            return str(installed)
        return shutil.which("az") if name == "az" else None

    def block(self, fence):
        if fence.language != "console":
            return self.plain(fence)
        if unknown := set(fence.marks) - KNOWN:
            return self.complain(fence.line, f"a console block has no mark `{unknown.pop()}`")
        if "azure" in fence.marks:
            return self.flags(fence)
        if "shown-by" in fence.marks:
            return self.elsewhere(fence)
        needed = fence.marks.get("needs")
        if needed and not self.client(needed):
            self.done.left_out.append(f"{needed} is not installed (`./check tools` installs it)")
            return self.flags(fence, counted=False)
        commands = fence.commands()
        for command in commands:
            code = int(fence.marks.get("exit", 0)) if command is commands[-1] else 0
            if not command.text:
                return self.complain(command.line, "a console block begins with `$ `")
            if not self.command(fence, command, code):
                return None
        return None

    def plain(self, fence):
        """A file that is written, a part of a file that exists, or text."""
        if fence.language not in PLAIN:
            return self.complain(
                fence.line,
                f"a block is `console`, which is run, or one of {' '.join(sorted(PLAIN))}, not `{fence.language}`",
            )
        if name := fence.marks.get("file"):
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fence.body(), encoding="utf-8")
        if name := fence.marks.get("part-of"):
            path = self.root / name
            if not path.is_file() or fence.body() not in path.read_text(encoding="utf-8"):
                self.complain(fence.line, f"`{name}` has no such part")
        return None

    def elsewhere(self, fence):
        path = self.root / fence.marks["shown-by"]
        if not path.is_file():
            return self.complain(fence.line, f"`{fence.marks['shown-by']}`, which shows it, is not there")
        self.flags(fence, counted=False)
        self.done.elsewhere += len(fence.commands())
        return None

    def flags(self, fence, counted=True):
        """Looks whether the command has the verb and the flags; what is not ours is not looked at."""
        for command in fence.commands():
            for part in PART.findall(command.text.replace("\\\n", " ")):
                words = shlex.split(re.split(r" \d?>", part)[0], comments=True)
                self.flags_of(command.line, words)
            self.done.flags += counted

    def flags_of(self, line, words):
        """With `--help` at its end a command does nothing, but its arguments are still parsed."""
        while words and re.match(r"^[A-Z_]+=", words[0]):
            words = words[1:]
        if not words or words[0] != "turquoise":
            return
        own = words[1 : words.index("--")] if "--" in words else words[1:]
        asked = subprocess.run(
            [self.turquoise, *own, "--help"], capture_output=True, text=True, timeout=20, check=False
        )
        if asked.returncode != 0:
            said = asked.stderr.splitlines() or ["nothing"]
            self.complain(line, f"`{' '.join(words)}` is refused: {said[0]}")

    def command(self, fence, command, code):
        """Runs a command; whether all was as the page says."""
        self.done.run += 1
        if "background" in fence.marks:
            return self.in_background(fence, command)
        kept = self.folder / "shell"
        script = f'[ -f "{kept}" ] && . "{kept}"\n{self.ported(command.text)}\nended=$?\n' \
            f'{{ export -p; printf "cd %q\\n" "$PWD"; }} >"{kept}"\nexit $ended\n'
        process = self.start(script, subprocess.PIPE)
        try:
            timeout = int(fence.marks.get("timeout", DEFAULT_TIMEOUT))
            printed, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.complain(command.line, f"not done after {timeout} s")
            return False
        finally:
            end(process)
        lines = self.unported(printed)
        if process.returncode != code:
            last = lines[-1] if lines else "nothing"
            self.complain(command.line, f"ended with {process.returncode}, not with {code}; it said last `{last}`")
            return False
        wrong = blocks.mismatch(command.expected, lines) if command.expected else None
        if wrong:
            self.complain(*wrong)
        return wrong is None

    def in_background(self, fence, command):
        log = self.folder / f"log-{len(self.behind)}"
        with log.open("wb") as output:
            process = self.start(f"exec {self.ported(command.text)}", output)
        self.behind.append((process, log))
        limit = time.monotonic() + int(fence.marks.get("timeout", 20))
        while True:
            wrong = blocks.mismatch([*command.expected, (command.line, "…")], self.unported(log.read_bytes()))
            if wrong is None:
                return True
            if time.monotonic() > limit or process.poll() is not None:
                self.complain(*wrong)
                return False
            time.sleep(0.05)

    def start(self, script, output):
        return subprocess.Popen(
            ["bash", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self.work,
            env=self.environment(),
            start_new_session=True,
        )

    def ported(self, text):
        return re.sub(rf"\b{PORT}\b", self.port, text)

    def unported(self, printed):
        text = printed.decode("utf-8", "replace").replace(str(self.folder), "/home/you")
        return [line.rstrip() for line in re.sub(rf"\b{self.port}\b", PORT, text).splitlines()]


def end(process):
    """Ends a command with all that it started."""
    for kind, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
