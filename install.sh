#!/bin/sh
# Installs kamaji, or removes it. It never asks for other rights than those it is started with.
#   ./install.sh [--prefix DIR]                                        from this checkout, with cargo
#   ./install.sh --archive FILE|URL --checksum FILE|URL [--prefix DIR] from a release archive
#   ./install.sh --uninstall [--prefix DIR]
# The prefix is /usr/local for root, ~/.local for others. The checksum file holds lines as sha256sum prints them.
# Completions for bash, zsh and fish are installed where the prefix has folders for them.
set -eu
umask 077

say() { echo "install.sh: $*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

usage() {
  cat >&2 <<'TEXT'
usage: install.sh [--prefix DIR]
       install.sh --archive FILE|URL --checksum FILE|URL [--prefix DIR]
       install.sh --uninstall [--prefix DIR]
TEXT
  exit 2
}

need() { # program, how to get it
  command -v "$1" >/dev/null 2>&1 || fail "$1 is missing: $2"
}

# --- where things go ---------------------------------------------------------------------------------------------

# Where the shells look for completions below a prefix.
COMPLETIONS='bash:share/bash-completion/completions/kamaji
zsh:share/zsh/site-functions/_kamaji
fish:share/fish/vendor_completions.d/kamaji.fish'

# Copies a file into the folder where it belongs; `place` then moves it, so that there is the old one or the new one, whole.
stage() { # from, folder, mode
  PLACING=$(mktemp "$2/.kamaji.XXXXXX" 2>/dev/null) ||
    fail "cannot write to $2: choose another --prefix, or run this as a user who may"
  cp "$1" "$PLACING"
  chmod "$3" "$PLACING"
}

place() { # to
  mv -f "$PLACING" "$1"
  PLACING=
  echo "$1"
}

# shellcheck disable=SC2317  # called by a trap
clean_up() {
  if [ -n "${PLACING:-}" ]; then rm -f "$PLACING"; fi
  if [ -n "${WORK:-}" ]; then rm -rf "$WORK"; fi
}

# --- where kamaji comes from; each leaves a folder TREE with kamaji and completions/ in it -----------------------------

refuse_unknown_machine() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-aarch64) ;;
    *) fail "$(uname -s) on $(uname -m) is not supported: Linux on x86_64 or aarch64 is" ;;
  esac
}

build_from_source() {
  TREE=$(cd "$(dirname "$0")" && pwd)
  [ -f "$TREE/Cargo.toml" ] || fail "this is no checkout of kamaji; give --archive and --checksum"
  need cargo "Rust 1.90 or newer, see https://rustup.rs"
  need protoc "Debian's packages protobuf-compiler and libprotobuf-dev"
  need cc "Debian's packages gcc and libc6-dev"
  (umask 022 && cd "$TREE" && cargo build --release --locked) || fail "building failed"
  BINARY=${CARGO_TARGET_DIR:-$TREE/target}/release/kamaji
}

fetch() { # from, to
  case $1 in
    https://*)
      need curl "Debian's package curl"
      curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location --output "$2" "$1" || fail "cannot fetch $1"
      ;;
    *://*) fail "$1 is not fetched: only https is" ;;
    *) cp "$1" "$2" || fail "cannot read $1" ;;
  esac
}

sha256_of() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# The digest that the checksum file gives for a file of this name.
expected_sha256() { # checksum file, name
  awk -v name="$2" '{sub(/\r$/, "")} NF == 2 && ($2 == name || $2 == "*" name) && length($1) == 64 {print tolower($1)}' "$1"
}

unpack_archive() { # archive, checksum
  fetch "$1" "$WORK/archive"
  fetch "$2" "$WORK/checksum"
  expected=$(expected_sha256 "$WORK/checksum" "$(basename "$1")")
  [ -n "$expected" ] || fail "$2 has no SHA-256 for $(basename "$1")"
  found=$(sha256_of "$WORK/archive")
  [ "$found" = "$expected" ] || fail "$1 is not what $2 says: SHA-256 is $found, should be $expected"
  TREE=$WORK/tree
  mkdir "$TREE"
  tar -xzf "$WORK/archive" -C "$TREE" --no-same-owner || fail "cannot unpack $1"
  BINARY=$TREE/kamaji
  [ -f "$BINARY" ] || fail "$1 holds no kamaji"
}

# --- what is done ------------------------------------------------------------------------------------------------

install_tree() {
  (umask 022 && mkdir -p "$PREFIX/bin") || fail "cannot make $PREFIX/bin: choose another --prefix"
  stage "$BINARY" "$PREFIX/bin" 755
  version=$("$PLACING" --version) || fail "the program does not run on this machine; nothing was installed"
  place "$PREFIX/bin/kamaji"
  for completion in $COMPLETIONS; do
    stub=$TREE/completions/kamaji.${completion%%:*}
    file=$PREFIX/${completion#*:}
    if [ -d "$(dirname "$file")" ] && [ -f "$stub" ]; then
      stage "$stub" "$(dirname "$file")" 644
      place "$file"
    fi
  done
  say "$version is installed"
  case ":$PATH:" in
    *":$PREFIX/bin:"*) ;;
    *) say "note: $PREFIX/bin is not on your PATH" ;;
  esac
}

uninstall() {
  for file in bin/kamaji $COMPLETIONS; do
    file=$PREFIX/${file#*:}
    if [ -e "$file" ]; then
      rm "$file" || fail "cannot remove $file"
      echo "$file removed"
    fi
  done
}

main() {
  PREFIX='' ARCHIVE='' CHECKSUM='' UNINSTALL=''
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix | --archive | --checksum) if [ -z "${2:-}" ]; then usage; fi ;;
    esac
    case $1 in
      --prefix) PREFIX=$2 && shift ;;
      --archive) ARCHIVE=$2 && shift ;;
      --checksum) CHECKSUM=$2 && shift ;;
      --uninstall) UNINSTALL=yes ;;
      *) usage ;;
    esac
    shift
  done
  if [ -z "$PREFIX" ]; then
    if [ "$(id -u)" = 0 ]; then PREFIX=/usr/local; else PREFIX=$HOME/.local; fi
  fi
  if [ -n "$UNINSTALL" ]; then
    uninstall
    return
  fi
  if [ -n "$ARCHIVE" ] && [ -z "$CHECKSUM" ]; then fail "an archive is not installed without its --checksum"; fi
  if [ -z "$ARCHIVE" ] && [ -n "$CHECKSUM" ]; then usage; fi
  refuse_unknown_machine
  PLACING=
  WORK=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 1' HUP INT TERM
  if [ -n "$ARCHIVE" ]; then unpack_archive "$ARCHIVE" "$CHECKSUM"; else build_from_source; fi
  install_tree
}

# Braces, so that a script that was cut off anywhere does nothing at all.
{
  main "$@"
  exit
}
