#!/usr/bin/env bash
# The demo: builds, makes up records, starts the hotline and dials it. With a terminal you hold the keypad; without one
# a whole scripted call is made and its transcript printed.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build
hotline=target/debug/hotline
"$hotline" records demo --database hotline-data/demo.db --force

"$hotline" serve --config hotline.toml >hotline-data/serve.log 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT

# Ready when it says so; a server that has ended says why.
for _ in $(seq 600); do
    grep -q '^listening' hotline-data/serve.log && break
    kill -0 "$server" 2>/dev/null || { cat hotline-data/serve.log; exit 1; }
    sleep 0.1
done
cat hotline-data/serve.log

if [ -t 0 ] && [ -t 1 ]; then
    "$hotline" call sip:12333@127.0.0.1:5060
else
    "$hotline" call sip:12333@127.0.0.1:5060 --script demo --quiet --record hotline-data/demo.wav
fi
