#!/usr/bin/env bash
# --retry-failed does again what did not end well: the output becomes that of a run in which nothing
# failed, whatever was killed when, and nothing else is touched.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

# Items that take some 30 ms, among others that take none: a limit of 1 ms is too short for them.
slow=30000000000000000017000000000000000002067
for i in {1..6}; do
    seq $((i * 100)) $((i * 100 + 5))
    echo $slow
    [ $((i % 2)) -ne 0 ] || echo "bad$i"
done >numbers
items=$(wc -l <numbers)

# same FILE [PLAIN]: it has the bytes of the run in which nothing failed.
same() {
    checks=$((checks + 1))
    cmp -s "${2:-plain.tsv}" "$1" ||
        fail "$what: not the bytes of the run in which nothing failed: $(cmp "${2:-plain.tsv}" "$1" 2>&1)"
}
# agrees OUTPUT CODE: what results says of its entries is as many as there are; what it lists is what
# it counts; and what it says has CODE.
agrees() {
    local counts listed
    run "$fanfold" results --format ndjson "$1"
    expect "$2"
    counts=$(sed -n 's/.*"ok":\([0-9]*\),"failed":\([0-9]*\),"lost":\([0-9]*\),"timed_out":\([0-9]*\),"cancelled":0,"bad_inputs":\([0-9]*\).*/\1 \2 \3 \4 \5/p' out)
    listed=$(grep -c '"record":"failure"' out)
    # shellcheck disable=SC2086
    set -- "$1" $counts
    checks=$((checks + 1))
    [ $(($2 + $3 + $4 + $5 + $6)) -eq "$items" ] && [ $(($3 + $4 + $5 + $6)) -eq "$listed" ] ||
        fail "$what: results counts $counts of $items and lists $listed"
}

for format in text tsv ndjson; do
    run "$fanfold" factor --input numbers --format "$format" --output "plain.$format" --no-journal
    expect 2
    for executor in serial threads processes; do
        [ "$format" = tsv ] || [ "$executor" = threads ] || continue
        what="$format on $executor"
        options=(--input numbers --format "$format" --executor "$executor" -j 2 --output "$executor.$format")
        run "$fanfold" factor "${options[@]}" --timeout 0.001
        expect 2
        grep -Eq 'timed out|time limit' err || fail "$what: said $(cat err)"
        agrees "$executor.$format" 1
        cmp -s "plain.$format" "$executor.$format" && fail "$what: nothing failed"
        run "$fanfold" factor "${options[@]}" --timeout 60 --retry-failed
        expect 2 ''
        # On a busy machine an entry that is no number may have timed out before it was looked at.
        grep -v 'is no number' err && fail "$what: said $(cat err)"
        same "$executor.$format" "plain.$format"
        agrees "$executor.$format" 1
        grep -q '"outcome":"bad input",.*"text":.*bad' out || fail "$what: $(cat out)"
        grep -Eq '"outcome":"(timed out|partial)"' out && fail "$what: has still some that timed out"
        [ ! -e "$executor.$format.part" ] || fail "$what: left its part"
    done
done

what='nothing that could end otherwise'
touch -d '2001-01-01' threads.tsv
run "$fanfold" factor --input numbers --format tsv --output threads.tsv --retry-failed
expect 2 ''
says 'there is nothing to do again: what is not ok is no valid input (3)'
checks=$((checks + 1))
[ "$(stat -c %Y threads.tsv)" = "$(date -d '2001-01-01' +%s)" ] || fail "$what: it was written again"
what='nothing at all'
run "$fanfold" factor 12 --output fine --retry-failed && expect 0 && says 'all items are ok'
run "$fanfold" factor 12 --output fine --retry-failed && expect 0 && says 'all items are ok'

what='again and again'
options=(--input numbers --format tsv --output again -j 2)
run "$fanfold" factor "${options[@]}" --timeout 0.001 --retry-failed
expect 2
agrees again 1
grep -q '"attempt":2,' out || fail "$what: $(head -c 600 out)"
run "$fanfold" factor "${options[@]}" --timeout 0.001 --retry-failed
expect 2
agrees again 1
grep -q '"attempt":3,' out || fail "$what: $(head -c 600 out)"
run "$fanfold" factor "${options[@]}" --timeout 60 --retry-failed
expect 2
same again
agrees again 1

# ---- Killed in the middle -----------------------------------------------------------------------

