#!/bin/sh
# Of the image: "docker run IMAGE -f x.cfg" means "haproxy -f x.cfg", and what runs in a container stays in the foreground.
set -e

if [ "${1#-}" != "$1" ]; then
    set -- haproxy "$@"
fi

if [ "$1" = haproxy ] || [ "$1" = pointsman ]; then
    shift
    # -db also overrules `daemon`, which would end the container at once.
    set -- pointsman -db "$@"
fi

exec "$@"
