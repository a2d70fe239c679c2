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
finish
