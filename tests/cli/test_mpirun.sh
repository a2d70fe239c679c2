#!/usr/bin/env bash
# The same command line under mpirun: rank 0 alone prints, the bytes are the same, and so are the
# messages and exit codes of bad input.
set -u
. "$(dirname "$0")/lib.sh"

if ! find_mpirun; then
    echo 'skipped: no MPI'
    exit 77
fi
seq 100000000000 100000000500 >"$tmp/numbers"
"$fanfold" factor --executor serial --input "$tmp/numbers" >"$tmp/serial"
for n in 1 2 3; do
    what="mpirun -n $n"
    run timeout 240 "${mpirun[@]}" -n "$n" "$fanfold" factor --input "$tmp/numbers" -j 1
    expect 0
    cmp -s "$tmp/serial" "$tmp/out" || fail "$what: other bytes than serial"
done
for local in serial threads processes; do
    what="--local $local"
    run timeout 240 "${mpirun[@]}" -n 2 "$fanfold" factor --input "$tmp/numbers" --local "$local" -j 2
    expect 0
    cmp -s "$tmp/serial" "$tmp/out" || fail "$what: other bytes than serial"
done
what='--executor mpi without a launcher'
run timeout 240 "$fanfold" factor --executor mpi -j 2 --input "$tmp/numbers" && expect 0
cmp -s "$tmp/serial" "$tmp/out" || fail "$what: other bytes than serial"

what='standard input' && code=0
timeout 240 "${mpirun[@]}" -n 2 "$fanfold" factor -j 1 <"$tmp/numbers" >"$tmp/out" 2>"$tmp/err" || code=$?
expect 0
cmp -s "$tmp/serial" "$tmp/out" || fail "$what: other bytes than serial"

# once TEXT: said by one rank only.
once() {
    checks=$((checks + 1))
    local times
    times=$(grep -cF -- "$1" "$tmp/err")
    [ "$times" -eq 1 ] || fail "$what: '$1' said $times times: $(head -c 600 "$tmp/err")"
}
what='an unknown option' && run timeout 240 "${mpirun[@]}" -n 3 "$fanfold" factor --wrokers 2 12
expect 2 '' && once 'did you mean --workers'
what='a file that is not there'
run timeout 240 "${mpirun[@]}" -n 3 "$fanfold" factor --input "$tmp/none" && expect 2 '' && once "$tmp/none"
what='a job file that is not there'
run timeout 240 "${mpirun[@]}" -n 3 "$fanfold" run "$tmp/none.job" && expect 2 '' && once "$tmp/none.job"
what='a bad token'
run timeout 240 "${mpirun[@]}" -n 2 "$fanfold" factor 12 13x 15 -j 1 && expect 2 '12: 2 2 3\n15: 3 5\n' && once 13x
what='a dry run' && run timeout 240 "${mpirun[@]}" -n 2 "$fanfold" factor 12 --dry-run && expect 0
[ "$(grep -c '^executor' "$tmp/out")" -eq 1 ] || fail "$what: $(cat "$tmp/out")"
for args in --version 'help gcd' 'gcd --help'; do
    what="mpirun -n 2 fanfold $args"
    # shellcheck disable=SC2086
    run "$fanfold" $args && cp "$tmp/out" "$tmp/alone"
    # shellcheck disable=SC2086
    run timeout 240 "${mpirun[@]}" -n 2 "$fanfold" $args && expect 0
    cmp -s "$tmp/alone" "$tmp/out" || fail "$what: $(cat "$tmp/out")"
done
what='the job file asks for threads'
printf '[job]\ntask = factor\nnumbers = 12\nexecutor = threads\n' >"$tmp/threads.job"
run timeout 240 "${mpirun[@]}" -n 2 "$fanfold" run "$tmp/threads.job" && expect 0 '12: 2 2 3\n' && once 'only rank 0'
what='a full standard output'
code=0
timeout 240 "${mpirun[@]}" -n 2 bash -c 'exec "$@" >/dev/full' - "$fanfold" factor 12 -j 1 >"$tmp/out" 2>"$tmp/err" || code=$?
expect 3
what='what srun sends to the standard input of all ranks'
# shellcheck disable=SC2016
run timeout 240 "${mpirun[@]}" -n 1 "$fanfold" integrate 'cos(x)' --over x=0:1 --points 20000000 --output "$tmp/sent" : \
    -n 1 bash -c 'seq 100000 | "${@:2}"; echo "${PIPESTATUS[0]}" >"$1"' - "$tmp/writer" \
    "$fanfold" integrate 'cos(x)' --over x=0:1 --points 20000000 --output "$tmp/sent"
expect 0 ''
[ "$(cat "$tmp/writer")" = 0 ] || fail "$what: who wrote it ended with $(cat "$tmp/writer")"
finish
