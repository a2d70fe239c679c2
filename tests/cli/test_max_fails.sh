#!/usr/bin/env bash
# --max-fails stops a run of which too much fails: it says which item was one too many and how to go
# on, keeps what it has, and a later run goes on to the same bytes. And the options beside it.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

# Every 100th of 200000 is no number; many more than are ever handed out at once.
seq 100000000001 100000200000 | sed '100~100s/^/x/' >numbers
run "$fanfold" factor --input numbers --format tsv --no-journal --output plain
what='the undisturbed run' expect 2

# stopped OUTPUT: after a run that was stopped, its output is not there and its journal is.
stopped() {
    checks=$((checks + 1))
    [ ! -e "$1" ] && [ -s "$1.journal" ] && [ -s "$1.part" ] || fail "$what: $(ls -l "$1"*)"
    run "$fanfold" results "$1"
    expect 75
}
same() {
    checks=$((checks + 1))
    cmp -s plain "$1" || fail "$what: not the bytes of the undisturbed run: $(cmp plain "$1" 2>&1)"
}

for executor in serial threads processes; do
    what="on $executor"
    run "$fanfold" factor --input numbers --format tsv --executor "$executor" -j 2 --batch 10 \
        --output "$executor" --max-fails 3
    expect 1 ''
    says 'numbers:400:1: item 399 (bad input) is number 4 that did not end well, and max-fails is 3'
    says "stopped by --max-fails; resume with:
  $fanfold factor --resume --input numbers"
    stopped "$executor"
    what="gone on with on $executor: what failed before does not count"
    run "$fanfold" factor --input numbers --format tsv --executor "$executor" -j 2 --batch 10 \
        --output "$executor" --max-fails 3 --resume
    expect 1
    says ' (bad input) is number 4 that did not end well'
    grep -q 'item [0-3]99 (bad' err && fail "$what: again by one of before"
    stopped "$executor"
    run "$fanfold" factor --input numbers --format tsv --output "$executor" --resume
    expect 2
    same "$executor"
done

what='into a stream'
run "$fanfold" factor --input numbers --format tsv --batch 10 --max-fails 0
expect 1
says 'stopped by --max-fails; what was written stands; there is nothing to resume from'
checks=$((checks + 1))
lines=$(wc -l <out)
[ "$lines" -gt 100 ] && [ "$lines" -lt 200001 ] && cmp -s <(head -n "$lines" plain) out ||
    fail "$what: $lines lines"
what='as many as are allowed'
head -n 1000 numbers >some
run "$fanfold" factor --input some --max-fails 10 --output some.out
expect 2
[ -s some.out ] || fail "$what: there is no output"
what='from a job file'
printf '[job]\ntask = factor\ninput = numbers\nbatch = 10\nmax-fails = 5\nhalt = now\n' >few.job
run "$fanfold" run few.job && expect 1 && says 'is number 6 that did not end well'

what='enough are ok, or done'
for executor in serial processes; do
    for share in success=250 done=250; do
        run "$fanfold" factor --input numbers --executor "$executor" -j 2 --batch 10 --format tsv \
            --halt "soon,$share"
        says ": 250, and halt is $share"
        checks=$((checks + 1))
        lines=$(wc -l <out)
        [ "$lines" -gt 250 ] && [ "$lines" -lt 200001 ] && cmp -s <(head -n "$lines" plain) out ||
            fail "$what: on $executor, $share: $lines lines"
    done
done

what='what is refused'
for bad in -1 x 2000000000000000000; do
    run "$fanfold" factor 12 --max-fails "$bad" && expect 2 '' && says "--max-fails: max-fails is '$bad'"
done
run "$fanfold" factor 12 --halt soon && expect 2 '' && says 'max-fails, which it belongs to'
run "$fanfold" factor 12 --max-fails 1 --halt later && expect 2 '' && says 'expected soon or now'

# ---- Every subcommand ---------------------------------------------------------------------------

