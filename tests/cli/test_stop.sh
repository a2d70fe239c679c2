#!/usr/bin/env bash
# What a run does after its first signal: it hands out nothing more, writes what still ends in time,
# says what happened and exits with 75, wherever the signal finds it; under mpirun too.
set -u
. "$(dirname "$0")/lib.sh"
set -m # the background jobs do not ignore SIGINT

hard='10^2000+31'
effort=(--effort 14)
pid='' watch=''

# start COMMAND...: leaves its $pid; no failure leaves it running.
start() {
    "$@" >"$tmp/out" 2>"$tmp/err" <"${stdin:-/dev/null}" &
    pid=$!
    { sleep 240 && kill -KILL -- "-$pid"; } 2>/dev/null &
    watch=$!
}
# await COMMAND...: until it succeeds, at most 2 minutes.
await() {
    for _ in {1..2400}; do
        "$@" && return
        sleep 0.05
    done
    fail "$what: in vain: $*; it said $(cat "$tmp/err")"
}
signal() {
    from=$(uptime_ms)
    kill "-$1" "${2:-$pid}" || fail "$what: has ended before SIG$1: $(cat "$tmp/err")"
}
# ends CODE: ends with CODE soon after the last signal; long before the grace time where that is 300.
patience=120000
ends() {
    code=0
    wait "$pid" 2>"$tmp/shell" || code=$?
    ms=$(($(uptime_ms) - from))
    kill -- "-$watch" && wait "$watch" 2>"$tmp/shell"
    checks=$((checks + 1))
    [ "$code" -eq "$1" ] || fail "$what: exit code $code, not $1; it said: $(cat "$tmp/err")"
    [ "$ms" -lt "$patience" ] || fail "$what: took $ms ms to end"
    local left
    for _ in {1..1200}; do
        left=$(members_of "$pid")
        [ -n "$left" ] || break
        sleep 0.1
    done
    [ -z "$left" ] || fail "$what: left processes: $left"
}
has_lines() {
    [ "$(wc -l <"$tmp/out")" -ge "$1" ]
}

