#!/bin/sh
# What people write into their pipelines to sign in by hand: setup.sh FOLDER, the secrets in OCICI_…
set -eu
umask 077
mkdir -p "$1"
printf '%s\n' "$OCICI_PRIVATE_KEY" > "$1/key.pem"
fingerprint=$(openssl rsa -pubout -outform DER -in "$1/key.pem" 2>/dev/null | openssl md5 -c | sed 's/.*= *//')
cat > "$1/config" <<EOF
[DEFAULT]
user=$OCICI_USER
fingerprint=$fingerprint
tenancy=$OCICI_TENANCY
region=$OCICI_REGION
key_file=$1/key.pem
EOF
