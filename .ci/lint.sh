#!/usr/bin/env bash
# lint.sh format|tidy|threads|buf|shell...: each check prints one line, or what it found.
# Exit code 77: the check could not run here, for the printed reason.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

# Tracked and new files, without what is ignored or deleted.
files() {
  git ls-files -co --exclude-standard -- "$@" | while IFS= read -r file; do
    [[ -f $file ]] && printf '%s\n' "$file"
  done | sort -u
}

# Sources that differ from where this branch left the main line, or else from the parent commit.
changed_sources() {
  local base=""
  base=$(git merge-base HEAD origin/HEAD 2>/dev/null || true)
  if [[ -z $base || $base == "$(git rev-parse HEAD 2>/dev/null)" ]]; then
    base=$(git rev-parse -q --verify HEAD~1 2>/dev/null || true)
  fi
  if [[ -z $base ]]; then
    files '*.cc'
  else
    {
      git diff --name-only --diff-filter=d "$base" -- '*.cc'
      git ls-files -o --exclude-standard -- '*.cc'
    } | sort -u
  fi
}

check_format() {
  require clang-format
  files '*.h' '*.cc' | xargs -r -d '\n' -n 50 clang-format --dry-run -Werror ||
    die "formatting differs; run ./dev format"
  say "clang-format: $(files '*.h' '*.cc' | wc -l) files are formatted"
}

# Configures build/clang and generates the protocol headers, without compiling anything.
prepare_clang() {
  configure clang "$build/clang"
  ninja -C "$build/clang" -t targets all | sed -n 's/^\(.*\.pb\.h\): .*/\1/p' |
    xargs -r ninja -C "$build/clang" --quiet
}

# MODELREF_TIDY_SECONDS bounds the time; what was not reached is counted.
check_tidy() {
  require clang-tidy clang++
  prepare_clang
  local -a sources
  mapfile -t sources < <(changed_sources)
  local -r reached=$state/tidy-reached.log
  local -r deadline=$((SECONDS + ${MODELREF_TIDY_SECONDS:-3600}))
  local -r now=$(date +%s)
  : >"$reached"
  # shellcheck disable=SC2016 # The inner shell expands these.
  printf '%s\n' "${sources[@]}" | xargs -r -d '\n' -n 1 -P "$(parallel_jobs)" bash -c '
    (($(date +%s) < $1)) || exit 0
    grep -qF "/$4\"" "$3/compile_commands.json" || exit 0
    echo "$4" >>"$2"
    clang-tidy --quiet -p "$3" "$4" 2>/dev/null' \
    tidy "$((now + deadline - SECONDS))" "$reached" "$build/clang" ||
    die "clang-tidy found the above"
  say "clang-tidy: $(wc -l <"$reached") of ${#sources[@]} changed sources read, all clean"
}

# Compiles every source of libraries and programs with clang, without code generation: clang's
# warnings and the lock annotations. Tests take no part: they are not annotated.
check_threads() {
  require clang++
  prepare_clang
  local -r commands=$state/clang-commands
  ninja -C "$build/clang" -t commands | grep -F -- " -c $root/" |
    grep -vF -- " -c $root/tests/" | sed -e 's/^.*ccache //' -e 's/$/ -fsyntax-only/' >"$commands"
  [[ -s $commands ]] || die "found no compilations in $build/clang"
  (cd "$build/clang" && xargs -d '\n' -n 1 -P "$(parallel_jobs)" bash -c <"$commands") ||
    die "clang found the above"
  say "clang -Wthread-safety: $(wc -l <"$commands") sources are clean"
}

check_buf() {
  export npm_config_loglevel=error npm_config_update_notifier=false
  require npx
  if ! npx --yes @bufbuild/buf --version >"$state/buf.log" 2>&1 </dev/null; then
    say "not run: npx cannot get @bufbuild/buf ($state/buf.log)"
    exit "$not_run"
  fi
  (cd proto && npx --yes @bufbuild/buf lint </dev/null) || die "buf found the above"
  say "buf: $(files '*.proto' | wc -l) protos are clean"
}

check_shell() {
  require shellcheck
  local -a scripts
  mapfile -t scripts < <(files | while IFS= read -r file; do
    [[ $file == *.sh || $(head -c 64 "$file" | tr -d '\0' | head -n 1) == '#!'*sh ]] &&
      printf '%s\n' "$file"
  done)
  shellcheck -x "${scripts[@]}"
  say "shellcheck: ${#scripts[@]} scripts are clean"
}

mkdir -p "$state"
for check in "$@"; do
  [[ $(type -t "check_$check") == function ]] || die "unknown check: $check"
  "check_$check"
done
