# Run by root: the user that Dillinger runs as, its folders, a tree that it can read, and the drop to it. Sourced by ./dillinger.
# shellcheck shell=sh disable=SC2154,SC2034

service_user=dillinger
service_home=/var/lib/dillinger
service_runtime=/run/dillinger
service_trees=/opt/dillinger
service_unit=/etc/systemd/system/dillinger.service
service_config=/etc/dillinger/dillinger.toml

ensure_service_user() {
    if id "$service_user" >/dev/null 2>&1; then return 0; fi
    nologin=$(command -v nologin || echo /bin/false)
    useradd --system --user-group --home-dir "$service_home" --no-create-home --shell "$nologin" \
        --comment 'Dillinger game streaming' "$service_user" ||
        fail "The user $service_user could not be made." 'Dillinger never runs as root: make that user, or run ./dillinger as an ordinary one.'
    say "  made the user $service_user: nothing of Dillinger runs as root"
}

ensure_service_folders() {
    for folder in "$service_home" "$service_runtime"; do
        mkdir -p "$folder"
        chmod 750 "$folder"
        [ "$(stat -c %U "$folder")" = "$service_user" ] || chown "$service_user:" "$folder"
    done
}

# The folders that the command line names: made where they are missing, since the service user can't in a folder of root's.
# One that exists is never given away; it only has to be writable.
ensure_named_folders() {
    is_named=
    for arg do
        case $arg in
        --state-dir=/* | --runtime-dir=/*) folder=${arg#*=} ;;
        --state-dir | --runtime-dir) is_named=1 && continue ;;
        *) folder=${is_named:+$arg} ;;
        esac
        is_named=
        case $folder in /*) ;; *) continue ;; esac
        if [ ! -e "$folder" ]; then
            if ! { mkdir -p "$folder" && chmod 750 "$folder" && chown "$service_user:" "$folder"; }; then
                fail "The folder $folder could not be made." 'Name another one.'
            fi
        elif ! as_service test -d "$folder" -a -w "$folder" -a -x "$folder"; then
            fail "The user $service_user, as whom Dillinger runs, can't write to $folder." \
                "Run \`chown $service_user: $folder\`, or name another folder."
        fi
    done
}

as_service() { setpriv --reuid "$service_user" --regid "$service_user" --clear-groups "$@"; }

# A tree that the service may run from: root's (nobody else can change the code that root starts), readable by the service user.
is_fit_for_service() {
    [ "$(stat -c %u "$1")" = 0 ] &&
        as_service test -x "$1" -a -r "$1/requirements.lock" -a -r "$1/src/dillinger/__init__.py"
}

tree_archive() {
    tar -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=go=u,go-w \
        --exclude-vcs --exclude=node_modules --exclude=__pycache__ --exclude='./.*_cache' \
        --exclude=./.venv --exclude=./.stamps --exclude=./.hypothesis --exclude=./web/dist --exclude=./dist --exclude=./out -cf - .
}

replace_service_tree() {
    new=$service_tree.new
    rm -rf "$new" && mkdir -p "$new" && tree_archive "$1" | tar -xf - -C "$new" && chmod 755 "$new" || return 1
    for kept in .venv .stamps web/node_modules web/dist; do
        if [ -e "$service_tree/$kept" ]; then mv "$service_tree/$kept" "$new/$kept" || return 1; fi
    done
    rm -rf "$service_tree" && mv "$new" "$service_tree" && mkdir -p "$service_tree/.stamps"
}

# copy_for_service TREE: brings a copy under /opt up to date; its path is left in $service_tree.
copy_for_service() {
    service_tree=$service_trees/src-$(printf '%s' "$1" | hash_of | cut -c1-12)
    mkdir -p "$service_trees"
    exec 8>"$service_trees/lock"
    flock 8
    content=$(tree_archive "$1" | hash_of)
    if [ "$(cat "$service_tree/.stamps/source" 2>/dev/null)" != "$content" ]; then
        step_logs=$service_trees
        say "  $1 is not root's, or hidden from the user $service_user: running from a copy"
        step "copying it to $service_tree" replace_service_tree "$1"
        printf '%s\n' "$content" >"$service_tree/.stamps/source"
    fi
    exec 8>&-
}

# What the service user sees: its own home and places, nothing of the root that started it.
service_environment() {
    export HOME="$service_home" USER="$service_user" LOGNAME="$service_user" SHELL=/bin/sh XDG_CACHE_HOME="$service_home/.cache"
    export PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games:/usr/sbin:/sbin
    export DILLINGER_STATE_DIR="${DILLINGER_STATE_DIR:-$service_home}" DILLINGER_RUNTIME_DIR="${DILLINGER_RUNTIME_DIR:-$service_runtime}"
    if [ -z "${DILLINGER_CONFIG:-}" ] && [ -f "$service_config" ]; then export DILLINGER_CONFIG="$service_config"; fi
    unset MAIL OLDPWD XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME DBUS_SESSION_BUS_ADDRESS XAUTHORITY DISPLAY \
        SUDO_USER SUDO_UID SUDO_GID SUDO_COMMAND
}

# run_as_service COMMAND…: becomes the service user for good: no capabilities, no groups, no way back.
run_as_service() {
    cd "$here" || exit
    service_environment
    bounding=--bounding-set=-all # root of a container may lack the right to drop it
    as_service "$bounding" true 2>/dev/null || bounding=--no-new-privs
    exec setpriv --reuid "$service_user" --regid "$service_user" --clear-groups --inh-caps=-all "$bounding" --no-new-privs -- "$@"
}
