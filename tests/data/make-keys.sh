#!/bin/sh
# Makes the key files that the tests read, with the openssl command alone, and the shipped pair in
# jobs/data. Run by hand, when they are to be made anew; the results are kept in the tree, and
# tests/data/keys/moduli.txt holds what openssl says their moduli are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
keys=$here/keys
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rsa() { openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$2" -out "$work/$1.key" 2>/dev/null ||
    openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$2" -out "$work/$1.key" 2>/dev/null; }
modulus() { openssl rsa -in "$work/$1.key" -noout -modulus | sed "s/^Modulus=/$2 /"; }

mkdir -p "$keys"
: > "$keys/moduli.txt"

rsa certificate 1024
openssl req -new -x509 -key "$work/certificate.key" -days 3650 -subj "/O=Fanfold/CN=Größe one" \
    -utf8 -out "$keys/certificate.pem"
openssl x509 -in "$keys/certificate.pem" -outform DER -out "$keys/certificate.der"
modulus certificate certificate.pem >> "$keys/moduli.txt"
modulus certificate certificate.der >> "$keys/moduli.txt"

rsa request 1024
openssl req -new -key "$work/request.key" -subj "/CN=request.example" -out "$keys/request.pem"
modulus request request.pem >> "$keys/moduli.txt"

rsa public 1024
openssl rsa -in "$work/public.key" -pubout -out "$keys/spki.pem" 2>/dev/null
openssl rsa -in "$work/public.key" -pubout -outform DER -out "$keys/spki.der" 2>/dev/null
openssl rsa -in "$work/public.key" -RSAPublicKey_out -out "$keys/pkcs1.pem" 2>/dev/null
openssl rsa -in "$work/public.key" -RSAPublicKey_out -outform DER -out "$keys/pkcs1.der" 2>/dev/null
for name in spki.pem spki.der pkcs1.pem pkcs1.der; do
    modulus public "$name" >> "$keys/moduli.txt"
done

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ec.key" 2>/dev/null
openssl pkey -in "$work/ec.key" -pubout -out "$keys/ec.pem"
openssl genpkey -algorithm ED25519 -out "$work/ed25519.key"
openssl req -new -x509 -key "$work/ed25519.key" -days 3650 -subj "/CN=ed25519.example" \
    -outform DER -out "$keys/ed25519.der"

cc "$here/make_weak_pair.c" -lcrypto -o "$work/make_weak_pair"
"$work/make_weak_pair" "$here/../../jobs/data"
