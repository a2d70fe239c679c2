#!/usr/bin/env bash
# results: what came of runs with --output, finished, killed or damaged; and what run.json says.
set -u
. "$(dirname "$0")/lib.sh"
unset "${!SLURM_@}"
cd "$tmp" || exit 1

# After run: standard output has this text.
prints() {
    checks=$((checks + 1))
    grep -qF -- "$1" out || fail "${what:-}: did not print '$1' but: $(head -c 600 out)"
}
# run.json of an output has this text.
tells() {
    checks=$((checks + 1))
    grep -qF -- "$2" "$1.run.json" || fail "${what:-}: '$2' is not in $(head -c 1500 "$1.run.json")"
}

what='a run whose items are all well'
printf '12\n15\n' >numbers
SLURM_JOB_ID=4711 SLURM_SUBMIT_DIR='' run "$fanfold" factor --input numbers --output 'all well' -j 2
expect 0
run "$fanfold" results 'all well' && expect 0 && says_nothing
prints 'all well: finished' && prints '2: 2 ok' && prints 'workers: 2' && prints 'factor, version '

what='its run.json'
for text in '"schema": "fanfold.run/1"' '"state": "ended"' '"exit_code": 0' '"read": 2' \
    '"SLURM_JOB_ID": "4711"' '"kind": "threads"' '"workers": 2' '"name": "numbers"' '"bytes": 6' \
    '"--input"' '"all well"' '"task": "factor, version ' '"cores_usable"' '"begun"' '"resumable": false'; do
    tells 'all well' "$text"
done
grep -q SUBMIT_DIR 'all well.run.json' && fail "$what: has a variable that is empty"
grep -Eq '"ended": "20[0-9-]{8}T[0-9:]{8}Z"' 'all well.run.json' || fail "$what: has no time"

what='entries that are not ok'
printf '12\nx\ty\n15\n1000000000000000003000000000000000000000000000000000000000001\n' >numbers
run "$fanfold" factor --input numbers --output bad --effort 1
code_of_run=$code
tells bad "\"exit_code\": $code_of_run"
run "$fanfold" results bad && expect 1
prints 'bad inputs' && prints 'numbers:2:1: item 1 bad input: '
what='as TSV'
run "$fanfold" results --format tsv bad && expect 1
[ "$(head -n 1 out)" = $'output\tindex\toutcome\tattempt\tfile\tline\tcolumn\ttext\tseconds\tbatch' ] || fail "$what: $(head -n 1 out)"
[ "$(sed -n 2p out | cut -f 1-7)" = $'bad\t1\tbad input\t1\tnumbers\t2\t1' ] || fail "$what: $(sed -n 2p out)"
what='as NDJSON'
run "$fanfold" results --format=ndjson bad 'all well' && expect 1
prints '{"schema":"fanfold.results/1","record":"summary","output":"bad","finished":true,'
prints '{"schema":"fanfold.results/1","record":"failure","output":"bad","index":1,"outcome":"bad input",'
prints '"output":"all well","finished":true,"done":2,"items":2,"ok":2,'
what='several' && run "$fanfold" results 'all well' 'all well' && expect 0
run "$fanfold" results 'all well' bad && expect 1

what='how long items ran'
{ seq 40; echo 10000000000000000000000000000000000000127100000000000000000000000000000000000001271; seq 9; } >slow
for how in threads processes 'processes --batch 64' 'threads --retries 1 --backoff 0.001'; do
    run "$fanfold" divisors --executor $how -j 2 --effort 14 --timeout 0.2 --input slow --output slow.out
    expect 1
    run "$fanfold" results slow.out && grep -Eq 'item 40 timed out \((attempt [0-9]+, )?[0-9]+\.[0-9]{3} s\): ran' out || fail "$what, $how: $(cat out)"
    run "$fanfold" results --format tsv slow.out
    awk -F '\t' 'NR == 2 && $9 >= 0.2 && $9 < 60 && $10 == 1 { found = 1 } END { exit !found }' out || fail "$what, $how: $(cat out)"
    checks=$((checks + 2))