# ---- What was handed out still ends: items before the endless one are written, without a gap. On
# threads a batch is the work of all, so that some of them share the fate of the endless one.
seq 100000000000 100000000099 >"$tmp/some"
"$fanfold" factor --input "$tmp/some" >"$tmp/expected"
lines=(processes 100 threads 50)
for ((i = 0; i < ${#lines[@]}; i += 2)); do
    what="a stop on ${lines[i]}"
    mkfifo "$tmp/fifo"
    stdin=$tmp/fifo start "$fanfold" factor "${effort[@]}" --executor "${lines[i]}" -j 2 --batch 1 \
        --grace 1
    exec 7>"$tmp/fifo"
    cat "$tmp/some" - <<<"$hard" >&7
    await has_lines "${lines[i + 1]}"
    computes "$pid" 60 # it is at the endless one
    signal USR1
    ends 75
    exec 7>&-
    rm "$tmp/fifo"
    cmp -s <(head -n "$(wc -l <"$tmp/out")" "$tmp/expected") "$tmp/out" ||
        fail "$what: wrote $(wc -l <"$tmp/out") lines"
    says 'stopped by signal 10 (USR1); what was written stands; there is nothing to resume from'
    checks=$((checks + 1))
    [ "$ms" -ge 900 ] || fail "$what: did not wait for its item: ended after $ms ms"
done

# ---- Wherever it comes
what='a signal while input is awaited'
for input in factor 'weakkeys -'; do
    mkfifo "$tmp/fifo"
    # shellcheck disable=SC2086
    stdin=$tmp/fifo start "$fanfold" $input --grace 300
    exec 7>"$tmp/fifo"
    catches "$pid" TERM
    sleep 0.5
    signal TERM
    ends 75
    exec 7>&-
    rm "$tmp/fifo"
done

what='a signal while output blocks'
mkfifo "$tmp/full"
exec 8<>"$tmp/full"
seq 100000000000 100000100000 >"$tmp/many"
# shellcheck disable=SC2016
start bash -c 'exec "$@" >&8' - "$fanfold" factor --grace 1 --input "$tmp/many"
catches "$pid" INT
sleep 1
signal INT
ends 75
exec 8>&-

what='a signal during start-up'
for pause in 0 0.005 0.01 0.02 0.03; do # before main it is the system that ends the process
    start "$fanfold" integrate 'cos(x)' --over x=0:1 --points 2000000000000
    sleep "$pause"
    signal TERM
    code=0
    wait "$pid" 2>"$tmp/shell" || code=$?
    kill -- "-$watch" && wait "$watch" 2>"$tmp/shell"
    checks=$((checks + 1))
    case $code in 75 | 143) ;; *) fail "$what: exit code $code after $pause s: $(cat "$tmp/err")" ;; esac
done

what='what was ignored stays ignored'
start bash -c 'trap "" HUP USR1; exec "$@"' - "$fanfold" integrate --grace 300 'cos(x)' --over x=0:1 --points 2000000000000
catches "$pid" TERM
sleep 0.5
signal HUP
signal USR1
sleep 0.3
signal TERM
ends 75
says 'signal 15'

what='the same signal to the process and its group, as timeout sends it'
for seconds in 1 5 40; do # it may be slow to begin
    start timeout -s TERM "$seconds" "$fanfold" integrate 'cos(x)' --over x=0:1 --points 2000000000000 \
        --output "$tmp/none"
    from=$(uptime_ms)
    ends 124
    [ ! -s "$tmp/err" ] || break
done
says 'stopped by signal 15 (TERM); nothing was kept to resume from'

find_mpirun || finish

# ---- Ranks
# The process of a rank.
rank() {
    local process
    for process in $(children_of "$pid"); do
        tr '\0' '\n' <"/proc/$process/environ" | grep -qE "^(OMPI_COMM_WORLD_RANK|PMI_RANK)=$1\$" &&
            echo "$process"
    done
}
# start_ranks [GRACE]
start_ranks() {
    start "${mpirun[@]}" -n 3 "$fanfold" factor -j 1 "${effort[@]}" --grace "${1:-1}" --input "$tmp/some" "$hard"
    await ranks_run
    for member in "$pid" $(rank 0) $(rank 1) $(rank 2); do
        catches "$member" USR1
    done
    sleep 0.7 # they serve
}
ranks_run() {
    [ "$(children_of "$pid" | wc -l)" -ge 3 ]
}
# Its ranks may outlive mpirun by a moment, and hold the lock.
resumes() {
    run "$fanfold" factor --input "$tmp/many" --output "$tmp/output" --resume
    [ "$code" -ne 3 ]
}
what='SIGUSR1 to mpirun'
start_ranks
signal USR1
ends 75
says 'stopped by signal 10 (USR1)'
[ "$ms" -ge 900 ] || fail "$what: did not wait for its item: ended after $ms ms"

what='SIGTERM to rank 0: no grace, for its launcher gives none'
start_ranks 300
signal TERM "$(rank 0)"
await grep -q 'stopped by' "$tmp/err"
ends 75

what='SIGUSR1 and SIGTERM to another rank'
start_ranks
signal USR1 "$(rank 1)"
signal TERM "$(rank 2)"
sleep 0.3
ranks_run || fail "$what: a rank has gone"
signal USR1 "$(rank 0)"
ends 75

what='a second signal to rank 0'
start_ranks
victim=$(rank 0)
signal USR1 "$victim"
sleep 0.3
signal USR1 "$victim"
ends 138

what='SIGTERM to mpirun'
seq 100000000000000000 100000000002000000 >"$tmp/many" # a second's work for a quick machine
start "${mpirun[@]}" -n 3 "$fanfold" factor -j 1 --input "$tmp/many" --output "$tmp/output"
await test -s "$tmp/output.part"
signal TERM
code=0
wait "$pid" 2>"$tmp/shell" || code=$?
kill -- "-$watch" && wait "$watch" 2>"$tmp/shell"
checks=$((checks + 1))
[ "$code" -ne 0 ] || fail "$what: exit code 0"
await resumes
expect 0
"$fanfold" factor --input "$tmp/many" --executor serial >"$tmp/plain"
checks=$((checks + 1))
cmp -s "$tmp/plain" "$tmp/output" || fail "$what: the bytes after resuming"
finish
