#!/usr/bin/env bash
# --isa: which methods find the factors is decided by the instruction set that a job names or that
# the machine has where it begins, not by that of the worker; and a run goes on with the same alone.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

# Products of two primes of 15 digits, found by curves in many lanes or by the sieve without them.
for i in 1 2 3 4 5 6; do
    echo "(10^14+31)*(10^14+$((i * 1000))+1)"
    echo "100000000000067*(3*10^14+$((i * 100))+1)"
    echo "1000000000039*(10^12+$((i * 2000))+61)*(7*10^11+$i)"
done >numbers

factor() {
    run "$fanfold" factor --input numbers --format ndjson "$@"
    expect 0
}
methods() {
    grep -o '"method":"[a-z0-9-]*"' "$1" | sort -u | tr '\n' ' '
}

what='each'
for isa in scalar avx2 avx512; do
    factor --isa "$isa" -j 2
    mv out "$isa"
done
checks=$((checks + 2))
cmp -s scalar avx2 || fail "$what: scalar and avx2 differ: $(diff scalar avx2 | head -n 4)"
[[ $(methods scalar) = *siqs* && $(methods avx512) = *ecm* ]] && ! cmp -s scalar avx512 ||
    fail "$what: scalar by $(methods scalar), avx512 by $(methods avx512)"

what='whatever the worker has'
for executor in serial threads processes; do
    for isa in scalar avx512; do
        FANFOLD_ISA=scalar factor --isa "$isa" --executor "$executor"
        checks=$((checks + 1))
        cmp -s "$isa" out || fail "$what: $isa on $executor"
    done
done
if find_mpirun; then
    what='ranks that have less than rank 0'
    # shellcheck disable=SC2016
    run "${mpirun[@]}" -n 2 bash -c '
        [ "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}" = 0 ] || export FANFOLD_ISA=scalar
        exec "$@"' - "$fanfold" factor -j 1 --input numbers --format ndjson --isa avx512
    expect 0
    checks=$((checks + 1))
    cmp -s avx512 out || fail "$what: $(diff avx512 out | head -n 4)"
fi

what='going on with other instructions'
seq 1000000000000000000000000000000 1000000000000000000000000001000 >numbers
begin=("$fanfold" factor --input numbers -j 2)
for format in ndjson text; do
    killed_at_work "$format" 0 "${begin[@]}" --format "$format" --output "$format" --isa scalar
    run "${begin[@]}" --format "$format" --output "$format" --isa avx512 --resume
    if [ "$format" = text ]; then # which does not tell
        expect 0
    else
        expect 2 ''
        says 'scalar'
        says 'avx512'
        run "${begin[@]}" --format "$format" --output "$format" --isa scalar --resume
        expect 0
    fi
done

what='a name that is none'
run "$fanfold" factor --isa sse2 12
expect 2 ''
says 'scalar avx2 avx512'
finish
