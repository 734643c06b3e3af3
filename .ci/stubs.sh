#!/usr/bin/env bash
# stubs.sh LANGUAGE DIR: writes client stubs of the protocol into DIR: modelref.v1, the error
# details of google.rpc and the health service. Beside what protoc and Debian's gRPC plugins know,
# any protoc-gen-NAME on the PATH is a language.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# language: what protoc writes, and the plugin that writes the services (- for none).
builtin_languages() {
  cat <<'TABLE'
cpp     cpp           grpc_cpp_plugin
csharp  csharp        grpc_csharp_plugin
java    java          protoc-gen-grpc-java
kotlin  java,kotlin   protoc-gen-grpc-kotlin
objc    objc          grpc_objective_c_plugin
php     php           grpc_php_plugin
python  python,pyi    grpc_python_plugin
ruby    ruby          grpc_ruby_plugin
TABLE
}

# language: every plugin it needs, found as protoc-gen-NAME on the PATH.
plugin_languages() {
  cat <<'TABLE'
dart    dart
go      go,go-grpc
js      js,grpc-web
rust    prost,tonic
swift   swift,grpc-swift
ts      ts
TABLE
}

plugins_of() { plugin_languages | awk -v language="$1" '$1 == language { print $2 }'; }

has_all_plugins() {
  local plugin
  for plugin in ${1//,/ }; do command -v "protoc-gen-$plugin" >/dev/null || return 1; done
}

list_languages() {
  local language plugins path
  builtin_languages | while read -r language _; do printf '%s\n' "$language"; done
  plugin_languages | while read -r language plugins; do
    ! has_all_plugins "$plugins" || printf '%s\n' "$language"
  done
  compgen -c protoc-gen- | while read -r path; do printf '%s\n' "${path#protoc-gen-}"; done
}

die_unknown() {
  local -r language=$1
  local needs available
  needs=$(plugins_of "$language")
  available=$(list_languages | sort -u | tr '\n' ' ')
  if [[ -n $needs ]]; then
    say "$language needs on the PATH: protoc-gen-${needs//,/, protoc-gen-}"
    [[ $language != go ]] || say "on Debian: apt-get install protoc-gen-go protoc-gen-go-grpc"
  else
    say "protoc does not know '$language', and there is no protoc-gen-$language on the PATH"
  fi
  die "available here: $available"
}

# Go wants an import path for each file. Ours are free of it; google.rpc and health name the Go
# modules that hold them, so only our own package is generated.
go_options() {
  local proto
  for proto in "${protos[@]}"; do
    printf '%s\n' "--$1_opt=M$proto=modelref/v1;modelrefv1"
  done
}

main() {
  local -r language=${1:-} target=${2:-}
  [[ -n $language && -n $target ]] || die "usage: ./dev stubs LANGUAGE DIR"
  command -v protoc >/dev/null || install_packages protobuf-compiler protobuf-compiler-grpc grpc-proto
  local health
  health=$(dirname "$(find /usr/share/grpc-proto /usr/include /usr/local/include \
    -path '*grpc/health/v1/health.proto' -print -quit 2>/dev/null)")
  [[ $health != . ]] || { install_packages grpc-proto && health=/usr/share/grpc-proto/grpc/health/v1; }
  local -r health_root=${health%/grpc/health/v1}

  local -a protos arguments=()
  mapfile -t protos < <(cd "$root/proto" && find . -name '*.proto' -printf '%P\n' | sort)
  protos+=(grpc/health/v1/health.proto)

  local outputs="" plugin="" name path
  read -r _ outputs plugin < <(builtin_languages | awk -v l="$language" '$1 == l') || true
  if [[ -z $outputs ]]; then
    outputs=$(plugins_of "$language")
    outputs=${outputs:-$language}
    has_all_plugins "$outputs" || die_unknown "$language"
  fi

  if [[ $language == go ]]; then
    mapfile -t protos < <(printf '%s\n' "${protos[@]}" | grep '^modelref/')
  fi
  mkdir -p "$target"
  for name in ${outputs//,/ }; do
    arguments+=("--${name}_out=$target")
    if [[ $name == go || $name == go-grpc ]]; then
      mapfile -t -O "${#arguments[@]}" arguments < <(go_options "$name")
    fi
  done
  if [[ -n $plugin ]]; then
    path=$(command -v "$plugin" || true)
    if [[ -n $path ]]; then
      arguments+=("--plugin=protoc-gen-grpc=$path" "--grpc_out=$target")
    else
      say "messages only: $plugin, which writes the services of $language, is not on the PATH"
    fi
  fi
  # C# keeps one namespace folder per package only when it is told where they begin.
  [[ $language != csharp ]] || arguments+=(--csharp_opt=base_namespace=)
  protoc -I "$root/proto" -I "$health_root" "${arguments[@]}" "${protos[@]}" ||
    die "protoc failed"
  [[ $language != python ]] || make_python_packages "$target"
  say "wrote $(find "$target" -type f | wc -l) files to $target"
}

# google and grpc are shared namespaces of other packages: only our own folders become packages.
make_python_packages() { touch "$1/modelref/__init__.py" "$1/modelref/v1/__init__.py"; }

main "$@"
