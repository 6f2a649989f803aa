#!/bin/bash
# The same with curl and jq, on any machine: decide, change it outside, publish. Needs a token for the vault's installation
# in $STRONGROOM_TOKEN_FILE, the certificates in $STRONGROOM_CA, and psql's variables of an administrator.
set -euo pipefail
umask 077
export WORK
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

vault() { # method, path, more arguments of curl. Token and values go by files: a command line is public
    local method=$1 path=$2
    shift 2
    curl --silent --show-error --cacert "$STRONGROOM_CA" --header @<(printf 'Authorization: Bearer %s' "$(<"$STRONGROOM_TOKEN_FILE")") \
        --request "$method" "$@" "$STRONGROOM_VAULT_URL/secrets/$path?api-version=7.4"
}

fetch() { # prints the value; nothing when there is no such secret
    local status
    status=$(vault GET "$1" --output "$WORK/answer" --write-out '%{http_code}')
    case $status in
    200) jq --join-output .value "$WORK/answer" ;;
    404) ;;
    *) jq --raw-output .error.message "$WORK/answer" >&2 && return 1 ;;
    esac
}

put() { # stores the file as the value of a secret
    jq --raw-input --slurp '{value: .}' "$2" >"$WORK/body"
    vault PUT "$1" --fail-with-body --json "@$WORK/body" --output "$WORK/answer"
}

current=$(fetch "$SECRET")
next=$(fetch "$SECRET-next")
if [ -z "$next" ] || [ "$next" = "$current" ]; then
    head -c 24 /dev/urandom | base64 -w 0 | tr '+/' '-_' >"$WORK/password"
    put "$SECRET-next" "$WORK/password"
else
    printf %s "$next" >"$WORK/password"
fi
psql --no-psqlrc --quiet --file="$(dirname "$0")/alter.sql"
put "$SECRET" "$WORK/password"
