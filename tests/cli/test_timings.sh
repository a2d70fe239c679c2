#!/usr/bin/env bash
# --timings: which attempt it was, when it began, how long it ran and who ran it; without these the
# output is that of a run without the flag.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

{ seq 1000000007 1000000106 && echo x && seq 20; } >numbers
for format in tsv ndjson; do
    run "$fanfold" factor --executor serial --input numbers --format "$format"
    mv out "plain.$format"
done

# What time it is so many seconds from now, and whether the times of FILE's column (7 of lists) lie
# between two such: to a minute, as the clock may be set meanwhile.
time_in() {
    date -u -d "$1 seconds" +%Y-%m-%dT%H:%M:%S.%6NZ
}
time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z'
times_within() {
    local odd
    checks=$((checks + 1))
    odd=$(tail -n +2 "$1" | cut -f "$2" | grep -v '^-$' | awk -v a="$3" -v b="$4" '$1 < a || $1 > b' | head -n 3)
    [ -z "$odd" ] || fail "$what: began at $odd, not between $3 and $4"
}

# timed COMMAND...: with the columns or fields, and nothing else, added.
timed() {
    local wrong before
    before=$(time_in -60)
    run "$@" --input numbers --format tsv --timings
    expect 2
    checks=$((checks + 3))
    [ "$(head -n 1 out | cut -f 6-)" = $'attempt\tbegan\tseconds\tworker' ] || fail "$what: $(head -n 1 out)"
    wrong=$(tail -n +2 out | cut -f 6- | grep -vE "^1	$time	[0-9]+\.[0-9]{9}	$host/$worker\$" | head -n 3)
    [ -z "$wrong" ] || fail "$what: $wrong"
    times_within out 7 "$before" "$(time_in 60)"
    cmp -s <(cut -f -5 out) plain.tsv || fail "$what: not what it is without"
    run "$@" --input numbers --format ndjson --timings
    expect 2
    checks=$((checks + 1))
    cmp -s <(sed -E "s#,\"attempt\":1,\"began\":\"$time\",\"seconds\":[0-9]+\.[0-9]{9},\"worker\":\"$host/$worker\"\}\$#}#" out) \
        plain.ndjson || fail "$what: $(head -n 2 out)"
}
host=$(uname -n)
for executor in serial threads processes; do
    what=$executor worker='[0-9]+' timed "$fanfold" factor --executor "$executor" -j 2
done
if find_mpirun; then
    what=ranks worker='[0-2]\.[0-9]+' timed "${mpirun[@]}" -n 3 "$fanfold" factor -j 1
fi

what='text'
run "$fanfold" factor --timings 12
expect 2 ''
says 'timings needs the format tsv or ndjson'
# of keys, which are no items: how long each phase took, beside records that are the same.
what='keys'
printf '%s\n' 8f 91 95 >moduli
run "$fanfold" weakkeys moduli --checks none --format tsv
expect 0
mv out keys.plain
run "$fanfold" weakkeys moduli --checks none --format tsv --timings
expect 0
checks=$((checks + 2))
cmp -s out keys.plain || fail "$what: times change the records"
phases='read #, sort #, up #, root #, down #, split #, check #, write #'
seconds='[0-9]+\.[0-9]{3}'
grep -Eq "seconds: ${phases//#/$seconds}\$" err || fail "$what: $(cat err)"
run "$fanfold" weakkeys moduli --checks none --timings
expect 0
says 'seconds: read'

what='attempts'
endless=1$(printf '%0150d' 0)121$(printf '%0150d' 0)3443
run timeout 240 "$fanfold" divisors --executor processes -j 1 --effort 14 --timeout 0.2 --retries 1 \
    --format tsv --timings "$endless"
expect 1
checks=$((checks + 1))
tail -n 1 out | grep -qE "timed out	.*	2	$time	0\.[2-9][0-9]{8}	" || fail "$what: $(tail -n 1 out)"

what='shards'
for i in 1 2; do
    run "$fanfold" factor --input numbers --format tsv --timings --output parts --shard "$i/2"
done
run "$fanfold" results --merge parts
expect 2
checks=$((checks + 1))
cmp -s <(cut -f -5 parts) plain.tsv || fail "$what: not what it is without"

what='integrals'
printf 'cos(x); over x=0:1\nsin(x over x=0:1\nx; over x=0:2; points 3000000\n' >integrals
for format in tsv ndjson; do
    run "$fanfold" integrate --input integrals --format "$format" --timeout 60 x --over x=0:1
    mv out plain.sums
    before=$(time_in -60)
    run "$fanfold" integrate --input integrals --format "$format" --timeout 60 x --over x=0:1 --timings --output sums
    expect 2
    checks=$((checks + 2))
    if [ "$format" = tsv ]; then
        times_within sums 7 "$before" "$(time_in 60)"
        [ "$(cut -f 6- sums | sed -E "s/$time/T/; s/[0-9]+\.[0-9]{9}/S/")" = "$(printf \
            'attempt\tbegan\tseconds\tworker\n1\tT\tS\t*\n1\tT\tS\t*\n0\t-\tS\t-\n1\tT\tS\t*')" ] ||
            fail "$what: $(cat sums)"
        cmp -s <(cut -f -5 sums) plain.sums || fail "$what: not what it is without"
    else
        cmp -s <(sed -E 's#,"attempt":[01],"began":[^,]*,"seconds":[0-9.]*,"worker":"[-*]"}$#}#' sums) plain.sums ||
            fail "$what: not what it is without: $(cat sums)"
    fi
done
what='integrals, in shards'
for i in 1 2; do
    run "$fanfold" integrate --input integrals --format tsv --timings --output cut --shard "$i/2"
done
run "$fanfold" results --merge cut
expect 2
checks=$((checks + 1))
[ "$(cut -f 9 cut | tr '\n' ' ')" = 'worker * - * ' ] || fail "$what: $(cat cut)"

what='what was done again'
run "$fanfold" factor --executor processes -j 1 --effort 14 --timeout 0.1 --format tsv --timings --output again 6 "$endless"
expect 1
run "$fanfold" factor --executor processes -j 1 --effort 14 --timeout 0.1 --format tsv --timings --output again 6 "$endless" --retry-failed
expect 1
checks=$((checks + 1))
[ "$(tail -n +2 again | cut -f 6 | tr '\n' ' ')" = '1 2 ' ] || fail "$what: $(cut -c 1-40,300- again)"

what='gone on with without it'
run "$fanfold" factor --input numbers --format tsv --output parts --shard 1/2 --resume
expect 2
says timings
finish
