#!/usr/bin/env bash
# The main job on real input, explained: jobs/demo.sh [COMMAND]. `make demo` builds and calls it.
# Ends with 0 when everything came out as told, else with 1.
set -u

fanfold=$(realpath "${1:-build/release/bin/fanfold}")
cd "$(dirname "$0")/.." || exit 1
bundle=/etc/ssl/certs/ca-certificates.crt
wrong=0

say() { printf '%s\n' "$@"; }
title() { printf '\n=== %s\n\n' "$1"; }
show() { printf '$ fanfold %s\n' "$*"; }
unexpected() {
    printf '!!! not as told: %s\n' "$1"
    wrong=1
}

if ! [ -x "$fanfold" ]; then
    echo "jobs/demo.sh: there is no program at $fanfold; 'make demo' builds it" >&2
    exit 1
fi

say "Fanfold spreads bulk work over one core, all cores, separate processes or the ranks of a" \
    "cluster, and brings the results back in order: the same bytes wherever it ran."

title "1. RSA keys that share a prime"
say "Two RSA keys that share a prime can both be broken with one gcd. This compares every key of" \
    "this system's certificate bundle with every other."
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# Runs weakkeys on files; the keys that share a prime are left in $shared.
weakkeys() {
    local out others duplicates
    show weakkeys "$@"
    out=$("$fanfold" weakkeys "$@" 2>"$errors") ||
        unexpected "exit code $?: $(tail -n 1 "$errors")"
    shared=$(grep ': shared ' <<<"$out")
    others=$(grep -c 'not an RSA key' "$errors")
    duplicates=$(grep -c ': duplicate ' <<<"$out")
    [ "$others" -eq 0 ] || say "($others keys are of another kind than RSA and were left out)"
    [ "$duplicates" -eq 0 ] ||
        say "($duplicates certificates hold the same key as another, which is no weakness)"
    grep -v 'not an RSA key' "$errors"
}

files=()
if [ -r "$bundle" ]; then
    files=("$bundle")
    weakkeys "$bundle"
    if [ -z "$shared" ]; then
        say "No key shares a prime with another."
    else
        say "$shared"
        unexpected "the bundle has keys that share a prime"
    fi
else
    say "$bundle is not here, so this part is left out (install ca-certificates)."
fi
say "" "Now the same with two keys added that were made to share a prime."
weakkeys "${files[@]}" jobs/data/weak-a.pem jobs/data/weak-b.pem
cut -c 1-98 <<<"$shared"
for name in weak-a.pem weak-b.pem; do
    grep -q "$name" <<<"$shared" || unexpected "$name was not found"
done
[ "$(wc -l <<<"$shared")" -eq 2 ] || unexpected "not two keys were found"

title "2. Numbers into primes"
say "The numbers of jobs/data/numbers.txt, factored; every factor is proven prime."
show factor --input jobs/data/numbers.txt
out=$("$fanfold" factor --input jobs/data/numbers.txt) || unexpected "exit code $?"
lines=$(say "$out" | wc -l)
say "$out" | head -n 8 | cut -c 1-150
[ "$lines" -le 8 ] || say "... and $((lines - 8)) more lines"
numbers=$(tr -s '[:space:]' '\n' <jobs/data/numbers.txt | grep -c '^[0-9]')
[ "$lines" -eq "$numbers" ] || unexpected "$numbers numbers gave $lines lines"
if command -v factor >/dev/null; then
    # Beyond 18 digits coreutils may take hours.
    small=$(tr -s '[:space:]' '\n' <jobs/data/numbers.txt | grep -E '^[0-9]{1,18}$')
    ours=$(say "$out" | grep -E '^[0-9]{1,18}:')
    if [ "$(say "$small" | timeout 30 factor)" = "$ours" ]; then
        say "The factor command of coreutils says the same of the $(say "$small" | wc -l) numbers up to" \
            "18 digits."
    else
        unexpected "coreutils factor says something else"
    fi
fi

title "3. An integral"
say "The area under the cosine from 0 to pi/2 is 1. The left rule with 1000 steps says a little" \
    "more: 1.00078519254663..."
show integrate "'cos(x)'" --over x=0:pi/2 --rule left --points 1000
out=$("$fanfold" integrate 'cos(x)' --over x=0:pi/2 --rule left --points 1000) ||
    unexpected "exit code $?"
say "$out"
case $out in
*1.00078519254663*) ;;
*) unexpected "the integral is another" ;;
esac

title "4. One job, four executors"
say "The classic workload of courses on concurrency, on one core (serial), on threads, on separate" \
    "processes (where a crash costs one item) and on MPI ranks. Times are of the work itself;" \
    "the last column says whether the output is the same bytes as on one core."
# Outputs that go to memory: else the times of such small jobs would be those of the disk.
[ -d /dev/shm ] && [ -w /dev/shm ] && export TMPDIR=/dev/shm
for job in classic-gcd classic-divisors classic-integrate; do
    say ""
    show compare "jobs/$job.job"
    "$fanfold" compare "jobs/$job.job" --workers 1,2 --repeat 3 --time-limit 30s ||
        unexpected "exit code $?"
done
say "" "Ten numbers are so few that handing them out costs more than doing them. An integral over" \
    "ten times the points is worth a second worker:" ""
show compare jobs/classic-integrate.job --points 10000000
"$fanfold" compare jobs/classic-integrate.job --points 10000000 --workers 1,2 --repeat 3 \
    --time-limit 60s || unexpected "exit code $?"

title "That was it"
if [ "$wrong" -eq 0 ]; then
    say "Everything came out as told. 'fanfold help' and README.md say how to go on."
else
    say "Not everything came out as told: see the lines with !!! above; 'fanfold doctor' looks for" \
        "what is wrong with this machine."
fi
exit "$wrong"
