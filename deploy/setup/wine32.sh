# The 32-bit half of Wine. Its packages are of a second architecture, which the system has to be told of, and each of its libraries has to have
# the version of its 64-bit twin. A mirror whose halves differ (one is updated before the other) would have apt remove packages, or leave a machine
# where every `apt-get update` fails. So it is tried first by an apt with lists of its own: the system is touched only where nothing would go.
# Nothing here fails: all but 32-bit programs works without. Sourced by ./dillinger.
# shellcheck shell=sh disable=SC2154,SC2034

wine32_is_for_this_machine() {
    is_debian_family && command -v dpkg >/dev/null && [ "$(dpkg --print-architecture)" = amd64 ] && [ -z "$(missing_packages wine)" ]
}

# ensure_wine32 [offer]: for tests, and at the first `up`. What a mirror could not give is tried again after a day.
ensure_wine32() {
    wine32_is_for_this_machine || return 0
    missing=$(missing_packages wine32)
    [ "$missing" ] || return 0
    if is_stamped wine32 offered || [ "$(find "$here/.stamps" -name wine32 -mtime -1 2>/dev/null)" ]; then return 0; fi
    if [ "${1:-}" ] && { [ -z "$want_games" ] || [ "${NOTIFY_SOCKET:-}" ]; }; then return 0; fi
    manual="$(sudo_or_nothing)dpkg --add-architecture i386 && $(sudo_or_nothing)apt-get update && $(sudo_or_nothing)apt-get install wine32:i386"
    if [ -z "$assume_yes" ]; then
        if ! can_ask; then
            say "  (no 32-bit half of Wine installed: nobody to ask. To have it: $manual)"
            return 0
        fi
        if ! ask 'The 32-bit half of Wine too, which most games of before 2010 need (about 900 MB; adds the architecture i386 to this system)?'; then
            stamp wine32 offered
            return 0
        fi
    fi
    become=''
    if [ "$(id -u)" != 0 ]; then
        if ! { command -v sudo >/dev/null && sudo -v; }; then
            say "  (no 32-bit half of Wine: root has to run: $manual)"
            return 0
        fi
        become=sudo
    fi
    # shellcheck disable=SC2086
    step 'trying whether 32-bit Wine fits this system' try_wine32 $missing
    if [ -z "$wine32_problem" ]; then
        say "${bold}The 32-bit half of Wine: dpkg --add-architecture i386, and these packages:${plain}"
        say "    $missing"
        # shellcheck disable=SC2086
        step "installing $(printf '%s' "$missing" | wc -w) packages of i386" add_wine32 $missing
    fi
    if [ "$wine32_problem" ]; then
        say "  32-bit Windows programs will not run: $wine32_problem. Nothing was changed. To try it later: $manual"
        stamp wine32 refused
    else
        stamp wine32 offered
    fi
}

# try_wine32 PACKAGES…: sets wine32_problem to why they can't be had without harm; empty where they can.
try_wine32() {
    wine32_problem=''
    trial=$(mktemp -d)
    chmod 755 "$trial" # for apt's own user, who fetches
    mkdir -p "$trial/lists/partial" "$trial/cache/archives/partial"
    cp -p /var/lib/apt/lists/*_* "$trial/lists/" 2>/dev/null || : # so that only what is new is fetched
    set -- -o "Dir::State::Lists=$trial/lists" -o "Dir::Cache=$trial/cache" -o Acquire::Languages=none \
        -o APT::Architectures::=amd64 -o APT::Architectures::=i386 -- "$@"
    own=''
    while [ "$1" != -- ]; do own="$own $1" && shift; done
    shift
    # shellcheck disable=SC2086
    if ! apt-get -q $own update; then
        wine32_problem="the package mirror's lists for i386 can't be read whole"
    elif ! apt-get -q $own --simulate --no-install-recommends install "$@" >"$trial/plan"; then
        wine32_problem='its packages do not fit those that are installed'
    elif grep '^Remv ' "$trial/plan"; then
        wine32_problem='other packages would have to go for it (the mirror has other versions for i386)'
    fi
    rm -rf "$trial"
}

# add_wine32 PACKAGES…: tells the system of the architecture and installs; takes the architecture back where that fails.
add_wine32() {
    added=''
    if ! dpkg --print-foreign-architectures | grep -qx i386; then
        $become dpkg --add-architecture i386 && added=1
    fi
    if $become apt-get -q -o DPkg::Lock::Timeout=120 update && $become env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends --no-remove -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@"; then
        return 0
    fi
    wine32_problem='its packages could not be installed'
    [ -z "$added" ] || $become dpkg --remove-architecture i386 || :
}
