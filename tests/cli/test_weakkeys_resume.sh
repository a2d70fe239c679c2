#!/usr/bin/env bash
# A scan that is killed goes on from the last level of its trees that it has kept, and one that is
# stopped says so: the same bytes as in one go, and nothing left over.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 2

long_keys 50000 >keys

what='in one go'
"$fanfold" weakkeys keys --executor serial --output plain --no-journal --format tsv 2>err
code=$?
expect 0
checks=$((checks + 1))
[ "$(grep -c shared plain)" -eq 3 ] || fail "$what: not the three keys that share: $(cut -c1-80 plain)"

# killed_scan SIGNAL [OPTION...]: a scan that got the signal once it had kept a level. False: it was
# faster.
killed_scan() {
    local signal=$1
    shift
    "$fanfold" weakkeys "${scanned[@]}" --executor threads -j 2 --output scanned --format tsv "$@" \
        2>killed_err &
    pid=$!
    kept=
    while kill -0 "$pid" 2>/dev/null; do
        compgen -G 'scanned.scan-[sf][0-9]' >/dev/null && kept=yes && break
        sleep 0.01
    done
    kill -"$signal" "$pid" 2>/dev/null
    { wait "$pid"; } 2>/dev/null
    code=$?
    [ -n "$kept" ] && [ ! -e scanned ]
}

scanned=(keys) expected=plain

resumes() {
    run "$fanfold" weakkeys "${scanned[@]}" --executor processes -j 2 --output scanned --resume \
        --format tsv "$@"
    expect 0
    checks=$((checks + 1))
    cmp -s "$expected" scanned || fail "$what: not the bytes of one go"
    [ -z "$(compgen -G 'scanned.scan-*')" ] || fail "$what: levels are left over: $(ls)"
}

goes_on() {
    resumes "$@"
    says 'weakkeys goes on'
}

what='killed'
if killed_scan KILL; then
    goes_on
else
    echo "$what: skipped: the scan had ended"
fi
rm -f scanned*

# A level that can't be used is as if it were not there: the scan goes on from an earlier place, or
# begins anew. Others are not taken for it either.
what='damaged'
if killed_scan KILL; then
    mkdir saved
    cp scanned.* saved/
    levels=(scanned.scan-*)
    for damage in flipped cut empty foreign all; do
        what="$damage level"
        rm -f scanned*
        cp saved/* .
        last=$(ls -t scanned.scan-[sf]* | head -n 1)
        case $damage in
        flipped) printf '\x5a\xa5' | dd of="$last" bs=1 seek=3000 conv=notrunc status=none ;;
        cut) truncate -s -8 "$last" ;;
        empty) : >"$last" ;;
        foreign) cp scanned.scan-p0 "$last" ;;
        all) for level in "${levels[@]}"; do head -c 5000 /dev/urandom >"$level"; done ;;
        esac
        resumes
        checks=$((checks + 1))
        if [ "$damage" = all ]; then
            grep -q 'begins anew' "$tmp/err" || fail "$what: it does not begin anew: $(cat "$tmp/err")"
        else
            grep -qE 'goes on|begins anew' "$tmp/err" ||
                fail "$what: it does not say where it begins: $(cat "$tmp/err")"
        fi
    done
    what='a level damaged in a product'
    rm -f scanned*
    cp saved/* .
    printf '\x5a\xa5' | dd of=scanned.scan-p0 bs=1 seek=3000 conv=notrunc status=none
    resumes
    says 'begins anew'
    rm -r saved
else
    echo "$what: skipped: the scan had ended"
fi
rm -f scanned*

# New keys beside known ones: the state is as it was until the output is in its place.
what='killed with a state'
head -n 100 keys >known_keys
tail -n +101 keys >new_keys
"$fanfold" weakkeys known_keys --known state --executor serial >/dev/null 2>err
code=$?
expect 0
cp state state_before
cp state state_plain
"$fanfold" weakkeys new_keys --known state_plain --executor serial --format tsv >plain_known 2>err
code=$?
expect 0
scanned=(new_keys) expected=plain_known
if killed_scan KILL --known state; then
    checks=$((checks + 1))
    cmp -s state state_before || fail "$what: the state is another one"
    goes_on --known state
    checks=$((checks + 1))
    [ "$(stat -c %s state)" = "$(stat -c %s state_plain)" ] || fail "$what: not the state of one go"
    [ -z "$(compgen -G 'state.*')" ] || fail "$what: left over: $(ls)"
    run "$fanfold" weakkeys new_keys --known state
    expect 0 ''
else
    echo "$what: skipped: the scan had ended"
fi
# Levels of a scan beside another state do not count.
what='another state'
rm -f scanned*
cp state_before state
if killed_scan KILL --known state; then
    rm state
    "$fanfold" weakkeys <(head -n 50 keys) --known state --executor serial >/dev/null 2>err
    cp state state_plain
    "$fanfold" weakkeys new_keys --known state_plain --executor serial --format tsv >plain_known 2>err
    run "$fanfold" weakkeys new_keys --known state --output scanned --resume --format tsv
    expect 0
    grep -q 'goes on' "$tmp/err" && fail "$what: it goes on: $(cat "$tmp/err")"
    checks=$((checks + 1))
    cmp -s plain_known scanned || fail "$what: not the bytes of one go"
else
    echo "$what: skipped: the scan had ended"
fi
scanned=(keys) expected=plain
rm -f scanned*

what='stopped'
if killed_scan TERM; then
    expect 75
    checks=$((checks + 1))
    grep -q -- '--resume' killed_err || fail "$what: it does not say how it goes on: $(cat killed_err)"
    goes_on
else
    echo "$what: skipped: the scan had ended"
fi
rm -f scanned*

# What a scan has kept is needed until its output is in its place.
what='output in the way'
"$fanfold" weakkeys keys --executor threads -j 2 --output scanned --format tsv 2>killed_err &
pid=$!
kept=
while kill -0 "$pid" 2>/dev/null; do
    compgen -G 'scanned.scan-[sf][0-9]' >/dev/null && mkdir -p scanned/way && kept=yes && break
    sleep 0.01
done
code=0
wait "$pid" || code=$?
if [ -n "$kept" ]; then
    expect 3
    checks=$((checks + 1))
    [ -n "$(compgen -G 'scanned.scan-*')" ] || fail "$what: the scan is lost: $(ls)"
    rm -r scanned
    resumes
else
    echo "$what: skipped: the scan had ended"
fi
rm -rf scanned*

what='begun again'
if killed_scan KILL; then
    run "$fanfold" weakkeys keys --executor threads -j 2 --output scanned --restart --format tsv
    expect 0
    grep -q 'goes on' "$tmp/err" && fail "$what: it goes on: $(cat "$tmp/err")"
    checks=$((checks + 1))
    cmp -s plain scanned || fail "$what: not the bytes of one go"
    [ -z "$(compgen -G 'scanned.scan-*')" ] || fail "$what: levels are left over: $(ls)"
else
    echo "$what: skipped: the scan had ended"
fi
finish
