#!/usr/bin/env bash
# Ctrl-C: the first signal ends the run in order within its grace time, with 75, the second at once,
# with 128 + its number; no half output and no process is left. (test_stop.sh has what a stopped run
# still writes.)
set -u
. "$(dirname "$0")/lib.sh"
set -m # background jobs get the signals that a terminal would send

# interrupt SIGNAL CODE COMMAND...: to the whole process group, as a terminal does, where $group is
# not empty, else to the command alone.
group=
# What ends ends long before, but on a machine that is busy with other things.
patience=120000
# Before the signal it is at work: it has used time, which does not tell where its runs are apart.
at_work() {
    catches "$1" "$2"
    if [ "${apart:-}" ]; then sleep 3; else computes "$1" 40; fi
}
interrupt() {
    local signal=$1 expected=$2
    shift 2
    what="$* with SIG$signal${group:+ to its group}"
    "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
    local pid=$! from got=0
    at_work "$pid" "$signal"
    checks=$((checks + 1))
    kill -0 "$pid" 2>/dev/null || fail "$what: ended by itself before the signal: $(cat "$tmp/err")"
    from=$(uptime_ms)
    kill "-$signal" -- "${group:+-}$pid"
    wait "$pid" || got=$?
    ms=$(($(uptime_ms) - from))
    [ "$got" -eq "$expected" ] || fail "$what: exit code $got, not $expected: $(cat "$tmp/err")"
    [ "$ms" -lt "$patience" ] || fail "$what: took $ms ms to end"
    local left
    for _ in {1..1200}; do # a moment to go, on a busy machine
        left=$(members_of "$pid")
        [ -n "$left" ] || break
        sleep 0.1
    done
    [ -z "$left" ] || fail "$what: left processes: $left"
}

long=(integrate 'cos(x)*exp(-x)' --over x=0:1 --points 2000000000000 --output "$tmp/result")
for executor in serial threads processes; do
    group='' interrupt INT 75 "$fanfold" "${long[@]}" --executor "$executor"
    group=yes interrupt INT 75 "$fanfold" "${long[@]}" --executor "$executor"
done
interrupt TERM 75 "$fanfold" "${long[@]}"
[ ! -e "$tmp/result" ] || fail "an interrupted run left an output"
leftover=$(find "$tmp" -name '*result*' | head -n 3)
[ -z "$leftover" ] || fail "an interrupted run left $leftover"

# Keys that never come, in a file without end.
mkfifo "$tmp/endless"
yes '#' >"$tmp/endless" 2>/dev/null &
interrupt INT 75 "$fanfold" weakkeys "$tmp/endless"
rm "$tmp/endless"

# One number on which the work looks up from time to time, and which no patience here would finish.
hard='10^2000+31'
interrupt INT 75 "$fanfold" factor --grace 1 --effort 14 "$hard"
[ "$ms" -ge 900 ] || fail "$what: did not wait for its item: ended after $ms ms"

# Where nobody names a grace time and nothing is kept, Ctrl-C means now: the usual 10 s don't pass,
# unless the machine itself pauses for as long, which it does not each time.
for executor in serial threads processes; do
    for _ in 1 2 3 4 5; do
        interrupt INT 75 "$fanfold" factor --executor "$executor" --effort 14 "$hard"
        says 'there is nothing to resume from'
        [ "$ms" -ge 9000 ] || break
    done
    [ "$ms" -lt 9000 ] || fail "$what: took $ms ms to end"
done
# They do where running items' answers are kept, after other signals, and for commands: all at a time.
waiting=() signals=()
# begin SIGNAL WORKS COMMAND...: where WORKS has something, its item runs.
begin() {
    local signal=$1 works=$2
    shift 2
    "$@" >"$tmp/out$signal" 2>"$tmp/err" </dev/null &
    waiting+=("$!") signals+=("$signal")
    for _ in {1..2400}; do
        [ ! -s "$works" ] || return
        sleep 0.05
    done
    fail "$*: did not begin: $(cat "$tmp/err")"
}
begin INT "$tmp/kept.part" "$fanfold" factor --effort 14 --executor processes -j 2 --batch 1 6 "$hard" \
    --output "$tmp/kept"
begin TERM "$tmp/outTERM" "$fanfold" factor --effort 14 --executor processes -j 2 --batch 1 6 "$hard"
# shellcheck disable=SC2016
begin INT "$tmp/works" "$fanfold" map -- sh -c 'echo >"$0"; sleep 1000' "$tmp/works" ::: 1
from=$(uptime_ms)
for i in "${!waiting[@]}"; do
    kill "-${signals[i]}" "${waiting[i]}"
done
sleep 1.5
for i in "${!waiting[@]}"; do
    what="run $i with SIG${signals[i]}" got=0
    checks=$((checks + 1))
    kill -HUP "${waiting[i]}" 2>/dev/null
    wait "${waiting[i]}" 2>"$tmp/shell" || got=$?
    ms=$(($(uptime_ms) - from))
    [ "$got" -eq 129 ] || { [ "$got" -eq 75 ] && [ "$ms" -ge 10000 ]; } || # this test was late itself
        fail "$what: did not wait for its item: exit code $got after SIGHUP, $ms ms"
done

