#!/usr/bin/env bash
# Everything: formatting, lints, documentation, tests, the menus and their test calls. Ends with one line that counts.
set -euo pipefail
cd "$(dirname "$0")/.."

started=$SECONDS
step() { printf '\n== %s (%d s)\n' "$*" "$((SECONDS - started))"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The number before a word in the log, 0 if there is none.
count() { { grep -oE "[0-9]+ $1" "$log" || true; } | awk '{sum += $1} END {print sum + 0}'; }

step "formatting"
cargo fmt --check

step "lints"
# With every feature and with none: no code is there in the default alone, and none of the tests is there without features alone.
cargo clippy --quiet --all-targets --features opus -- -D warnings
cargo clippy --quiet --lib --bins --no-default-features -- -D warnings

step "documentation"
RUSTDOCFLAGS='-D warnings' cargo doc --quiet --no-deps --features opus

failed=0 passed=0 lost=0
run_tests() {
    # Wide enough for every test's name; colours would hide the counts.
    cargo nextest run --no-fail-fast --color never --status-level fail --final-status-level flaky "$@" 2>&1 | tee "$log" || failed=1
    # A failed test's own output has counts too: only the runner's closing line is read.
    sed -i -n '/ Summary \[/p' "$log"
    passed=$((passed + $(count passed)))
    lost=$((lost + $(count failed)))
}

# Built once, with every feature: a test that is there without Opus is there with it.
step "tests of calls with SIPp, by themselves (.config/nextest.toml)"
run_tests --features opus --profile foreign

step "tests"
run_tests --features opus --profile own

step "examples in the documentation"
cargo test --quiet --doc --features opus 2>&1 | tee "$log" || failed=1
passed=$((passed + $(count passed)))
lost=$((lost + $(count failed)))

hotline=target/debug/hotline
step "menus"
for menu in voice-menus/12333 voice-menus/bench/*; do
    "$hotline" check "$menu" || failed=1
done

step "test calls"
"$hotline" test voice-menus/12333 2>&1 | tee "$log" || failed=1
passed=$((passed + $(count passed)))
lost=$((lost + $(count failed)))

step "instructions of the inner loops"
tools/instructions.sh || failed=1

step "done"
[ "$failed" -eq 0 ] || [ "$lost" -gt 0 ] || lost=1
printf '%d passed, %d failed\n' "$passed" "$lost"
[ "$failed" -eq 0 ] && [ "$lost" -eq 0 ]
