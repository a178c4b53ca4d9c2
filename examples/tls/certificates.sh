#!/bin/sh
# Makes what this example needs, in the folder that is named: an authority (ca.pem), and certificates with their keys for
# the balancer (front.pem) and for its servers (app.pem). They are for trying things out: everybody may read the keys, as
# the users within the containers have to.
set -eu
mkdir -p "${1:?which folder?}"
cd "$1"
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30"

# $key is several words.
# shellcheck disable=SC2086
openssl req -x509 $key -subj "/CN=Example authority" -keyout ca.key -out ca.pem

made() {
    # shellcheck disable=SC2086
    openssl req -x509 $key -CA ca.pem -CAkey ca.key -subj "/CN=$2" -addext "subjectAltName=DNS:$2" \
        -addext basicConstraints=critical,CA:FALSE -keyout "$1.key" -out "$1.crt"
    cat "$1.crt" "$1.key" > "$1.pem"
    chmod a+r "$1.pem"
}

made front localhost
made app app.example.test
