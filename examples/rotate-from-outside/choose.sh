#!/bin/sh
# Decides on the new password and stores it as $SECRET-next, before anything changes outside. When the last rotation was
# cut short, $SECRET-next differs from $SECRET: then it is finished instead, with the same password.
set -eu

fetch() { # prints the value; nothing when there is no such secret (exit code 3)
    code=0
    strongroom secrets get "$1" || code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 3 ]
}

current=$(fetch "$SECRET")
next=$(fetch "$SECRET-next")
if [ -z "$next" ] || [ "$next" = "$current" ]; then
    head -c 24 /dev/urandom | base64 -w 0 | tr '+/' '-_' | strongroom secrets set "$SECRET-next" -o raw
fi
strongroom secrets get "$SECRET-next" --file "$WORK/password"
