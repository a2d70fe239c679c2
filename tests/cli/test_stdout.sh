#!/usr/bin/env bash
# Standard output that is closed, full or gone is an error that reaches the exit code: 3.
set -u
. "$(dirname "$0")/lib.sh"

codes() {
    local what=$1 expected=$2 got=$3
    checks=$((checks + 1))
    [ "$got" -eq "$expected" ] || fail "$what: exit code $got, not $expected"
}

for args in --help --version 'help gcd' 'gcd 4 6' 'factor 12' 'divisors 12' \
    'integrate x --over x=0:1' 'gcd --dry-run 4 6' 'factor --format ndjson 12'; do
    if [ -e /dev/full ]; then
        # shellcheck disable=SC2086
        "$fanfold" $args >/dev/full 2>"$tmp/err"
        codes "fanfold $args >/dev/full" 3 $?
        what="fanfold $args >/dev/full" && says 'standard output'
    fi
    # shellcheck disable=SC2086
    "$fanfold" $args >&- 2>"$tmp/err"
    codes "fanfold $args >&-" 3 $?
done

"$fanfold" gcd 4 6 --output "$tmp/file" >&- 2>"$tmp/err"
codes 'closed, but nothing to print' 0 $?
[ "$(cat "$tmp/file")" = 2 ] || fail "--output with standard output closed: $(cat "$tmp/file")"

# Much output into a reader that leaves: no endless loop, no signal, no message, code 3.
seq 1000000 1200000 >"$tmp/many"
{ timeout 240 "$fanfold" factor --input "$tmp/many" 2>"$tmp/err"; echo $? >"$tmp/code"; } | head -n 1 >"$tmp/out"
codes 'factor | head -n 1' 3 "$(cat "$tmp/code")"
[ "$(cat "$tmp/out")" = '1000000: 2 2 2 2 2 2 5 5 5 5 5 5' ] || fail "| head -n 1: $(cat "$tmp/out")"
[ ! -s "$tmp/err" ] || fail "| head -n 1: says $(cat "$tmp/err")"

"$fanfold" factor 12 --output /nowhere/at/all 2>"$tmp/err"
codes 'an output that can not be made' 3 $?
what='--output into no folder' && says '/nowhere/at/all'

# Standard input closed or a folder: an input error, nothing printed.
"$fanfold" factor <&- >"$tmp/out" 2>"$tmp/err"
code=$?
checks=$((checks + 1))
[ "$code" -eq 3 ] || [ "$code" -eq 2 ] || fail "factor <&-: exit code $code"
[ ! -s "$tmp/out" ] || fail "factor <&-: printed $(cat "$tmp/out")"
finish
