#!/usr/bin/env bash
# A million random numbers of all lengths up to 64 bits as coreutils factor has them, by each
# instruction set and from several workers.
set -u
. "$(dirname "$0")/lib.sh"

if ! command -v factor >/dev/null; then
    echo 'skipped: coreutils factor is not here'
    exit 77
fi
count=${FANFOLD_TEST_NUMBERS:-1000000}
# Half are uniform; of the others digits are taken away, so that there are all lengths.
od -An -v -w8 -t u8 /dev/urandom | head -n "$count" |
    awk '{ n = $1; if (NR % 2) n = substr(n, 1 + NR / 2 % length(n)); sub(/^0+/, "", n); print n == "" ? 0 : n }' \
        >"$tmp/numbers"
checks=$((checks + 1))
[ "$(wc -l <"$tmp/numbers")" -eq "$count" ] || fail "$(wc -l <"$tmp/numbers") numbers, not $count"
factor <"$tmp/numbers" >"$tmp/theirs" || fail "coreutils factor ended with $?"
compare() {
    checks=$((checks + 1))
    cmp -s "$tmp/theirs" "$tmp/out" ||
        fail "$what: these differ: $(diff "$tmp/theirs" "$tmp/out" | head -n 6)"
}
for isa in scalar avx2 avx512; do
    export FANFOLD_ISA=$isa
    what="FANFOLD_ISA=$isa" && run "$fanfold" factor -j 2 --input "$tmp/numbers" && expect 0 && compare
done
unset FANFOLD_ISA
what='processes' && run "$fanfold" factor --executor processes -j 2 --input "$tmp/numbers" && expect 0 && compare
finish
