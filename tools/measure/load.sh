#!/usr/bin/env bash
# A load of whole calls on one core: hotline serve on core 0; SIPp (28 keys a call by RFC 4733) and tcpdump on core 1.
#
#   tools/measure/load.sh [CALLS A SECOND] [SECONDS]        20 and 120 without them
#
# Wants a machine with nothing else to do, a release build (cargo build --release), sip-tester, tcpdump, python3, and root
# for tcpdump. A sleeper with real-time priority on core 0 tells when the machine itself stood still.
set -euo pipefail
cd "$(dirname "$0")/../.."
rate=${1:-20} seconds=${2:-120} port=5970 pin=(taskset -c 0)
lateness=$PWD/tools/measure/lateness.py
. tools/measure/serve.sh
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
call taskset -c 1 &
sipp=$!
sleep $((seconds / 2))
before=$(used)
sleep 10
echo "core in use over 10 s in the middle: $((($(used) - before) / 10)) %; resident $(resident) KB"
finished
echo "resident at the end: $(resident) KB"
kill "$capture"; wait "$capture" || true
ended
python3 "$lateness" load.pcap
echo "the machine stood still for over 4 ms:"
cat stood-still.out
