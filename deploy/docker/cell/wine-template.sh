#!/bin/sh
# wine-template.sh FOLDER: makes a Wine prefix there, for user 1000, without Mono and Gecko. As root, in a build.
set -eu
install -d -o 1000 -g 1000 "$(dirname -- "$1")" "$1"
setpriv --reuid 1000 --regid 1000 --clear-groups env -i PATH="$PATH" HOME=/home/player USER=player LANG=C.UTF-8 WINEPREFIX="$1" \
    WINEDLLOVERRIDES='winemenubuilder.exe=;mscoree=;mshtml=' WINEDEBUG=-all sh -euc 'wine wineboot -i && wineserver -w'
test -f "$1/system.reg"
python3 -I "$(dirname -- "$0")/share-files.py" "$1" 1000
rm -rf /home/player/.cache /home/player/.config /home/player/.local /tmp/.wine-* /tmp/.X*
