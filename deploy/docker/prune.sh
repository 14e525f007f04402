#!/bin/sh
# prune.sh VENV: takes out of an app's packages what no program reads (sources of compiled modules, stubs, tests, numpy's compilers),
# and shows it our own.
set -eu
for packages in "$1"/lib/python3*/site-packages; do
    find "$packages" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.h' -o -name '*.a' \) -delete
    find "$packages" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
    rm -rf "$packages"/numpy/distutils "$packages"/numpy/f2py
    echo "$1/apps" >"$packages/dillinger.pth"
done
