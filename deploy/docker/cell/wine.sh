#!/bin/sh
# wine.sh: installs Wine, with its 32-bit half as $WINE32 says (required, auto, no). As root, in a build.
# The 32-bit half needs every library twice in the same version. A mirror that is being updated may not have them so: then `auto` says
# it and goes on without.
set -eu
here=$(dirname -- "$0")
install="sh $here/install.sh"
case $WINE32 in
required) $install "$here/wine.txt" "$here/wine32.txt" i386 ;;
no) $install "$here/wine.txt" ;;
auto)
    if ! $install "$here/wine.txt" "$here/wine32.txt" i386; then
        echo 'WARNING: no 32-bit Wine from this mirror today: this image runs 64-bit programs only (WINE32=required makes this an error)' >&2
        $install "$here/wine.txt"
    fi
    ;;
*) echo "WINE32 is required, auto or no, not $WINE32" >&2 && exit 1 ;;
esac
python3 -I "$here/strip-pe.py" /usr/lib/*/wine/*-windows
