#!/usr/bin/env bash
# compare: a row for each executor and number of workers, the same bytes, and a missing mpirun or a
# run that fails shown in its row.
set -u
. "$(dirname "$0")/lib.sh"
job=$source_dir/jobs/classic-divisors.job
export TMPDIR=$tmp/folder
mkdir "$TMPDIR"

what='serial, threads and processes'
run "$fanfold" compare "$job" --executors serial,threads,processes --workers 1,2 --repeat 2
expect 0
[ "$(grep -c 'same bytes' "$tmp/out")" -eq 5 ] || fail "$what: $(cat "$tmp/out")"
grep -q '^serial  *1  .*1\.00x' "$tmp/out" || fail "$what: serial is not the base: $(cat "$tmp/out")"

what='tsv' && run "$fanfold" compare "$job" --executors serial,threads --workers 1 --repeat 1 --format tsv && expect 0
[ "$(awk -F'\t' '{ print NF }' "$tmp/out" | sort -u)" = 12 ] || fail "$what: $(cat "$tmp/out")"
what='ndjson' && run "$fanfold" compare "$job" --executors serial,mpi --workers 1 --repeat 1 --format ndjson && expect 0
[ "$(grep -c '^{"schema":"fanfold.compare/1",.*}$' "$tmp/out")" -eq 2 ] || fail "$what: $(cat "$tmp/out")"
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys
for line in sys.stdin: json.loads(line)' <"$tmp/out" || fail "$what: is not JSON: $(cat "$tmp/out")"
fi

what='a run that takes too long'
printf '[job]\ntask = integrate\nexpression = cos(x)\nover = x=0:1\npoints = 1000000000000\n' >"$tmp/long.job"
run "$fanfold" compare "$tmp/long.job" --executors serial --time-limit 1s --repeat 1
[ "$code" -ne 0 ] || fail "$what: exit code 0"
grep -q 'did not end within 1 s' "$tmp/out" || fail "$what: $(cat "$tmp/out" "$tmp/err")"

what='a flag of the job'
run "$fanfold" compare "$source_dir/jobs/weakkeys-pair.job" --strict=false --executors serial --repeat 1
expect 0
what='an expression that begins with a minus'
run "$fanfold" compare "$source_dir/jobs/gauss-2d.job" --expression '-x*y' --executors serial --repeat 1
expect 0
what='an input that is not there'
printf '[job]\ntask = factor\ninput = none.txt\n' >"$tmp/none.job"
run "$fanfold" compare "$tmp/none.job" --executors serial,threads --workers 1 --repeat 1
expect 2 && says "$tmp/none.txt"

what='options of the job' && run "$fanfold" compare "$source_dir/jobs/classic-integrate.job" --points 10 --executors serial --repeat 1 && expect 0
what='a folder that is not there' && run env TMPDIR=/nowhere "$fanfold" compare "$job" && expect 3 && says TMPDIR

if find_mpirun; then
    what='mpi' && run "$fanfold" compare "$job" --executors serial,mpi --workers 1,2 --repeat 1 && expect 0
    [ "$(grep -c '^mpi .*same bytes' "$tmp/out")" -eq 2 ] || fail "$what: $(cat "$tmp/out" "$tmp/err")"
fi
# The folder of libfanfold is looked into first: a broken library there stands for none.
what='libfanfold_mpi does not load'
mkdir "$tmp/lib"
cp "$(dirname "$fanfold")"/../lib/libfanfold.so.* "$tmp/lib/"
echo broken >"$tmp/lib/libfanfold_mpi.so.0"
export LD_LIBRARY_PATH=$tmp/lib
run "$fanfold" compare "$job" --executors serial,mpi --workers 1 --repeat 1 && expect 0
grep -q "^mpi  *1  can't run here: " "$tmp/out" || fail "$what: $(cat "$tmp/out")"
run "$fanfold" factor --executor mpi 12 && expect 4 '' && says libfanfold_mpi
run "$fanfold" --version && expect 0
grep -q '^MPI: not available' "$tmp/out" || fail "$what: $(cat "$tmp/out")"
[ -z "$(ls -A "$TMPDIR")" ] || fail "compare left $(ls "$TMPDIR")"
finish
