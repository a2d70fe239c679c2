#!/usr/bin/env bash
# Every job file of jobs/ on every executor, with 1, 2, 3 and 5 workers: the same bytes.
set -u
. "$(dirname "$0")/lib.sh"

have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }

same() {
    checks=$((checks + 1))
    [ "$code" -eq "$serial_code" ] ||
        fail "$what: exit code $code, on serial $serial_code: $(head -c 400 "$tmp/err")"
    cmp -s "$tmp/serial" "$tmp/result" ||
        fail "$what: not the bytes of serial: $(cmp "$tmp/serial" "$tmp/result" 2>&1)"
    rm -f "$tmp/result"
}

jobs=0
for job in "$source_dir"/jobs/*.job; do
    [ -e "$job" ] || break
    jobs=$((jobs + 1))
    name=$(basename "$job")
    rm -f "$tmp/serial"
    run timeout 120 "$fanfold" run "$job" --executor serial --output "$tmp/serial"
    serial_code=$code
    what="$name on serial"
    checks=$((checks + 1))
    [ "$code" -eq 0 ] || fail "$what: exit code $code: $(head -c 400 "$tmp/err")"
    [ -e "$tmp/serial" ] || { fail "$what: no output" && continue; }
    for workers in 1 2 3 5; do
        for executor in threads processes; do
            what="$name on $executor with $workers workers"
            run timeout 120 "$fanfold" run "$job" --executor "$executor" -j "$workers" --output "$tmp/result"
            same
        done
        if [ -n "$have_mpi" ]; then
            what="$name on mpi with $workers ranks"
            run timeout 120 "${mpirun[@]}" -n "$workers" "$fanfold" run "$job" --executor mpi -j 1 --output "$tmp/result"
            same
        fi
    done
done
[ "$jobs" -ge 3 ] || fail "only $jobs job files were found in $source_dir/jobs"
finish
