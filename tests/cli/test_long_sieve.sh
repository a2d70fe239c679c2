#!/usr/bin/env bash
# Numbers of 69 and 79 digits by all workers together, and killed again and again.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

# The digits of e and pi, up to the next primes.
short=(27182818284590452353602874713526949 31415926535897932384626433832795047)
long=(2718281828459045235360287471352662497897 3141592653589793238462643383279502884493)
product() { echo "$1 * $2" | BC_LINE_LENGTH=0 bc; }

what='69 digits'
n=$(product "${short[@]}")
for executor in serial threads processes; do
    run "$fanfold" factor --executor $executor "$n" && expect 0 "$n: ${short[*]}\n"
done

what='79 digits'
n=$(product "${long[@]}")
if find_mpirun; then
    run "${mpirun[@]}" -n 3 "$fanfold" factor -j 1 "$n" && expect 0 "$n: ${long[*]}\n"
fi

what='79 digits, killed whenever its state has grown by 200 kB'
at=0 kills=0 resume=''
while :; do
    "$fanfold" factor --executor processes -j 2 --output killed $resume "$n" 2>err </dev/null &
    pid=$! resume=--resume
    while kill -0 "$pid" 2>/dev/null; do
        size=$(stat -c %s killed.sieve-*[0-9a-f] 2>/dev/null | sort -n | tail -n 1)
        [ "${size:-0}" -lt $((at + 200000)) ] || break
        sleep 0.01
    done
    kill -0 "$pid" 2>/dev/null || break
    kill -KILL "$pid"
    wait "$pid" 2>shell
    kills=$((kills + 1)) at=$size
    [ "$kills" -lt 1000 ] || break
done
code=0
wait "$pid" || code=$?
expect 0
checks=$((checks + 2))
[ "$(cat killed)" = "$n: ${long[*]}" ] || fail "$what: $(cat err) $(cat killed)"
[ "$kills" -ge 10 ] || fail "$what: only $kills times"
echo "killed $kills times"
finish