run "$fanfold" factor --input numbers --format tsv --output begun --timeout 0.001
expect 2
size=$(stat -c %s begun)
# begin_again OUTPUT: a run in which something failed. A copy of all its files is one, too.
begin_again() {
    local of
    for of in '' .journal .run.json; do
        cp "begun$of" "$1$of"
    done
}
fires=0
# Of the third the bytes are changed, as if the machine had been lost, of the fourth all are gone.
for part in 0 1 150 250; do
    what="killed with $part bytes"
    for _ in {1..20}; do # it may be quicker
        rm -f killed*
        begin_again killed
        "$fanfold" factor --input numbers --format tsv --output killed -j 1 --timeout 60 --retry-failed \
            >/dev/null 2>&1 </dev/null &
        pid=$!
        for _ in {1..1000}; do
            [ "$(stat -c %s killed.part 2>/dev/null || echo -1)" -ge "$part" ] && break
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.005
        done
        kill -9 "$pid" 2>/dev/null
        { wait "$pid"; } 2>/dev/null
        [ ! -e killed.part ] || break
    done
    [ ! -e killed.part ] || fires=$((fires + 1))
    fired_with=0
    if [ -e killed.part ]; then
        agrees killed 75
        fired_with=$(sed -n 's/.*"output_bytes":\([0-9]*\).*/\1/p' out)
        run "$fanfold" results killed
        expect 75
        grep -q 'not finished: doing again what failed' out || fail "$what: $(cat out)"
        cmp -s begun killed || fail "$what: the output before was touched"
        run "$fanfold" factor --input numbers --format tsv --output killed
        expect 2 ''
        says '--resume goes on with it'
    fi
    go_on=--resume
    case $part in
    1) go_on=--retry-failed ;;
    150) [ ! -e killed.part ] || printf 'XXXX' | dd of=killed.part conv=notrunc 2>/dev/null ;;
    250) rm -f killed.part ;;
    esac
    run "$fanfold" factor --input numbers --format tsv --output killed --timeout 240 "$go_on"
    expect 2
    [ "$part" -ne 150 ] || [ "$fired_with" -eq 0 ] || says 'killed.part does not have all that its journal speaks of'
    same killed
    agrees killed 1
    rm -f killed*
done
what='kills in the middle'
checks=$((checks + 1))
[ "$fires" -ge 3 ] || fail "$what: only $fires were at work"

what='stopped in the middle'
begin_again stopped
"$fanfold" factor --input numbers --format tsv --output stopped -j 1 --timeout 60 --retry-failed \
    >"$tmp/out" 2>"$tmp/err" </dev/null &
pid=$!
for _ in {1..1000}; do
    [ "$(stat -c %s stopped.part 2>/dev/null || echo -1)" -ge 1 ] && break
    sleep 0.005
done
kill -USR1 "$pid"
code=0
wait "$pid" || code=$?
expect 75
resume=$(sed -n 's/^  \(.*--resume.*\)/\1/p' "$tmp/err")
[ -n "$resume" ] || fail "$what: $(cat "$tmp/err")"
agrees stopped 75
eval "run $resume" && expect 2
same stopped

what='a run that was killed before'
mkfifo feed
{ seq 5000 5100 && exec sleep 1000; } >feed &
feeder=$!
"$fanfold" factor --output piped <feed 2>/dev/null &
pid=$!
for _ in {1..1000}; do
    [ -s piped.part ] && break
    sleep 0.01
done
kill -9 "$pid" "$feeder"
{ wait "$pid" "$feeder"; } 2>/dev/null
{ seq 5000 5100 && cat numbers; } >more
code=0
"$fanfold" factor --output piped --timeout 0.001 --retry-failed <more >"$tmp/out" 2>"$tmp/err" || code=$?
expect 2
run "$fanfold" factor --input more --output plain.more --no-journal
what='from standard input'
code=0
"$fanfold" factor --output piped --timeout 60 --retry-failed <numbers >"$tmp/out" 2>"$tmp/err" || code=$?
expect 2 && says 'the input is not the one that this run was begun with'
run "$fanfold" results piped && expect 1
code=0
cat more numbers | "$fanfold" factor --output piped --timeout 60 --retry-failed >"$tmp/out" 2>"$tmp/err" || code=$?
expect 2 && says 'it goes on after'
run "$fanfold" results piped && expect 1
[ ! -e piped.part ] || fail "$what: what was refused left its part"
code=0
cat more | "$fanfold" factor --output piped --timeout 60 --retry-failed >"$tmp/out" 2>"$tmp/err" || code=$?
expect 2
same piped plain.more

