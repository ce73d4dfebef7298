# The hotline that is measured: sourced, from the project's root, with these set first: `rate`, `seconds`, `port`, and `pin`, the command
# before it (taskset -c 0, or nothing).
#
# Afterwards the working folder is a new one in memory, `server` the hotline's process, which answers 100 with voice-menus/bench/100 at
# 127.0.0.1:$port and writes serve.out and hotline.db there, and `call &` is SIPp with calls to it.
hotline=$PWD/target/release/hotline keys=$PWD/tests/sipp/keys.xml
[ -x "$hotline" ] || { echo "there is no $hotline: cargo build --release" >&2; exit 2; }
folder=$(mktemp -d /dev/shm/hotline-measured.XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$folder"' EXIT
# A copy: what is built meanwhile changes nothing.
cp "$hotline" "$folder/hotline"
cat >"$folder/hotline.toml" <<TOML
[sip]
listen = ["127.0.0.1:$port"]
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
"${pin[@]}" ./hotline serve --config hotline.toml >serve.out 2>&1 &
server=$!
for _ in $(seq 100); do grep -q '^listening' serve.out && break; kill -0 "$server"; sleep 0.1; done

resident() { awk '/VmRSS/ {print $2}' "/proc/$server/status"; }
call() {
    exec "$@" sipp -sf "$keys" -s 100 -m $((rate * seconds)) -r "$rate" -d 300 -nostdin -i 127.0.0.1 -mi 127.0.0.1 \
        -timeout $((seconds + 120))s "127.0.0.1:$port" >sipp.out 2>&1
}
finished() {
    wait "$sipp" || echo "SIPp ended with $?"
    grep -E "Successful call|Failed call" sipp.out | tail -2
}
# How calls ended, when the hotline has.
ended() {
    kill -TERM "$server"
    wait "$server" || true
    python3 - <<'PY'
import sqlite3
for count, outcome, keys in sqlite3.connect("hotline.db").execute(
        "SELECT count(*), outcome, keys FROM calls GROUP BY outcome, keys ORDER BY 1 DESC"):
    print(f"{count} calls {outcome}, {keys} keys")
PY
}
