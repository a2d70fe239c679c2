#!/usr/bin/env bash
# weakkeys on what is no good: each kind of bad input alone has a clear message and costs nothing else;
# outputs that can't be written; readers that leave; pipes.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

# 15 = 3 * 5 and 21 = 3 * 7, in hexadecimal.
printf 'f\n15\n' >pair
pair='pair:1: shared 4 bits, gcd 0x3, factors 0x3 * 0x5, shares with 1 key: pair:2\npair:2: shared 5 bits, gcd 0x3, factors 0x3 * 0x7, shares with 1 key: pair:1\n'

# bad FILE TEXT: beside FILE the pair is found as if it were alone, and the text is said.
bad() {
    what="$1 beside keys"
    run "$fanfold" weakkeys "$1" pair --checks none
    expect 0 "$pair"
    says "$2"
    what="$1, strict"
    run "$fanfold" weakkeys "$1" pair --strict --output none
    expect 2 ''
    checks=$((checks + 1))
    [ ! -e none ] || fail "$what: leaves an output"
}
head -c 5000 /dev/urandom | tr '\0-\377' '\1-\10\1-\10' >noise
bad noise 'noise:1: binary data that holds no keys'
seq 100 | tr -d '\n' >one # a number that is cut off is none
gzip -c one | head -c 60 >cut.gz && bad cut.gz "cut.gz: can't be unpacked: its compressed data ends too early"
if command -v zstd >/dev/null; then
    zstd -qc one | head -c 60 >cut.zst && bad cut.zst "cut.zst: can't be unpacked: its compressed data ends too early"
fi
printf -- '-23\n' >negative && bad negative "negative:1:1: a negative number can't be a modulus"
printf 'what\n' >garbage && bad garbage "garbage:1:1: 'w' where a hexadecimal digit was expected"
printf '\377\376f\0\n\0' >utf16 && bad utf16 'utf16:1: text in UTF-16'
head -c 30000000 /dev/zero | tr '\0' a >long && bad long 'long:1: a line of more than 1048576 bytes'
printf -- '-----BEGIN CERTIFICATE-----\nAAAA\n' >unended && bad unended 'unended:1: a PEM block without its END line'

what='no file at all' && run "$fanfold" weakkeys pair nothing --checks none
expect 2 "$pair"
says "nothing can't be opened: No such file"
mkdir empty
what='an empty folder' && run "$fanfold" weakkeys empty
expect 0 ''
says '0 keys read'
what='an empty file as TSV has its header' && run "$fanfold" weakkeys /dev/null --format tsv
expect 0 'source\tline\tid\tbits\tweakness\tgcd\tfactors\tfound_factors\tshares_with\tmodulus\n'
if [ "$(id -u)" -ne 0 ]; then
    mkdir closed && chmod 0 closed
    what='a folder without rights' && run "$fanfold" weakkeys closed pair --checks none
    expect 2 "$pair"
    says "closed can't be opened: Permission denied"
    mkdir locked && chmod 500 locked
    what='an output in a folder without rights' && run "$fanfold" weakkeys pair --output locked/out
    expect 3 ''
    chmod 700 closed locked
fi

what='sizes from 1 to 65536 bits, each with a factor of the next' && awk 'BEGIN {
    zeros = "0"
    while (length(zeros) < 20000)
        zeros = zeros zeros
    for (bits = 1; bits <= 65536; bits = 2 * bits + (bits % 3 == 0))
        print (bits % 4 == 1 ? 1 : bits % 4 == 2 ? 2 : bits % 4 == 3 ? 4 : 8) \
              substr(zeros, 1, int((bits + 3) / 4) - 1)
}' >sizes
run "$fanfold" weakkeys sizes --checks none --format tsv
expect 0
says 'sizes:1: invalid: a modulus of 1'
checks=$((checks + 1))
[ "$(grep -c 'shared' out)" -eq "$(($(wc -l <sizes) - 1))" ] || fail "$what: $(cut -f2-5 out)"

# Many weak keys: enough for an output of more than a pipe holds.
awk 'BEGIN { for (i = 3; i < 12000; i += 2) printf "%x00000001\n", i }' >many
what='a reader that leaves'
{ "$fanfold" weakkeys many 2>err; echo $? >code; } | head -n 1 >out
code=$(cat code)
expect 3
checks=$((checks + 1))
{ [ ! -s err ] && [ "$(wc -l <out)" -eq 1 ]; } || fail "$what: says $(cat err)"
if [ -e /dev/full ]; then
    what='a full disk'
    "$fanfold" weakkeys many >/dev/full 2>err
    code=$?
    expect 3
    says 'No space left on device'
fi

what='an older output stays when a run fails'
echo older >kept
run "$fanfold" weakkeys pair garbage --strict --output kept
expect 2 ''
checks=$((checks + 1))
[ "$(cat kept)" = older ] || fail "$what: it is $(head -c 200 kept)"
what='and is replaced when one does not' && run "$fanfold" weakkeys pair --output kept --checks none
expect 0 ''
checks=$((checks + 1))
[ "$(cat kept)" = "$(printf %b "$pair")" ] || fail "$what: it is $(head -c 200 kept)"

what='a named pipe' && mkfifo pipe
cat pair >pipe &
run "$fanfold" weakkeys pipe --checks none
expect 0 "${pair//pair:/pipe:}"
what='a stop while nobody writes to one'
"$fanfold" weakkeys pipe >out 2>err &
pid=$!
catches "$pid" TERM
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
expect 75 ''
says 'stopped by signal 15'

what='control characters in the name of a file'
name=$(printf 'a\n\033b')
cp garbage "$name"
run "$fanfold" weakkeys "$name"
expect 0 ''
says "fanfold: a??b:1:1: 'w' where"
finish
