#!/usr/bin/env bash
# Whole calls for an hour with malformed messages among them: how many are lost, and whether memory grows.
#
#   tools/measure/soak.sh [CALLS A SECOND] [SECONDS] [MALFORMED OF 100]        20, 3600 and 2 without them
#
# SIPp's calls (28 keys each by RFC 4733) have 6 SIP messages, 3 each way; as many more of a hundred come malformed beside them.
# Wants a release build (cargo build --release), sip-tester, python3; with gdb, and root for it, it tells at the end how much of
# the memory was only kept by the allocator.
set -euo pipefail
cd "$(dirname "$0")/../.."
rate=${1:-20} seconds=${2:-3600} share=${3:-2} port=5971 pin=()
malformed=$PWD/tools/measure/malformed.py
. tools/measure/serve.sh

python3 "$malformed" "127.0.0.1:$port" "$(awk "BEGIN {print $rate * 6 * $share / 100}")" "$seconds" >malformed.out &
call &
sipp=$!
begun=$SECONDS
while kill -0 "$sipp" 2>/dev/null; do
    echo "$((SECONDS - begun)) $(resident)" >>resident
    [ $(((SECONDS - begun) % 300)) -ge 10 ] || echo "after $((SECONDS - begun)) s: resident $(tail -1 resident | cut -d' ' -f2) KB"
    sleep 10
done
finished
cat malformed.out
# The first ten minutes warm it up, in a short run its first half.
python3 - "$seconds" <<'PY'
import sys
rows = [tuple(map(int, line.split())) for line in open("resident")]
rows = [row for row in rows if min(600, int(sys.argv[1]) / 2) <= row[0] <= int(sys.argv[1])]
n, x, y = len(rows), sum(t for t, _ in rows), sum(kb for _, kb in rows)
slope = (n * sum(t * kb for t, kb in rows) - x * y) / (n * sum(t * t for t, _ in rows) - x * x)
print(f"resident from {rows[0][0]} s to {rows[-1][0]} s: {rows[0][1]} to {rows[-1][1]} KB, {min(r[1] for r in rows)} to "
      f"{max(r[1] for r in rows)}; slope {slope * 3600:.0f} KB an hour")
PY
if command -v gdb >/dev/null; then
    sleep 70
    echo "after 70 s of rest: resident $(resident) KB"
    gdb -p "$server" -batch -ex 'call (int) malloc_trim(0)' >gdb.out 2>&1 || true
    echo "what the allocator kept given back: resident $(resident) KB"
fi
ended
echo "panics: $(grep -c panicked serve.out || true)"
