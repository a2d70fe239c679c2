#!/usr/bin/env bash
# The keys of Debian's developers and maintainers: those that gpg finds, and none of them shares
# anything. Skipped without gpg or the package debian-keyring (make install-keys).
set -u
. "$(dirname "$0")/lib.sh"

folder=/usr/share/keyrings
rings=("$folder"/debian-{keyring,maintainers,nonupload,role-keys}.gpg)
if ! command -v gpg >/dev/null || ! [ -r "${rings[0]}" ]; then
    echo 'skipped: no gpg or no debian-keyring here'
    exit 77
fi
cd "$tmp" || exit 2

what='what gpg finds'
mkdir -m 700 home
gpg --homedir home --no-default-keyring --no-auto-check-trustdb "${rings[@]/#/--keyring=}" \
    --with-key-data --with-colons --list-keys 2>err |
    awk -F: '$1 == "pub" || $1 == "sub" { rsa = $4 >= 1 && $4 <= 3 }
             $1 == "pkd" && $2 == 0 && rsa { print $4 }' | sort -u >moduli
count=$(wc -l <moduli)
checks=$((checks + 1))
[ "$count" -gt 1000 ] || fail "$what: $count moduli: $(cat err)"

what='in the keyrings alone'
run "$fanfold" weakkeys --checks none --format tsv "${rings[@]}"
expect 0
says " read, $count RSA, 0 weak"
checks=$((checks + 1))
[ "$(wc -l <out)" -eq 1 ] || fail "$what: $(head -c 400 out)"

what='and beside what gpg finds: each is there twice'
run "$fanfold" weakkeys --checks none --format tsv "${rings[@]}" moduli
expect 0
checks=$((checks + 1))
[ "$(grep -c '	duplicate	' out)" -eq $((2 * count)) ] || fail "$what: $(cut -c1-80 err)"
cut -f10 out | sed 1d | sort | uniq -c | awk '$1 != 2' | grep -q . && fail "$what: another number of times"
finish
