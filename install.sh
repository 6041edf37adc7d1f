#!/bin/sh
# Installs kamaji with its completions and man pages, or removes it. It never asks for other rights than those it is
# started with. What it made is listed in PREFIX/share/kamaji/installed; --uninstall removes that and nothing else.
set -eu
umask 077

# The key that releases are signed with. tests/release/seal writes it into the install.sh of a release; a checkout has none.
PUBLIC_KEY=''

usage() {
  cat <<'TEXT'
usage: install.sh --release FOLDER|URL [OPTION...]   the archive for this machine, of a release
       install.sh --archive FILE|URL [OPTION...]     this archive
       install.sh --from-source [--prefix DIR]       this checkout, built with cargo
       install.sh --uninstall [--prefix DIR]

  --prefix DIR                where to [default: /usr/local for root, ~/.local for others]
  --checksums FILE|URL        as sha256sum prints them [default: SHA256SUMS beside the archive]
  --signature FILE|URL        of the checksums [default: the same name with .sig]
  --public-key FILE           the key that made the signature [default: the one in this script]
  --insecure-skip-signature   install an archive although nobody signed it; its checksum is compared all the same

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

# --- where kamaji comes from; each names the BINARY, and the folders COMPLETIONS and MAN ------------------------------

name_the_machine() {
  case "$(uname -s) $(uname -m)" in
    'Linux x86_64') MACHINE=x86_64 ;;
    'Linux aarch64' | 'Linux arm64') MACHINE=aarch64 ;;
    *) fail "$(uname -s) on $(uname -m) is not supported: Linux on x86_64 or aarch64 is" ;;
  esac
}

build_from_source() {
  source=$(cd "$(dirname "$0")" && pwd)
  [ -f "$source/Cargo.toml" ] || fail "$source is no checkout of kamaji: give --release or --archive"
  need cargo "Rust 1.90 or newer, see https://rustup.rs"
  need protoc "Debian's packages protobuf-compiler and libprotobuf-dev"
  need cc "Debian's packages gcc and libc6-dev"
  (umask 022 && cd "$source" && cargo build --release --locked) || fail "building failed"
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
    *://*) fail "$1 is not fetched: only https is" ;;
    *) cp "$1" "$2" || fail "cannot read $1" ;;
  esac
}

# Fetches the checksums, and believes them only when the key says so.
fetch_checksums() { # beside what
  CHECKSUMS=${CHECKSUMS:-${1%/*}/SHA256SUMS}
  fetch "$CHECKSUMS" "$WORK/checksums"
  if [ -n "$INSECURE" ]; then
    say "warning: the signature of $CHECKSUMS is not looked at, as --insecure-skip-signature asks"
    return
  fi
  need openssl "Debian's package openssl; it checks the signature"
  if [ -n "$KEY_FILE" ]; then
    cp "$KEY_FILE" "$WORK/key" || fail "cannot read $KEY_FILE"
  else
    [ -n "$PUBLIC_KEY" ] || fail "this install.sh holds no key: take the one of the release, or give --public-key"
    echo "$PUBLIC_KEY" >"$WORK/key"
  fi
  SIGNATURE=${SIGNATURE:-$CHECKSUMS.sig}
  fetch "$SIGNATURE" "$WORK/signature"
  openssl dgst -sha256 -verify "$WORK/key" -signature "$WORK/signature" "$WORK/checksums" >/dev/null 2>&1 ||
    fail "$SIGNATURE is no signature of $CHECKSUMS by the key of the releases; nothing was installed"
}

# The names in the checksums that end like this.
names_of() { # ending
  awk -v ending="$1" '{sub(/\r$/, ""); sub(/^\*/, "", $2); at = length($2) - length(ending)}
    NF == 2 && at > 0 && substr($2, at + 1) == ending {print $2}' "$WORK/checksums"
}

# The SHA-256 that the checksums give for a file of this name.
expected_sha256() { # name
  awk -v name="$1" '{sub(/\r$/, "")} NF == 2 && ($2 == name || $2 == "*" name) && length($1) == 64 {print tolower($1)}' \
    "$WORK/checksums"
}

sha256_of() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

take_release() { # folder
  fetch_checksums "${1%/}/"
  name=$(names_of "-$MACHINE-unknown-linux-musl.tar.gz")
  case $name in
    '') fail "$CHECKSUMS names no archive for $MACHINE" ;;
    */* | *[[:space:]]*) fail "$CHECKSUMS does not name one archive for $MACHINE, but: $name" ;;
  esac
  unpack "${1%/}/$name"
}

take_archive() { # archive
  case $1 in
    */*) ;;
    *) set -- "./$1" ;;
  esac
  case ${1##*/} in
    *-"$MACHINE"-*) ;;
    *-x86_64-* | *-aarch64-*) fail "${1##*/} is not for this machine, which is $MACHINE" ;;
  esac
  fetch_checksums "$1"
  unpack "$1"
}

