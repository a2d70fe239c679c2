#!/usr/bin/env bash
# Bad usage ends with 2 and names what is wrong and what was meant.
set -u
. "$(dirname "$0")/lib.sh"

refused() {
    local text=$1
    shift
    what="fanfold $*"
    run "$fanfold" "$@"
    expect 2 ''
    says "$text"
}

what='no subcommand' && run "$fanfold" && expect 2 '' && says 'fanfold help'
refused "did you mean 'gcd'" gdc 1 2
refused "did you mean 'factor'" facto 12
refused 'no subcommand' xyzzy
refused 'no subcommand' ''
refused 'did you mean --executor' gcd --executr serial 1 2
refused 'did you mean --executor' gcd --exec serial 1 2
refused "did you mean 'threads'" gcd --executor thread 1 2
refused 'serial, threads, processes or mpi' gcd --executor xyzzy 1 2
refused 'from 1 to 4096' gcd --workers 0 1 2
refused 'from 1 to 4096' gcd --workers=1000000000 1 2
refused 'from 1 to 4096' gcd -j -3 1 2
refused 'from 1 to 4096' gcd -j4x 1 2
refused 'from 1 to 4096' gcd --workers 99999999999999999999999 1 2
refused '--workers needs a value' gcd --workers
refused '--quiet takes no value' gcd --quiet=yes 1 2
refused 'is an option of: integrate' gcd --points 3 1 2
refused '--progress' gcd --progress sometimes 1 2
refused '--local' gcd --local threads 1 2
refused 'subcommand comes first' --workers 3 gcd 1 2
refused 'one job file' run
refused 'one job file' run a b
refused 'no-such.job' run no-such.job
refused 'no-such.job' compare no-such.job
refused "can't be standard input" compare -
refused 'serial, threads, processes' compare "$source_dir/jobs/classic-gcd.job" --executors serial,xyzzy
refused 'from 1 to 4096' compare "$source_dir/jobs/classic-gcd.job" --workers 1,0
refused 'text, tsv, ndjson' compare "$source_dir/jobs/classic-gcd.job" --format xml
refused 'no arguments' doctor now
refused 'points' integrate x --over x=0:1 --points 0
refused 'points' integrate x --over x=0:1 --points many
refused 'format' factor --format xml 12

what='the caret stands under the column'
run "$fanfold" integrate 'cos(x) + * 2' --over x=0:1
expect 2 ''
checks=$((checks + 1))
[ "$(tail -n 2 "$tmp/err" | sed 's/^ *cos/cos/')" = 'cos(x) + * 2
         ^' ] || fail "$what: $(cat "$tmp/err")"

what='an integral over nothing'
run "$fanfold" integrate 'cos(x)' && expect 2 '' && says 'over'
what='NaN bounds'
run "$fanfold" integrate 'x' --over x=0:0/0 && expect 2 ''

printf '[job]\ntask = factor\nwrokers = 3\n' >"$tmp/bad.job"
what='an unknown key in a job file'
run "$fanfold" run "$tmp/bad.job" && expect 2 '' && says "$tmp/bad.job:3"

printf '[job]\ntask = integrate\nexpression = cos(x\nover = x=0:1\n' >"$tmp/bad.job"
what='an expression of a job file'
run "$fanfold" run "$tmp/bad.job" && expect 2 '' && says "$tmp/bad.job:3:19: "
printf '[job]\ntask = factor\nnumbers = 15 6x\n  7, 12abc\n' >"$tmp/bad.job"
what='numbers of a job file'
run "$fanfold" run "$tmp/bad.job" && expect 2 '15: 3 5\n7: 7\n' && says "$tmp/bad.job:3:15: " && says "$tmp/bad.job:4:8: "

for topic in '' gcd factor divisors integrate weakkeys run compare doctor; do
    what="help $topic" && run "$fanfold" help $topic && expect 0 && says_nothing
    [ -s "$tmp/out" ] || fail "$what: printed nothing"
    if [ -n "$topic" ]; then
        cp "$tmp/out" "$tmp/help"
        what="$topic --help" && run "$fanfold" "$topic" --help && expect 0
        cmp -s "$tmp/help" "$tmp/out" || fail "$what: is not what 'help $topic' says"
        grep -q -e '--help' "$tmp/out" || fail "$what: does not list --help"
    fi
done
what='help of an unknown subcommand' && run "$fanfold" help fcator && expect 2 '' && says factor
what='--version' && run "$fanfold" --version && expect 0 && says_nothing
grep -q '^fanfold [0-9]' "$tmp/out" && grep -q '^MPI: ' "$tmp/out" || fail "$what: $(cat "$tmp/out")"
finish
