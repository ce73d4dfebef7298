#!/usr/bin/env bash
# Counts the instructions of the inner loops (benches/instructions.rs) under callgrind, and compares them with those kept in
# benches/instructions.toml: exits with 1 if one has grown by more than 3 %.
#
#     tools/instructions.sh             compares
#     tools/instructions.sh --accept    keeps what it counts from now on
#
# Only Hotline's own code is compiled for this, optimized; the libraries are those of the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
"" | --accept) ;;
-h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) printf 'usage: tools/instructions.sh [--accept]\n' >&2; exit 2 ;;
esac

kept=benches/instructions.toml
known=$(cat "$kept" 2>/dev/null || true)
compiler=$(rustc --version | cut -d' ' -f1,2)

profile=()
for setting in opt-level=3 debug=false debug-assertions=false overflow-checks=false; do
    profile+=(--config "profile.dev.package.hotline.$setting")
done
program=$(CARGO_INCREMENTAL=0 cargo build --quiet --features opus --bench instructions "${profile[@]}" \
    --message-format=json-render-diagnostics | sed -n 's/.*"executable":"\([^"]*instructions-[^"]*\)".*/\1/p')

fail() { printf 'instructions: %s\n' "$*" >&2; exit 1; }

# Instructions of one round of a loop that goes round so often.
count() {
    local log all
    log=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*instructions*counted*' \
        "$program" "$1" "$2" 2>&1) || fail "the loop $1 does not run: $log"
    all=$(sed -n 's/.*Collected : //p' <<<"$log")
    [ "${all:-0}" -gt 0 ] || fail "callgrind does not see the function \`counted\` in $program"
    printf '%d' $((all / $2))
}

counts="compiler = \"$compiler\""
grown=0 fallen=0
# $1: a loop, $2: its rounds, $3: what one is, for people.
look_at() {
    local now before percent
    now=$(count "$1" "$2")
    counts+=$'\n'"$1 = $now"
    before=$(sed -n "s/^$1 = //p" <<<"$known")
    [ -n "$before" ] || { grown=1; printf '%s: %d instructions, and none are kept\n' "$3" "$now"; return; }
    percent=$(awk -v now="$now" -v before="$before" 'BEGIN {printf "%+.1f", (now - before) * 100 / before}')
    printf '%s: %d instructions, %s %%\n' "$3" "$now" "$percent"
    if [ $((now * 100)) -gt $((before * 103)) ]; then grown=1; fi
    if [ $((now * 100)) -lt $((before * 97)) ]; then fallen=1; fi
}
look_at packet 2000 "sending a packet of a prompt"
look_at detector 1000 "looking for tones in a packet"
look_at call 40 "a simulated call"

if [ "${1:-}" = --accept ]; then
    printf '# Instructions of a round of each inner loop. tools/instructions.sh fails 3 %% above them, and writes them anew if told to.\n%s\n' \
        "$counts" >"$kept"
    printf 'instructions: kept in %s\n' "$kept"
    exit 0
fi
before=$(sed -n 's/^compiler = "\(.*\)"/\1/p' <<<"$known")
[ "$before" = "$compiler" ] || printf 'instructions: those kept are of %s, these of %s\n' "$before" "$compiler"
accept="tools/instructions.sh --accept writes the new counts into $kept"
[ "$grown" -eq 0 ] || fail "what is above +3 % costs every call more than it did. If it is worth that: $accept"
[ "$fallen" -eq 0 ] || printf 'instructions: what is below -3 %% has become cheaper: keep it so. %s\n' "$accept"