done
run "$fanfold" results --format ndjson slow.out && grep -Eq '"seconds":[0-9.]+,"batch":1\}' out || fail "$what: $(cat out)"
run "$fanfold" factor --effort 1 -j 1 --batch 50 --input slow --output slow.out && expect 1
run "$fanfold" results slow.out && prints 'item 40 partial (at most 0.'
run "$fanfold" results --format tsv bad && [ "$(sed -n 2p out | cut -f 9,10)" = $'-\t-' ] || fail "$what, bad input: $(cat out)"
run "$fanfold" integrate --format tsv --over x=-1:1 --points 9 --rule midpoint "log(x)" --output pole && expect 1
run "$fanfold" results pole && grep -Eq 'item 0 failed \([0-9]+\.[0-9]{3} s\)' out || fail "$what, integral: $(cat out)"

what='no journal' && run "$fanfold" results none 'all well' && expect 2 && says none.journal && prints finished
what='no argument' && run "$fanfold" results && expect 2 '' && says 'name of an output'
what='a format that there is not' && run "$fanfold" results --format xml bad && expect 2 '' && says xml
what='a run without a journal' && run "$fanfold" factor 12 --output plain --no-journal && expect 0
[ ! -e plain.run.json ] || fail "$what: has a run.json"
run "$fanfold" results plain && expect 2 '' && says plain.journal

what='a killed run'
mkfifo feed
{ seq 1000 && exec sleep 1000; } >feed &
feeder=$!
"$fanfold" factor --output "it's" --restart <feed 2>/dev/null &
victim=$!
for _ in $(seq 1200); do
    run "$fanfold" results "it's"
    grep -q '1000 ok' out && break
    sleep 0.1
done
expect 75 && prints 'not finished' && prints '1000 ok'
tells "it's" '"state": "begun"'
kill -9 "$victim" "$feeder"
{ wait "$victim" "$feeder"; } 2>/dev/null
run "$fanfold" results "it's" && expect 75 && prints 'not finished'
resume=$(sed -n "s/^  it goes on with: //p" out)
what='a resume with other input leaves run.json as it was'
cp "it's.run.json" before
code=0
seq 5 2000 | "$fanfold" factor --output "it's" --resume >out 2>err || code=$?
expect 2 && says 'not the one'
cmp -s before "it's.run.json" || fail "$what"
seq 2000 >more
code=0
eval "$resume" <more >out 2>err || code=$?
what='the command that goes on with it' && expect 0 && says_nothing
seq 2000 | "$fanfold" factor >expected
cmp -s expected "it's" || fail "$what: the output is another one"
run "$fanfold" results "it's" && expect 0 && prints '2000 ok'
tells "it's" '"--resume"' && tells "it's" '"read": 2000'

what='a damaged journal'
run "$fanfold" factor --input more --output hurt && expect 0
printf 'XXXXXXXX' | dd of=hurt.journal bs=1 seek=100 conv=notrunc 2>/dev/null
run "$fanfold" results hurt && expect 3 && says hurt.journal
what='a run.json that is none'
printf '{' >bad.run.json && run "$fanfold" results bad && expect 3 && says bad.run.json:1
what='without run.json'
rm bad.run.json && run "$fanfold" results bad && expect 1 && prints 'bad inputs'

what='a run.json that cannot be written'
mkdir -p taken.run.json/in-it
run "$fanfold" factor 12 --output taken && expect 3 && says taken.run.json

find_mpirun || finish
what='the hosts of ranks'
run "${mpirun[@]}" -n 3 "$fanfold" factor 12 15 --output ranks && expect 0
tells ranks '"ranks": 3' && tells ranks "\"$(uname -n)\": 3"
finish
