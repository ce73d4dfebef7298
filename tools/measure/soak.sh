#!/usr/bin/env bash
# Whole calls for an hour with malformed messages among them: how many are lost, and whether memory grows.
#
#   tools/measure/soak.sh [CALLS A SECOND] [SECONDS]        20 and 3600 without them
#
# SIPp's calls (28 keys each by RFC 4733) have about 6 SIP messages each way; 2 % of as many come malformed beside them.
# Wants a release build (cargo build --release), sip-tester, python3.
set -euo pipefail
cd "$(dirname "$0")/../.."
rate=${1:-20} seconds=${2:-3600}
hotline=$PWD/target/release/hotline keys=$PWD/tests/sipp/keys.xml malformed=$PWD/tools/measure/malformed.py
folder=$(mktemp -d /dev/shm/hotline-soak.XXXXXX)
cp "$hotline" "$folder/hotline"
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$folder"' EXIT

cat >"$folder/hotline.toml" <<TOML
[sip]
listen = ["127.0.0.1:5971"]
[media]
workers = 1
[records]
database = "hotline.db"
[prompts]
folder = "$PWD/prompts"
[numbers]
"100" = "$PWD/voice-menus/bench/100"
TOML
cd "$folder"
./hotline records demo --database hotline.db >demo.out
./hotline serve --config hotline.toml >serve.out 2>&1 &
server=$!
for _ in $(seq 100); do grep -q '^listening' serve.out && break; kill -0 "$server"; sleep 0.1; done

python3 "$malformed" 127.0.0.1:5971 "$(awk "BEGIN {print $rate * 6 * 0.02}")" "$seconds" >malformed.out &
sipp -sf "$keys" -s 100 -m $((rate * seconds)) -r "$rate" -d 300 -nostdin -i 127.0.0.1 -mi 127.0.0.1 \
    -timeout $((seconds + 120))s 127.0.0.1:5971 >sipp.out 2>&1 &
sipp=$!
begun=$SECONDS
while kill -0 "$sipp" 2>/dev/null; do
    echo "$((SECONDS - begun)) $(awk '/VmRSS/ {print $2}' "/proc/$server/status")" >>resident
    [ $(((SECONDS - begun) % 300)) -ge 10 ] || echo "after $((SECONDS - begun)) s: resident $(tail -1 resident | cut -d' ' -f2) KB"
    sleep 10
done
wait "$sipp" || echo "SIPp ended with $?"
grep -E "Successful call|Failed call" sipp.out | tail -2
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
kill -TERM "$server"; wait "$server" || true
python3 - <<'PY'
import sqlite3
for count, outcome, keys in sqlite3.connect("hotline.db").execute(
        "SELECT count(*), outcome, keys FROM calls GROUP BY outcome, keys ORDER BY 1 DESC"):
    print(f"{count} calls {outcome}, {keys} keys")
PY
grep -c panicked serve.out || true
