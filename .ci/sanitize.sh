#!/usr/bin/env bash
# sanitize.sh asan|tsan PROGRAM...: builds test programs with the sanitizers of that preset and runs
# them. The preset of tsan leaves out the tests of parts that have no second thread.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=$1
dir=$build/$1
shift
build_targets "$preset" "$dir" "$@"

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1
export UBSAN_OPTIONS=print_stacktrace=1
# gRPC, Protobuf and Abseil come from packages that are not instrumented.
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:ignore_noninstrumented_modules=1:suppressions=$root/tests/tsan.supp

# Instrumented code takes ten times as long; the main stage runs the full numbers.
export MODELREF_CRASH_ROUNDS=${MODELREF_CRASH_ROUNDS:-5}
export MODELREF_TEST_OPERATIONS=${MODELREF_TEST_OPERATIONS:-1000}

launcher=()
if [[ $preset == tsan ]]; then
  # ThreadSanitizer of g++ 12 refuses the address layout of newer kernels unless it is fixed.
  ! setarch "$(uname -m)" -R true 2>/dev/null || launcher=(setarch "$(uname -m)" -R)
fi
for program in "$@"; do
  say "$program under $preset"
  (cd "$dir" && "${launcher[@]}" "bin/$program" --gtest_brief=1)
done
