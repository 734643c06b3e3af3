#!/usr/bin/env bash
# run.sh [DIR]: does what the README promises on a Debian 12 that has only git and ca-certificates.
# Makes one with debootstrap in DIR (default: a new folder under build/), clones the last commit
# into it, types both README commands there, and reads and changes the catalogue through the server.
# Needs root, debootstrap, a Debian mirror and about 3 GiB; takes as long as a full build.
#
# MODELREF_BARE_ROOT=DIR keeps a pristine system between runs. Exit code 77: cannot run here.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/common.sh"

readonly system=${1:-$build/bare-debian}
readonly pristine=${MODELREF_BARE_ROOT:-$build/bare-debian.pristine}
readonly log=$state/bare-debian.log
server=""

cannot() {
  say "not run: $*"
  exit "$not_run"
}

# The first mirror of bookworm that this machine's apt uses.
mirror() {
  # shellcheck disable=SC2016 # These names are apt's.
  apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(REPO_URI)' 2>/dev/null |
    awk '$1 == "Packages" && $2 == "bookworm" { print $3; exit }'
}

# Proxies of this machine hold inside as well.
inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
    "http_proxy=${http_proxy:-}" "https_proxy=${https_proxy:-}" \
    "MODELREF_JOBS=${MODELREF_JOBS:-}" \
    chroot "$system" /bin/bash -euc "$*"
}

make_system() {
  local uri
  uri=$(mirror)
  [[ -n $uri ]] || cannot "apt knows no mirror of Debian 12"
  if [[ ! -d $pristine/usr ]]; then
    debootstrap --variant=minbase --include=git,ca-certificates bookworm "$pristine" "$uri" \
      >"$log" 2>&1 || cannot "debootstrap failed, see $log"
  fi
  rm -rf "$system"
  cp -a "$pristine" "$system"
  cp /etc/resolv.conf "$system/etc/resolv.conf"
  cp /etc/apt/apt.conf.d/*proxy* "$system/etc/apt/apt.conf.d/" 2>/dev/null || true
  mount -t proc proc "$system/proc"
  mount -t tmpfs tmpfs "$system/dev/shm" 2>/dev/null || true
}

clone_project() {
  git -c safe.directory='*' clone -q --no-hardlinks "$root" "$system/modelref" ||
    cannot "the project cannot be cloned: commit it first"
}

clean_up() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  umount "$system/proc" "$system/dev/shm" 2>/dev/null || true
}

ctl() { inside "cd /modelref && build/bin/modelrefctl --server 127.0.0.1:50951 $*"; }

# wait_until SECONDS COMMAND...
wait_until() {
  local -r deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.5
  done
}

server_answers() {
  [[ -x $system/modelref/build/bin/modelrefctl ]] && ctl health
}

# Types `./dev run`, with a port of its own. The shell replaces itself by ./dev, and that by the
# server, so one process id serves for all.
start_server() {
  inside 'echo $$ >/server.pid; cd /modelref; exec ./dev run --port 50951 --admin-listen 127.0.0.1:0' \
    >>"$log" 2>&1 &
  wait_until 3600 eval "server_answers || ! kill -0 $!" && server=$(cat "$system/server.pid") &&
    kill -0 "$server"
}

expect() {
  local -r wanted=$1
  shift
  local output
  output=$(ctl "$@" 2>&1) || true
  [[ $output == *"$wanted"* ]] || {
    printf '%s\n' "$output"
    die "'modelrefctl $*' does not show '$wanted'"
  }
}

# A watch says nothing when it begins, so the file is edited until the watch tells of it.
edit_and_look() {
  sed -i "s/A [a-z0-9]* generalist/A $SECONDS generalist/" \
    "$system/modelref/.dev/data/stable_diffusion.json"
  sleep 1
  grep -q 'Harbour Light' "$system/events"
}

# The shell of the watch replaces itself by it, so its process id is the one to end.
expect_event() {
  inside 'echo $$ >/watch.pid; cd /modelref; exec build/bin/modelrefctl --server 127.0.0.1:50951 watch -o jsonl' \
    >"$system/events" 2>>"$log" &
  wait_until 30 edit_and_look || die "no event for the edit of a file"
  kill "$(cat "$system/watch.pid")" 2>/dev/null || true
}

main() {
  ((EUID == 0)) || cannot "needs root"
  require debootstrap git
  mkdir -p "$state" "$build"
  make_system
  trap clean_up EXIT
  clone_project
  say "bare Debian: ./dev run (log: $log)"
  start_server || { tail -n 30 "$log" && die "./dev run ended"; }
  expect image_generation category list
  expect 'Harbour Light' model list image_generation
  expect_event
  kill "$server"
  wait_until 30 eval "! kill -0 $server" || die "the server does not stop"
  server=""
  say "bare Debian: ./dev test"
  inside 'cd /modelref && ./dev test' >>"$log" 2>&1 || { tail -n 60 "$log" && die "./dev test failed"; }
  grep '^100% tests passed' "$log"
  say "bare Debian: both README commands work"
}

main "$@"
