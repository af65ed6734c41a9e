#!/usr/bin/env python3
"""Swaps under load, as an operator meets them: real processes, sockets, signals and faults.

    benches/live_swaps.py                        every case at 1,000 requests a second
    benches/live_swaps.py --rate 200 kill-P5     some of them, at another rate
    benches/live_swaps.py --list                 their names

Starts a local Azure whose time passes twenty times faster than the wall clock, deploys both sides
and goes through the cases one after the other, each under a load of its own. A case holds when the
load's ledger has no lost request and no error, every process ended with its documented code, the
pool and the last answers are of the side that was promised, and the gateway was written as often
as it should be. Ends with 1 when a case does not hold.

The command is $TURQUOISE, or target/release/turquoise. Nothing but Python's standard library is
needed; the case without a blob server needs Azurite (`./check tools`), and is told as skipped
without it.
"""

import argparse
import base64
import email.utils
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILDS = {"green": "green-v1", "blue": "blue-v2"}
OTHER = {"green": "blue", "blue": "green"}
# No process and no event of a case takes longer, in seconds of the wall clock.
PATIENCE = 300
# Phases of seconds; what this machine has to do in real time keeps its time at twenty times the speed.
SHORT = {
    'bake = "5m"': 'bake = "20s"',
    'final_bake = "15m"': 'final_bake = "20s"',
    'retain = "24h"': 'retain = "20s"',
    'quiet = "30s"': 'quiet = "10s"',
    '\nrequest_timeout = "30s"': '\nrequest_timeout = "60s"',
    '\nrequest_timeout = "10s"': '\nrequest_timeout = "60s"',
    '\ninterval = "5s"': '\ninterval = "15s"',
    '\ntimeout = "5s"': '\ntimeout = "15s"',
}
# Azurite's well-known account; its key is public.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Broken(Exception):
    """What a case promised and did not keep."""


def expect(said, found, wanted):
    if found != wanted:
        raise Broken(f"{said}: {found!r} instead of {wanted!r}")


class Process:
    """A running command whose lines of JSON are read as they come."""

    def __init__(self, folder, arguments, environment):
        self.errors = tempfile.TemporaryFile(dir=folder)
        self.child = subprocess.Popen(
            arguments, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.errors)
        self.last = {}

    def event(self, **wanted):
        """The first line, from here on, that has these members."""
        for line in self.child.stdout:
            self.last = json.loads(line)
            if all(self.last.get(name) == value for name, value in wanted.items()):
                return self.last
        raise Broken(f"it ended before {wanted}: {self.last}\n{self.told()}")

    def end(self):
        """Its code and its last line."""
        for line in self.child.stdout:
            self.last = json.loads(line)
        return self.child.wait(PATIENCE), self.last

    def told(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-1500:]

    def kill(self, number=signal.SIGKILL):
        if self.child.poll() is None:
            self.child.send_signal(number)


class System:
    """A local Azure with both sides deployed, and the command beside it."""

    def __init__(self, turquoise, folder, options):
        self.turquoise, self.folder, self.options = turquoise, folder, options
        self.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("TURQUOISE_", "AZURE_"))}
        self.environment["TURQUOISE_KEYS"] = str(folder / "keys")
        self.azure = self.start("emulate", "--output", "json", "--speed", str(options.speed))
        self.ready = self.azure.event(event="ready")
        self.completes("init", bare=True)
        self.configure("turquoise.toml", {})
        for part in ["frontend", "green", "blue"]:
            self.completes("deploy", part)
        self.gateway = next(
            row["listens"] for row in self.ask("/turquoise/addresses")
            if not row["address"].startswith("10."))

    def configure(self, name, more):
        """The example configuration with shorter spans, under a name."""
        file = self.folder / "turquoise.toml"
        text = file.read_text()
        for long, short in (SHORT if name == file.name else more).items():
            if long not in text:
                raise Broken(f"the configuration has no {long!r} any more")
            text = text.replace(long, short)
        (self.folder / name).write_text(text)

    def start(self, *arguments, environment=None):
        return Process(self.folder, [str(self.turquoise), *arguments],
                       self.environment | (environment or {}))

    def verb(self, *arguments, environment=None, endpoint=None):
        """A verb of the production tool, in a process of its own."""
        return self.start(*arguments, "--endpoint", endpoint or self.ready["arm"],
                          "--output", "ndjson", "--speed", str(self.options.speed),
                          environment=environment)

    def completes(self, *arguments, bare=False, code=0, **named):
        process = self.start(*arguments) if bare else self.verb(*arguments, **named)
        if bare:
            process.child.stdout.read()
        ended, result = process.end()
        if ended != code:
            raise Broken(f"`{' '.join(arguments)}` ended with {ended} instead of {code}: "
                         f"{result}\n{process.told()}")
        return result

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.ready["arm"] + path, data)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or "null")

    def fault(self, **fault):
        self.ask("/_turquoise/v1/faults", {"in_ms": 0, "fault": fault})

    def live(self):
        return self.completes("status")["live"]


