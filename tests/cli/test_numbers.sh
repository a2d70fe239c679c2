#!/usr/bin/env bash
# Numbers that are not written as digits: hexadecimal and expressions, wherever numbers are read; and
# arithmetic functions in place of factors and divisors.
set -u
. "$(dirname "$0")/lib.sh"

what='expressions as arguments'
run "$fanfold" factor '2^61-1' 0x1F '10^18+9' '7#' '20!' '2^67-1' '(10^7-1)/9' 12
expect 0 '2305843009213693951: 2305843009213693951\n31: 31\n1000000000000000009: 1000000000000000009\n210: 2 3 5 7
2432902008176640000: 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 3 3 3 3 3 3 3 3 5 5 5 5 7 7 11 13 17 19
147573952589676412927: 193707721 761838257287\n1111111: 239 4649\n12: 2 2 3\n'
says_nothing

what='what is no number'
run_on '2^2^100 5/0\n(2+3 3-5 x\n-5 0x 7/2 12' "$fanfold" factor --executor serial
expect 2 '12: 2 2 3\n'
at='(standard input)'
says "$at:1:2: '2^2^100' has more than 1000000 digits: expected a shorter number, or a larger max-digits"
says "$at:1:10: '5/0' divides by zero"
says "$at:2:5: '(2+3' ends too early: expected a whole number that is not negative"
says "$at:2:6: '3-5' is negative: expected a whole number that is not negative"
says "$at:2:10: 'x' is no number: expected a whole number that is not negative"
says "$at:3:1: '-5' is negative: expected"
says "$at:3:6: '0x' ends too early"
says "$at:3:8: '7/2' leaves a remainder where it divides"

# Whatever comes through a pipe, it comes to an end: bytes that are none, one token without an end,
# and nothing at all.
what='foreign bytes' && code=0
head -c 300000 "$fanfold" | timeout 120 "$fanfold" factor >"$tmp/out" 2>"$tmp/err" || code=$?
expect 2
what='a token without an end' && code=0
head -c 3000000 /dev/zero | tr '\0' '(' | timeout 120 "$fanfold" factor >"$tmp/out" 2>"$tmp/err" || code=$?
expect 2 '' && says 'more than 1000000 digits'
what='a sum without an end' && code=0
head -c 900001 /dev/zero | sed 's/\x00\x00/1+/g; s/\x00/1/' | timeout 120 "$fanfold" factor >"$tmp/out" 2>"$tmp/err" || code=$?
expect 0 '450001: 450001\n'
what='nothing' && code=0
"$fanfold" factor <&- >"$tmp/out" 2>"$tmp/err" || code=$?
[ "$code" -eq 3 ] || [ "$code" -eq 0 ] || fail "$what: exit code $code"

what='the limit of digits'
run "$fanfold" factor --max-digits 6 '10^6-1' '10^6' 0xF4240 999999
expect 2 '999999: 3 3 3 7 11 13 37\n999999: 3 3 3 7 11 13 37\n'
says "'10^6' has more than 6 digits"
says "more than 6 digits"

what='in NDJSON the token stands beside the number'
run "$fanfold" factor --format ndjson 0x6 6 '2^64+1'
expect 0 '{"schema":"fanfold.factor/1","index":0,"status":"ok","n":"6","input":"0x6","factors":[{"factor":"2","exponent":1,"kind":"prime","method":"trial","proof":"u64"},{"factor":"3","exponent":1,"kind":"prime","method":"trial","proof":"u64"}]}
{"schema":"fanfold.factor/1","index":1,"status":"ok","n":"6","factors":[{"factor":"2","exponent":1,"kind":"prime","method":"trial","proof":"u64"},{"factor":"3","exponent":1,"kind":"prime","method":"trial","proof":"u64"}]}
{"schema":"fanfold.factor/1","index":2,"status":"ok","n":"18446744073709551617","input":"2^64+1","factors":[{"factor":"274177","exponent":1,"kind":"prime","method":"ecm","proof":"u64"},{"factor":"67280421310721","exponent":1,"kind":"prime","method":"ecm","proof":"u64"}]}
'
what='divisors'
run "$fanfold" divisors 0x10 '3!' 7 && expect 0 '16: 1 2 4 8 16\n6: 1 2 3 6\n7: 1 7\n'
run "$fanfold" divisors --format ndjson 0x5
expect 0 '{"schema":"fanfold.divisors/1","index":0,"status":"ok","n":"5","input":"0x5","divisors":["1","5"]}\n'
what='gcd'
run_on '20! 2^64-1\n-0x10 24\n12 5/0\n2^100 6^200\n' "$fanfold" gcd
expect 2 '255\n8\n1267650600228229401496703205376\n'
says "(standard input):3:5: '5/0' divides by zero"
what='a job file'
printf '[job]\ntask = factor\nnumbers = 7# 20!/19!, 2^10-1\n    5/0 5#\n' >"$tmp/some.job"
run "$fanfold" run "$tmp/some.job"
expect 2 '210: 2 3 5 7\n20: 2 2 5\n1023: 3 11 31\n30: 2 3 5\n'
says "$tmp/some.job:4:6: '5/0' divides by zero"