# Serial work on one number ends by itself never: by the grace time, or by the second signal.
# stubborn GRACE FIRST TEXT [SECONDS SECOND]: leaves the exit code in $got and the time from the first
# signal in $ms.
stubborn() {
    local grace=$1 first=$2 pause=${4:-} second=${5:-} pid from
    what="serial, --grace $grace, SIG$first${second:+, SIG$second after $pause s}"
    "$fanfold" factor --executor serial --effort 14 --grace "$grace" "$hard" \
        --output "$tmp/result" >"$tmp/out" 2>"$tmp/err" </dev/null &
    pid=$! got=0
    { sleep 240 && kill -KILL "$pid"; } 2>/dev/null & # no failure leaves it running
    local watch=$!
    at_work "$pid" "$first"
    from=$(uptime_ms)
    kill "-$first" "$pid"
    checks=$((checks + 1))
    if [ -n "$second" ]; then
        sleep "$pause"
        kill "-$second" "$pid" 2>/dev/null || fail "$what: had ended before the second signal"
    fi
    wait "$pid" 2>"$tmp/shell" || got=$?
    kill -- "-$watch" && wait "$watch" 2>"$tmp/shell"
    ms=$(($(uptime_ms) - from))
    says "$3"
    [ ! -e "$tmp/result" ] || fail "$what: left an output"
}
stubborn 1 INT 'stopped by a signal, with work that did not end in time'
[ "$got" -eq 75 ] && [ "$ms" -ge 900 ] && [ "$ms" -lt "$patience" ] || fail "$what: code $got after $ms ms"
stubborn 300 INT 'ended by signal 02, at once' 0.5 INT
[ "$got" -eq 130 ] && [ "$ms" -ge 490 ] && [ "$ms" -lt "$patience" ] || fail "$what: code $got after $ms ms"
stubborn 300 USR1 'ended by signal 15, at once' 0.1 TERM # another one, however soon
[ "$got" -eq 143 ] && [ "$ms" -lt "$patience" ] || fail "$what: code $got after $ms ms"
stubborn 0 HUP 'stopped by a signal'
[ "$got" -eq 75 ] && [ "$ms" -lt "$patience" ] || fail "$what: code $got after $ms ms"
# The same on workers: none of them outlives the command.
for executor in threads processes; do
    interrupt INT 75 "$fanfold" factor --executor "$executor" --grace 1 --effort 14 \
        "$hard" "$hard"
done
# On a terminal the progress line is gone before the last words are said.
if command -v script >/dev/null; then
    what='an interrupt on a terminal'
    cat >"$tmp/session" <<END
"$fanfold" integrate "cos(x)" --over x=0:1 --points 2000000000000 --output "$tmp/result" &
for ((i = 0; i < 1200; i++)); do
    grep -q 'integrate: [0-9]' "$tmp/typescript" && break
    sleep 0.1
done
kill -INT \$!
wait \$!
END
    TERM=xterm script -qefc "bash -m $tmp/session" "$tmp/typescript" >/dev/null 2>&1 </dev/null
    checks=$((checks + 2))
    grep -q 'integrate: [0-9]' "$tmp/typescript" || fail "$what: no progress in $(cat -v "$tmp/typescript")"
    tr '\r' '\n' <"$tmp/typescript" | grep -q "^$(printf '\033')\[Kfanfold: stopped by signal 2" ||
        fail "$what: the line was not cleared: $(cat -v "$tmp/typescript")"
    checks=$((checks + 1))
    ! grep -q 'stopping:' "$tmp/typescript" || fail "$what: there is nothing to wait for"

    # Where items may still end, that and for how long is said at once.
    what='an interrupt on a terminal that waits'
    cat >"$tmp/session" <<END
"$fanfold" factor --effort 14 --grace 70 --output "$tmp/result" $hard &
for ((i = 0; i < 300; i++)); do
    grep -q 'factor: [0-9]' "$tmp/typescript" && break
    sleep 0.1
done
kill -INT \$!
for ((i = 0; i < 300; i++)); do
    grep -q 'stopping: ' "$tmp/typescript" && break
    sleep 0.1
done
kill -TERM \$!
wait \$!
END
    TERM=xterm script -qefc "bash -m $tmp/session" "$tmp/typescript" >/dev/null 2>&1 </dev/null
    checks=$((checks + 2))
    grep -q 'fanfold: stopping: what runs has 70.0 s to end; another Ctrl-C ends it at once' \
        "$tmp/typescript" || fail "$what: says $(cat -v "$tmp/typescript")"
    grep -q 'ended by signal 15, at once' "$tmp/typescript" ||
        fail "$what: ends with $(cat -v "$tmp/typescript")"
    [ "$(grep -c 'stopping: ' "$tmp/typescript")" -eq 1 ] || fail "$what: is said twice"
fi
mkdir "$tmp/folder"
printf '[job]\ntask = integrate\nexpression = cos(x)\nover = x=0:1\npoints = 1000000000000\n' >"$tmp/long.job"
export TMPDIR=$tmp/folder
apart=yes interrupt INT 75 "$fanfold" compare "$tmp/long.job" --executors serial,threads,processes
[ -z "$(ls -A "$tmp/folder")" ] || fail "compare left $(ls "$tmp/folder")"
if find_mpirun; then
    apart=yes interrupt INT 75 "$fanfold" compare "$tmp/long.job" --executors mpi --workers 2
    echo "$tmp/long.job" >"$tmp/pattern"
    left=$(grep -slF -f "$tmp/pattern" /proc/[0-9]*/cmdline)
    [ -z "$left" ] || fail "compare left ranks: $left"
fi
finish
