#!/bin/sh
# Installs kamaji with completions and man pages, or uninstalls it. It needs no other permissions than those of its user. It
# lists what it created in PREFIX/share/kamaji/installed; --uninstall removes exactly that.
set -eu
umask 077

# The public key of releases. tests/release/seal writes it into the install.sh of a release; a checkout has none.
PUBLIC_KEY=''

usage() {
  cat <<'TEXT'
usage: install.sh --release FOLDER|URL [OPTION...]   install a release's archive for this machine
       install.sh --archive FILE|URL [OPTION...]     install this archive
       install.sh --from-source [--prefix DIR]       build this checkout with cargo and install it
       install.sh --uninstall [--prefix DIR]

  --prefix DIR                where to install [default: /usr/local for root, ~/.local for others]
  --checksums FILE|URL        checksums in the format of sha256sum [default: SHA256SUMS next to the archive]
  --signature FILE|URL        signature of the checksums [default: the same name with .sig]
  --public-key FILE           public key for the signature [default: the one in this script]
  --insecure-skip-signature   install an unsigned archive; its checksum is still verified

example: sh install.sh --release https://example.com/kamaji/0.1.0 --prefix ~/.local
TEXT
}

say() { echo "install.sh: $*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

misused() {
  say "error: $*"
  usage >&2
  exit 2
}

need() { # program, how to get it
  command -v "$1" >/dev/null 2>&1 || fail "$1 is missing: $2"
}

# --- sources; each sets BINARY, COMPLETIONS and MAN --------------------------------------------------------------------

detect_machine() {
  case "$(uname -s) $(uname -m)" in
    'Linux x86_64') MACHINE=x86_64 ;;
    'Linux aarch64' | 'Linux arm64') MACHINE=aarch64 ;;
    *) fail "$(uname -s) on $(uname -m) is not supported; use Linux on x86_64 or aarch64" ;;
  esac
}

build_from_source() {
  source=$(cd "$(dirname "$0")" && pwd)
  [ -f "$source/Cargo.toml" ] || fail "$source is not a kamaji checkout; use --release or --archive"
  need cargo "Rust 1.90 or newer, see https://rustup.rs"
  need protoc "Debian's packages protobuf-compiler and libprotobuf-dev"
  need cc "Debian's packages gcc and libc6-dev"
  (umask 022 && cd "$source" && cargo build --release --locked) || fail "cargo build failed"
  BINARY=${CARGO_TARGET_DIR:-$source/target}/release/kamaji
  COMPLETIONS=$source/completions
  MAN=$source/docs/reference/man
}

fetch() { # from, to
  case $1 in
    https://*)
      need curl "Debian's package curl"
      curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location --output "$2" "$1" || fail "cannot fetch $1"
      ;;
    *://*) fail "cannot fetch $1: only https is supported" ;;
    *) cp "$1" "$2" || fail "cannot read $1" ;;
  esac
}

# Fetches the checksums and verifies their signature.
fetch_checksums() { # archive or folder/
  CHECKSUMS=${CHECKSUMS:-${1%/*}/SHA256SUMS}
  fetch "$CHECKSUMS" "$WORK/checksums"
  if [ -n "$INSECURE" ]; then
    say "warning: the signature of $CHECKSUMS is not verified (--insecure-skip-signature)"
    return
  fi
  need openssl "Debian's package openssl; it verifies the signature"
  if [ -n "$KEY_FILE" ]; then
    cp "$KEY_FILE" "$WORK/key" || fail "cannot read $KEY_FILE"
  else
    [ -n "$PUBLIC_KEY" ] || fail "this install.sh contains no public key; use the release's install.sh, or --public-key"
    echo "$PUBLIC_KEY" >"$WORK/key"
  fi
  SIGNATURE=${SIGNATURE:-$CHECKSUMS.sig}
  fetch "$SIGNATURE" "$WORK/signature"
  openssl dgst -sha256 -verify "$WORK/key" -signature "$WORK/signature" "$WORK/checksums" >/dev/null 2>&1 ||
    fail "$SIGNATURE is not a valid signature of $CHECKSUMS by the release key; nothing was installed"
}

# The file names in the checksums with this ending.
names_of() { # ending
  awk -v ending="$1" '{sub(/\r$/, ""); sub(/^\*/, "", $2); at = length($2) - length(ending)}
    NF == 2 && at > 0 && substr($2, at + 1) == ending {print $2}' "$WORK/checksums"
}

# The SHA-256 of a file according to the checksums.
expected_sha256() { # name
  awk -v name="$1" '{sub(/\r$/, "")} NF == 2 && ($2 == name || $2 == "*" name) && length($1) == 64 {print tolower($1)}' \
    "$WORK/checksums"
}

