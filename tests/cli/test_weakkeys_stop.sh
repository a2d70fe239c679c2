#!/usr/bin/env bash
# weakkeys stopped while it splits what it has found: it ends soon, and leaves a state as it was.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 2
set -m # background jobs get the signals that a terminal would send

# 2^n - 1 for all n: nearly all share factors, in many ways. To split them takes many times as long
# as to find that they do.
awk 'BEGIN {
    ffs = "f"
    while (length(ffs) < 1200)
        ffs = ffs ffs
    for (n = 1000; n < 4200; n++)
        print substr("137", n % 4, n % 4 > 0) substr(ffs, 1, (n - n % 4) / 4)
}' >keys
head -n 100 keys >known
tail -n +101 keys >new

# The hundredths of a second that a process has computed; none: it has ended.
computed() {
    local stat
    { read -ra stat <"/proc/$1/stat"; } 2>/dev/null && [ "${stat[2]}" != Z ] &&
        echo "$((stat[13] + stat[14]))"
}

# stopped ARGS: a scan that got a SIGINT when it had computed for a second. What it computes on tells
# how soon it ends, on a busy machine too.
stopped() {
    "$fanfold" weakkeys --executor serial --checks none --format tsv --output found "$@" \
        >out 2>err </dev/null &
    local pid=$! from now
    catches "$pid" INT
    computes "$pid" 100
    from=$(computed "$pid")
    checks=$((checks + 2))
    [ -n "$from" ] || fail "$what: it had ended before it was stopped"
    kill -INT "$pid"
    while now=$(computed "$pid"); do
        if [ "$((now - from))" -gt 150 ]; then
            fail "$what: it goes on although it is stopped"
            break
        fi
        sleep 0.05
    done
    code=0
    wait "$pid" || code=$?
    expect 75
    [ ! -e found ] || fail "$what: there is an output"
}

what='a scan'
stopped keys

what='new keys beside known ones'
run "$fanfold" weakkeys known --known state --executor serial --checks none
expect 0
cp state before
rm -rf found.*
stopped new --known state
checks=$((checks + 1))
cmp -s state before || fail "$what: the state is another"
[ -z "$(compgen -G 'state.*')" ] || fail "$what: left over: $(ls)"
finish
