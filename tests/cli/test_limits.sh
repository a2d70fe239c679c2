#!/usr/bin/env bash
# Time and memory of items: what goes beyond fails alone, is told in the output, and ends with 1.
set -u
. "$(dirname "$0")/lib.sh"

tough=1000000000000000000000000000156000000000000000000000000005643 # two primes of 31 digits, in which
effort=(--effort 14)                                                # one worker looks for smaller ones

refused() {
    local option=$1 value=$2
    what="--$option $value"
    run "$fanfold" factor "--$option" "$value" 12 && expect 2 '' && says "--$option: $option is '$value'"
    printf '[job]\ntask = factor\nnumbers = 12\n  %s = %s\n' "$option" "$value" >"$tmp/bad.job"
    what="$option = $value in a job file"
    run "$fanfold" run "$tmp/bad.job" && expect 2 '' && says "$tmp/bad.job:4:"
    says "$option is '$value'"
}
refused timeout 0
refused timeout 5000000
refused timeout never
refused retries -1
refused retries 1000001
refused backoff 31
refused backoff 0.0001
refused worker-memory 1M
refused worker-memory 64MB

what='too many crashes' && run "$fanfold" factor --crash-limit 1001 12 && expect 2 '' && says '--crash-limit'
what='a limit of memory where workers are threads'
run "$fanfold" factor --executor threads --worker-memory 64M 12 && expect 2 '' && says 'worker_memory'

for executor in serial threads; do
    what="a timeout on $executor"
    run "$fanfold" divisors "${effort[@]}" --executor "$executor" --timeout 0.2 --retries 1 12 "$tough" 15
    expect 1 '12: 1 2 3 4 6 12\n15: 1 3 5 15\n' && says 'item 1 timed out: ran longer than 200 ms'
done
printf '12 15\n%s\n7\n' "$tough" >"$tmp/numbers"
printf '[job]\ntask = divisors\ninput = numbers\ntimeout = 0.2\neffort = 14\nformat = tsv\n' >"$tmp/slow.job"
what='a timeout in a job file'
run "$fanfold" run "$tmp/slow.job"
expect 1 'index\tn\tdivisors\tstatus\ttext\n0\t12\t1 2 3 4 6 12\tok\t\n1\t15\t1 3 5 15\tok\t\n2\t-\t-\ttimed out\tran longer than 200 ms\n3\t7\t1 7\tok\t\n'
says "numbers:2:1: item 2 timed out: ran longer than 200 ms"
what='the command line goes before the job file'
run "$fanfold" run "$tmp/slow.job" --timeout 0.1 && expect 1 && says 'longer than 100 ms'

# GMP says on standard error what it lacks, and ends the process.
head -c 40000000 /dev/zero | tr '\0' 7 >"$tmp/huge"
printf ' 6\n12 8\n' >>"$tmp/huge"
what='an item that wants too much memory'
run "$fanfold" gcd --executor processes -j 1 --max-digits 100000000 --worker-memory 64M \
    --crash-limit 1 --input "$tmp/huge"
if grep -q 'not supported' "$tmp/err"; then
    echo 'skipped: no limit of memory here'
else
    expect 1 '4\n' && says 'item 0 lost: ' && says 'fanfold: item 0: GNU MP: Cannot '
fi
finish
