#!/usr/bin/env bash
# Results behind a slow item: they wait in a file, a killed run does not lose them, and a resumed one
# does none of their items again; with --unordered they are written at once.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

# An item that never ends without a time limit, after some and before thousands.
hard='10^2000+31'
effort=(--effort 14)
before=100 behind=20000
seq 100000000000 $((100000000000 + before - 1)) >numbers
echo "$hard" >>numbers
seq 200000000000 $((200000000000 + behind - 1)) >>numbers
items=$((before + 1 + behind))

# In text an item that has timed out has no line.
grep -v "$hard" numbers | "$fanfold" divisors --executor serial --trace plain.trace >plain
sort plain >sorted

# start COMMAND...: leaves its $pid; no failure leaves it running.
start() {
    "$@" >out 2>err </dev/null &
    pid=$!
    { sleep 240 && kill -KILL "$pid"; } 2>/dev/null &
    watch=$!
}
# The number in the line of `fanfold results` that begins with a word.
told() {
    "$fanfold" results "$1" 2>/dev/null | sed -n "s/^  $2 *\([0-9]*\).*/\1/p"
}
# safe OUTPUT COUNT: the ledger speaks of so many outcomes, in the output or waiting.
safe() {
    local items waiting
    items=$(told "$1" items) waiting=$(told "$1" waiting)
    [ $((${items:-0} + ${waiting:-0})) -ge "$2" ]
}
# Until it succeeds, at most 30 s.
await() {
    for _ in {1..2400}; do
        "$@" && return
        sleep 0.05
    done
    fail "$what: in vain: $*; it said $(head -c 300 err)"
}
# How many items were handed out, by a trace.
handed_out() {
    grep -o '"item": *[0-9]*, *"count": *[0-9]*' "$1" | awk -F: '{ sum += $NF } END { print sum + 0 }'
}
check() {
    checks=$((checks + 1))
    "$@" || fail "$what: not: $*"
}
missing() {
    ! ls -d "$@" >missing 2>/dev/null
}

# killed OUTPUT COMMAND...: killed once all are safe but some that share the fate of the slow item.
killed() {
    local output=$1
    shift
    start "$@" --output "$output"
    await safe "$output" $((items - allowed))
    check kill -0 "$pid" # it waits for the slow one
    # shellcheck disable=SC2046
    kill -9 "$pid" $(children_of "$pid") "$watch" $(children_of "$watch") 2>/dev/null
    wait "$pid" "$watch" 2>/dev/null
}
# killed_and_resumed OUTPUT COMMAND...: what is safe is not done again.
killed_and_resumed() {
    local output=$1 again
    killed "$@"
    shift
    run "$@" --output "$output" --resume --timeout 0.5 --trace "$output.trace"
    expect 1
    says "item $before timed out"
    check test -s "$output.trace"
    check [ "$(handed_out "$output.trace")" -le "$allowed" ]
    check missing "$output.waiting" "$output.part" "$output.journal.lock"
    run "$fanfold" results "$output"
    expect 1
    check grep -q "items  *$items: $((items - 1)) ok, 1 timed out" out
    check grep -q ": item $before timed out" out
    check [ -z "$(told "$output" waiting)" ]
}

what='the trace of a run'
check [ "$(handed_out plain.trace)" -eq $((items - 1)) ]

factor=("$fanfold" divisors "${effort[@]}" --input numbers -j 2)
allowed=2000 # on threads a batch is the work of all
what='killed behind a slow item, threads'
killed_and_resumed threads "${factor[@]}"
check cmp plain threads

what='unordered'
killed_and_resumed any "${factor[@]}" --unordered
check cmp sorted <(sort any)
run "${factor[@]}" --output any --resume
expect 2
says unordered

what='killed behind a slow item, processes'
allowed=500
killed_and_resumed processes "${factor[@]}" --executor processes
check cmp plain processes

if find_mpirun; then
    what='killed behind a slow item, ranks'
    allowed=2000
    killed_and_resumed ranks "${mpirun[@]}" -n 2 "${factor[@]}" -j 1
    check cmp plain ranks
fi

what='what waits was replaced by a link'
allowed=2000
killed hurt "${factor[@]}"
check [ "$(stat -c %a hurt.waiting)" = "$(stat -c %a hurt.part)" ]
mv hurt.waiting elsewhere && ln -s elsewhere hurt.waiting
run "${factor[@]}" --output hurt --resume --timeout 0.5
expect 3
says hurt.waiting
what='what waits is not what it was'
mv elsewhere hurt.waiting
printf 'X' | dd of=hurt.waiting bs=1 seek=1000 conv=notrunc 2>/dev/null
run "${factor[@]}" --output hurt --resume --timeout 1 --trace hurt.trace
expect 1
check cmp plain hurt
check [ "$(handed_out hurt.trace)" -ge 100 ]

what='to a stream'
run "${factor[@]}" --executor processes --timeout 1
expect 1
check cmp plain out

finish
