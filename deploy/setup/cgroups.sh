# A cgroup of our own, so that seats and cells get limits without root. Sourced by ./dillinger.
# What can't be had is not an error here: the runner probes what it got, and `dillinger doctor` says what is missing and the mend.
# shellcheck shell=sh disable=SC2154,SC2034

cgroup_root=${DILLINGER_CGROUP_ROOT:-/sys/fs/cgroup}
cgroup_controllers='memory cpu pids cpuacct blkio io'

# As root: <root>/dillinger (version 2) or <root>/<controller>/dillinger (version 1) for the service user.
delegate_cgroups_to_service() {
    if [ -f "$cgroup_root/cgroup.controllers" ]; then
        enable_controllers "$cgroup_root"
        mkdir -p "$cgroup_root/dillinger/main" 2>/dev/null || return 0
        own_cgroup "$cgroup_root/dillinger"
        chown -R "$service_user:" "$cgroup_root/dillinger/main"
        # In version 2 processes live in leaves only, and who moves one needs both ends and what is above them.
        echo $$ 2>/dev/null >"$cgroup_root/dillinger/main/cgroup.procs" || :
        enable_controllers "$cgroup_root/dillinger"
        return 0
    fi
    for controller in $cgroup_controllers; do
        [ -d "$cgroup_root/$controller" ] || continue
        if mkdir -p "$cgroup_root/$controller/dillinger" 2>/dev/null; then own_cgroup "$cgroup_root/$controller/dillinger"; fi
    done
}

own_cgroup() {
    for file in "$1" "$1/cgroup.procs" "$1/cgroup.threads" "$1/cgroup.subtree_control" "$1/tasks"; do
        [ ! -e "$file" ] || chown "$service_user:" "$file" 2>/dev/null || :
    done
}

enable_controllers() {
    for controller in $cgroup_controllers; do
        # shellcheck disable=SC2188
        { echo "+$controller" >"$1/cgroup.subtree_control"; } 2>/dev/null || :
    done
}

# As an ordinary user: in a scope that systemd delegates to us; our service's unit (it has a NOTIFY_SOCKET) is one already.
# The runner finds the delegated group by itself and arranges it.
delegate_scope_of_user() {
    [ -f "$cgroup_root/cgroup.controllers" ] && [ -z "${DILLINGER_SCOPED:-}${NOTIFY_SOCKET:-}" ] || return 0
    systemd-run --user --scope --quiet -p Delegate=yes true 2>/dev/null || return 0
    export DILLINGER_SCOPED=1
    exec systemd-run --user --scope --quiet -p Delegate=yes "$here/dillinger" "$@"
}
