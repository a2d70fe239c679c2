#!/usr/bin/env bash
# weakkeys: a folder with keys of every form, the same bytes on each executor and in each format; what
# a failed run leaves; bad input.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
# shellcheck disable=SC2034 # lib.sh prints it
what=''

mkdir -p found/below
cp "$source_dir"/tests/data/keys/*.pem "$source_dir"/tests/data/keys/*.der found
cp "$source_dir"/jobs/data/weak-a.pem found/below
gzip -c "$source_dir/jobs/data/weak-b.pem" >found/below/weak-b.pem.gz
ln -s .. found/below/loop
# Odd numbers share their small factors with many others; some are prime, squares or close.
{
    echo 'id,modulus'
    seq 3 2 2401 | awk '{ printf "n%d,%x\n", $1, $1 }'
    printf 'zero,0\none,1\nnegative,-5\nnone,xyz\n'
} >found/table.csv

for format in text tsv ndjson; do
    what="serial, $format"
    run "$fanfold" weakkeys found --executor serial --format "$format"
    expect 0
    says 'table.csv:1205:'
    cp out expected-"$format"
    [ "$(wc -l <out)" -gt 1000 ] || fail "$what: few keys are listed: $(wc -l <out)"
    for executor in 'threads -j 2' 'processes -j 3'; do
        what="$executor, $format"
        # shellcheck disable=SC2086 # two words
        run "$fanfold" weakkeys found --executor $executor --format "$format"
        expect 0
        cmp -s out expected-"$format" || fail "$what: prints something else than serial"
    done
done

what='its TSV is read again'
run "$fanfold" weakkeys expected-tsv --format ndjson
expect 0
[ "$(grep -c '"line":3,"id":' out)" -eq 1 ] || fail "$what: no row has line 3"

if "$fanfold" --version | grep -q 'MPI' && command -v mpirun >/dev/null; then
    what='three ranks'
    run mpirun --oversubscribe -n 3 "$fanfold" weakkeys found --format tsv
    expect 0
    cmp -s out expected-tsv || fail "$what: print something else than serial"
fi

what='the pair in certificates'
grep -q 'weak-b.pem.gz	4	weak-b.example	2048	shared' expected-tsv || fail "$what: is not found"

what='a strict run that fails leaves no output'
run "$fanfold" weakkeys found --strict --output weak.tsv
expect 2 ''
[ ! -e weak.tsv ] || fail "$what: there is one"

what='weak keys are a failure where that is wanted'
run "$fanfold" weakkeys found/below --fail-on-weak --output weak.tsv
expect 1
[ "$(stat -c %a weak.tsv)" = 600 ] || fail "$what: others may read the output"
run "$fanfold" weakkeys found/below --checks none
expect 0
run "$fanfold" weakkeys --checks some found
expect 2 ''

what='keys on standard input, compressed'
code=0
gzip -c "$source_dir/jobs/data/weak-a.pem" | "$fanfold" weakkeys - found/below/weak-b.pem.gz >out 2>err || code=$?
expect 0
grep -q '^(standard input):4: shared' out || fail "$what: $(cat out err)"

# no CONTENT TEXT: of such a file nothing is listed, and this is said.
no() {
    printf '%b' "$1" >keys
    run "$fanfold" weakkeys keys
    expect 0 ''
    [ -z "$2" ] || says "$2"
}
what='an empty file' && no '' '0 keys read, 0 RSA, 0 weak'
what='one sound key' && no "$(sed -n 's/^spki.pem /0x/p' "$source_dir/tests/data/keys/moduli.txt")\n" '1 key read, 1 RSA, 0 weak'
what='garbage' && no 'what is this\n' "keys:1:1: 'w' where a hexadecimal digit was expected"
what='a negative number' && no '-23\n' "keys:1:1: a negative number can't be a modulus"
what='more bits than are read' && no "1$(printf '%016384d' 0)\n" 'a modulus of more than 65536 bits'
what='binary data' && no "$(printf '\\001\\002%.0s' {1..100})" 'binary data that holds no keys'

what='zero and one' && printf '0\n0x1\n' >keys
run "$fanfold" weakkeys keys
expect 0 'keys:1: invalid 0 bits, the number 0\nkeys:2: invalid 1 bits, the number 1\n'
says 'keys:1: invalid: a modulus of 0'

finish
