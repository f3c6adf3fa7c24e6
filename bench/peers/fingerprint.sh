#!/bin/sh
# The fingerprint as OCI's own documentation takes it: fingerprint.sh KEY
set -eu
openssl rsa -pubout -outform DER -in "$1" 2>/dev/null | openssl md5 -c
