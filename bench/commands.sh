#!/usr/bin/env bash
# What a command costs: fanfold map beside xargs and GNU parallel, in one run, interleaved.
#   commands.sh FANFOLD [ROUNDS [JOBS]]
# Prints, for each, the median time to start with one job and the median time of one more job, on two
# workers, in ms, and its CPU time with that of the job itself.
set -u
export LC_ALL=C
fanfold=$(realpath "$1")
rounds=${2:-5}
jobs=${3:-1000}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
seq "$jobs" >"$tmp/many"
seq 1 >"$tmp/one"
TIMEFORMAT='%R %U %S'

names=('fanfold map -j 2' 'fanfold map -j 2 --output, journal' 'fanfold map -j 2 --executor processes'
    'xargs -n 1 -P 2' 'parallel -j 2' 'parallel -j 2 -k --joblog')
run() {
    case $1 in
    0) "$fanfold" map -j 2 -- true {} ;;
    1) "$fanfold" map -j 2 --restart --output "$tmp/out" -- true {} ;;
    2) "$fanfold" map -j 2 --executor processes -- true {} ;;
    3) xargs -n 1 -P 2 true ;;
    4) parallel -j 2 true {} ;;
    5) parallel -j 2 -k --joblog "$tmp/log" true {} ;;
    esac
}
is_there() {
    case $1 in
    3) command -v xargs ;;
    [45]) command -v parallel ;;
    esac >/dev/null
}

for ((round = 0; round < rounds; round++)); do
    for way in "${!names[@]}"; do
        is_there "$way" || continue
        for what in one many; do
            { time run "$way" <"$tmp/$what" >/dev/null 2>&1; } 2>>"$tmp/$way.$what"
        done
    done
done

# median FILE COLUMN: in ms.
median() {
    awk -v c="$2" '{ print c == 2 ? $2 + $3 : $1 }' "$1" | sort -n |
        awk '{ v[NR] = $1 } END { printf "%.3f", 1000 * (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2) }'
}

printf '%-42s %12s %12s %12s\n' 'ms, medians' 'start, 1 job' 'a job' 'CPU a job'
for way in "${!names[@]}"; do
    if ! is_there "$way"; then
        printf '%-42s %12s\n' "${names[way]}" absent
        continue
    fi
    awk -v name="${names[way]}" -v one="$(median "$tmp/$way.one" 1)" -v many="$(median "$tmp/$way.many" 1)" \
        -v cpu_one="$(median "$tmp/$way.one" 2)" -v cpu_many="$(median "$tmp/$way.many" 2)" -v jobs="$jobs" \
        'BEGIN { printf "%-42s %12.1f %12.3f %12.3f\n", name, one, (many - one) / (jobs - 1), (cpu_many - cpu_one) / (jobs - 1) }'
done