class Load:
    """Open-loop load on the gateway for as long as a case lasts, and what its ledger says."""

    def __init__(self, system):
        self.file = system.folder / "ledger.ndjson"
        self.process = system.start(
            "load", f"http://{system.gateway}", "--rate", str(system.options.rate), "--for", "30m",
            "--ledger", str(self.file), "--output", "ndjson")
        while self.process.event(event="load")["ok"] == 0:
            pass

    def stop(self, serves):
        """Counts the ledger; the last answers must be of the side that serves."""
        self.process.kill(signal.SIGINT)
        code, result = self.process.end()
        expect("the load's exit code", code, 130)
        lines = [json.loads(line) for line in self.file.read_text().splitlines()]
        seen = [line["seen"] for line in lines]
        well = [isinstance(one, dict) and "Answer" in one and one["Answer"]["complete"]
                and one["Answer"]["status"] < 400 for one in seen]
        cut_by_us = sum(one == "Aborted" for one in seen)
        lost = len(lines) - sum(well) - cut_by_us
        end = max(line["due_ms"] for line in lines)
        builds = {line["build"] for line, ok in zip(lines, well) if ok and line["due_ms"] > end - 500}
        row = {"requests": len(lines), "lost": lost, "gap_ms": result["max_gap_ms"],
               "p99_ms": result["latency_ms"]["p99"],
               "rate": result["requests_per_s"]}
        if lost:
            wrong = [line for line, ok in zip(lines, well) if not ok and line["seen"] != "Aborted"]
            return row, f"{lost} requests lost, such as {wrong[:3]}"
        if builds != {BUILDS[serves]}:
            return row, f"the last answers are of {builds}, not of {BUILDS[serves]}"
        return row, None


