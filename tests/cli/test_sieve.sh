#!/usr/bin/env bash
# Numbers that all workers work on together: the same bytes on every executor, nothing lost by a
# kill, a stop that says how to go on, time limits, and state that is not this number's.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
set -m # background jobs get the signals that a terminal would send

# Of 60 digits, two primes of 30 each.
first=457404347688519392490437073335863045147619398064334717204491
first_line="$first: 553938155081825268440921275639 825731796035883584548525718669"
second=492719014153421299341219443784036659524253283581128976969803
second_line="$second: 655094110986445776148216800209 752134702312437520084891346267"
third=653313459789292159260122323810751741549582196180737741558771
third_line="$third: 764156753937789362534338546997 854946915567638824895979620743"
# Of 64 digits, so that five kills find it at work on fast machines too.
fourth=7395542463234744210125730415211449007705736493817277218638558097
fourth_line="$fourth: 76123723175218580668334991507763 97151612595353179737780422066219"
# Of 80 digits: minutes of one core.
long=42544737754916330055346764255903606984397465445247847630572637426401890022745909
long_too=27560081127233027517543616588140940998436295580065734846786669441069135445850421

check() {
    checks=$((checks + 1))
    "$@" || fail "${what:-}: not: $*"
}

state_of() { find . -maxdepth 1 -name "$1.sieve-*[0-9a-f]" ! -name '*.lock' ! -name '*.algebra'; }
size_of() { stat -c %s "$(state_of "$1")" 2>/dev/null || echo 0; }

# works PID NAME SIZE: waits until the state is larger than that; false: the command has ended.
works() {
    for _ in {1..24000}; do
        [ "$(size_of "$2")" -le "$3" ] || return 0
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.005
    done
    fail "$what: did not get to work: $(cat err)"
    kill -KILL "$1"
    return 1
}

# nothing_left NAME: no file beside the output that only a number at work needs.
nothing_left() {
    checks=$((checks + 1))
    local left
    left=$(find . -maxdepth 1 \( -name "$1.sieve-*" -o -name "$1.curves-*" \))
    [ -z "$left" ] || fail "${what:-}: left $left"
}

