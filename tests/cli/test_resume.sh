#!/usr/bin/env bash
# A run that was killed at any moment goes on with --resume: the bytes are those of a run that was
# left alone, and nothing is done that was not meant.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

seq 100000000000000000 100000000000600000 >numbers
printf 'no-number\n-5\n' >>numbers
seq 7 1000 >>numbers

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
    for seconds in 0 0.02 0 0.01 0; do
        killed_at_work "$executor" "$seconds" "$fanfold" factor --executor "$executor" -j 2 --input numbers \
            --format tsv --output "$executor" --resume
    done
    run "$fanfold" factor --executor "$executor" -j 2 --input numbers --format tsv \
        --output "$executor" --resume
    expect 2
    same "$executor"
    gone "$executor.part" "$executor.journal.lock"
done

what='resumed by another executor'
killed_at_work mixed 0.05 "$fanfold" factor -j 2 --input numbers --format tsv --output mixed
run "$fanfold" factor --executor processes -j 2 --input numbers --format tsv --output mixed --resume
expect 2
same mixed

what='from standard input'
input=numbers killed_at_work piped 0.05 "$fanfold" factor -j 2 --format tsv --output piped
code=0
"$fanfold" factor -j 2 --format tsv --output piped --resume <numbers >out 2>err || code=$?
expect 2
same piped

# ---- The part is not what the ledger says -----------------------------------------------------

# As a lost machine may leave it: the last blocks never reached the disk.
for damage in hole cut none; do
    what="a part with a $damage"
    killed_at_work "$damage" 0.1 "$fanfold" factor -j 2 --input numbers --format tsv --output "$damage"
    case $damage in
    hole) dd if=/dev/zero of="$damage.part" bs=1 seek=30 count=20 conv=notrunc status=none ;;
    cut) truncate -s 30 "$damage.part" ;;
    none) rm "$damage.part" ;;
    esac
    run "$fanfold" factor -j 2 --input numbers --format tsv --output "$damage" --resume
    expect 2
    says 'items are done again'
    same "$damage"
    gone "$damage.part"
    run "$fanfold" results --format tsv "$damage"
    checks=$((checks + 1))
    [ "$(grep -c 'bad input' out)" -eq 2 ] || fail "$what: the results do not say so"
done

# ---- Ended by an error ------------------------------------------------------------------------

# After run: standard error has the command that goes on; leaves it in $resume.
says_how() {
    checks=$((checks + 1))
    resume=$(sed -n 's/^  \(.*factor --resume .*\)/\1/p' "$tmp/err")
    [ -n "$resume" ] || fail "$what: did not say how to go on, but: $(head -c 400 "$tmp/err")"
}
says_not_how() {
    checks=$((checks + 1))
    ! grep -q 'resume with' "$tmp/err" || fail "$what: said $(head -c 400 "$tmp/err")"
}

head -n 10000 numbers >some
what='an output that can not grow any more'
run bash -c 'trap "" XFSZ; ulimit -f 100; exec "$@"' - "$fanfold" factor -j 2 --input some --format tsv --output full
expect 3 ''
says 'File too large'
says_how
gone full
eval "run $resume"
expect 0
head -n 10001 plain | cmp -s - full || fail "$what: not the bytes of the undisturbed run"
what='one that has not even begun'
run bash -c 'trap "" XFSZ; ulimit -f 0; exec "$@"' - "$fanfold" factor -j 2 --input some --format tsv --output empty
expect 3 ''
says_not_how
gone empty empty.*

what='an input that can not be read to its end'
mkdir folder
run "$fanfold" factor --input some --input folder --output unread
expect 3 ''
says_how
what='one of which nothing can be read'
run "$fanfold" factor --input folder --output unread2
expect 3 ''
says_not_how

# ---- What is refused --------------------------------------------------------------------------

killed_at_work refused 0.05 "$fanfold" factor -j 2 --input numbers --format tsv --output refused
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
input=numbers killed_at_work refused2 0.05 "$fanfold" factor --format tsv --output refused2
code=0
"$fanfold" factor --format tsv --output refused2 --resume <short >out 2>"$tmp/err" || code=$?
expect 2
says 'the input is not the one that this run was begun with'

what='what was refused changed nothing'
run "$fanfold" factor -j 2 --input numbers --format tsv --output refused --resume
expect 2
same refused

what='--restart'
killed_at_work again 0 "$fanfold" factor -j 2 --input numbers --format text --output again
run "$fanfold" factor -j 2 --input numbers --format tsv --output again --restart
expect 2
same again

# ---- Two at once ------------------------------------------------------------------------------

what='two runs of one output'
"$fanfold" factor --executor serial --input numbers --format tsv --output twice >/dev/null 2>&1 &
pid=$!
for _ in $(seq 3000); do
    [ -s twice.part ] && break
    sleep 0.01
done
run "$fanfold" factor --input numbers --format tsv --output twice --resume
expect 3 ''
says "$pid"
says_not_how
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
says_not_how
run "$fanfold" factor --input numbers --format tsv --output twice
expect 2
same twice

# ---- Integrals --------------------------------------------------------------------------------

what='integrals'
for i in $(seq 1 40); do echo "cos($i*x); over x=0:1"; done >integrals
run "$fanfold" integrate --input integrals --points 3000000 --executor serial --output plain --no-journal
expect 0
killed_at_work sums 0.01 "$fanfold" integrate --input integrals --points 3000000 --output sums -j 1
run "$fanfold" integrate --input integrals --points 3000000 --output sums --resume
expect 0
same sums

# ---- Keys, of which no part of a scan can be kept -----------------------------------------------

what='keys'
cat "$source_dir"/jobs/data/weak-*.pem >keys
code=0
"$fanfold" weakkeys --output plain --no-journal - <keys >out 2>err || code=$?
expect 0
run "$fanfold" weakkeys --output weak --resume keys
expect 0
grep -q anew err && fail "$what: there was nothing to begin anew: $(cat err)"
what='keys, of a complete scan'
touch -d '2001-01-01' weak
run "$fanfold" weakkeys --output weak --resume keys
expect 0 ''
says_nothing
checks=$((checks + 1))
[ "$(stat -c %Y weak)" = "$(date -d '2001-01-01' +%s)" ] || fail "$what: it was written again"
what='keys, of a scan that was killed'
mkfifo feed
"$fanfold" weakkeys --output scanned - <feed 2>/dev/null &
pid=$!
exec 7>feed
head -n 30 keys >&7
for _ in $(seq 3000); do
    [ -e scanned.run.json ] && break
    sleep 0.01
done
kill -9 "$pid"
{ wait "$pid"; } 2>/dev/null
exec 7>&-
run "$fanfold" results scanned
expect 75
code=0
"$fanfold" weakkeys --output scanned --resume - <keys >out 2>err || code=$?
expect 0
says 'weakkeys begins anew'
[ -s plain ] || fail "$what: there are no weak keys"
same scanned
gone scanned.part scanned.journal.lock

finish
