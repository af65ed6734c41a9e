#!/bin/sh
# What every pipeline here calls.
#
#   swap.sh plan     makes swap.plan and plan.md; 0: nothing to do, 2: a swap would change something, 3: blocked
#   swap.sh apply    applies swap.plan as it was approved; 9: the world has moved, plan again
#   swap.sh goon     ends what a cancelled job left unfinished
#
# TURQUOISE_ENDPOINT, TURQUOISE_STATE and TURQUOISE_CONFIG say where.
set -eu
case "${1:-}" in
  plan)
    exec turquoise plan --out swap.plan --detailed-exitcode --output github >plan.md
    ;;
  apply)
    # A job that is cancelled sends SIGTERM: the swap stops at a safe point and ends with 143.
    exec turquoise apply swap.plan --output ndjson
    ;;
  goon)
    exec turquoise resume --output ndjson
    ;;
  *)
    echo "usage: swap.sh plan | apply | goon" >&2
    exit 64
    ;;
esac
