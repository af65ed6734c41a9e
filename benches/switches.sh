#!/usr/bin/env bash
# Switches under load on sockets: a thousand at 3,000 requests a second by default, with no request
# lost, no kept-alive connection closed, and answers at least every 50 ms. The last line tells.
#
#   benches/switches.sh [SWITCHES [RATE [GAP_MS]]]
set -euo pipefail
cd "$(dirname "$0")/.."
report="$(mktemp)"
trap 'rm -f "$report"' EXIT
TURQUOISE_SWITCHES="${1:-1000}" TURQUOISE_RATE="${2:-3000}" TURQUOISE_GAP_MS="${3:-50}" \
  TURQUOISE_SWITCHES_REPORT="$report" \
  cargo test --release --quiet -p turquoise-emulator --lib -- --exact \
  drive::live::tests::switches::switch_after_switch_under_load_loses_nothing_on_sockets
cat "$report"
