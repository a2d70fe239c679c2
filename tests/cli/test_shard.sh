#!/usr/bin/env bash
# --shard I/N and results --merge: runs that each do every N-th item, at the same time or not, killed
# or not, give together the bytes of one run; what does not belong together is refused.
set -u
. "$(dirname "$0")/lib.sh"
unset "${!SLURM_@}"
cd "$tmp" || exit 1

# After run: standard output has this text.
prints() {
    checks=$((checks + 1))
    grep -qF -- "$1" out || fail "${what:-}: did not print '$1' but: $(head -c 600 out)"
}
# same FILE FILE
same() {
    checks=$((checks + 1))
    cmp -s "$1" "$2" || fail "$what: $2 has not the bytes of $1: $(cmp "$1" "$2" 2>&1)"
}
there() {
    checks=$((checks + 1))
    [ -e "$1" ] || fail "$what: $1 is not there"
}
gone() {
    checks=$((checks + 1))
    [ ! -e "$1" ] || fail "$what: $1 is there"
}

# in_shards N OUTPUT COMMAND...: all shards at the same time; none of them may be refused.
in_shards() {
    local n=$1 output=$2 i pids=() status
    shift 2
    for i in $(seq "$n"); do
        "$@" --output "$output" --shard "$i/$n" >/dev/null 2>"err.$i" </dev/null &
        pids+=($!)
    done
    for i in $(seq "$n"); do
        status=0
        wait "${pids[i - 1]}" || status=$?
        checks=$((checks + 1))
        if [ "$status" -gt 2 ] || [ ! -e "$output.shard-$i" ]; then
            fail "$what: shard $i/$n ended with $status: $(head -c 300 "err.$i")"
        fi
    done
}

# merged N COMMAND...: the command in N shards, merged, against the command as it is.
merged() {
    local n=$1
    shift
    run "$@" --output plain --no-journal --executor serial
    local code_of_one=$code
    cp err plain.err
    rm -f merged merged.*
    in_shards "$n" merged "$@" -j 2
    run "$fanfold" results --merge merged
    expect "$code_of_one"
    same plain merged
    # What was said of the items, in another order.
    cat $(seq -f err.%.0f "$n") | sort >shards.err
    sort plain.err | cmp -s - shards.err || fail "$what: said something else: $(diff <(sort plain.err) shards.err)"
}

# ---- The bytes of one run ---------------------------------------------------------------------

RANDOM=$((4 + $$))
hard=1000000000000000003000000000000000000000000000000000000000000001
for _ in $(seq 150); do
    case $((RANDOM % 12)) in
    0) printf 'x%d' "$RANDOM" ;;
    1) printf '%d%d%d%d%d%d%d%d' "1$RANDOM" "1$RANDOM" "1$RANDOM" "1$RANDOM" "1$RANDOM" "1$RANDOM" "1$RANDOM" "1$RANDOM" ;;
    2) printf '%s' $hard ;;
    3) printf '0' ;;
    *) printf '%d%d' "$RANDOM" "$RANDOM" ;;
    esac
    [ $((RANDOM % 3)) -eq 0 ] && printf '\r\n' || printf ' '
