# What a bare Debian machine needs to build kamaji and to run its test cluster: functions that install what is missing
# and leave alone what is there. Also how scripts tell what they do. Sourced, never run.
# shellcheck shell=bash

SOURCE=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/..")
RUST_NEEDED=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$SOURCE/Cargo.toml")
GO_NEEDED=$(sed -n 's/^go //p' "$SOURCE"/tests/cluster/modules/*/go.mod | sort -V | tail -n 1)

# Where Rust and Go put themselves; a shell that is no login shell does not look there.
PATH=$HOME/.cargo/bin:/usr/local/go/bin:$PATH

fail() {
  echo "error: $*" >&2
  exit 1
}

at_least() { # version, wanted
  [[ $(printf '%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

# --- packages --------------------------------------------------------------------------------------------------

# Installs those packages whose program or file is missing: need_packages PROGRAM:PACKAGE... /FILE:PACKAGE...
need_packages() {
  local pair
  local -a missing=()
  for pair; do
    [[ -e ${pair%%:*} ]] || command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  if ((${#missing[@]} == 0)); then return; fi
  ((EUID == 0)) || fail "missing: ${missing[*]}; install them: apt-get install ${missing[*]}"
  echo "installing ${missing[*]}"
  apt_get update
  apt_get install --no-install-recommends "${missing[@]}"
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -y "$@" >/dev/null; }

# What https needs.
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt:ca-certificates

# --- Rust ------------------------------------------------------------------------------------------------------

rust_is_new_enough() { at_least "$(cargo --version 2>/dev/null | cut -d' ' -f2)" "$RUST_NEEDED"; }

# A new enough cargo: the one that is there, else by rustup, which Debian has from 13 on.
need_rust() {
  need_packages cc:gcc /usr/include/stdio.h:libc6-dev protoc:protobuf-compiler \
    /usr/include/google/protobuf/descriptor.proto:libprotobuf-dev "$CERTIFICATES"
  if rust_is_new_enough; then return; fi
  if ! command -v rustup >/dev/null && ((EUID == 0)); then
    apt_get update
    if [[ -n $(apt-cache search --names-only '^rustup$') ]]; then need_packages rustup:rustup; fi
  fi
  command -v rustup >/dev/null || fail "Rust $RUST_NEEDED or newer is needed, and Debian's rustup is not to be had here:" \
    "install Rust as https://rustup.rs tells, then run this again"
  echo "installing Rust with rustup"
  rustup toolchain install stable --profile minimal --component clippy --component rustfmt
  export RUSTUP_TOOLCHAIN=stable
  rust_is_new_enough || fail "'cargo --version' is still not $RUST_NEEDED or newer"
}

# --- tools, each in a folder of its own ----------------------------------------------------------------------------

TOOLS=${KAMAJI_TOOLS:-$HOME/.cache/kamaji-tools}
declare -A TOOL_VERSION=([cargo-deny]=0.20.2 [cargo-cyclonedx]=0.5.9 [mdbook]=0.5.4)

# A program that cargo installs. Not optimized: it is built much more often than it has much to do.
need_cargo_tool() { # name, what cargo needs to be told
  local name=$1 folder=$TOOLS/$1-${TOOL_VERSION[$1]}
  shift
  if [[ ! -x $folder/bin/$name ]]; then
    echo "installing $(basename "$folder")"
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$folder" "$@" "$name@${TOOL_VERSION[$name]}"
  fi
  PATH=$folder/bin:$PATH
}

# Programs that Python's pip installs, of exactly these versions and checksums.
need_python_tools() { # name, file of requirements
  local folder
  folder=$TOOLS/$1-$(sha256sum "$2" | cut -c1-12)
  if [[ ! -e $folder/complete ]]; then
    echo "installing $(grep -o '^[^ ]*==[^ ]*' "$2" | tr '\n' ' ')"
    need_packages python3:python3
    python3 -c 'import ensurepip' 2>/dev/null || need_packages /no-such-file:python3-venv
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --require-hashes --only-binary :all: --requirement "$2"
    touch "$folder/complete"
  fi
  PATH=$folder/bin:$PATH
}

# --- Go, for the parts of the test cluster ------------------------------------------------------------------------

cluster_is_built() (
  # shellcheck source=tests/cluster/lib.sh
  source "$SOURCE/tests/cluster/lib.sh"
  for part in "${PARTS[@]}"; do
    part_is_complete "$(part_folder "$part")" "$part" || exit 1
  done
)

go_version() { GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//'; }

# A new enough go. An older one is enough to fetch that: Go's toolchains are modules, checked by its checksum database.
need_go() {
  local told folder
  if cluster_is_built || at_least "$(go_version)" "$GO_NEEDED"; then return; fi
  need_packages go:golang-go "$CERTIFICATES"
  echo "fetching Go $GO_NEEDED with Go $(go_version)"
  told=$(cd / && GOFLAGS='' go mod download -json "golang.org/toolchain@v0.0.1-go$GO_NEEDED.$(go env GOOS)-$(go env GOARCH)" 2>&1) ||
    fail "Go $GO_NEEDED could not be fetched; install it, then run this again: $told"
  folder=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$told")
  chmod -R u+x "$folder/bin" "$folder/pkg/tool" # modules carry no execute bits
  unset GOROOT
  PATH=$folder/bin:$PATH
}

# --- telling ---------------------------------------------------------------------------------------------------

# Runs a command as a step of the script: step "What it does" COMMAND... Says what it does, and how long it took.
step() {
  local title=$1 started=$SECONDS
  shift
  echo "==> $title"
  "$@"
  echo "    $((SECONDS - started)) s"
}
