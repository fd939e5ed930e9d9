# Shared by the scripts beside it: where things are, and how the pinned tools get there. Source it from bash.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=${VESTIARY_TOOLS:-$root/.tools}
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
CARGO_DENY_VERSION=0.20.2

say() { printf '\n==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# need PROGRAM WHY: stops with a remedy when a program that cannot be installed from here is missing.
need() { command -v "$1" >/dev/null || die "$1 is missing: $2"; }

need_base() {
  need cargo "install Rust 1.95 or later (rustup.rs)"
  need cc "install a C compiler (Debian: apt-get install gcc)"
  need node "install Node.js 20 or later"
  need npm "it comes with Node.js"
  [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] ||
    die "Node.js $(node --version) is too old: 20 or later is needed"
}

# npm_packages FOLDER: `npm ci` where the lock file is not the one that was installed from.
npm_packages() {
  local installed=$root/$1/node_modules/.installed-lock
  if ! cmp -s "$root/$1/package-lock.json" "$installed"; then
    say "Installing the pinned npm packages of $1/"
    (cd "$root/$1" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$root/$1/package-lock.json" "$installed"
  fi
}

# has_python: whether Python is there and recent enough for the independent verifiers.
has_python() {
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# python_packages [FOLDER REQUIREMENTS]: pinned Python packages in a virtual environment of their own, .tools/FOLDER;
# the independent verifiers where nothing else is named.
python_packages() {
  has_python || die "Python 3.11 or later with venv is missing (Debian: apt-get install python3-venv)"
  local folder=${1:-python} wanted=$root/scripts/py/${2:-requirements.txt}
  local installed=$tools/$folder/.installed
  if ! cmp -s "$wanted" "$installed"; then
    say "Installing the pinned Python packages into .tools/$folder"
    rm -rf "${tools:?}/$folder"
    python3 -m venv "$tools/$folder"
    "$tools/$folder/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$installed"
  fi
}

# schema_check REQUESTS: Schemathesis over /openapi.json of a ledger with the first chapters of the story in it.
schema_check() {
  python_packages schema schema-requirements.txt
  local work
  work=$(mktemp -d)
  "$root/scripts/demo" --once --dir "$work/ledger" --chapters 4 \
    --then "$tools/schema/bin/python $root/scripts/py/check_schema.py $1"
  rm -r "$work"
}

# cargo_deny ARGUMENT...: the dependency judge: from the Python packages where it is built for this machine, else
# built here once (a few minutes).
cargo_deny() {
  local program=$tools/python/bin/cargo-deny
  if [ ! -x "$program" ]; then
    program=$tools/bin/cargo-deny
    if ! "$program" --version 2>/dev/null | grep -qF "$CARGO_DENY_VERSION"; then
      say "Building cargo-deny $CARGO_DENY_VERSION (once, a few minutes)"
      cargo install --quiet --locked --root "$tools" "cargo-deny@$CARGO_DENY_VERSION"
    fi
  fi
  "$program" "$@"
}
