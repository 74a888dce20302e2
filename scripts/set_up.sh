#!/usr/bin/env bash
# See usage below.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: scripts/set_up.sh [--dev]

Makes .venv, with every package at the version of requirements.lock (and, with --dev, of requirements-dev.lock), and
installs SyncLips into it, editable. When all that is done already it does nothing, at once; a set-up that was
interrupted is done again from the start. `make` calls it before every target that needs it.

What the machine must have: Python 3.11 to 3.14 with its venv module, make, about 3 GB of free disk, and the way to a
package index that pip is set up for. No compiler, no ffmpeg, no GPU.

torch: where pip finds the CPU build of torch (macOS, Arm, or a pip setting such as PIP_FIND_LINKS or
PIP_EXTRA_INDEX_URL that names a place of CPU builds), that is all. On Linux x86-64 the public index has only the CUDA
build, which does not even import without its CUDA libraries; they are then installed too (3 GB more), and it runs on
the CPU and on an NVIDIA GPU alike.

Environment:
  PYTHON   the Python to build .venv with (default: the first of 3.11 to 3.14 found, also among pyenv's)
  PIP_*    pip's own settings: package index, proxy, certificates, local folders of wheels
TEXT
}

say() { echo "set-up: $*" >&2; }
die() { say "$*"; exit 1; }

dev=
for argument in "$@"; do
    case $argument in
        --dev) dev=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=.venv
python=$venv/bin/python
unfinished=$venv/.unfinished

fingerprint() { { pwd; cat "$@" scripts/set_up.sh; } | cksum; }
set_up_for() { # stamp, files: is the environment finished, here, and as these files say?
    [ ! -e $unfinished ] && [ -x $python ] && [ "$(cat "$venv/$1" 2>/dev/null)" = "$(fingerprint "${@:2}")" ]
}
runtime=(.runtime-stamp requirements.lock pyproject.toml)
gate=(.gate-stamp requirements.lock requirements-dev.lock pyproject.toml)
wanted=("${runtime[@]}")
[ -z "$dev" ] || wanted=("${gate[@]}")
if set_up_for "${wanted[@]}"; then
    exit 0
fi

usable() { # a Python: of a version that the lock is for, and able to make an environment?
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13), (3, 14)))' >/dev/null 2>&1
}
find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        usable "$PYTHON" || die "PYTHON=$PYTHON is not a Python 3.11 to 3.14 with the venv module; name another"
        echo "$PYTHON"
        return
    fi
    for candidate in python3.11 python3.12 python3.13 python3.14 python3 python \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[1-4].*/bin/python; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.11 to 3.14 with its venv module was found; install one (on Debian and Ubuntu: python3 python3-venv) or name it: make PYTHON=/path/to/python"
}

whole() { # is .venv one that works, and works in this folder?
    usable $python && grep -qF "$(pwd)/$python" $venv/bin/pip 2>/dev/null
}

if [ -e $unfinished ]; then
    owner=$(cat $unfinished)
    if [ -n "$owner" ] && kill -0 "$owner" 2>/dev/null; then
        die "another set-up is at work here (process $owner); wait for it to end"
    fi
    say "the last set-up was interrupted; starting again"
    rm -rf $venv
elif [ -e $venv ] && ! whole; then
    say "$venv does not work here (moved, or its Python is gone); making it anew"
    rm -rf $venv
fi

started=$SECONDS
trap 'die "interrupted; the next run starts again"' INT TERM
if [ -e $venv ]; then
    echo $$ >$unfinished
else
    base=$(find_python)
    free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1000)}')
    [ "$free" -ge 3000 ] || die "only $free MB of disk are free here; 3000 MB are needed"
    say "making $venv with $("$base" --version), then about 90 packages: one to ten minutes, once"
    mkdir $venv
    echo $$ >$unfinished
    "$base" -m venv $venv || die "$base cannot make an environment; on Debian and Ubuntu install python3-venv"
fi

install() {
    $python -m pip --disable-pip-version-check --no-input install --quiet "$@" ||
        die "pip could not install $*: its own words are above; check the network or pip's settings, then run again"
}
install --no-deps -r requirements.lock
[ -z "$dev" ] || install --no-deps -r requirements-dev.lock
if ! $python -c 'import torch' 2>/dev/null; then
    say "this torch is a CUDA build and needs its CUDA libraries: about 3 GB more"
    install -c requirements.lock "$(grep '^torch==' requirements.lock)"
fi
install --no-deps --no-build-isolation -e .

trouble=$($python -c 'import torch, cv2, av, ai_edge_litert, synclips' 2>&1) ||
    die "the packages are there but do not import: ${trouble##*$'\n'}"
if nvidia-smi >/dev/null 2>&1 && ! $python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    say "an NVIDIA GPU is here, but this torch cannot use it (a CPU build, or an old driver): going on with the CPU"
fi

write_stamp() { echo "$(fingerprint "${@:2}")" >"$venv/$1"; }
write_stamp "${runtime[@]}"
[ -z "$dev" ] || write_stamp "${gate[@]}"
rm $unfinished
say "done in $((SECONDS - started)) s"
