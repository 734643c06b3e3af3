# shellcheck shell=bash disable=SC2034
# What ./dev and the scripts beside this file share. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
state=$root/.dev # Logs, and the data directories that ./dev run makes.
readonly root build state

# A check that cannot run here prints why and ends with this code (as automake's tests do).
readonly not_run=77

# What a build needs and what the checks use besides, by the names of Debian 12.
build_packages=(
  g++ cmake ninja-build ccache mold
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc grpc-proto
  libabsl-dev libcurl4-openssl-dev libssl-dev zlib1g-dev
  rapidjson-dev libjemalloc-dev libsqlite3-dev libcpp-httplib-dev libgtest-dev libgmock-dev
)
check_packages=(clang clang-format clang-tidy shellcheck)
readonly build_packages check_packages

say() { printf '%s\n' "dev: $*" >&2; }
die() {
  say "$*"
  exit 1
}

# require PROGRAM...: ends the script as "not run" when one of them is missing.
require() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null && continue
    say "not run: $program is not installed (./dev setup installs it)"
    exit "$not_run"
  done
}

# --- packages ------------------------------------------------------------------------------------

# Prints those of the arguments that dpkg does not have installed.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      printf '%s\n' "$package"
  done
}

# apt_get ARGUMENT...: as root, without questions, everything it says goes to the log.
apt_get() {
  local -a command=(
    env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 -o Acquire::http::Timeout=30
  )
  ((EUID == 0)) || command=(sudo "${command[@]}")
  "${command[@]}" "$@" </dev/null >>"$state/apt.log" 2>&1
}

# Installs those of the arguments that are missing. The lists of packages are fetched only when
# apt does not know a package or can no longer download it.
install_packages() {
  local -a missing
  [[ ${MODELREF_NO_INSTALL:-} == 1 ]] && return 0
  command -v dpkg-query >/dev/null || return 0 # Not Debian: cmake names what it lacks.
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  local -r by_hand="apt-get install ${missing[*]}"
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    say "packages are missing, and this is neither root nor is there sudo; run as root: $by_hand"
    return 1
  fi
  mkdir -p "$state"
  say "installing ${#missing[@]} packages (log: $state/apt.log): ${missing[*]}"
  : >"$state/apt.log"
  apt_get install "${missing[@]}" && return 0
  apt_get update || true # A broken third-party list need not matter: the next line decides.
  apt_get install "${missing[@]}" && return 0
  local reason
  reason=$(grep '^E: ' "$state/apt.log" | tail -n1 || true)
  say "apt failed: ${reason:-see $state/apt.log}. Check the network, or run as root: $by_hand"
  return 1
}

# --- building ------------------------------------------------------------------------------------

# One compilation of gRPC code takes up to 1.5 GiB: processors bound the jobs, and so does memory.
parallel_jobs() {
  if [[ -n ${MODELREF_JOBS:-} ]]; then
    printf '%s\n' "$MODELREF_JOBS"
    return
  fi
  local jobs memory_kib cgroup_bytes
  jobs=$(nproc)
  memory_kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  cgroup_bytes=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)
  if [[ $cgroup_bytes =~ ^[0-9]+$ ]] && ((cgroup_bytes / 1024 < memory_kib)); then
    memory_kib=$((cgroup_bytes / 1024))
  fi
  local -r by_memory=$((memory_kib / (1536 * 1024)))
  ((by_memory < jobs)) && jobs=$by_memory
  ((jobs < 1)) && jobs=1
  printf '%s\n' "$jobs"
}

# configure PRESET DIR: does nothing when DIR is configured and newer than the presets. ninja
# itself configures again when a CMakeLists.txt changes.
configure() {
  local -r preset=$1 dir=$2 log=$state/cmake-$1.log
  local -a fresh=()
  if [[ -f $dir/CMakeCache.txt ]]; then
    # A tree that was moved or copied has to be configured anew.
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$dir/CMakeCache.txt" || fresh=(--fresh)
    ((${#fresh[@]} == 0)) && [[ $dir/build.ninja -nt $root/CMakePresets.json ]] && return 0
  fi
  mkdir -p "$state"
  if ! (cd "$root" && cmake --preset "$preset" "${fresh[@]}") >"$log" 2>&1; then
    grep -A6 -m3 'CMake Error' "$log" >&2 || true
    die "cmake failed; all it said is in $log"
  fi
}

# Passes ninja's output on. Progress stays on one line of a terminal; elsewhere one line for each
# tenth of the work is enough. Prints nothing when there was nothing to do.
show_progress() {
  local line last=-1 part shown=""
  while IFS= read -r line; do
    case $line in
      'ninja: Entering directory '* | 'ninja: no work to do.' | '[0/'*) ;;
      '['*/*'] '*)
        part=${line%%]*}
        part=${part#[}
        part=$((${part%/*} * 10 / ${part#*/}))
        if [[ -t 1 ]]; then
          shown=1
          printf '\r%.*s\e[K' "$((${COLUMNS:-80} - 1))" "$line"
        elif ((part != last)); then
          printf '%s\n' "$line"
        fi
        last=$part
        ;;
      *)
        [[ -z $shown ]] || printf '\n'
        shown=""
        printf '%s\n' "$line"
        ;;
    esac
  done
  [[ -z $shown ]] || printf '\r\e[K'
}

# build_targets PRESET DIR [TARGET...]: silent when there is nothing to do.
build_targets() {
  local -r preset=$1 dir=$2
  shift 2
  configure "$preset" "$dir"
  ninja -C "$dir" -j "$(parallel_jobs)" "$@" | show_progress
}
