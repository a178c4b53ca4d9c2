#!/bin/sh
# Of the image: "docker run IMAGE -f x.cfg" means "haproxy -f x.cfg", and what runs in a container stays in the foreground.
set -e

if [ "${1#-}" != "$1" ]; then
    set -- haproxy "$@"
fi

if [ "$1" = haproxy ] || [ "$1" = pointsman ]; then
    shift
    # As in the official image: a master that reloads on SIGUSR2, in the foreground whatever the file says.
    set -- pointsman -W -db "$@"
fi

exec "$@"
