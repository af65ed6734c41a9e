#!/usr/bin/env bash
# Mutates single lines of the orchestrator and the data plane (cargo-mutants), and asks whether the
# units and a short campaign notice. `turquoise simulate --mutants` asks whether the oracles notice
# whole failures; this asks whether a line can be wrong without anybody seeing it.
#
#   scenarios/mutation-testing.sh               every mutant: hours
#   scenarios/mutation-testing.sh 3/200         the third of 200 shares, a sample
#   scenarios/mutation-testing.sh 3/200 -f orchestrator/src/gates.rs
#
# What it may mutate, and which tests judge, is in .cargo/mutants.toml. Results go to
# target/mutants/mutants.out; the last line is the score. Ends with 0 when every viable mutant was
# caught, with 13 when one survived.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VERSION=27.1.0
readonly OUT=target/mutants

share="${1:-1/1}"
if (($# > 0)); then shift; fi
if [[ ! $share =~ ^([0-9]+)/([0-9]+)$ ]] || ((BASH_REMATCH[1] < 1 || BASH_REMATCH[1] > BASH_REMATCH[2])); then
  echo "\`$share\` is no share; write which of how many, from 1, such as 3/200" >&2
  exit 64
fi
# cargo-mutants counts shares from 0.
shard="$((BASH_REMATCH[1] - 1))/${BASH_REMATCH[2]}"

if ! cargo mutants --version >/dev/null 2>&1; then
  echo "cargo-mutants is missing: building version $VERSION (once, a few minutes)"
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo install --quiet --locked --version "$VERSION" cargo-mutants
fi

mkdir -p "$OUT"
# 2: some were missed; 3: some timed out. Both are told below.
code=0
cargo mutants --shard "$shard" --output "$OUT" --no-shuffle --colors never "$@" || code=$?
if ((code != 0 && code != 2 && code != 3)); then
  echo "cargo-mutants ended with $code before it had a score" >&2
  exit 1
fi

count() { wc -l <"$OUT/mutants.out/$1.txt"; }
caught=$(($(count caught) + $(count timeout)))
missed=$(count missed)
viable=$((caught + missed))
if ((viable == 0)); then
  echo "no viable mutant in share $share"
  exit 0
fi
echo "share $share: $caught of $viable viable mutants noticed, $((100 * caught / viable)) %; $(count unviable) did not compile"
if ((missed > 0)); then
  echo "not noticed:"
  cat "$OUT/mutants.out/missed.txt"
  exit 13
fi