sha256_of() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

use_release() { # folder
  fetch_checksums "${1%/}/"
  name=$(names_of "-$MACHINE-unknown-linux-musl.tar.gz")
  case $name in
    '') fail "$CHECKSUMS lists no archive for $MACHINE" ;;
    */* | *[[:space:]]*) fail "$CHECKSUMS must list one archive for $MACHINE, but lists: $name" ;;
  esac
  unpack "${1%/}/$name"
}

use_archive() { # archive
  case $1 in
    */*) ;;
    *) set -- "./$1" ;;
  esac
  case ${1##*/} in
    *-"$MACHINE"-*) ;;
    *-x86_64-* | *-aarch64-*) fail "${1##*/} is not for this machine ($MACHINE)" ;;
  esac
  fetch_checksums "$1"
  unpack "$1"
}

# Fetches, verifies and unpacks an archive. The checksums are already verified.
unpack() { # archive
  expected=$(expected_sha256 "${1##*/}")
  [ -n "$expected" ] || fail "$CHECKSUMS has no SHA-256 for ${1##*/}"
  fetch "$1" "$WORK/archive"
  found=$(sha256_of "$WORK/archive")
  [ "$found" = "$expected" ] || fail "$1 does not match $CHECKSUMS: SHA-256 is $found, expected $expected"
  mkdir "$WORK/tree"
  tar -xzof "$WORK/archive" -C "$WORK/tree" || fail "cannot unpack $1"
  set -- "$1" "$WORK"/tree/*
  BINARY=$2/kamaji
  COMPLETIONS=$2/completions
  MAN=$2/man
  if [ $# != 2 ] || [ ! -f "$BINARY" ]; then fail "$1 contains no kamaji"; fi
}

# --- installing --------------------------------------------------------------------------------------------------------

# Lists what was created below the prefix: folders, with a trailing slash, then files.
LIST=share/kamaji/installed

# Lays out in NEW the files to install, where man and the shells look for them.
lay_out() {
  NEW=$WORK/new
  lay "$BINARY" bin/kamaji
  lay "$COMPLETIONS/kamaji.bash" share/bash-completion/completions/kamaji
  lay "$COMPLETIONS/kamaji.zsh" share/zsh/site-functions/_kamaji
  lay "$COMPLETIONS/kamaji.fish" share/fish/vendor_completions.d/kamaji.fish
  lay "$COMPLETIONS/kamaji.elvish" share/elvish/lib/kamaji.elv
  lay "$COMPLETIONS/kamaji.ps1" share/powershell/Modules/kamaji/kamaji.psm1
  for page in "$MAN"/kamaji*.1; do lay "$page" "share/man/man1/${page##*/}"; done
  # The list is moved first and the program last: all installed files are listed, and an old program stays until the end.
  (cd "$NEW" && echo $LIST && find share -type f | sort && echo bin/kamaji) >"$WORK/files"
  lay /dev/null $LIST
}

lay() { # from, to
  mkdir -p "$NEW/${2%/*}"
  cp "$1" "$NEW/$2" || fail "cannot read $1; nothing was installed"
  case $2 in
    bin/*) chmod 755 "$NEW/$2" ;;
    *) chmod 644 "$NEW/$2" ;;
  esac
}

cannot_write() { fail "cannot write to $1: choose another --prefix, or run as a user who may; nothing was installed"; }

# Creates a folder and its parents, and remembers the new ones.
make_folder() { # path below the prefix
  if [ -d "$PREFIX/$1" ]; then return; fi
  case $1 in
    .) ;;
    */*) make_folder "${1%/*}" ;;
    *) make_folder . ;;
  esac
  (umask 022 && mkdir -p "$PREFIX/$1" 2>/dev/null) || cannot_write "$PREFIX/$1"
  echo "$1/" >>"$WORK/made"
}

previous_list() { if [ -f "$PREFIX/$LIST" ]; then cat "$PREFIX/$LIST"; fi; }

# Copies every file to a temporary name in its target folder, so that a rename installs it.
stage() {
  while read -r file; do make_folder "${file%/*}"; done <"$WORK/files"
  { previous_list | grep '/$' || true; cat "$WORK/made" "$WORK/files"; } >"$NEW/$LIST"
  while read -r file; do
    staged=$(mktemp "$PREFIX/${file%/*}/.kamaji.XXXXXX" 2>/dev/null) || cannot_write "$PREFIX/${file%/*}"
    echo "$file ${staged##*/}" >>"$WORK/staged"
    cp -p "$NEW/$file" "$staged" || cannot_write "$PREFIX/${file%/*}"
  done <"$WORK/files"
}

