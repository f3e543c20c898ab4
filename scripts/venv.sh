#!/bin/sh
# Builds .venv from a hashed lock, or does nothing when it is built already.
#
#   scripts/venv.sh run      what the bot needs                    (requirements.lock)
#   scripts/venv.sh vertex   and what Google's Vertex AI needs     (requirements-vertex.lock)
#   scripts/venv.sh dev      what the bot and the tests need       (requirements-dev.lock)
#
# PYTHON=/path/to/python3 chooses the interpreter; else the first suitable one on the PATH is taken.
# A stamp is written only after everything is installed. It carries a checksum of the lock, of pyproject.toml and of
# the checkout's path, so an update, a move and an interrupted install are all noticed at the next start.
set -eu
cd "$(dirname "$0")/.."

what=${1:-run}
venv=.venv
busy=.venv.installing

# Who took the optional packages once keeps them, through every update and move.
wanted_vertex() { for stamp in "$venv"/vertex-*.stamp; do [ -f "$stamp" ] && return; done; return 1; }
[ "$what" = run ] && wanted_vertex && what=vertex

case $what in
run) lock=requirements.lock ;;
vertex) lock=requirements-vertex.lock ;;
dev) lock=requirements-dev.lock ;;
*) echo "scripts/venv.sh: expected 'run', 'vertex' or 'dev', found '$what'" >&2 && exit 2 ;;
esac

say() { echo "townhall: $*" >&2; }

stamp_of() { echo "$venv/$1-$({ pwd -P && cat "$2" pyproject.toml; } | cksum | tr ' ' '-').stamp"; }

# The packages of `dev` include those of `run`, so its stamp is good for both.
is_ready() {
    [ -x "$venv/bin/python" ] || return 1
    [ -f "$(stamp_of "$what" "$lock")" ] || { [ "$what" = run ] && [ -f "$(stamp_of dev requirements-dev.lock)" ]; }
}

# Its scripts name the folder that it was made in.
has_moved() { [ "$(cat "$venv/made-in" 2>/dev/null)" != "$(pwd -P)" ]; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }
version_of() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo "no working Python"; }

# Prints the interpreter to use, or says what is missing and fails.
find_python() {
    bare=
    found=
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        command -v "$name" >/dev/null 2>&1 || continue
        found="$found $name ($(version_of "$name"))"
        new_enough "$name" || continue
        bare=${bare:-$name}
        has_venv "$name" && echo "$name" && return
    done
    if [ -n "$bare" ]; then
        say "$bare ($(version_of "$bare")) lacks the modules venv and ensurepip, which are needed to build $venv."
        say "On Debian and Ubuntu: apt install python3-venv"
    else
        say "Python 3.11 or newer is needed; found:${found:- none}."
        say "Install one, or name it: make run PYTHON=/path/to/python3.12"
    fi
    return 1
}

# Two starts at once: the second waits for the first. A marker whose process is gone is an interrupted install.
wait_for_other() {
    waiting=
    while [ -f "$busy" ] && kill -0 "$(cat "$busy")" 2>/dev/null; do
        [ -n "$waiting" ] || say "process $(cat "$busy") is building $venv; waiting for it (if that is wrong, remove $busy)"
        waiting=yes
        sleep 1
    done
}

# Python compiles what is used when it is first used: a quarter of the space, and of the time, would go to what never is.
install() {
    "$venv/bin/python" -m pip install -qq --no-compile --disable-pip-version-check --no-input --require-hashes -r "$lock" &&
        "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input --no-index --no-deps --no-build-isolation -e .
}

is_ready && [ ! -f "$busy" ] && exit 0
wait_for_other
fresh=
[ -f "$busy" ] && fresh=yes
[ -z "$fresh" ] && is_ready && exit 0

python=$(find_python)
echo $$ >"$busy"
if [ -n "$fresh" ] || has_moved || ! new_enough "$venv/bin/python"; then
    say "setting up $venv with Python $(version_of "$python") from $lock; this takes a minute, once"
    "$python" -m venv --clear "$venv"
    pwd -P >"$venv/made-in"
else
    say "updating $venv from $lock"
fi
rm -f "$venv"/*.stamp
if ! install; then
    say "the packages of $lock could not be installed; what pip found stands above."
    say "Look at the network and the free disk space, then start again."
    exit 1
fi
: >"$(stamp_of "$what" "$lock")"
rm -f "$busy"