seq 400000 | sed '5s/.*/0/' >many # more than can be done at once
what='divisors: an item that failed' && run "$fanfold" divisors --input many --batch 10 --max-fails 0
expect 1 && says 'many:5:1: item 4 (failed) is number 1'
seq 400000 | sed 's/$/ 6/; 5s/ 6//' >many
what='gcd' && run "$fanfold" gcd --input many --batch 10 --max-fails 0
expect 1 && says 'many:5:1: item 4 (bad input) is number 1'
printf 'x; over x=0:1\n1/x; over x=-1:1; rule midpoint; points 2\n1/(x>0.5); over x=0:1; rule left\nx^2; over x=0:3\n' >sums
what='integrate' && run "$fanfold" integrate --input sums --output sums.out --max-fails 0
expect 1 && says 'sums:3:' && says 'item 2 (failed) is number 1' && says 'resume with:'
run "$fanfold" integrate --input sums --output sums.out --max-fails 0 --resume && expect 1 && says_nothing
[ "$(wc -l <sums.out)" -eq 3 ] || fail "$what: $(cat sums.out)"
printf 'zz\nyy\n0f\n' >keys
what='weakkeys' && run "$fanfold" weakkeys keys --max-fails 0
expect 1 '' && says 'keys:1' && says '(bad input) is number 1' && says 'nothing to resume'
run "$fanfold" weakkeys keys missing --max-fails 3 && expect 2
run "$fanfold" weakkeys keys missing --max-fails 1 && expect 1 '' && says 'keys:2'
run "$fanfold" weakkeys missing keys --max-fails 0 && expect 1 '' && says 'missing'

for command in 'gcd 4 6' 'factor 12' 'divisors 12' 'integrate x --over x=0:1' 'weakkeys keys' 'run few.job'; do
    what="$command: options"
    # shellcheck disable=SC2086
    run "$fanfold" $command --dry-run --max-fails 3 --halt now --crash-limit 7 --output never
    expect 0
    for line in 'max-fails 3' 'halt now' 'crash-limit 7'; do
        tr -s ' ' <out | grep -qxF "$line" || fail "$what: no '$line' in $(cat out)"
    done
    [ ! -e never ] && [ ! -e never.journal ] || fail "$what: a dry run has left something"
    run "$fanfold" "${command%% *}" --help && expect 0
    for option in max-fails halt crash-limit dry-run; do
        grep -q -- "--$option" out || fail "$what: no --$option in its help"
    done
done

# ---- What runs --------------------------------------------------------------------------------

# Steps of a number of 4000 digits take much longer than those of one of 61: the second runs when
# the first has ended, and would for minutes.
tough=1000000000000000000000000000156000000000000000000000000005643
endless=$(printf '1%03999d' 7)
what='--halt now ends what runs'
for executor in threads processes; do
    run timeout 240 "$fanfold" factor --executor "$executor" -j 2 --batch 1 --effort 10 --max-fails 0 \
        --halt now --output now "$tough" "$endless" 12
    expect 1 ''
    says 'item 0 (partial) is number 1'
    run "$fanfold" results now && expect 75
    grep -q ' 1: 0 ok, 1 failed' out || fail "$what on $executor: $(cat out)"
    rm -f now*
done
what='--halt soon lets it end'
{ printf '%s\n%s\n' "$endless" "$endless" && seq 1000000; } >behind # more than can be done at once
run timeout 240 "$fanfold" divisors --executor processes -j 2 --batch 1 --timeout 1 --max-fails 0 \
    --output soon --input behind
expect 1 ''
says 'item 0 (timed out) is number 1'
run "$fanfold" results soon && expect 75
grep -q ', 2 timed out' out || fail "$what: $(cat out)"

# ---- --crash-limit ------------------------------------------------------------------------------

# crashes COMMAND...: kills its worker until it ends; with a limit of 1 once is enough, for one that
# works. The item is lost, and the rest goes on.
crashes() {
    what="--crash-limit: $1"
    "$fanfold" "$@" --executor processes -j 1 --crash-limit 1 >"$tmp/out" 2>"$tmp/err" </dev/null &
    local pid=$! victim tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
        sleep 0.2
        tries=$((tries + 1))
        victim=$(children_of "$pid" | head -n 1)
        [ -z "$victim" ] || kill -9 "$victim" 2>/dev/null
    done
    [ "$tries" -lt 100 ] || kill -9 "$pid"
    code=0
    wait "$pid" || code=$?
    expect 1
    says 'lost'
}
for command in factor divisors; do
    crashes "$command" --effort 50 "$endless"
done
crashes integrate 'cos(x)' --over x=0:1 --points 1000000000000
printf '[job]\ntask = integrate\nexpression = cos(x)\nover = x=0:1\npoints = 1e12\n' >endless.job
crashes run endless.job

if find_mpirun; then
    what='over ranks'
    run timeout 240 "${mpirun[@]}" -n 2 "$fanfold" factor --input numbers --format tsv -j 1 --batch 10 \
        --output ranks --max-fails 3
    checks=$((checks + 1))
    [ "$code" -ne 0 ] || fail "$what: exit code 0"
    says 'item 399 (bad input) is number 4' && says 'stopped by --max-fails; resume under the same launcher with:'
    stopped ranks
    run "$fanfold" factor --input numbers --format tsv --output ranks --resume
    expect 2
    same ranks
fi
finish