# ---- Runs with an output: what is kept and compared is what was read ------------------------------
seq 1 400 | sed 's/.*/0x&F &!\/(&-1)! 2^&+1-2^& 10^18+&/' >"$tmp/many"
sed -i '200s/$/ 5\/0 x/' "$tmp/many"
cd "$tmp" || exit 1
what='a whole run'
run "$fanfold" factor --executor serial --function bigomega --input many --output whole && expect 2 ''
[ "$(wc -l <whole)" -eq 1600 ] || fail "$what: $(wc -l <whole) lines"
for more in '--executor processes -j 2' '--batch 7' '--unordered'; do
    what="the same with $more"
    # shellcheck disable=SC2086
    run "$fanfold" factor $more --function bigomega --input many --output "same" --restart && expect 2 ''
    checks=$((checks + 1))
    sort same | cmp -s - <(sort whole) || fail "$what: other lines"
done
what='a run that is gone on with'
one_by_one=(--executor serial --batch 1 --function bigomega)
run "$fanfold" factor "${one_by_one[@]}" --max-fails 0 --input many --output resumed && expect 1
checks=$((checks + 1))
[ ! -e resumed ] || fail "$what: was complete at once"
run "$fanfold" factor --function bigomega --input many --output resumed --resume
expect 2 && checks=$((checks + 1))
cmp -s whole resumed || fail "$what: other lines"
what='another input is refused'
sed 's/10^18+7$/10^18+8/' many >other && cp many first
run "$fanfold" factor "${one_by_one[@]}" --max-fails 0 --input many --output refused && expect 1
cp other many
run "$fanfold" factor --function bigomega --input many --output refused --resume && expect 2
says 'the input is not the one that this run was begun with'
cp first many
what='shards'
for i in 1 2 3; do
    run "$fanfold" factor --function bigomega --input many --output parts --shard "$i/3"
done
run "$fanfold" results --merge parts && expect 2
checks=$((checks + 1))
cmp -s whole parts || fail "$what: other lines"
what='results'
run "$fanfold" results whole && expect 1
grep -q "many:200:[0-9]*: item 800 bad input: '5/0' divides by zero" out || fail "$what: printed $(cat out)"
what='what failed is done again, as it was written'
run "$fanfold" factor --effort 1 --timeout 300 '2^2' '(10^18+3)*(10^18+9)' --output again && expect 1
run "$fanfold" factor --effort 1 --timeout 300 '2^2' '(10^18+3)*(10^18+9)' --output again --retry-failed && expect 1
checks=$((checks + 1))
grep -q '^1000000000000000012000000000000000027: c10' again || fail "$what: $(cat again)"

# ---- Functions -----------------------------------------------------------------------------------
of() {
    what="--function $1"
    run "$fanfold" factor --function "$1" 1 12 360 30 '2^64-1' '2^64' '2^127-1'
    expect 0 "1: $2\n12: $3\n360: $4\n30: $5\n18446744073709551615: $6\n18446744073709551616: $7\n170141183460469231731687303715884105727: $8\n"
}
of numdiv 1 6 24 8 128 65 2
of sigma 1 28 1170 72 31421980989189888768 36893488147419103231 170141183460469231731687303715884105728
of sigma=0 1 6 24 8 128 65 2
of sigma=2 1 210 201110 1300 394582720119343612458379271559442000000 453709822561251284617832809909024281941 \
    28948022309329048855892746252171976962977213799489202546401021394546514198530
of totient 1 4 96 8 9208981628670443520 9223372036854775808 170141183460469231731687303715884105726
of moebius 1 0 0 -1 -1 0 -1
of liouville 1 -1 1 -1 -1 1 -1
of omega 0 2 3 3 7 1 1
of bigomega 0 3 6 3 7 64 1
of radical 1 6 30 30 18446744073709551615 2 170141183460469231731687303715884105727
of squarefree 1 3 10 30 18446744073709551615 1 170141183460469231731687303715884105727
of smooth=5 1 12 360 30 15 18446744073709551616 1
of smooth=1e6 1 12 360 30 2753074036095 18446744073709551616 1
what='formats of functions'
run "$fanfold" divisors --function sigma=2 --format tsv 12 0 0x10
expect 1 'index\tn\tsigma=2\tstatus\ttext\n0\t12\t210\tok\t\n1\t-\t-\tfailed\t0 has no sum of divisors\n2\t16\t341\tok\t\n'
run "$fanfold" divisors --function totient --format ndjson 12 0x10
expect 0 '{"schema":"fanfold.divisors/1","index":0,"status":"ok","n":"12","totient":"4"}\n{"schema":"fanfold.divisors/1","index":1,"status":"ok","n":"16","input":"0x10","totient":"8"}\n'
what='a function of what was not factored'
run "$fanfold" factor --effort 1 --function totient 6 '10^80+1' && expect 1 '6: 2\n'
says 'the totient is not known: the factorization is incomplete'
run "$fanfold" factor --function smooth=1000 '3*(10^200+1)' && expect 0
checks=$((checks + 1))
grep -q ': 51$' "$tmp/out" || fail "$what: printed $(cat "$tmp/out")"
what='a function of a probable prime'
run "$fanfold" factor --function bigomega '2^2203-1' && expect 0 && says 'only probably prime'
run "$fanfold" divisors '2^2203-1' && expect 0 && says 'only probably prime'
for name in foo smooth smooth=0 sigma=1001 sigma= sigma=x numdiv=1 ''; do
    what="--function '$name'"
    run "$fanfold" factor --function "$name" 12 && expect 2 '' && says "function is '$name': expected one of numdiv"
done
finish
