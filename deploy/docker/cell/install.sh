#!/bin/sh
# install.sh LIST: the packages of LIST (one a line, # comments), then the SBOM of what is there now. As root, in a build.
set -eu
here=$(dirname -- "$0")
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# shellcheck disable=SC2046
apt-get -qy install $(sed 's/#.*//' "$1")
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* /root/.cache
fc-cache -s 2>/dev/null || :
python3 -I "$here/../sbom.py" dillinger-cell
