#!/usr/bin/env bash
# A load of whole calls on one core: hotline serve on core 0; SIPp (28 keys a call by RFC 4733) and tcpdump on core 1.
#
#   tools/measure/load.sh [CALLS A SECOND] [SECONDS]        20 and 120 without them
#
# Wants a machine with nothing else to do, a release build (cargo build --release), sip-tester, tcpdump, python3, and root
# for tcpdump. A sleeper with real-time priority on core 0 tells when the machine itself stood still.
set -euo pipefail
cd "$(dirname "$0")/../.."
rate=${1:-20} seconds=${2:-120}
hotline=$PWD/target/release/hotline keys=$PWD/tests/sipp/keys.xml lateness=$PWD/tools/measure/lateness.py
folder=$(mktemp -d /dev/shm/hotline-load.XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$folder"' EXIT

cat >"$folder/hotline.toml" <<TOML
[sip]
listen = ["127.0.0.1:5970"]
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
"$hotline" records demo --database hotline.db >demo.out
taskset -c 0 "$hotline" serve --config hotline.toml >serve.out 2>&1 &
server=$!
for _ in $(seq 100); do grep -q '^listening' serve.out && break; kill -0 "$server"; sleep 0.1; done
resident() { awk '/VmRSS/ {print $2}' "/proc/$server/status"; }
used() { awk '{print $14 + $15}' "/proc/$server/stat"; }
echo "resident before: $(resident) KB"

taskset -c 1 tcpdump -i lo -s 74 -B 65536 -w load.pcap 'udp and dst portrange 6000-19999' 2>tcpdump.out &
capture=$!
taskset -c 0 chrt -f 90 python3 - "$((seconds + 30))" <<'PY' >stood-still.out &
import sys, time
end = time.time() + float(sys.argv[1])
while time.time() < end:
    begun = time.time()
    time.sleep(0.002)
    late = time.time() - begun - 0.002
    if late > 0.004:
        print(f"  at {begun:.3f}: {late * 1000:.1f} ms", flush=True)
PY
taskset -c 1 sipp -sf "$keys" -s 100 -m $((rate * seconds)) -r "$rate" -d 300 -nostdin -i 127.0.0.1 -mi 127.0.0.1 \
    -timeout $((seconds + 120))s 127.0.0.1:5970 >sipp.out 2>&1 &
sipp=$!
sleep $((seconds / 2))
before=$(used)
sleep 10
echo "core in use over 10 s in the middle: $((($(used) - before) / 10)) %; resident $(resident) KB"
wait "$sipp" || echo "SIPp ended with $?"
echo "resident at the end: $(resident) KB"
grep -E "Successful call|Failed call" sipp.out | tail -2
kill "$capture"; wait "$capture" || true
kill -TERM "$server"; wait "$server" || true
echo "call records: $(sqlite3 hotline.db "SELECT count(*) || ' ' || outcome || ', ' || keys || ' keys' FROM calls GROUP BY outcome, keys" 2>/dev/null || echo "(no sqlite3 here)")"
python3 "$lateness" load.pcap
echo "the machine stood still for over 4 ms:"
cat stood-still.out
