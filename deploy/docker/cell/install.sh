#!/bin/sh
# install.sh LIST… [ARCHITECTURE]: installs the packages of the lists, for this architecture and the one named, then writes the SBOM.
# A list has one package a line; `?name` is taken only where this suite has it; # begins a comment. As root, in a build.
set -eu
here=$(dirname -- "$0")
lists=
foreign=
for word do
    if [ -f "$word" ]; then lists="$lists $word"; else foreign=$word; fi
done
export DEBIAN_FRONTEND=noninteractive
# What is free itself and needs what is not (winetricks) is in contrib.
sed -i 's/^\(deb .* main\)$/\1 contrib/' /etc/apt/sources.list 2>/dev/null || :
sed -i 's/^Components: main$/Components: main contrib/' /etc/apt/sources.list.d/*.sources 2>/dev/null || :
if [ "$foreign" ]; then dpkg --add-architecture "$foreign"; fi

wanted() {
    # shellcheck disable=SC2086
    for name in $(sed 's/#.*//' $lists); do
        case $name in
        \?*)
            name=${name#?}
            [ "$(apt-cache --no-all-versions show "$name" 2>/dev/null)" ] || { echo "this suite has no $name: left out" >&2 && continue; }
            ;;
        esac
        echo "$name"
    done
}
# shellcheck disable=SC2046
if apt-get -q update && apt-get -qy install $(wanted); then
    status=0
else
    status=1
    if [ "$foreign" ]; then dpkg --remove-architecture "$foreign"; fi
fi
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* /root/.cache
! command -v fc-cache >/dev/null || fc-cache -s
python3 -I "$here/../sbom.py" dillinger-cell
exit "$status"
