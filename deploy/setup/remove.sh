# The ways out: `uninstall` takes away what the launcher made, `upgrade` fetches the newest. Sourced by ./dillinger.
# shellcheck shell=sh disable=SC2154,SC2034

pull_newest() {
    [ -d "$here/.git" ] || fail "This is not a git clone: $here" 'Get the newest release the way that you got this one, then run ./dillinger setup.'
    command -v git >/dev/null || fail 'git is missing.' "$(sudo_or_nothing)apt-get install git"
    owner=$(stat -c %U "$here")
    pull="git -C $here pull --ff-only"
    if [ "$(id -u)" = 0 ] && [ "$owner" != root ]; then pull="setpriv --reuid $owner --regid $(stat -c %G "$here") --init-groups $pull"; fi
    # shellcheck disable=SC2086
    step 'fetching the newest version' $pull
}

restart_service() {
    if [ ! -e "$service_unit" ] || [ ! -d /run/systemd/system ]; then return 0; fi
    if [ "$(id -u)" = 0 ]; then step 'restarting the service' systemctl try-restart dillinger.service; else say '  now: sudo systemctl restart dillinger'; fi
}

remove_everything() {
    purge=''
    for arg do
        case $arg in
        --purge) purge=1 ;;
        *) fail_usage "uninstall knows no $arg" 'It takes --purge (removes games, saves and settings too) and --yes.' ;;
        esac
    done
    state=${DILLINGER_STATE_DIR:-$(state_folder)}
    say "${bold}This removes:${plain}"
    say "    $here/.venv .stamps, web/node_modules, web/dist"
    if [ "$(id -u)" = 0 ]; then say "    $service_trees, the user $service_user, its cgroups, $service_runtime, the systemd unit"; fi
    if [ "$purge" ]; then say "    $state: ${bold}the library, all saves and settings${plain}"; else say "  and keeps $state (games, saves, settings; --purge removes it too)"; fi
    say '  System packages stay: they may be used by others.'
    if [ -z "$assume_yes" ]; then
        can_ask || fail 'Nobody is here to ask.' 'Run the same command with --yes.'
        ask 'Go on?' || exit 1
    fi
    stop_what_runs
    if [ "$(id -u)" = 0 ]; then remove_service; fi
    rm -rf "$here/.venv" "$here/.stamps" "$here/web/node_modules" "$here/web/dist"
    [ -z "$purge" ] || remove_data "$state"
    say "$done_mark removed. The clone itself is yours: rm -r $here"
}

# In order: the service, then games that outlived their runner. An `up` in somebody's terminal is theirs to stop.
stop_what_runs() {
    if [ "$(id -u)" = 0 ] && [ -e "$service_unit" ] && command -v systemctl >/dev/null; then
        step 'stopping the service' systemctl disable --now dillinger.service
    fi
    [ -e "$state/runner/lock" ] || return 0
    (flock -n 7) 7<"$state/runner/lock" || fail "Dillinger is running on $state." \
        'Stop it first (Ctrl-C where ./dillinger up runs), then run this again.'
    for tree in "$here" "$service_trees"/src-*; do
        if [ -x "$tree/.venv/bin/python" ]; then
            step 'ending games that were left' end_sessions "$tree/.venv/bin/python"
            return 0
        fi
    done
}

end_sessions() (
    export DILLINGER_STATE_DIR="$state"
    if [ "$(id -u)" = 0 ]; then
        service_environment
        as_service "$1" -m dillinger_runner stop-all
    else
        "$1" -m dillinger_runner stop-all
    fi
)

# Only what Dillinger keeps there: the folder may be one that a person chose.
remove_data() {
    [ "$1" != "$service_home" ] || rm -rf "$1"
    for name in core library saves runner .cache; do rm -rf "${1:?}/$name"; done
    rmdir "$1" 2>/dev/null || [ ! -d "$1" ] || say "  $1 holds something else too: left there"
}

state_folder() {
    if [ "$(id -u)" = 0 ]; then echo "$service_home"; else echo "${XDG_DATA_HOME:-$HOME/.local/share}/dillinger"; fi
}

remove_service() {
    if [ -e "$service_unit" ] && command -v systemctl >/dev/null; then
        rm -f "$service_unit"
        systemctl daemon-reload 2>/dev/null || :
    fi
    if id "$service_user" >/dev/null 2>&1; then
        if [ "$(ps_of_service | wc -l)" != 0 ]; then
            fail "Processes of the user $service_user are still running." 'Stop Dillinger first (Ctrl-C where ./dillinger up runs), then run this again.'
        fi
        userdel "$service_user" 2>/dev/null || :
    fi
    rm -rf "$service_trees" "$service_runtime"
    for folder in "$cgroup_root/dillinger" "$cgroup_root"/*/dillinger; do
        # Empty groups are left too while a process is in any of them: they may be of a game that is being started.
        if [ -d "$folder" ] && [ -z "$(find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]; then
            find "$folder" -depth -type d -exec rmdir {} \; 2>/dev/null || :
        fi
    done
}

# Without procps: the process folders that belong to the service user.
ps_of_service() { find /proc -maxdepth 1 -name '[0-9]*' -user "$service_user" 2>/dev/null; }
