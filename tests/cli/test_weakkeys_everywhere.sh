#!/usr/bin/env bash
# A set of keys of several blocks and an odd number of them on each level: the same bytes on every
# executor, and the shared factors that were planted. They are enough for small primes to take part in the
# scan.
set -u
. "$(dirname "$0")/lib.sh"

have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }

# 1700 keys, of which every hundredth is a multiple of the prime 2^127 - 1 (hex 7fff...).
awk 'BEGIN {
    srand(8)
    for (i = 0; i < 1700; i++) {
        line = i % 100 == 17 ? "7fffffffffffffffffffffffffffffff" : ""
        if (line == "") {
            for (k = 0; k < 200 + i % 25; k++)
                line = line sprintf("%x", int(rand() * 15) + 1)
            line = line "1"
        } else {
            line = line "7fffffffffffffffffffffffffffffff"
            if (i > 100)
                line = line sprintf("%0*d", 32 * int(i / 100), 0)
        }
        print line
    }
}' >"$tmp/keys"

what='serial'
run timeout 120 "$fanfold" weakkeys --executor serial --format tsv "$tmp/keys"
checks=$((checks + 1))
[ "$code" -eq 0 ] || fail "$what: exit code $code: $(head -c 400 "$tmp/err")"
mv "$tmp/out" "$tmp/serial"
[ "$(grep -c 7fffffffffffffffffffffffffffffff "$tmp/serial")" -ge 17 ] ||
    fail "$what: the shared prime was not found in all keys that have it"

same() {
    checks=$((checks + 1))
    [ "$code" -eq 0 ] || fail "$what: exit code $code: $(head -c 400 "$tmp/err")"
    cmp -s "$tmp/serial" "$tmp/out" || fail "$what: not the bytes of serial"
}

for workers in 1 2 3 5; do
    for executor in threads processes; do
        what="$executor with $workers workers"
        run timeout 120 "$fanfold" weakkeys --executor "$executor" -j "$workers" --format tsv "$tmp/keys"
        same
    done
    if [ -n "$have_mpi" ]; then
        what="mpi with $workers ranks"
        run timeout 120 "${mpirun[@]}" -n "$workers" "$fanfold" weakkeys --executor mpi -j 1 \
            --format tsv "$tmp/keys"
        same
    fi
done

# As a ring: of one on serial, of as many members as there are workers elsewhere.
what='a ring of one on serial'
run timeout 120 "$fanfold" weakkeys --method ring --executor serial --format tsv "$tmp/keys"
same
for executor in threads processes; do
    what="a ring of 3 on $executor"
    run timeout 120 "$fanfold" weakkeys --method ring --executor "$executor" -j 3 --format tsv "$tmp/keys"
    same
done
if [ -n "$have_mpi" ]; then
    for method in ring levels; do
        what="$method on mpi with 3 ranks"
        run timeout 120 "${mpirun[@]}" -n 3 "$fanfold" weakkeys --method "$method" --executor mpi \
            -j 1 --format tsv "$tmp/keys"
        same
    done
fi

# Which of them was taken is in the trace: a ring has gangs, levels have products.
tells() {
    checks=$((checks + 1))
    grep -q "$1" "$tmp/trace" || fail "$what: the trace has no $1"
    grep -q "$2" "$tmp/trace" && fail "$what: the trace has $2"
    rm -f "$tmp/trace"
}
what='threads take levels'
run timeout 120 "$fanfold" weakkeys --executor threads -j 2 --trace "$tmp/trace" --format tsv "$tmp/keys"
same
tells weakkeys.product fan.gang
if [ -n "$have_mpi" ]; then
    head -n 300 "$tmp/keys" >"$tmp/few"
    what='two ranks take a ring'
    run timeout 120 "${mpirun[@]}" -n 2 "$fanfold" weakkeys --executor mpi -j 1 --trace "$tmp/trace" \
        --format tsv "$tmp/keys"
    same
    tells fan.gang weakkeys.product
    what='two ranks with few keys take levels'
    run timeout 120 "${mpirun[@]}" -n 2 "$fanfold" weakkeys --executor mpi -j 1 --trace "$tmp/trace" \
        "$tmp/few"
    expect 0
    tells weakkeys.product fan.gang
    what='two ranks with a time limit take levels'
    run timeout 120 "${mpirun[@]}" -n 2 "$fanfold" weakkeys --executor mpi -j 1 --timeout 90 \
        --trace "$tmp/trace" --format tsv "$tmp/keys"
    same
    tells weakkeys.product fan.gang
fi

# With fewer keys than members, one key, and limits that a ring has nothing for.
head -n 2 "$tmp/keys" >"$tmp/two"
head -n 1 "$tmp/keys" >"$tmp/one"
for few in one two; do
    "$fanfold" weakkeys --executor serial --format tsv "$tmp/$few" >"$tmp/serial" 2>"$tmp/err"
    what="a ring over $few"
    run timeout 120 "$fanfold" weakkeys --method ring --executor threads -j 4 --format tsv "$tmp/$few"
    same
done
what='a ring with a time limit for items'
run "$fanfold" weakkeys --method ring --timeout 9 "$tmp/keys"
expect 2
says 'no items that timeout or retries'
finish
