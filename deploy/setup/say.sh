# How the launcher talks: steps with their times, questions, and failures that say what to do. Sourced by ./dillinger.
# shellcheck shell=sh disable=SC2154,SC2034

case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
*UTF-8* | *utf8* | *UTF8*) done_mark='✓' failed_mark='✗' ;;
*) done_mark='ok' failed_mark='!!' ;;
esac
if [ -t 1 ]; then
    bold=$(printf '\033[1m') && green=$(printf '\033[32m') && red=$(printf '\033[31m') && plain=$(printf '\033[0m')
    clear_line=$(printf '\r\033[K')
else
    bold='' green='' red='' plain='' clear_line=''
fi
ticker=''

say() { printf '%s\n' "$*"; }

# fail WHAT [WHAT TO DO]…: on the error stream, then out.
fail() {
    stop_ticker
    printf '%s%s%s %s\n' "$red" "$failed_mark" "$plain" "$1" >&2
    shift
    for line do printf '   %s\n' "$line" >&2; done
    exit 1
}

# The same with the exit code for a command line that makes no sense.
fail_usage() { (fail "$@") || exit 2; }

# ask QUESTION: yes unless the answer begins with n. Without a terminal there is nobody to ask: callers look at can_ask first.
can_ask() { [ -t 0 ] && [ -t 1 ]; }
ask() {
    printf '%s%s%s [Y/n] ' "$bold" "$1" "$plain"
    read -r answer || answer=n
    case $answer in
    [nN]*) return 1 ;;
    esac
}

start_ticker() { # TEXT LOG: a line that counts seconds and shows the newest line of the log
    [ -t 1 ] || return 0
    (
        seconds=0
        while sleep 1; do
            seconds=$((seconds + 1))
            printf '%s  %s ... %s s  %.60s' "$clear_line" "$1" "$seconds" "$(tail -n 1 "$2" | tr -d '\r\033' | cut -c1-60)"
        done
    ) &
    ticker=$!
}

stop_ticker() {
    [ "$ticker" ] || return 0
    # A shell that was forked just now still has our traps, and would lose a TERM.
    kill -KILL "$ticker" 2>/dev/null || :
    wait "$ticker" 2>/dev/null || :
    ticker=''
    printf '%s' "$clear_line"
}
trap 'stop_ticker' EXIT
trap 'stop_ticker; exit 130' INT
trap 'stop_ticker; exit 143' TERM HUP

# step TEXT COMMAND…: runs it with its output in a log; says how long it took, or shows the log's end and stops.
step() {
    step_text=$1
    shift
    step_log=${step_logs:-$here/.stamps}/last-step.log
    { mkdir -p "${step_log%/*}" && : >"$step_log"; } 2>/dev/null || fail "This tree can't be written: $here (while $step_text)" \
        'Clone Dillinger into a folder of your own, or run this as root.'
    step_begun=$(date +%s)
    [ -t 1 ] || printf '  %s ...\n' "$step_text"
    start_ticker "$step_text" "$step_log"
    if "$@" >>"$step_log" 2>&1 </dev/null; then
        stop_ticker
        printf '  %s%s%s %s (%s s)\n' "$green" "$done_mark" "$plain" "$step_text" "$(($(date +%s) - step_begun))"
        return
    fi
    stop_ticker
    {
        printf '%s%s %s: failed%s\n' "$red" "$failed_mark" "$step_text" "$plain"
        tail -n 25 "$step_log" | sed 's/^/   | /'
        printf '   The whole output is in %s. Running the same command again goes on from here.\n' "$step_log"
    } >&2
    exit 1
}

# Stamps: what a stage was made of, as one hash.
hash_of() { sha256sum | cut -c1-40; }
is_stamped() { [ "$(cat "$here/.stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() {
    mkdir -p "$here/.stamps"
    printf '%s\n' "$2" >"$here/.stamps/$1.new"
    mv "$here/.stamps/$1.new" "$here/.stamps/$1"
}
