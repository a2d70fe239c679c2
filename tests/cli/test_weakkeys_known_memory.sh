#!/usr/bin/env bash
# weakkeys --known STATE --memory: the same bytes and no more memory than it may have, with many
# known keys and few new ones, and the other way round.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 2

long_keys 70000 >keys
lines=$(wc -l <keys)
# Of the three keys that share a factor the last two share with the first one.
{ head -n 400 keys && sed -n "$((lines - 2))p" keys; } >few
{ sed -n "401,$((lines - 3))p" keys && tail -n 2 keys; } >many
{ sed -n "401,1200p" keys && tail -n 2 keys; } >several
mkdir scratch
for set in few many; do
    what="a state of $set"
    run "$fanfold" weakkeys "$set" --known "old.$set" --checks none --executor threads -j 2
    expect 0
done

# scan OLD NEW ARGS: the peak memory in KiB is in $peak.
scan() {
    rm -f record
    cp "old.$1" state
    run "$fanfold" weakkeys "$2" --known state --format tsv --checks none --record record "${@:3}"
    peak=$(sed -n 's/.*"peak_kib": *\([0-9]*\).*/\1/p' record 2>/dev/null)
}

# limits OLD NEW TOO_LITTLE EXECUTOR...: the least that is allowed is what it says where there is too
# little. Without a limit the first executor takes clearly more memory.
limits() {
    local need executor first=
    what="$2 beside $1, without a limit"
    scan "$1" "$2" --executor $4
    expect 0
    mv out plain
    mv state plain-state
    unlimited=$peak
    checks=$((checks + 1))
    [ "$(grep -c shared plain)" -ge 2 ] || fail "$what: not the keys that share: $(cut -c1-60 plain)"
    for executor in "${@:4}"; do
        what="$2 beside $1, $executor, too little"
        scan "$1" "$2" --executor $executor --memory "$3"
        expect 2
        says "memory is $3"
        need=$(sed -n 's/.*keys need \([0-9]*\)M even with levels in files.*/\1/p' err)
        limit=$((need + 2))
        scan "$1" "$2" --executor $executor --memory "$((need - 3))M" --scratch scratch
        expect 2
        says 'M even with levels in files'
        checks=$((checks + 1))
        cmp -s state "old.$1" && [ ! -s out ] || fail "$what: something was done"

        what="$2 beside $1, $executor with ${limit}M"
        scan "$1" "$2" --executor $executor --memory "${limit}M" --scratch scratch
        expect 0
        echo "$what: $peak KiB, without a limit $unlimited"
        checks=$((checks + 1))
        cmp -s plain out || fail "$what: not the records without a limit"
        cmp -s plain-state state || fail "$what: not the state without a limit"
        [ -n "$peak" ] && [ "$peak" -le $((limit * 1024)) ] ||
            fail "$what: $peak KiB of memory, and $limit MiB were allowed"
        first=${first:-$peak}
    done
    checks=$((checks + 1))
    [ $((unlimited * 100)) -gt $((first * 120)) ] ||
        fail "$what: without a limit it takes little more than $first KiB: $unlimited"
}
limits many few 30M serial 'threads -j 1' 'threads -j 2'
checks=$((checks + 1))
[ "$unlimited" -gt $((limit * 1126)) ] || fail "$what: a limit that it can keep to: ${limit}M"
limits few several 60M 'threads -j 2' serial
what='afterwards'
checks=$((checks + 1))
[ -z "$(ls -A scratch)" ] || fail "$what: files are left over: $(ls -A scratch)"
finish
