#!/usr/bin/env bash
# --trace: every item once, whatever the executor; a full disk is told. compare --timeline: a
# well-formed picture with the table's figures.
set -u
. "$(dirname "$0")/lib.sh"
seq 1000000007 1000001506 >"$tmp/numbers"
items=1500

# The items of all batches that gave them their outcomes.
items_in() {
    sed -n 's/.*"cat":"batch".*"item":\([0-9]*\),"count":\([0-9]*\).*/\1 \2/p' "$1" | sort -n |
        awk '$1 != next_item { bad = 1 } { next_item = $1 + $2 } END { print bad ? "gaps" : next_item + 0 }'
}

well_formed() {
    if command -v xmllint >/dev/null; then
        xmllint --noout "$1"
    elif command -v python3 >/dev/null; then
        python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$1"
    fi
}

run "$fanfold" factor --input "$tmp/numbers" --executor serial && expect 0
cp "$tmp/out" "$tmp/untraced"
for executor in serial threads processes; do
    what="--trace on $executor"
    run "$fanfold" factor --input "$tmp/numbers" --executor "$executor" -j 2 --trace "$tmp/trace.json"
    expect 0 && says_nothing
    cmp -s "$tmp/out" "$tmp/untraced" || fail "$what: the output is not the same"
    [ "$(items_in "$tmp/trace.json")" = "$items" ] || fail "$what: $(items_in "$tmp/trace.json") items"
    grep -q "\"name\":\"thread_name\",\"args\":{\"name\":\"$executor worker" "$tmp/trace.json" ||
        fail "$what: no row is named"
    if command -v python3 >/dev/null; then
        python3 -m json.tool "$tmp/trace.json" /dev/null || fail "$what: is not JSON"
    fi
    rm "$tmp/trace.json"
done
if find_mpirun; then
    what='--trace over ranks'
    run "${mpirun[@]}" -n 2 "$fanfold" factor --input "$tmp/numbers" --trace "$tmp/trace.json"
    expect 0
    [ "$(items_in "$tmp/trace.json")" = "$items" ] || fail "$what: $(items_in "$tmp/trace.json") items"
    grep -q "\"name\":\"rank 0 on $(uname -n)\"" "$tmp/trace.json" || fail "$what: rank 0 has no name"
    what='a trace that can not be made, over ranks'
    run "${mpirun[@]}" -n 2 "$fanfold" factor 12 --trace /nowhere/trace.json
    [ "$code" -ne 0 ] || fail "$what: exit code 0"
    says /nowhere/trace.json
fi

what='a full disk' && run "$fanfold" factor 12 --trace /dev/full && expect 3 '12: 2 2 3\n' && says '/dev/full can'
what='no folder' && run "$fanfold" factor 12 --trace /nowhere/trace.json && expect 3 '' && says 'No such file'
what='no name' && run "$fanfold" factor 12 --trace '' && expect 2 '' && says '--trace needs'
what='a dry run' && run "$fanfold" factor 12 --trace "$tmp/dry.json" --dry-run && expect 0
[ ! -e "$tmp/dry.json" ] || fail "$what: wrote a trace"
what='an older trace' && echo old >"$tmp/old.json"
run "$fanfold" factor --trace "$tmp/old.json" --executor nothing 12 && expect 2
[ "$(cat "$tmp/old.json")" = old ] || fail "$what: was overwritten by a run that did not happen"

what='compare --timeline'
printf '[job]\ntask = divisors\ninput = divide\n' >"$tmp/divide.job"
{ seq 1 300 && echo 0 && seq 1000 1300; } >"$tmp/divide"
run "$fanfold" compare "$tmp/divide.job" --executors serial,threads,processes --workers 2 --repeat 1 \
    --timeline "$tmp/picture.svg" --trace "$tmp/kept.json" --format ndjson
expect 1 # 0 is divided by every number
well_formed "$tmp/picture.svg" || fail "$what: is not well-formed"
[ ! -e "$tmp/picture.svg.part" ] || fail "$what: left a part"
for row in serial-1 threads-2 processes-2; do
    picture=$(grep "data-executor=\"${row%-*}\"" "$tmp/picture.svg")
    table=$(grep "\"executor\":\"${row%-*}\"" "$tmp/out")
    seconds=$(sed 's/.*"seconds":\([^,]*\),.*/\1/' <<<"$table")
    [ -n "$seconds" ] && [[ $picture == *"data-seconds=\"$seconds\""* ]] ||
        fail "$what: the table has $seconds s, the picture $picture"
    [[ $table == *'"items":602,'* && $picture == *'data-items="602" data-traced-items="602" data-failed="1"'* ]] ||
        fail "$what: the table has $table, the picture $picture"
    [ "$(items_in "$tmp/kept.$row.json")" = 602 ] || fail "$what: the trace of $row is not kept"
done
drawn=$(sed -n 's/^<g data-worker.*data-items="\([0-9]*\)".*/\1/p' "$tmp/picture.svg" | paste -sd+)
[ "$((drawn))" -eq $((3 * 602)) ] || fail "$what: $drawn items are drawn"
[ "$(grep -c 'class="failed"' "$tmp/picture.svg")" -eq 4 ] || fail "$what: a failed item is not marked"

what='a full disk for the picture'
run "$fanfold" compare "$tmp/divide.job" --executors serial --repeat 1 --timeline /dev/full
[ "$code" -ne 0 ] || fail "$what: exit code 0"
says '--timeline: /dev/full'
what='an executor that can not run'
run "$fanfold" compare "$source_dir/jobs/classic-gcd.job" --executors skeleton --repeat 1 --timeline "$tmp/none.svg"
well_formed "$tmp/none.svg" || fail "$what: is not well-formed"
finish