# ---- What is refused --------------------------------------------------------------------------

what='an output that is longer'
begin_again changed
echo more >>changed
run "$fanfold" factor --input numbers --format tsv --output changed --retry-failed
expect 2 ''
says "it has $((size + 5)) bytes, and not $size"
what='an output with other bytes'
sed 's/time/t1me/' begun >changed
run "$fanfold" factor --input numbers --format tsv --output changed --retry-failed
expect 2 ''
says 'it hashes to '
says ', and not to '
run "$fanfold" results changed && expect 1
what='an input that has changed'
cp begun changed
cp numbers kept
sed '1s/00$/01/' kept >numbers
run "$fanfold" factor --input numbers --format tsv --output changed --retry-failed
expect 2 '' && says 'the input is not the one'
run "$fanfold" results changed && expect 1
mv kept numbers
what='another effort'
run "$fanfold" factor --input numbers --format tsv --output changed --retry-failed --effort 40
expect 2 '' && says effort
what='and then it goes on'
run "$fanfold" factor --input numbers --format tsv --output changed --retry-failed --timeout 60
expect 2 && same changed
what='options that contradict each other'
run "$fanfold" factor 12 --retry-failed && expect 2 '' && says 'needs the journal of a run'
run "$fanfold" factor 12 --output x --no-journal --retry-failed && expect 2 '' && says 'needs the journal'
run "$fanfold" factor 12 --output x --restart --retry-failed && expect 2 '' && says 'only one of them'
run "$fanfold" weakkeys numbers --output x --retry-failed && expect 2 '' && says 'not of weakkeys'

# ---- Too much fails again ---------------------------------------------------------------------

what='--max-fails in a pass over what failed'
begin_again few
run "$fanfold" factor --input numbers --format tsv --output few -j 1 --batch 1 --timeout 0.001 --retry-failed --max-fails 1
expect 1 ''
says 'is number 2 that did not end well, and max-fails is 1'
says 'resume with:'
if [ -e few.part ]; then # not all had been handed out
    agrees few 75
    run "$fanfold" factor --input numbers --format tsv --output few --timeout 60 --resume
    expect 2
fi
run "$fanfold" factor --input numbers --format tsv --output few --timeout 60 --retry-failed
expect 2
same few

# ---- Many, and the journal stays small ----------------------------------------------------------

what='many that fail each time'
seq 20000 | sed 's/.*[369]$/0/' >many
run "$fanfold" divisors --input many --output divisors --format tsv --executor serial
expect 1
cp divisors divisors.first
for i in 1 2 3 4; do
    run "$fanfold" divisors --input many --output divisors --format tsv --retry-failed
    expect 1
done
same divisors divisors.first
run "$fanfold" results --format tsv divisors && expect 1
checks=$((checks + 2))
[ "$(tail -n +2 out | sort -t "$(printf '\t')" -k 2,2n | cut -f 2,4 | tr '\t' ' ' | md5sum)" = \
    "$(grep -n '^0$' many | sed 's/:0//' | awk '{ print $1 - 1, 5 }' | md5sum)" ] ||
    fail "$what: results lists $(head -n 4 out)"
[ "$(stat -c %s divisors.journal)" -lt 5000000 ] || fail "$what: $(stat -c %s divisors.journal) bytes"

# ---- Other kinds of outputs ----------------------------------------------------------------------

what='without an order'
run "$fanfold" factor --input numbers --format tsv --output loose --timeout 0.001 --unordered -j 2 --batch 1
expect 2
"$fanfold" factor --input numbers --format tsv --output loose --timeout 60 --unordered --retry-failed -j 1 \
    >/dev/null 2>&1 </dev/null &
pid=$!
for _ in {1..1000}; do
    [ -s loose.part ] && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.005
done
kill -9 "$pid" 2>/dev/null
{ wait "$pid"; } 2>/dev/null
run "$fanfold" factor --input numbers --format tsv --output loose --unordered --retry-failed
expect 2
sort loose >loose.sorted
sort plain.tsv >plain.sorted
same loose.sorted plain.sorted
agrees loose 1

# ---- Shards -----------------------------------------------------------------------------------

