#!/usr/bin/env bash
# factor prints what coreutils factor prints, on edges and on numbers of all sizes.
set -u
. "$(dirname "$0")/lib.sh"

if ! command -v factor >/dev/null; then
    echo 'skipped: coreutils factor is not here'
    exit 77
fi
{
    printf '%s\n' 0 1 2 3 4 12 007 +5 65535 65536 4294967291 4294967295 4294967296 4294967297 \
        18446744073709551557 18446744073709551615 18446744073709551616 18446744073709551629 \
        3825123056546413051 340282366920938463463374607431768211456 \
        170141183460469231731687303715884105727 1000000016000000063 1000000000000000003
    seq 100 140
    for bits in 8 16 24 32 40 48 56 63; do
        for i in 1 2 3 4 5 6 7 8; do
            echo $((((RANDOM << 48) ^ (RANDOM << 33) ^ (RANDOM << 18) ^ (RANDOM << 9) ^ RANDOM) & ((1 << bits) - 1)))
        done
    done
} >"$tmp/numbers"
# coreutils prints numbers of other sizes through other buffers, so its own order is not the input's.
factor <"$tmp/numbers" >"$tmp/theirs" || fail "coreutils factor ended with $?"
sort "$tmp/theirs" >"$tmp/theirs.sorted"
sed 's/^+//; s/^0*\([0-9]\)/\1/' "$tmp/numbers" >"$tmp/order"
compare_with_theirs() {
    checks=$((checks + 2))
    sort "$tmp/out" | cmp -s "$tmp/theirs.sorted" - ||
        fail "$what: these lines differ: $(sort "$tmp/out" | diff "$tmp/theirs.sorted" - | head -n 6)"
    cut -d: -f1 "$tmp/out" | cmp -s "$tmp/order" - || fail "$what: not in the order of the input"
}
what='--input' && run "$fanfold" factor --input "$tmp/numbers" && expect 0 && compare_with_theirs
# shellcheck disable=SC2046
what='arguments' && run "$fanfold" factor $(cat "$tmp/numbers") && expect 0 && compare_with_theirs
finish