class Azurite:
    """A real blob server that can be taken away and brought back."""

    PROGRAM = ROOT / "target/tools/node_modules/azurite/dist/src/blob/main.js"

    def __init__(self, folder):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.folder = folder
        self.environment = {
            "AZURE_STORAGE_USE_EMULATOR": "true",
            "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{self.port}"}
        self.begin()
        self.create_container()

    def begin(self):
        self.child = subprocess.Popen(
            ["node", self.PROGRAM, "--blobHost", "127.0.0.1", "--blobPort", str(self.port),
             "--skipApiVersionCheck", "--disableTelemetry", "--silent", "--location", self.folder],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
        raise Broken("azurite does not listen")

    def end(self):
        """Gone, with all that it was told on its disk: killed at once it forgets the last seconds."""
        self.child.terminate()
        self.child.wait()

    def create_container(self):
        date = email.utils.formatdate(usegmt=True)
        signed = (f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-12-02\n"
                  f"/{ACCOUNT}/{ACCOUNT}/turquoise\nrestype:container")
        mac = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{ACCOUNT}/turquoise?restype=container", method="PUT")
        for name, value in {
                "x-ms-date": date, "x-ms-version": "2021-12-02",
                "authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(mac.digest()).decode()}",
        }.items():
            request.add_header(name, value)
        urllib.request.urlopen(request, timeout=PATIENCE).close()


def completed(code, result, puts=2):
    expect("the swap's exit code", (code, result.get("reason")), (0, ""))
    expect("gateway writes", result["gateway_puts"], puts)


# --- the cases: each gets the system and the side that serves, and names the side that must serve ---

def swap(system, live):
    completed(*system.verb("swap").end())
    return OTHER[live]


def rolled_back(system, live):
    """A swap that is over, and back again."""
    completed(*system.verb("swap").end())
    completed(*system.verb("rollback").end())
    return live


def turned_round(verb, phase):
    def case(system, live):
        swap = system.verb("swap")
        swap.event(event="entered", phase=phase)
        system.completes(verb, "--reason", "the shop looks wrong", code=10)
        code, result = swap.end()
        expect("the swap's exit code", code, 5)
        expect("its outcome", result["outcome"], "rolled_back")
        return live
    return case


def paused(system, live):
    swap = system.verb("swap")
    swap.event(event="entered", phase="P5")
    system.completes("pause", "--reason", "a look at the logs", code=10)
    code, result = swap.end()
    expect("the paused swap's exit code", code, 10)
    completed(*system.verb("resume").end())
    return OTHER[live]


def killed(phase):
    def case(system, live):
        swap = system.verb("swap")
        swap.event(event="entered", phase=phase)
        swap.kill()
        swap.end()
        system.completes("swap", code=8)
        system.completes("lock", "break", "--reason", "its process was killed")
        completed(*system.verb("resume").end())
        return OTHER[live]
    return case


def killed_twice(system, live):
    verb = "swap"
    for phase in ["P4", "P7"]:
        run = system.verb(verb)
        run.event(event="entered", phase=phase)
        run.kill()
        run.end()
        system.completes("lock", "break", "--reason", "its process was killed")
        verb = "resume"
    completed(*system.verb("resume").end())
    return OTHER[live]


def interrupted(system, live):
    swap = system.verb("swap")
    swap.event(event="entered", phase="P6")
    swap.kill(signal.SIGINT)
    code, result = swap.end()
    expect("the interrupted swap's exit code", code, 130)
    if not str(result.get("resume")).startswith("turquoise resume "):
        raise Broken(f"it names no way to go on: {result}")
    completed(*system.verb("resume").end())
    return OTHER[live]


def two_operators(system, live):
    both = [system.verb("swap"), system.verb("swap")]
    ended = sorted((run.end() for run in both), key=lambda one: one[0])
    expect("both exit codes", [code for code, _ in ended], [0, 8])
    completed(*ended[0])
    return OTHER[live]


def signed_in(system, *arguments):
    """A swap of a principal that signs in, over TLS."""
    ready = system.ready
    environment = {
        "AZURE_TENANT_ID": ready["tenant"], "AZURE_CLIENT_ID": ready["client_id"],
        "AZURE_CLIENT_SECRET": ready["client_secret"], "AZURE_AUTHORITY_HOST": ready["login"],
        "TURQUOISE_CREDENTIAL": "environment", "TURQUOISE_CA_FILE": ready["ca_file"]}
    return system.verb("swap", *arguments, environment=environment, endpoint=ready["arm_tls"])


def token_expires(system, live):
    # A token lives for 3,599 s; the bake is longer.
    system.configure("patient.toml", {'\nbake = "20s"': '\nbake = "65m"'})
    completed(*signed_in(system, "--config", "patient.toml").end())
    return OTHER[live]


def tokens_revoked(system, live):
    swap = signed_in(system)
    for phase in ["P4", "P7"]:
        swap.event(event="entered", phase=phase)
        system.fault(kind="revoke_tokens")
    completed(*swap.end())
    return OTHER[live]


def throttled(system, live):
    swap = system.verb("swap")
    storm = {"as": "seconds", "seconds": 20}
    swap.event(event="entered", phase="P4")
    system.fault(kind="throttle_storm", on={}, retry_after=storm, for_ms=60_000)
    swap.event(event="entered", phase="P7")
    system.fault(kind="throttle_storm", on={"method": "PUT"}, retry_after={"as": "missing"},
                 for_ms=60_000)
    completed(*swap.end())
    return OTHER[live]


def outage(system, live):
    swap = system.verb("swap")
    swap.event(event="entered", phase="P5")
    system.fault(kind="outage", for_ms=60_000)
    completed(*swap.end())
    return OTHER[live]


def reply_lost(system, live):
    swap = system.verb("swap")
    for phase in ["P4", "P7"]:
        swap.event(event="entered", phase=phase)
        system.fault(kind="reply_lost", on={"method": "PUT", "path": "applicationGateways"}, count=1)
    completed(*swap.end())
    return OTHER[live]


def blob_server_gone(system, live):
    if not Azurite.PROGRAM.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        azurite = Azurite(folder)
        try:
            state = ["--state", "az://turquoise/team"]
            swap = system.verb("swap", *state, environment=azurite.environment)
            swap.event(event="entered", phase="P5")
            azurite.end()
            code, result = swap.end()
            expect("the exit code without a journal", code, 12)
            if not str(result.get("resume")).startswith("turquoise resume "):
                raise Broken(f"it names no way to go on: {result}")
            azurite.begin()
            named = {"environment": azurite.environment}
            system.completes("lock", "break", "--reason", "the store was gone", *state, **named)
            completed(*system.verb("resume", *state, **named).end())
        finally:
            azurite.end()
    return OTHER[live]


CASES = {
    "swap": swap,
    "pause-P5": paused,
    "abort-P5": turned_round("abort", "P5"),
    "abort-P6": turned_round("abort", "P6"),
    "rollback-after": rolled_back,
    "rollback-P8": turned_round("rollback", "P8"),
    "rollback-P9": turned_round("rollback", "P9"),
    "kill-P4": killed("P4"),
    "kill-P5": killed("P5"),
    "kill-P8": killed("P8"),
    "kill-twice": killed_twice,
    "ctrl-c-P6": interrupted,
    "two-operators": two_operators,
    "token-expires": token_expires,
    "tokens-revoked": tokens_revoked,
    "throttled": throttled,
    "outage": outage,
    "reply-lost": reply_lost,
    "blob-server-gone": blob_server_gone,
}


def judge(system, case):
    """One case under load: its row, and what it did not keep."""
    live = system.live()
    load, began, wrong, serves = Load(system), time.monotonic(), None, live
    try:
        serves = case(system, live)
        if serves:
            expect("the live side", system.live(), serves)
    except Broken as broken:
        wrong, serves = str(broken), system.live()
    row, complaint = load.stop(serves or live)
    row["seconds"] = time.monotonic() - began
    row["serves"] = serves
    return row, wrong or complaint


def mended(system):
    """After a case that failed: nothing under way, one side alone, so that the next can begin."""
    for verb in [["lock", "break", "--reason", "the case is over"], ["abort"], ["gc"]]:
        system.verb(*verb).end()
    urllib.request.urlopen(urllib.request.Request(
        system.ready["arm"] + "/_turquoise/v1/faults", method="DELETE"), timeout=PATIENCE).close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all when absent")
    parser.add_argument("--rate", type=float, default=1000, help="requests a second (1000)")
    parser.add_argument("--speed", type=float, default=20, help="of the local Azure's clock (20)")
    parser.add_argument("--list", action="store_true", help="prints the names of the cases")
    options = parser.parse_args()
    if options.list:
        return print("\n".join(CASES))
    if unknown := [name for name in options.cases if name not in CASES]:
        sys.exit(f"no such case: {', '.join(unknown)}\n  next: benches/live_swaps.py --list")
    turquoise = pathlib.Path(
        os.environ.get("TURQUOISE") or ROOT / "target/release/turquoise").resolve()
    if not os.access(turquoise, os.X_OK):
        sys.exit(f"`{turquoise}` cannot be run\n"
                 "  next: cargo build --release --bin turquoise, or set TURQUOISE")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="live-swaps-"))
    system = System(turquoise, folder, options)
    failed = 0
    try:
        print(f"{'case':<17}{'requests':>9}{'rate':>7}{'lost':>6}{'gap ms':>8}{'p99 ms':>8}"
              f"{'s':>6}  serves  verdict")
        for name in options.cases or CASES:
            row, wrong = judge(system, CASES[name])
            verdict = "failed" if wrong else "holds" if row["serves"] else "skipped: no azurite"
            print(f"{name:<17}{row['requests']:>9}{row['rate']:>7.0f}{row['lost']:>6}"
                  f"{row['gap_ms']:>8.0f}{row['p99_ms']:>8.0f}{row['seconds']:>6.0f}  "
                  f"{row['serves'] or '-':<6}  {verdict}", flush=True)
            if wrong:
                failed += 1
                print(f"  {wrong}", flush=True)
                mended(system)
    finally:
        system.azure.kill(signal.SIGINT)
        system.azure.end()
    if failed:
        sys.exit(f"{failed} cases failed; what they left is in {folder}")
    shutil.rmtree(folder)
    print("every case holds")


if __name__ == "__main__":
    main()
