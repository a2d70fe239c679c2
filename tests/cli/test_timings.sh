#!/usr/bin/env bash
# --timings: which attempt it was, how long it ran and who ran it; without these the output is that of
# a run without the flag.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

{ seq 1000000007 1000000106 && echo x && seq 20; } >numbers
for format in tsv ndjson; do
    run "$fanfold" factor --executor serial --input numbers --format "$format"
    mv out "plain.$format"
done

# timed COMMAND...: with the columns or fields, and nothing else, added.
timed() {
    run "$@" --input numbers --format tsv --timings
    expect 2
    checks=$((checks + 3))
    [ "$(head -n 1 out | cut -f 6-)" = $'attempt\tseconds\tworker' ] || fail "$what: $(head -n 1 out)"
    local wrong
    wrong=$(tail -n +2 out | cut -f 6- | grep -vE "^1	[0-9]+\.[0-9]{9}	$host/$worker\$" | head -n 3)
    [ -z "$wrong" ] || fail "$what: $wrong"
    cmp -s <(cut -f -5 out) plain.tsv || fail "$what: not what it is without"
    run "$@" --input numbers --format ndjson --timings
    expect 2
    checks=$((checks + 1))
    cmp -s <(sed -E "s#,\"attempt\":1,\"seconds\":[0-9]+\.[0-9]{9},\"worker\":\"$host/$worker\"\}\$#}#" out) \
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
what='integrals'
run "$fanfold" integrate 'cos(x)' --over x=0:1 --timings --format tsv
expect 2 ''

what='attempts'
endless=1$(printf '%0150d' 0)121$(printf '%0150d' 0)3443
run timeout 60 "$fanfold" factor --executor processes -j 1 --effort 1000000000000 --timeout 0.2 --retries 1 \
    --format tsv --timings "$endless"
expect 1
checks=$((checks + 1))
tail -n 1 out | grep -qE "timed out	.*	2	0\.[2-9][0-9]{8}	" || fail "$what: $(tail -n 1 out)"

what='shards'
for i in 1 2; do
    run "$fanfold" factor --input numbers --format tsv --timings --output parts --shard "$i/2"
done
run "$fanfold" results --merge parts
expect 2
checks=$((checks + 1))
cmp -s <(cut -f -5 parts) plain.tsv || fail "$what: not what it is without"

what='gone on with without it'
run "$fanfold" factor --input numbers --format tsv --output parts --shard 1/2 --resume
expect 2
says timings
finish
