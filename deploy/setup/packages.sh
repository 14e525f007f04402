# Packages of the system: which are missing, what they are for, and getting them. Sourced by ./dillinger.
# shellcheck shell=sh disable=SC2154,SC2034

package_list=$here/deploy/debian-packages.txt

# os FIELD: a field of os-release, without quotes; empty where there is none.
os() { sed -n "s/^$1=//p" "${DILLINGER_OS_RELEASE:-/etc/os-release}" 2>/dev/null | tr -d "\"'" | head -n 1; }

is_debian_family() {
    case " $(os ID) $(os ID_LIKE) " in
    *' debian '* | *' ubuntu '*) command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ;;
    *) return 1 ;;
    esac
}

# rows GROUPS: the lines of the list in these groups, also those that are for this distribution only.
rows() {
    awk -v groups="$1" -v distribution="$(os ID)" '
        BEGIN { count = split(groups, names, " "); for (i = 1; i <= count; i++) { want[names[i]]; want[names[i] ":" distribution] } }
        $1 in want && !/^#/' "$package_list"
}

# missing_packages GROUPS: names that dpkg does not know as installed, on one line. One of another architecture has its name there.
missing_packages() {
    wanted=$(rows "$1" | awk '{ print $2 }')
    # shellcheck disable=SC2086
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status} ${Architecture}\n' $wanted 2>/dev/null |
        awk '$2 == "installed" { print $3 == "i386" ? $1 ":i386" : $1 }')
    for package in $wanted; do
        case "
$installed
" in
        *"
$package
"*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

sudo_or_nothing() { [ "$(id -u)" = 0 ] || printf 'sudo '; }

ensure_packages() {
    if is_debian_family; then
        missing=$(missing_packages "$1")
        [ -z "$missing" ] || install_packages "These packages of $(os PRETTY_NAME) are missing:" "$missing"
    else
        check_commands "$1"
    fi
}

# A list of one architecture or source that can't be had does not keep what the others have from being installed.
read_lists() {
    $become apt-get -q -o DPkg::Lock::Timeout=120 update && return
    read_status=$?
    for known in /var/lib/apt/lists/*_Packages*; do [ ! -s "$known" ] || return 0; done
    return "$read_status"
}

# install_packages INTRODUCTION NAMES: says, asks, installs.
install_packages() {
    say "$bold$1$plain"
    for package in $2; do
        awk -v package="$package" '$2 == package && !/^#/ { $1 = $2 = $3 = ""; sub(/^ +/, ""); printf "    %-20s %s\n", package, $0; exit }' "$package_list"
    done
    manual="$(sudo_or_nothing)apt-get update && $(sudo_or_nothing)apt-get install --no-install-recommends $2"
    if [ -z "$assume_yes" ]; then
        can_ask || fail 'Nobody is here to ask whether to install them.' \
            'Run the same command with --yes, or install them yourself:' "$manual"
        ask 'Install them now?' || fail 'Not installed, so this is the end.' 'To do it yourself:' "$manual"
    fi
    become=''
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail 'Installing packages needs root, and there is no sudo here.' 'Run this as root, then come back:' \
            "apt-get update && apt-get install --no-install-recommends $2"
        sudo -v || fail 'sudo refused.' 'Let someone who may run this, then come back:' "$manual"
        become=sudo
    fi
    step 'reading the lists of packages' read_lists
    # shellcheck disable=SC2086
    step "installing $(printf '%s' "$2" | wc -w) packages" $become env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 $2
    # shellcheck disable=SC2086
    case "$(printf ' %s ' $2)" in
    *' coturn '*) # the tests start a server of their own; nobody has asked for the package's
        command -v systemctl >/dev/null && $become systemctl --quiet disable --now coturn.service || :
        ;;
    esac
}

# check_commands GROUPS: on a distribution that the launcher can't install for, say what to install and go on if all is there.
check_commands() {
    lacking=''
    for name in $(rows "$1" | awk '$3 != "-" { print $3 }' | sort -u); do
        command -v "$name" >/dev/null || lacking="$lacking $name"
    done
    [ "$lacking" ] || return 0
    case " $(os ID) $(os ID_LIKE) " in
    *' fedora '*) column=2 && how='dnf install' ;;
    *' arch '*) column=3 && how='pacman -S' ;;
    *suse*) column=4 && how='zypper install' ;;
    *) column=0 && how='' ;;
    esac
    say "The launcher installs packages on Debian and Ubuntu. On ${bold}$(os PRETTY_NAME)${plain} these commands are missing:" >&2
    names=''
    for name in $lacking; do
        line=$(awk -v name="$name" '$3 == name && !/^#/ { $1 = $2 = $3 = ""; sub(/^ +/, ""); print; exit }' "$package_list")
        printf '    %-16s %s\n' "$name" "$line" >&2
        [ "$column" = 0 ] || names="$names $(awk -v name="$name" -v column="$column" '$1 == name && $column != "-" { print $column }' \
            "$here/deploy/other-packages.txt")"
    done
    [ "$column" = 0 ] && fail 'Install what brings them, then run this again.'
    fail 'Install them, then run this again. By the names that we know (not tried):' "$(sudo_or_nothing)$how$names"
}

# offer GROUP QUESTION INTRODUCTION WHAT: packages that nobody has to have, once: at the first `up`.
offer() {
    [ ! -e "$here/.stamps/$1" ] || return 0
    # A service has nobody to offer them to.
    if [ -z "$want_games" ] || [ "${NOTIFY_SOCKET:-}" ] || ! is_debian_family; then return 0; fi
    missing=$(missing_packages "$1")
    if [ "$missing" ]; then
        if [ "$assume_yes" ] || { can_ask && ask "$2"; }; then
            (assume_yes=1 && install_packages "$3" "$missing")
        elif ! can_ask; then
            say "  (no $4 installed: nobody to ask. To have it: $(sudo_or_nothing)apt-get install $missing)"
            return 0
        fi
    fi
    stamp "$1" offered
}

offer_games() {
    offer games 'Install a few free games to try (Doom with free levels, a penguin race, OpenTTD; about 110 MB)?' 'Free games:' games
    offer wayland 'Install sway, for games on a Wayland desktop (about 10 MB)?' 'For games on a Wayland desktop:' sway
    case $(uname -m) in
    x86_64)
        offer wine 'Install Wine, to play Windows games (about 700 MB)?' 'For Windows games:' Wine
        ensure_wine32 offer
        ;;
    esac
}
