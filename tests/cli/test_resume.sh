#!/usr/bin/env bash
# A run that was killed at any moment goes on with --resume: the bytes are those of a run that was
# left alone, and nothing is done that was not meant.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

seq 100000000000000000 100000000000250000 >numbers
printf 'no-number\n-5\n' >>numbers
seq 7 1000 >>numbers

# killed SECONDS COMMAND...: kill -9 after so long; $fired says whether it was still at work.
killed() {
    local seconds=$1 pid
    shift
    "$@" >/dev/null 2>err </dev/null &
    pid=$!
    sleep "$seconds"
    fired=no
    kill -9 "$pid" 2>/dev/null && fired=yes
    { wait "$pid"; } 2>/dev/null
}

# same FILE: it has the bytes of the undisturbed run.
same() {
    checks=$((checks + 1))
    cmp -s plain "$1" || fail "$what: not the bytes of the undisturbed run: $(cmp plain "$1" 2>&1)"
}

gone() {
    checks=$((checks + 1))
    ! ls -d "$@" >/dev/null 2>&1 || fail "$what: left behind: $(ls -d "$@" 2>/dev/null | tr '\n' ' ')"
}

run "$fanfold" factor --executor serial --input numbers --output plain --format tsv --no-journal
what='the undisturbed run' expect 2
gone plain.journal plain.part

# ---- Killed again and again -------------------------------------------------------------------

for executor in threads processes; do
    what="$executor, killed"
    fires=0
    for seconds in 0.11 0.3 0.17 0.23 0.35 0.13 0.29; do
        killed "$seconds" "$fanfold" factor --executor "$executor" -j 2 --input numbers \
            --format tsv --output "$executor" --resume
        [ "$fired" = no ] || [ -e "$executor" ] || fires=$((fires + 1))
    done
    checks=$((checks + 1))
    [ "$fires" -ge 2 ] || fail "$what: only $fires runs were at work when they were killed"
    run "$fanfold" factor --executor "$executor" -j 2 --input numbers --format tsv \
        --output "$executor" --resume
    expect 2
    same "$executor"
    gone "$executor.part" "$executor.journal.lock"
done

what='resumed by another executor, from standard input'
killed 0.4 "$fanfold" factor -j 2 --input numbers --format tsv --output mixed
sed -i 's/$/ /' numbers # blanks are no part of an item; the size is no part of a pipe's name
sed 's/ $//' numbers >other && mv other numbers
run "$fanfold" factor --executor processes -j 2 --input numbers --format tsv --output mixed --resume
expect 2
same mixed

what='through a pipe'
{ cat numbers; sleep 5; } | exec "$fanfold" factor -j 2 --format tsv --output piped >/dev/null 2>&1 &
pid=$!
sleep 0.4
kill -9 "$pid"
{ wait "$pid"; } 2>/dev/null
checks=$((checks + 1))
[ -s piped.part ] || fail "$what: it had written nothing when it was killed"
code=0
"$fanfold" factor -j 2 --format tsv --output piped --resume <numbers >out 2>err || code=$?
expect 2
same piped

# ---- What is refused --------------------------------------------------------------------------

killed 0.4 "$fanfold" factor -j 2 --input numbers --format tsv --output refused
what='a run that was killed at work'
checks=$((checks + 1))
[ -s refused.part ] && [ -s refused.journal ] || fail "$what: there is no part or no journal"

what='without --resume'
run "$fanfold" factor -j 2 --input numbers --format tsv --output refused
expect 2 ''
says '--resume goes on with it'

what='another format'
run "$fanfold" factor -j 2 --input numbers --format text --output refused --resume
expect 2 ''
says 'tsv'
says 'text'

what='another task'
run "$fanfold" divisors -j 2 --input numbers --format tsv --output refused --resume
expect 2 ''
says 'factor, version'

what='another input of the same size'
sed '1s/0$/1/' numbers >other && mv numbers kept && mv other numbers
run "$fanfold" factor -j 2 --input numbers --format tsv --output refused --resume
expect 2 ''
says 'the input is not the one that this run was begun with'
mv kept numbers

what='an input that is shorter'
head -n 5 numbers >short
"$fanfold" factor --format tsv --output refused2 <numbers >/dev/null 2>&1 &
pid=$!
sleep 0.4
kill -9 "$pid"
{ wait "$pid"; } 2>/dev/null
code=0
"$fanfold" factor --format tsv --output refused2 --resume <short >out 2>"$tmp/err" || code=$?
expect 2
says 'the input is not the one that this run was begun with'

what='what was refused changed nothing'
run "$fanfold" factor -j 2 --input numbers --format tsv --output refused --resume
expect 2
same refused

what='--restart'
killed 0.3 "$fanfold" factor -j 2 --input numbers --format text --output again
run "$fanfold" factor -j 2 --input numbers --format tsv --output again --restart
expect 2
same again

# ---- Two at once ------------------------------------------------------------------------------

what='two runs of one output'
"$fanfold" factor --executor serial --input numbers --format tsv --output twice >/dev/null 2>&1 &
pid=$!
sleep 0.3
run "$fanfold" factor --input numbers --format tsv --output twice --resume
expect 3 ''
says "$pid"
kill -9 "$pid"
{ wait "$pid"; } 2>/dev/null

what='after its holder has died'
run "$fanfold" factor -j 2 --input numbers --format tsv --output twice --resume
expect 2
same twice

# ---- After the end ----------------------------------------------------------------------------

what='--resume of a complete run'
touch -d '2001-01-01' twice
run "$fanfold" factor --input numbers --format tsv --output twice --resume
expect 2
checks=$((checks + 1))
[ "$(stat -c %Y twice)" = "$(date -d '2001-01-01' +%s)" ] || fail "$what: it was written again"

what='a complete run whose output is gone'
rm twice
run "$fanfold" factor --input numbers --format tsv --output twice --resume
expect 3
says 'is gone'
run "$fanfold" factor --input numbers --format tsv --output twice
expect 2
same twice

# ---- Integrals --------------------------------------------------------------------------------

what='integrals'
for i in $(seq 1 40); do echo "cos($i*x); over x=0:1"; done >integrals
run "$fanfold" integrate --input integrals --points 3000000 --executor serial --output plain --no-journal
expect 0
killed 0.5 "$fanfold" integrate --input integrals --points 3000000 --output sums -j 1
checks=$((checks + 1))
[ "$fired" = yes ] && [ ! -e sums ] || fail "$what: it was not killed at work"
run "$fanfold" integrate --input integrals --points 3000000 --output sums --resume
expect 0
same sums

finish
