#!/bin/sh
# Makes the database on the volume at first start, then becomes PostgreSQL. Who reaches the socket's folder is whom we serve.
set -eu
data=/var/lib/dillinger/data
set -- /usr/lib/postgresql/*/bin
bin=$1
if [ ! -s "$data/PG_VERSION" ]; then
    "$bin/initdb" --pgdata="$data" --username=dillinger --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-instructions >/dev/null
    echo 'CREATE DATABASE dillinger;' | "$bin/postgres" --single -D "$data" postgres >/dev/null
elif [ "$(cat "$data/PG_VERSION")" != "$(basename "$(dirname "$bin")")" ]; then
    echo "The volume holds a database of PostgreSQL $(cat "$data/PG_VERSION"), and this is $(basename "$(dirname "$bin")"):" \
        'dump it with the old image, restore it with the new one' >&2
    exit 1
fi
exec "$bin/postgres" -D "$data" -c listen_addresses= -c unix_socket_directories=/run/postgresql -c unix_socket_permissions=0700
