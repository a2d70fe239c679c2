#!/usr/bin/env bash
# Ranks done right: processes inside ranks contain a fault, a silent rank ends the run with its name,
# binding is warned of, and options and launchers that can't be meant are refused.
set -u
. "$(dirname "$0")/lib.sh"

# ---- Options and job files, which need no MPI
printf '[job]\ntask = factor\nnumbers = 12\nexecutor = mpi\nlocal = processes\n' >"$tmp/local.job"
shows_local() {
    what="run --dry-run $*"
    run "$fanfold" run "$tmp/local.job" --dry-run "$@" && expect 0
    tr -s ' ' <"$tmp/out" | grep -qx "local $local" || fail "$what: no 'local $local' in $(cat "$tmp/out")"
}
if find_mpirun; then
    local=processes && shows_local
    local=serial && shows_local --local serial
fi
what='local in a job file, run on threads'
run "$fanfold" run "$tmp/local.job" --executor threads && expect 0 '12: 2 2 3\n' && says_nothing
what='a bad local in a job file'
sed 's/processes/elves/' "$tmp/local.job" >"$tmp/bad.job"
run "$fanfold" run "$tmp/bad.job" && expect 2 '' && says "$tmp/bad.job:5:9" && says 'processes'
for option in '--local processes' '--heartbeat 5s'; do
    what="$option on threads"
    # shellcheck disable=SC2086
    run "$fanfold" factor 12 --executor threads $option && expect 2 '' && says "${option%% *}"
done
what='--heartbeat on processes' && run "$fanfold" factor 12 --executor processes -j1 --heartbeat 5s
expect 0 '12: 2 2 3\n' && says_nothing
for bad in -1 5x 2-00:00:00 ''; do
    what="--heartbeat '$bad'" && run "$fanfold" factor 12 --executor mpi --heartbeat "$bad"
    expect 2 '' && says '--heartbeat'
done

if ! find_mpirun; then
    echo 'no MPI: the rest is skipped'
    finish
fi

what='one rank where Slurm meant four'
run env SLURM_NTASKS=4 timeout 240 "$fanfold" factor 12 --executor mpi
expect 4 '' && says 'SLURM_NTASKS=4, but MPI sees one rank' && says 'srun --mpi='

# ---- A fault in an item
hard=1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000121000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003443
# start_ranks OPTION...: starts a run of three ranks; leaves $pid (of the launcher) and $ranks.
start_ranks() {
    timeout 240 "${mpirun[@]}" -n 3 "$fanfold" factor -j 1 --effort 50 \
        --output "$tmp/result" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
    pid=$!
    for _ in {1..1200}; do
        sleep 0.1
        ranks=$(running)
        [ "$(wc -w <<<"$ranks")" -eq 3 ] && break
    done
}
# The ranks of this test.
running() {
    local file first
    for file in $(grep -slF -- "$tmp/result" /proc/[0-9]*/cmdline); do
        first=
        { IFS= read -rd '' first <"$file"; } 2>/dev/null
        [ "$first" = "$fanfold" ] && basename "$(dirname "$file")"
    done
}
what='an item without end, whose worker is killed'
start_ranks --local processes --crash-limit 1 "$hard" 12 15
busy=
for _ in {1..1200}; do # the worker that computes: the others have nothing to do any more
    sleep 0.1
    for file in $(grep -slF -- --fanfold-worker /proc/[0-9]*/cmdline); do
        worker=$(basename "$(dirname "$file")")
        { read -ra stat <"/proc/$worker/stat"; } 2>/dev/null || continue
        grep -qx "${stat[3]}" <<<"$ranks" && [ "${stat[13]}" -ge 30 ] && busy=$worker
    done
    [ -n "$busy" ] && break
done
if [ -n "$busy" ]; then
    tr '\0' '\n' <"/proc/$busy/environ" | grep -E '^(OMPI|PMIX|PMI)_' && fail "$what: it looks like a rank"
    kill -9 "$busy"
else
    fail "$what: no worker computes"
    kill "$pid"
fi
code=0
wait "$pid" 2>"$tmp/shell" || code=$?
expect 1 '' && says SIGKILL
printf '12: 2 2 3\n15: 3 5\n' | cmp -s - "$tmp/result" || fail "$what: it wrote $(cat "$tmp/result")"
rm -f "$tmp/result"*

# ---- A rank that stops answering
what='a rank that is stopped'
start_ranks --heartbeat 1s "$hard" "$hard" "$hard"
for _ in $(seq 12000); do # once rank 0 works all of them serve
    [ -e "$tmp/result.journal" ] && break
    sleep 0.01
done
sleep 0.2
victim=$(for rank in $ranks; do
    tr '\0' '\n' <"/proc/$rank/environ" | grep -qE '^(OMPI_COMM_WORLD_RANK|PMI_RANK)=2$' && echo "$rank"
done)
[ -n "$victim" ] && kill -STOP "$victim" || fail "$what: there was none among $ranks"
code=0
wait "$pid" 2>"$tmp/shell" || code=$?
expect 4 '' && says "rank 2 on $(hostname) has not answered for 1 s"
says 'factor --resume '
[ ! -e "$tmp/result" ] || fail "$what: left a half output"
rm -f "$tmp/result".*
for _ in {1..1200}; do
    [ -n "$(running)" ] || break
    sleep 0.1
done
[ -z "$(running)" ] || fail "$what: ranks live on: $(running)"

what='a rank that dies'
start_ranks "$hard" "$hard" "$hard"
kill -9 "$(tail -n 1 <<<"$ranks")" || fail "$what: there was none among $ranks"
code=0
wait "$pid" 2>"$tmp/shell" || code=$?
checks=$((checks + 1))
case $code in
0 | 124) fail "$what: exit code $code" ;;
esac
for _ in {1..1200}; do
    [ -n "$(running)" ] || break
    sleep 0.1
done
[ -z "$(running)" ] || fail "$what: ranks live on: $(running)"

# ---- Binding
if [ "$(nproc)" -ge 2 ] && [ "${mpirun[1]:-}" = --oversubscribe ]; then
    bound=("${mpirun[@]:0:2}" --bind-to core)
    what='workers on one core'
    run timeout 240 "${bound[@]}" -n 2 "$fanfold" factor 12 -j 2 && expect 0 '12: 2 2 3\n'
    [ "$(grep -c 'rank 0 on .* has 2 workers, but was bound to 1 of .*--bind-to none' "$tmp/err")" -eq 1 ] ||
        fail "$what: said $(cat "$tmp/err")"
    what='one worker on one core'
    run timeout 240 "${bound[@]}" -n 2 "$fanfold" factor 12 -j 1 && expect 0 && says_nothing
    what='OMP_PROC_BIND, which workers undo'
    run env OMP_PROC_BIND=close timeout 240 "${mpirun[@]}" -n 1 "$fanfold" factor 12 -j 2 && expect 0 && says_nothing
fi
finish