move() {
  previous_list | grep -v '/$' | while read -r file; do
    is_below_prefix "$file" || continue
    grep -qxF "$file" "$WORK/files" || rm -f "$PREFIX/$file" # left over from another version
  done
  while read -r file staged; do
    mv -f "$PREFIX/${file%/*}/$staged" "$PREFIX/$file" || fail "cannot replace $PREFIX/$file"
    echo "$PREFIX/$file"
  done <"$WORK/staged"
}

is_below_prefix() { # an entry of the list; entries of this script have no other characters
  case /$1/ in
    //* | */../* | *[!A-Za-z0-9._/-]*) return 1 ;;
  esac
}

install_all() {
  : >"$WORK/made"
  : >"$WORK/staged"
  lay_out
  stage
  # shellcheck disable=SC2154  # the last staged file is the program
  version=$("$staged" --version 2>/dev/null) || fail "the program does not run on this machine; nothing was installed"
  move
  : >"$WORK/made"
  say "$version is installed"
  case ":$PATH:" in
    *":$PREFIX/bin:"*) ;;
    *) say "note: $PREFIX/bin is not on your PATH" ;;
  esac
}

# shellcheck disable=SC2317  # called by a trap
clean_up() {
  if [ -f "$WORK/staged" ]; then
    while read -r file staged; do rm -f "$PREFIX/${file%/*}/$staged"; done <"$WORK/staged"
  fi
  if [ -f "$WORK/made" ]; then remove_folders <"$WORK/made"; fi
  rm -rf "$WORK"
}

# --- uninstalling ------------------------------------------------------------------------------------------------------

# Removes the empty folders among those on stdin, inner ones first.
remove_folders() {
  awk '{line[NR] = $0} END {for (i = NR; i > 0; i--) print line[i]}' | while read -r folder; do
    folder=${folder%/}
    if [ "$folder" = . ]; then folder=; fi
    rmdir "$PREFIX/$folder" 2>/dev/null || true
  done
}

uninstall() {
  if [ ! -f "$PREFIX/$LIST" ]; then
    say "nothing to remove: $PREFIX has no $LIST"
    return
  fi
  while read -r entry; do
    is_below_prefix "$entry" || fail "$PREFIX/$LIST is damaged: $entry; nothing was removed"
  done <"$PREFIX/$LIST"
  cp "$PREFIX/$LIST" "$WORK/list"
  # The list is removed last, so that a failed removal can be repeated.
  for file in $(grep -vxF -e $LIST "$WORK/list" | grep -v '/$') $LIST; do
    if [ -e "$PREFIX/$file" ] || [ -L "$PREFIX/$file" ]; then
      rm -f "$PREFIX/$file" || fail "cannot remove $PREFIX/$file"
      echo "$PREFIX/$file removed"
    fi
  done
  grep '/$' "$WORK/list" | remove_folders
}

# --- main --------------------------------------------------------------------------------------------------------------

read_arguments() {
  PREFIX='' FROM='' WHAT='' CHECKSUMS='' SIGNATURE='' KEY_FILE='' INSECURE=''
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix | --release | --archive | --checksums | --signature | --public-key)
        [ -n "${2:-}" ] || misused "$1 needs a value"
        ;;
    esac
    case $1 in
      --release | --archive | --from-source | --uninstall)
        [ -z "$WHAT" ] || misused "$WHAT and $1 exclude each other"
        WHAT=$1
        ;;
    esac
    case $1 in
      --prefix) PREFIX=$2 && shift ;;
      --release | --archive) FROM=$2 && shift ;;
      --checksums) CHECKSUMS=$2 && shift ;;
      --signature) SIGNATURE=$2 && shift ;;
      --public-key) KEY_FILE=$2 && shift ;;
      --insecure-skip-signature) INSECURE=yes ;;
      --from-source | --uninstall) ;;
      --help | -h) usage && exit ;;
      *) misused "unknown option: $1" ;;
    esac
    shift
  done
  [ -n "$WHAT" ] || misused "one of --release, --archive, --from-source or --uninstall is required"
  case $PREFIX in
    '') if [ "$(id -u)" = 0 ]; then PREFIX=/usr/local; else PREFIX=$HOME/.local; fi ;;
    /*) ;;
    *) PREFIX=$PWD/$PREFIX ;;
  esac
}

main() {
  read_arguments "$@"
  WORK=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 1' HUP INT TERM
  if [ "$WHAT" = --uninstall ]; then
    uninstall
    return
  fi
  detect_machine
  case $WHAT in
    --release) use_release "$FROM" ;;
    --archive) use_archive "$FROM" ;;
    --from-source) build_from_source ;;
  esac
  install_all
}

# The braces make a truncated script do nothing.
{
  main "$@"
  exit
}