done >numbers
seq 70 >more
for case in 'text 1' 'text 2' 'text 3' 'text 7' 'tsv 2' 'tsv 7' 'ndjson 3'; do
    what="factor, format and shards: $case" n=${case#* }
    merged "$n" "$fanfold" factor --effort 1 --max-digits 64 --format "${case% *}" \
        --input numbers --input nowhere --input more
done
what='divisors, of 0 too'
merged 3 "$fanfold" divisors --input numbers --format tsv --max-digits 12
what='gcd, of lines'
merged 2 "$fanfold" gcd --input numbers
what='arguments, more shards than items'
merged 4 "$fanfold" factor --format ndjson 15 x
what='nothing at all'
: >nothing
merged 2 "$fanfold" factor --input nothing --format tsv
what='integrals'
printf '# of people\nx^2 over x=0:1\nsin(x over x=0:1\n1/x over x=-1:1 points=3 rule=midpoint\nx over x=0:2\n' >integrals
for format in text tsv ndjson; do
    merged 2 "$fanfold" integrate --format "$format" --over x=0:1 --input integrals 'x^3'
done

what='an item that runs too long'
echo 6 7 10^2000+31 8 9 >numbers
merged 2 "$fanfold" divisors --input numbers --format ndjson --timeout 0.5 --effort 14 --executor processes

# ---- Results of all ---------------------------------------------------------------------------

what='results before all have finished'
{ seq 20; echo x; seq 22 30; } >numbers
for i in 1 3; do
    run "$fanfold" factor --input numbers --output some --shard $i/4 && [ "$code" -le 2 ] || fail "$what: $code"
done
run "$fanfold" results some && expect 75 && prints 'some: not finished'
prints 'shards      4: 2 begun, 2 finished' && prints 'unfinished  2, 4: '
prints 'items       14: 14 ok' && prints 'bad inputs  1'
prints 'numbers:21:1: item 20 bad input'
run "$fanfold" results --format tsv some && expect 75
[ "$(sed -n 2p out | cut -f 1-3)" = $'some\t20\tbad input' ] || fail "$what: $(sed -n 2p out)"
run "$fanfold" results --format ndjson some && expect 75
prints '"shards":{"count":4,"begun":2,"finished":2,"not_finished":[2,4]}'
what='results of one shard' && run "$fanfold" results some.shard-1 && expect 1 && prints ': item 20 bad input'
what='a merge of what is not finished'
echo old >some && run "$fanfold" results --merge some && expect 75 && prints 'unfinished  2, 4: '
[ "$(cat some)" = old ] || fail "$what: wrote"
for i in 2 4; do
    run "$fanfold" factor --input numbers --output some --shard $i/4 && expect 0
done
run "$fanfold" results some && expect 1 && prints 'some: finished'
run "$fanfold" results --merge some && expect 2
"$fanfold" factor --input numbers >plain 2>/dev/null
same plain some
what='a merge of what has no shards' && run "$fanfold" factor 6 --output whole && expect 0
run "$fanfold" results --merge whole && expect 2 && says 'nothing to merge'
what='a merge of an output that does not fit'
printf 'x' >>some.shard-2 && run "$fanfold" results --merge some && expect 3 && says 'some.shard-2 does not fit'
same plain some

# ---- Killed -----------------------------------------------------------------------------------

what='a killed shard'
seq 3000 >numbers
mkfifo feed
{ seq 1500 && exec sleep 1000; } >feed &
feeder=$!
"$fanfold" factor --output killed --format tsv --shard 2/3 <feed 2>/dev/null &
victim=$!
for _ in $(seq 600); do
    run "$fanfold" results killed.shard-2
    grep -q '500 ok' out && break
    sleep 0.05
done
expect 75 && prints '500 ok' && prints '--shard 2/3'
kill -9 "$victim" "$feeder"
{ wait "$victim" "$feeder"; } 2>/dev/null
run "$fanfold" results killed && expect 75 && prints '3: 1 begun, 0 finished'
resume=$(run "$fanfold" results killed.shard-2 && sed -n "s/^  it goes on with: //p" out)
what='the command that goes on with it'
code=0
eval "$resume" <numbers >out 2>err || code=$?
expect 0 && says_nothing
for i in 1 3; do
    code=0
    "$fanfold" factor --output killed --format tsv --shard $i/3 --resume <numbers >out 2>err || code=$?
    expect 0
done
run "$fanfold" results --merge killed && expect 0
"$fanfold" factor --format tsv <numbers >plain
same plain killed
what='a shard that was complete' && cp killed.shard-1 before
"$fanfold" factor --output killed --format tsv --shard 1/3 --resume </dev/null 2>err || fail "$what: $(cat err)"
same before killed.shard-1
what='a shard that has read another input'
seq 2990 | "$fanfold" factor --output killed --format tsv --shard 3/3 --restart 2>err || fail "$what: $(cat err)"
run "$fanfold" results --merge killed && expect 3 && says 'different inputs'

what='stopped in order'
{ seq 1500 && exec sleep 1000; } >feed &
feeder=$!
"$fanfold" factor --output stopped --shard 1/2 <feed 2>stopped.err &
victim=$!
for _ in $(seq 600); do
    run "$fanfold" results stopped.shard-1
    grep -q '750 ok' out && break
    sleep 0.05
done
kill -TERM "$victim"
code=0
wait "$victim" || code=$?
cp stopped.err err
expect 75 && says 'factor --resume --output stopped --shard 1/2'
kill "$feeder"
{ wait "$feeder"; } 2>/dev/null

# ---- What is refused --------------------------------------------------------------------------

shard_of() {
    run "$fanfold" factor --input numbers --output pinned "$@"
}
seq 10 >numbers
what='a shard that is none'
for text in 0/3 4/3 1 1/ /3 01/3 1/03 1/10001 1/3x -1/3 ''; do
    shard_of --shard "$text" && expect 2 && says 'expected I/N'
done
what='without a file' && run "$fanfold" factor --shard 1/2 12 && expect 2 && says 'needs an output that is a file'
run "$fanfold" factor --shard 1/2 12 --output /dev/null && expect 2 && says 'needs an output that is a file'
what='without a journal' && shard_of --shard 1/2 --no-journal && expect 2 && says 'needs the journal'
what='keys' && run "$fanfold" weakkeys --shard 1/2 --output keys numbers && expect 2
gone pinned.run.json

what='unordered'
run "$fanfold" factor --shard 1/2 --unordered --output mixed 12
expect 2 ''
says "shard can't be used with unordered"
what='another number of shards'
shard_of --shard 1/3 && expect 0
cp pinned.run.json before
for how in '' --resume; do
    shard_of --shard 2/4 $how && expect 2 && says 'whose number is 3, now it is 4' && says 'pinned.shard-*'
    gone pinned.shard-2.journal
done
what='a restart with another number, which others are in the way of'
shard_of --shard 2/4 --restart && expect 2 && says 'whose number is 3, now it is 4'
same before pinned.run.json
what='another input'
seq 11 >more && run "$fanfold" factor --input more --output pinned --shard 2/3 && expect 2
says "whose input is numbers (21 bytes), now it is more (24 bytes)"
what='another format' && shard_of --shard 2/3 --format tsv && expect 2 && says 'format is not there, now it is tsv'
what='no shards' && shard_of && expect 2 && says 'written in 3 shards'
what='shards where there is a run' && run "$fanfold" factor 12 --output whole --shard 1/2 && expect 2 &&
    says 'a run without shards'
gone whole.shard-1
what='a restart with another number, of the only one'
shard_of --shard 1/4 --restart && expect 0
shard_of --shard 2/4 && expect 0
what='a damaged run.json'
printf '{"schema": "fanfold.shards/1"' >pinned.run.json
shard_of --shard 3/4 && expect 3 && says pinned.run.json:1
run "$fanfold" results pinned && expect 3 && says pinned.run.json:1
gone pinned.shard-3
printf '{"schema": "fanfold.shards/1", "shards": 0}' >pinned.run.json
shard_of --shard 3/4 && expect 3 && says 'does not say how many'
run "$fanfold" results pinned && expect 3 && says 'does not say how many'
what='a run.json that was removed'
rm pinned.run.json && shard_of --shard 3/4 && expect 0 && there pinned.run.json
what='one of other shards, found at the merge'
rm pinned.run.json && shard_of --shard 4/4 && expect 0
sed -i 's/"shards": 4/"shards": 3/' pinned.run.json
run "$fanfold" results pinned && expect 3 && says 'pinned.shard-1 is shard 1 of 4'
finish
