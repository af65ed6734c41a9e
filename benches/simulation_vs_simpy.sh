#!/usr/bin/env bash
# Simulated requests a second beside SimPy, in one run: ours with a swap and its judgement around
# them, SimPy's with nothing. SimPy is installed into a virtual environment under target/.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release
venv=target/simpy
if [[ ! -x $venv/bin/python ]]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet simpy==4.1.2
fi
exec "$venv/bin/python" benches/simulation_vs_simpy.py target/release/turquoise "$@"