what='a list with hard numbers'
printf '%s\n' 12 "$first" 15 $((1 << 62)) "7*$second" 21 >numbers
run "$fanfold" factor --executor serial --input numbers && expect 0 "12: 2 2 3
$first_line
15: 3 5
4611686018427387904: $(yes 2 | head -n 62 | paste -sd ' ')
$(echo "7 * $second" | BC_LINE_LENGTH=0 bc): 7 ${second_line#*: }
21: 3 7
" && says_nothing
run "$fanfold" factor --executor serial --input numbers --format ndjson && expect 0
mv out plain
for executor in threads processes; do
    what="a list with hard numbers on $executor"
    run "$fanfold" factor --executor $executor -j 2 --input numbers --format ndjson --output "$executor"
    expect 0 '' && check cmp plain "$executor" && nothing_left "$executor"
done
what='a list with hard numbers, as it comes'
run "$fanfold" factor --unordered --input numbers --format ndjson
expect 0
check cmp <(sort plain) <(sort "$tmp/out")

what='more of them than two for each worker'
printf '%s\n' "$first" 6 "$second" "$third" >numbers
run "$fanfold" factor -j 1 --input numbers --output one &&
    expect 0 && check cmp one <(printf '%s\n' "$first_line" '6: 2 3' "$second_line" "$third_line")

if find_mpirun; then
    what='60 digits on ranks'
    run "${mpirun[@]}" -n 3 "$fanfold" factor -j 1 "$first" && expect 0 "$first_line\n"
fi

what='killed five times'
at=0 resume=''
for kill in 1 2 3 4 5; do
    # shellcheck disable=SC2086
    "$fanfold" factor -j 1 --output killed $resume "$fourth" >out 2>err </dev/null &
    pid=$! resume=--resume
    works "$pid" killed "$((at + 30000))" || fail "$what: had ended before kill $kill: $(cat err)"
    kill -KILL "$pid"
    wait "$pid" 2>shell
    checks=$((checks + 1))
    [ "$(size_of killed)" -gt "$at" ] || fail "$what: nothing was kept of what came before kill $kill"
    at=$(size_of killed)
done
run "$fanfold" factor -j 1 --output killed --resume "$fourth"
expect 0 '' && says_nothing
check cmp killed <(echo "$fourth_line")
nothing_left killed

what='killed on processes, gone on with on threads'
"$fanfold" factor --executor processes -j 2 --output moved "$second" >out 2>err </dev/null &
pid=$!
works "$pid" moved 30000 || fail "$what: had ended before"
kill -KILL "$pid"
wait "$pid" 2>shell
at=$(size_of moved)
check [ "$at" -gt 30000 ]
run "$fanfold" factor --executor threads --output moved --resume "$second"
expect 0 '' && check cmp moved <(echo "$second_line")
nothing_left moved

# interrupted NAME COMMAND...: Ctrl-C once its state has grown.
interrupted() {
    local name=$1 from
    shift
    "$@" >out 2>err </dev/null &
    pid=$! code=0
    works "$pid" "$name" 30000 || fail "$what: had ended before the signal: $(cat err)"
    from=$(uptime_ms)
    kill -INT "$pid"
    wait "$pid" || code=$?
    ms=$(($(uptime_ms) - from))
    expect 75
    [ "$ms" -lt 120000 ] || fail "$what: took $ms ms to end"
}
# What the run that was stopped says is to be done.
go_on() {
    local line
    line=$(tail -n 1 err)
    code=0
    eval "$line" >out 2>again </dev/null || code=$?
}

what='Ctrl-C'
interrupted stopped "$fanfold" factor -j 2 --output stopped "$first"
says 'resume with:'
check [ "$(size_of stopped)" -gt 30000 ]
go_on
expect 0 '' && check cmp stopped <(echo "$first_line")
nothing_left stopped

what='Ctrl-C where the output is a stream'
interrupted kept "$fanfold" factor --state kept "$first"
says 'the work on a long number is kept; go on with:'
go_on
expect 0 "$first_line\n"
nothing_left kept

what='no room for what is kept'
(
    trap '' XFSZ
    ulimit -f 80
    exec "$fanfold" factor --state full "$first"
) >out 2>err </dev/null
code=$?
expect 3 ''
says "can't be written"
says 'the work on a long number is kept; go on with:'
go_on
expect 0 "$first_line\n"
nothing_left full

what='Ctrl-C where nothing says where to keep it'
"$fanfold" factor "$long" >out 2>err </dev/null &
pid=$! code=0
for _ in {1..2400}; do
    ! grep -q 'the sieve of' err || break
    sleep 0.05
done
sleep 0.3
kill -INT "$pid"
wait "$pid" || code=$?
expect 75
says 'the sieve of a composite of 80 digits takes about'
says '--output FILE or --state FILE keeps'

what='a time limit'
run "$fanfold" factor --timeout 2 --format tsv 12 "15*$long" 15 && expect 1
says 'is not completely factored within the time limit'
check [ "$(cut -f 1,3,4 out)" = "$(printf 'index\tfactors\tstatus\n0\t2 2 3\tok\n1\t3 5 c%s\tpartial\n2\t3 5\tok' "$long")" ]

what='a time limit of numbers that one worker works on'
short=1588161697484043374071517716223121175119459335391209724397
tail_part=3174083092039253951578903127537226239079507116245828213
# in_part COMMAND...: on a machine that is busy the executor may end an item first.
in_part() {
    local end=$((SECONDS + 120))
    while :; do
        run timeout 60 "$@" --timeout 0.1 --retries 20 --backoff 0.001 --format tsv 12 $short "15*$tail_part"
        grep -q 'timed out' out && [ $SECONDS -lt $end ] || break
    done
    expect 1
    check [ "$(cut -f 3,4 out)" = "$(printf 'factors\tstatus\n2 2 3\tok\nc%s\tpartial\n3 5 c%s\tpartial' $short $tail_part)" ]
}
for executor in serial threads processes; do
    in_part "$fanfold" factor --executor $executor -j 1
done
! find_mpirun || in_part "${mpirun[@]}" -n 2 "$fanfold" factor -j 1

what='what the time did not suffice for, again'
numbers=(12 "$first" 15 "$second" 21)
run "$fanfold" factor -j 1 --timeout 0.1 --output again "${numbers[@]}" && expect 1
"$fanfold" factor -j 1 --output again --retry-failed "${numbers[@]}" >out 2>err </dev/null &
pid=$!
works "$pid" again 30000 || fail "$what: had ended before"
kill -KILL "$pid"
wait "$pid" 2>shell
at=$(size_of again)
run "$fanfold" factor -j 2 --output again --retry-failed "${numbers[@]}" && expect 0
check [ "$at" -gt 30000 ]
check cmp again <(printf '%s\n' '12: 2 2 3' "$first_line" '15: 3 5' "$second_line" '21: 3 7')
nothing_left again
rm again*

what='the state of another number'
interrupted mine "$fanfold" factor --output mine "$long"
mine=$(state_of mine)
interrupted other "$fanfold" factor --output other "$long_too"
other=$(state_of other)
cp "$other" before
cp "$mine" "$other"
run "$fanfold" factor --output other --resume "$long_too"
expect 2 ''
says "$long"
check cmp "$mine" "$other" # it stays
what='a damaged state'
cp before "$other"
printf '\377' | dd of="$other" bs=1 seek=12000 conv=notrunc status=none
cmp -s before "$other" && fail "$what: it is not damaged"
run "$fanfold" factor --output other --resume --timeout 1 "$long_too"
expect 3 ''
says "${other#./}"
run "$fanfold" factor --output other --resume --repair --timeout 1 "$long_too"
expect 1
check [ "$(cat other)" = "$long_too: c$long_too" ]
nothing_left other
what='to begin again'
interrupted again "$fanfold" factor --output again "$long"
check test -n "$(state_of again)"
touch "$(state_of again).algebra"
run "$fanfold" factor --output again --restart 12 && expect 0 && nothing_left again

what='to begin again what was killed'
"$fanfold" factor --output again "$long" >out 2>err </dev/null &
pid=$!
works "$pid" again 30000
kill -KILL "$pid"
wait "$pid" 2>shell
run "$fanfold" factor --output again --restart 12 && expect 0 && nothing_left again

what='to begin again what another run is at work on'
"$fanfold" factor --state busy "$long" >out 2>err </dev/null &
pid=$!
works "$pid" busy 30000
touch "$(state_of busy).algebra"
run "$fanfold" factor --state busy --restart "$long"
expect 3 ''
says "is being written by pid $pid"
check test -e "$(state_of busy).algebra"
check test -n "$(state_of busy)"
kill -KILL "$pid"
wait "$pid" 2>shell
run "$fanfold" factor --state busy --restart --timeout 0.1 "$long" && expect 1 && nothing_left busy

what='of a pass over what failed nothing is left either'
run "$fanfold" factor --timeout 0.1 --output once "$first" && expect 1
touch once.sieve-0123456789abcdef
run "$fanfold" factor --output once --retry-failed "$first" && expect 0 && nothing_left once

what='an estimate before'
run "$fanfold" factor --dry-run 12 "$first" && expect 0
grep -q '^estimate' out && fail "$what: of what is quick: $(cat out)"
run "$fanfold" factor --dry-run 12 "2*$long" && expect 0
check grep -Eq '^estimate +the sieve of a composite of 80 digits takes about [0-9.]+ (s|min|h|days) of one core' out

what='progress'
interrupted shown "$fanfold" factor --output shown --progress always "$long"
check grep -Eq '^factor: .*; sieve of 80 digits: [0-9]+ relations with [0-9]+ of [0-9]+ cycles, [0-9]+/s' err
finish
