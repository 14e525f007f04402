#!/bin/sh
# The tools around the project in the versions that it is developed with. Each comes from its maker, checked against the
# checksum that the maker publishes; where that can't be reached, from the distribution (another version, and it says so).
# Needs curl, and root or sudo. A second run installs only what is missing.
set -eu

node=22.20.0 kubectl=1.33.2 kind=0.23.0 helm=3.14.3 talosctl=1.3.7
to=/usr/local/bin
case $(uname -m) in
x86_64) arch=amd64 node_arch=x64 ;;
aarch64) arch=arm64 node_arch=arm64 ;;
*) echo "no tools for $(uname -m)" >&2 && exit 1 ;;
esac
become=''
[ "$(id -u)" = 0 ] || become=sudo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missing=''
lists_read=''

# apt PACKAGE…: installs, after reading the lists once.
apt() {
    [ "$lists_read" ] || $become apt-get -q update >/dev/null && lists_read=1
    $become env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >/dev/null
}

# fetch URL CHECKSUM_URL: leaves the checked file in $work/file. The checksum file has one bare hash, or lines of hash and name.
fetch() {
    curl -fsSL --retry 2 -m 300 -o "$work/file" "$1" && curl -fsSL --retry 2 -m 60 -o "$work/sums" "$2" || return 1
    name=${1##*/}
    wanted=$(awk -v name="$name" 'NF == 1 || $2 == name || $2 == "*" name { print $1; exit }' "$work/sums")
    [ "$wanted" = "$(sha256sum "$work/file" | cut -d' ' -f1)" ] && return
    echo "$1: its checksum is not the published one" >&2
    return 1
}

# has COMMAND VERSION OUTPUT: whether that version is there already.
has() { command -v "$1" >/dev/null && printf '%s' "$3" | grep -qF -- "$2"; }

# fall_back TOOL VERSION [PACKAGE…]: the distribution's own.
fall_back() {
    tool=$1 version=$2
    shift 2
    if [ $# != 0 ] && apt "$@"; then
        echo "$tool: $version could not be had; installed the distribution's ($*)"
    else
        echo "$tool: $version could not be had, and the distribution has none" >&2
        missing="$missing $tool"
    fi
}

binary() { $become install -m 755 "$1" "$to/$2" && echo "$2: $3"; }

command -v curl >/dev/null || apt curl ca-certificates

if ! has node "v$node" "$(node --version 2>&1 || :)"; then
    if fetch "https://nodejs.org/dist/v$node/node-v$node-linux-$node_arch.tar.gz" "https://nodejs.org/dist/v$node/SHASUMS256.txt"; then
        $become tar -C /usr/local --strip-components=1 --no-same-owner -xzf "$work/file" && echo "node: $node"
    else
        fall_back node "$node" nodejs npm
    fi
fi
if ! has kubectl "v$kubectl" "$(kubectl version --client 2>&1 || :)"; then
    url=https://dl.k8s.io/release/v$kubectl/bin/linux/$arch/kubectl
    if fetch "$url" "$url.sha256"; then binary "$work/file" kubectl $kubectl; else fall_back kubectl $kubectl kubernetes-client; fi
fi
if ! has kind "$kind" "$(kind version 2>&1 || :)"; then
    url=https://kind.sigs.k8s.io/dl/v$kind/kind-linux-$arch
    if fetch "$url" "$url.sha256sum"; then binary "$work/file" kind $kind; else fall_back kind $kind; fi
fi
if ! has helm "v$helm" "$(helm version 2>&1 || :)"; then
    url=https://get.helm.sh/helm-v$helm-linux-$arch.tar.gz
    if fetch "$url" "$url.sha256sum"; then
        tar -C "$work" -xzf "$work/file" && binary "$work/linux-$arch/helm" helm $helm
    else
        fall_back helm $helm
    fi
fi
if ! has talosctl "$talosctl" "$(talosctl version --client 2>&1 || :)"; then
    base=https://github.com/siderolabs/talos/releases/download/v$talosctl
    if fetch "$base/talosctl-linux-$arch" "$base/sha256sum.txt"; then
        binary "$work/file" talosctl $talosctl
    else
        fall_back talosctl $talosctl
    fi
fi
# A tool that is missing is needed for the cluster only: everything else works without it.
[ -z "$missing" ] || echo "not installed:$missing" >&2
