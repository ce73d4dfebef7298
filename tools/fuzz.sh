#!/usr/bin/env bash
# Runs the fuzz targets one after another: tools/fuzz.sh [seconds each] [target ...]. Exits 1 if anything was found.
# What each begins with, and where what is found lies: fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
-h | --help)
    printf 'usage: tools/fuzz.sh [seconds each, 60] [target ...]\n'
    printf 'Targets: %s\n' "$(cd fuzz/targets && printf '%s ' *.rs | sed 's/\.rs//g')"
    exit 0
    ;;
esac
seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { printf 'fuzz: %s is no number of seconds\n' "$seconds" >&2; exit 2; }
shift || true
if [ "$#" -gt 0 ]; then targets=("$@"); else mapfile -t targets < <(cd fuzz/targets && printf '%s\n' *.rs | sed 's/\.rs$//'); fi
for target in "${targets[@]}"; do
    [ -f "fuzz/targets/$target.rs" ] || { printf 'fuzz: there is no target %s\n' "$target" >&2; exit 2; }
done

cargo fuzz --version >/dev/null 2>&1 || {
    printf 'fuzz: installing cargo-fuzz (a minute, once)\n'
    cargo install --locked --quiet cargo-fuzz
}
printf 'fuzz: building (some minutes at first)\n'
cargo fuzz build --sanitizer none 2>&1 | { grep -E '^(warning|error)' || true; }
programs=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release

foreign=../shared/foreign
[ ! -d "$foreign" ] || fuzz/seeds.py "$foreign" fuzz/target/foreign

mkdir -p fuzz/target/logs
found=0
for target in "${targets[@]}"; do
    inputs=("fuzz/target/inputs/$target" "fuzz/corpus/$target")
    [ ! -d "fuzz/target/foreign/$target" ] || inputs+=("fuzz/target/foreign/$target")
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1)
    case $target in
    framing | gate) options+=(-max_len=9000 -dict=fuzz/words/sip) ;;
    sdp | multipart | info_keys) options+=(-dict=fuzz/words/sdp) ;;
    menu | prompts) options+=(-dict=fuzz/words/texts) ;;
    records_import) options+=(-dict=fuzz/words/tables) ;;
    records_url) options+=(-max_len=1024 -dict=fuzz/words/urls) ;;
    service_answer) options+=(-dict=fuzz/words/answers) ;;
    in_band) options+=(-max_len=8193) ;;
    rtp | rtcp | telephone_event) options+=(-max_len=4096) ;;
    esac
    mkdir -p "${inputs[0]}" "fuzz/artifacts/$target"
    log=fuzz/target/logs/$target.log
    printf 'fuzz: %-16s %s s\n' "$target" "$seconds"
    outcome="nothing found"
    if ! "$programs/$target" -artifact_prefix="fuzz/artifacts/$target/" "${options[@]}" "${inputs[@]}" >"$log" 2>&1; then
        found=1
        outcome="FOUND: $(grep -aoE 'fuzz/artifacts/[^ ]+' "$log" | tail -1) ($log)"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    reached=$(grep -aoE 'cov: [0-9]+ ft: [0-9]+ corp: [0-9]+' "$log" | tail -1 || true)
    printf 'fuzz: %-16s %s runs, %s, %s\n' "$target" "${runs:-?}" "${reached:-nothing reached}" "$outcome"
done
exit "$found"
