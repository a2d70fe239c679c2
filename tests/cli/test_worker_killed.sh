#!/usr/bin/env bash
# kill -9 of workers in the middle of a run on processes: every item is in the output exactly once,
# and the bytes are those of serial.
set -u
. "$(dirname "$0")/lib.sh"

seq 100000000000000000 100000000002000000 >"$tmp/numbers"
"$fanfold" factor --executor serial --input "$tmp/numbers" >"$tmp/serial" || fail "serial: exit code $?"

killed=0
for _ in {1..20}; do # the run may be over before this has looked
    "$fanfold" factor --executor processes -j 2 --input "$tmp/numbers" >"$tmp/out" 2>"$tmp/err" </dev/null &
    pid=$!
    for _ in 1 2 3; do
        sleep 0.2
        worker=$(children_of "$pid" | head -n 1)
        if [ -n "$worker" ] && kill -9 "$worker" 2>/dev/null; then
            killed=$((killed + 1))
        fi
    done
    code=0
    wait "$pid" || code=$?
    [ "$killed" -eq 0 ] && [ "$code" -eq 0 ] || break
done
what="$killed workers killed"
expect 0
[ "$killed" -ge 1 ] || fail 'no worker was there to be killed: the run was over too soon'
cmp -s "$tmp/serial" "$tmp/out" || fail "$what: not the bytes of serial: $(cmp "$tmp/serial" "$tmp/out" 2>&1)"

what='the command itself killed'
"$fanfold" integrate 'cos(x)' --over x=0:1 --points 1000000000000 --executor processes -j 2 \
    --output "$tmp/result" >/dev/null 2>&1 </dev/null &
pid=$!
for _ in {1..2400}; do
    sleep 0.05
    workers=$(children_of "$pid")
    [ "$(wc -w <<<"$workers")" -lt 2 ] || break
done
sleep 0.5
kill -9 "$pid" && { wait "$pid" 2>/dev/null || true; }
for _ in {1..1200}; do
    left=
    for worker in $workers; do
        grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$worker/status" && left=yes
    done
    [ -n "$left" ] || break
    sleep 0.1
done
checks=$((checks + 2))
[ -n "$workers" ] || fail "$what: there were no workers"
for worker in $workers; do
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$worker/status" 2>/dev/null)
    # A zombie has ended; whoever adopted it has not looked yet.
    case $state in
    '' | Z | X) ;;
    *) fail "$what: worker $worker lives on, in state $state" ;;
    esac
done
[ ! -e "$tmp/result" ] || fail "$what: it left a half output"
finish