# Fetches and unpacks an archive after the checksums were believed.
unpack() { # archive
  expected=$(expected_sha256 "${1##*/}")
  [ -n "$expected" ] || fail "$CHECKSUMS has no SHA-256 for ${1##*/}"
  fetch "$1" "$WORK/archive"
  found=$(sha256_of "$WORK/archive")
  [ "$found" = "$expected" ] || fail "$1 is not what $CHECKSUMS says: SHA-256 is $found, should be $expected"
  mkdir "$WORK/tree"
  tar -xzof "$WORK/archive" -C "$WORK/tree" || fail "cannot unpack $1"
  set -- "$1" "$WORK"/tree/*
  BINARY=$2/kamaji
  COMPLETIONS=$2/completions
  MAN=$2/man
  if [ $# != 2 ] || [ ! -f "$BINARY" ]; then fail "$1 holds no kamaji"; fi
}

# --- putting it in its place -------------------------------------------------------------------------------------------

# What was made below the prefix: folders with a slash at the end, then files.
LIST=share/kamaji/installed

# Lays out in NEW what will be below the prefix: where man and the shells look for it.
lay_out() {
  NEW=$WORK/new
  lay "$BINARY" bin/kamaji
  lay "$COMPLETIONS/kamaji.bash" share/bash-completion/completions/kamaji
  lay "$COMPLETIONS/kamaji.zsh" share/zsh/site-functions/_kamaji
  lay "$COMPLETIONS/kamaji.fish" share/fish/vendor_completions.d/kamaji.fish
  lay "$COMPLETIONS/kamaji.elvish" share/elvish/lib/kamaji.elv
  lay "$COMPLETIONS/kamaji.ps1" share/powershell/Modules/kamaji/kamaji.psm1
  for page in "$MAN"/kamaji*.1; do lay "$page" "share/man/man1/${page##*/}"; done
  # The list is moved first and the program last: what is there is always listed, and an old program stays until the end.
  (cd "$NEW" && echo $LIST && find share -type f | sort && echo bin/kamaji) >"$WORK/files"
  lay /dev/null $LIST
}

lay() { # from, where
  mkdir -p "$NEW/${2%/*}"
  cp "$1" "$NEW/$2" || fail "cannot read $1; nothing was installed"
  case $2 in
    bin/*) chmod 755 "$NEW/$2" ;;
    *) chmod 644 "$NEW/$2" ;;
  esac
}

cannot_write() { fail "cannot write to $1: choose another --prefix, or run this as a user who may; nothing was installed"; }

# Makes a folder and those above it, and keeps in mind which were not there.
make_folder() { # below the prefix
  if [ -d "$PREFIX/$1" ]; then return; fi
  case $1 in
    .) ;;
    */*) make_folder "${1%/*}" ;;
    *) make_folder . ;;
  esac
  (umask 022 && mkdir -p "$PREFIX/$1" 2>/dev/null) || cannot_write "$PREFIX/$1"
  echo "$1/" >>"$WORK/made"
}

list_of_before() { if [ -f "$PREFIX/$LIST" ]; then cat "$PREFIX/$LIST"; fi; }

# Copies every file beside its place, under a name of its own, so that one step moves it there.
stage() {
  while read -r file; do make_folder "${file%/*}"; done <"$WORK/files"
  { list_of_before | grep '/$' || true; cat "$WORK/made" "$WORK/files"; } >"$NEW/$LIST"
  while read -r file; do
    staged=$(mktemp "$PREFIX/${file%/*}/.kamaji.XXXXXX" 2>/dev/null) || cannot_write "$PREFIX/${file%/*}"
    echo "$file ${staged##*/}" >>"$WORK/staged"
    cp -p "$NEW/$file" "$staged" || cannot_write "$PREFIX/${file%/*}"
  done <"$WORK/files"
}

move() {
  list_of_before | grep -v '/$' | while read -r file; do
    is_below_prefix "$file" || continue
    grep -qxF "$file" "$WORK/files" || rm -f "$PREFIX/$file" # of another version
  done
  while read -r file staged; do
    mv -f "$PREFIX/${file%/*}/$staged" "$PREFIX/$file" || fail "cannot replace $PREFIX/$file"
    echo "$PREFIX/$file"
  done <"$WORK/staged"
}

is_below_prefix() { # an entry of a list; those that this script makes have no other characters
  case /$1/ in
    //* | */../* | *[!A-Za-z0-9._/-]*) return 1 ;;
  esac
}

install_all() {
  : >"$WORK/made"
  : >"$WORK/staged"
  lay_out
  stage
  # shellcheck disable=SC2154  # the last that was staged is the program
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

# --- removing it -------------------------------------------------------------------------------------------------------

# Those that are empty, the inner ones first.
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
  # The list goes last, so that a removal that failed can be run again.
  for file in $(grep -vxF -e $LIST "$WORK/list" | grep -v '/$') $LIST; do
    if [ -e "$PREFIX/$file" ] || [ -L "$PREFIX/$file" ]; then
      rm -f "$PREFIX/$file" || fail "cannot remove $PREFIX/$file"
      echo "$PREFIX/$file removed"
    fi
  done
  grep '/$' "$WORK/list" | remove_folders
}

# --- all of it ---------------------------------------------------------------------------------------------------------

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
  [ -n "$WHAT" ] || misused "say where from: --release, --archive or --from-source"
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
  name_the_machine
  case $WHAT in
    --release) take_release "$FROM" ;;
    --archive) take_archive "$FROM" ;;
    --from-source) build_from_source ;;
  esac
  install_all
}

# Braces, so that a script that was cut off anywhere does nothing at all.
{
  main "$@"
  exit
}