# Behind the others, in the second shard, one that never ends by itself.
endless=1$(printf '%0150d' 0)121$(printf '%0150d' 0)3443
{ cat numbers && echo "$endless"; } >more
items=$((items + 1))
shard=("$fanfold" factor --input more --effort 50 --format tsv -j 1)
# timed_out OUTPUT: how many of its items; the endless one may have come to what is told in part.
timed_out() {
    "$fanfold" results --format tsv "$1" | grep -Ec 'timed out|time limit'
}

what='shards'
for i in 1 2; do
    run "${shard[@]}" --output cut --shard $i/2 --timeout 0.001
    expect 2
done
agrees cut 1
run "$fanfold" results --merge cut
expect 2
cp cut merged
what='an output that was merged'
run "${shard[@]}" --output cut --timeout 60 --retry-failed
expect 2 ''
says 'is written in 2 shards: expected --shard I/2'
cmp -s cut merged || fail "$what: it was changed"
what='another number of shards'
run "${shard[@]}" --output cut --timeout 60 --retry-failed --shard 1/3
expect 2 ''
says 'whose number is 2, now it is 3'

what='a pass over one shard'
run "${shard[@]}" --output cut --timeout 60 --retry-failed --shard 1/2
expect 2
run "$fanfold" results --merge cut
expect 2
agrees cut 1
checks=$((checks + 3))
[ "$(timed_out cut.shard-1)" -eq 0 ] || fail "$what: $(cat cut.shard-1)"
[ "$(cut -f 1 cut | tail -n +2 | tr '\n' ' ')" = "$(seq -s ' ' 0 $((items - 1))) " ] || fail "$what: $(cut -f 1 cut)"
cmp -s <(awk 'NR == 1 || NR % 2 == 0' cut) <(awk 'NR == 1 || NR % 2 == 0' plain.tsv) ||
    fail "$what: the lines of the shard are not those of a run in which nothing failed"

what='a pass that was stopped'
cp cut merged
"${shard[@]}" --output cut --shard 2/2 --batch 1 --grace 0 --timeout 3600 --retry-failed >"$tmp/out" 2>"$tmp/err" </dev/null &
pid=$!
for _ in {1..1000}; do # all but the endless one are done again
    [ "$(timed_out cut.shard-2)" -eq 1 ] && break
    sleep 0.01
done
kill -USR1 "$pid"
code=0
wait "$pid" || code=$?
expect 75
resume=$(sed -n 's/^  \(.*--resume.*\)/\1/p' "$tmp/err")
run "$fanfold" results --merge cut
expect 75
grep -q 'unfinished  2' out || fail "$what: $(cat out)"
cmp -s cut merged || fail "$what: the merged output was changed"
eval "run $resume --timeout 0.3" && expect 2
run "$fanfold" results --merge cut
expect 2
agrees cut 1
checks=$((checks + 2))
head -n -1 cut | cmp -s - plain.tsv || fail "$what: not the lines of a run in which nothing failed"
tail -n 1 cut | grep -Eq "^$((items - 1))	.*(timed out	.*300 ms|partial	.*time limit)" || fail "$what: $(tail -n 1 cut)"

what='shards that were not begun'
for i in 2 1; do
    run "$fanfold" factor --input numbers --format tsv --output late --shard $i/2 --timeout 60 --retry-failed
    expect 2
done
run "$fanfold" results --merge late
expect 2
same late
items=$((items - 1))

# ---- Integrals ----------------------------------------------------------------------------------

what='integrals'
for i in {1..2}; do
    printf 'cos(%d*x); over x=0:1\ncos(%d*x)+lgamma(x+2); over x=0:1; points 600000\n# a remark\n' "$i" "$i"
done >integrals
printf 'cos(\n1/(x<0.5?0:1); over x=0:1; rule left\n' >>integrals
run "$fanfold" integrate x --over x=0:1 --input integrals --output plain.sums --no-journal
run "$fanfold" integrate x --over x=0:1 --input integrals --output sums --timeout 0.001 --restart
expect 2
says 'longer than 1 ms'
run "$fanfold" integrate x --over x=0:1 --input integrals --output sums --retry-failed
expect 2
same sums plain.sums
run "$fanfold" results sums && expect 1
grep -q 'items  *6: 5 ok, 1 failed' out || fail "$what: $(cat out)"

if find_mpirun; then
    what='over ranks'
    begin_again ranks
    run timeout 240 "${mpirun[@]}" -n 2 "$fanfold" factor --input numbers --format tsv -j 1 --output ranks --retry-failed
    same ranks
    agrees ranks 1
fi
finish
