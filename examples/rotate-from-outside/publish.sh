#!/bin/sh
# Only now readers get the new password.
set -eu
strongroom secrets set "$SECRET" --file "$WORK/password" --content-type text/plain --tag "role=$ROLE" -o raw
