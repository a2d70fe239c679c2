#!/usr/bin/env bash
# The forms of options, and the values that they take, as --dry-run shows them.
set -u
. "$(dirname "$0")/lib.sh"

# shows LINE OPTION...: the dry run of gcd with these options prints this line.
shows() {
    local line=$1
    shift
    what="gcd --dry-run $*"
    run "$fanfold" gcd --dry-run "$@" 4 6
    expect 0
    tr -s ' ' <"$tmp/out" | grep -qxF -- "$line" || fail "$what: no line '$line' in: $(cat "$tmp/out")"
}

shows 'workers 3' --workers 3
shows 'workers 3' --workers=3
shows 'workers 3' -j 3
shows 'workers 3' -j3
shows 'workers 3' -qj3
shows 'workers 4' -j3 --workers 4
shows 'workers 4096' -j 4096
shows 'workers 1' --executor serial -j 3
shows 'executor processes (set by --executor)' --executor processes
shows 'argument -12' -12
shows 'argument --quiet' -- --quiet
shows 'max-digits 17' --max-digits 17

shows 'grace 90 s' --grace 90
shows 'grace 60 s' --grace 60s
shows 'grace 300 s' --grace 5m
shows 'grace 7200 s' --grace 2h
shows 'grace 3723 s' --grace 01:02:03
shows 'grace 360000 s' --grace 100:00:00
shows 'grace 93784 s' --grace 1-02:03:04
shows 'queue 1000 bytes' --queue-memory 1000
shows 'queue 2048 bytes' --queue-memory 2K
shows 'queue 67108864 bytes' --queue-memory 64M
shows 'queue 3221225472 bytes' --queue-memory 3G

for bad in '' -1 5x m 5mm 1.5s ' 5' 1:2 1:60:00 1:00:60 1:2:3 1-24:00:00 -01:00:00 1:00:00s \
    99999999999999999999; do
    what="--grace '$bad'" && run "$fanfold" gcd --dry-run "--grace=$bad" 4 6 && expect 2 ''
    says '--grace'
done
for bad in '' 0 -1 1T 1KB K 1.5M 99999999999G; do
    what="--queue-memory '$bad'" && run "$fanfold" gcd --dry-run "--queue-memory=$bad" 4 6
    expect 2 '' && says '--queue-memory'
done

export FANFOLD_EXECUTOR=processes FANFOLD_WORKERS=3
shows 'executor processes (set by FANFOLD_EXECUTOR)'
shows 'workers 3'
shows 'executor threads (set by --executor)' --executor threads
shows 'workers 2' -j 2
FANFOLD_EXECUTOR=procesess
what='a bad FANFOLD_EXECUTOR' && run "$fanfold" gcd 4 6 && expect 2 '' && says FANFOLD_EXECUTOR
FANFOLD_EXECUTOR=serial
for bad in 0 x 1000000000 -1; do
    export FANFOLD_WORKERS=$bad
    what="FANFOLD_WORKERS=$bad" && run "$fanfold" gcd 4 6 && expect 2 '' && says FANFOLD_WORKERS
done
what='help in spite of it' && run "$fanfold" gcd --help && expect 0
export FANFOLD_EXECUTOR="" FANFOLD_WORKERS=""
what='empty defaults' && run "$fanfold" gcd 4 6 && expect 0 '2\n'
unset FANFOLD_EXECUTOR FANFOLD_WORKERS

printf '[job]\ntask = factor\nnumbers = 12\nexecutor = serial\n' >"$tmp/small.job"
what='a job file sets the executor'
run "$fanfold" run --dry-run "$tmp/small.job" && expect 0
grep -q 'executor *serial (set by the job file)' "$tmp/out" || fail "$what: $(cat "$tmp/out")"
what='the command line goes before the job file'
run "$fanfold" run --dry-run --executor threads "$tmp/small.job" && expect 0
grep -q 'executor *threads (set by --executor)' "$tmp/out" || fail "$what: $(cat "$tmp/out")"
what='a dry run runs nothing'
run "$fanfold" factor --dry-run --output "$tmp/never" 12 && expect 0
[ ! -e "$tmp/never" ] || fail "$what: it left an output"
# srun without MPI starts copies that would each do everything.
export SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0
what='one of two copies' && run "$fanfold" factor 15 && expect 4 '' && says 'srun --mpi=pmix'
what='a copy that was asked for' && run "$fanfold" factor --executor serial 15 && expect 0 '15: 3 5\n'
says 'each of them does the whole job'
SLURM_PROCID=1
what='the other copy' && run "$fanfold" factor 15 && expect 4 '' && says_nothing
SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0
what='a step of one task' && run "$fanfold" factor 15 && expect 0 '15: 3 5\n' && says_nothing
unset SLURM_STEP_NUM_TASKS SLURM_PROCID

what='more workers than cores, on no launcher'
if find_mpirun && [ "$(nproc)" -eq "$(nproc --all)" ]; then
    run "$fanfold" gcd --executor mpi -j $(($(nproc) + 1)) 4 6 && expect 0 '2\n' && says_nothing
fi
finish
