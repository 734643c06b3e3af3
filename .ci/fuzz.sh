#!/usr/bin/env bash
# fuzz.sh SECONDS: builds the fuzzers with clang and both sanitizers and runs each for SECONDS.
# Exit code 77: there is no clang here.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

seconds=$1
dir=$build/fuzz
require clang++
build_targets fuzz "$dir" fuzzers

count=0
for program in "$dir"/bin/*_fuzzer; do
  [[ -x $program ]] || continue
  count=$((count + 1))
  name=${program##*/}
  found=$dir/corpus/$name
  seeds=$root/tests/fuzz/corpus/${name%_fuzzer}
  mkdir -p "$found"
  # libFuzzer writes to the first directory and only reads the others.
  corpora=("$found")
  [[ -d $seeds ]] && corpora+=("$seeds")
  if ! "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
    -artifact_prefix="$dir/$name-" "${corpora[@]}" >"$dir/$name.log" 2>&1; then
    tail -n 60 "$dir/$name.log"
    die "$name failed; its input is beside $dir/$name.log"
  fi
done
((count)) || die "no fuzzer was built"
say "$count fuzzers, $seconds s each, found nothing"
