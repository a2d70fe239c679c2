#!/usr/bin/env bash
# gcd and what follows from it: lcm, Bezout's factors, coprimality; the same bytes by every
# instruction set and on every executor.
set -u
. "$(dirname "$0")/lib.sh"

what='arguments'
run "$fanfold" gcd 12 18 && expect 0 '6\n'
run "$fanfold" gcd 12 -18 27 && expect 0 '3\n'
run "$fanfold" gcd 0 0 && expect 0 '0\n'
run "$fanfold" gcd 18446744073709551615 '2^200-1' && expect 0 '255\n'
run "$fanfold" gcd --lcm 4 6 10 && expect 0 '60\n'
run "$fanfold" gcd --lcm 18446744073709551615 18446744073709551614
expect 0 '340282366920938463408034375210639556610\n'
run "$fanfold" gcd --lcm -4 6 && expect 0 '12\n'
run "$fanfold" gcd --lcm 0 6 && expect 0 '0\n'
run "$fanfold" gcd --extended 240 46 && expect 0 '2 -9 47\n'
run "$fanfold" gcd --extended -240 46 && expect 0 '2 9 47\n'
run "$fanfold" gcd --extended 18446744073709551615 18446744073709551614 && expect 0 '1 1 -1\n'
run "$fanfold" gcd --extended '10^30' '10^20+1' && expect 0 '1 10000000000 -99999999999999999999\n'
run "$fanfold" gcd --coprime 14 15 && expect 0 'true\n'
run "$fanfold" gcd --coprime 6 10 15 && expect 0 'true\n'
run "$fanfold" gcd --coprime 0 5 && expect 0 'false\n'

what='lines'
lines='12 18\n0 5\n-4 6\n2^61-1 20!\n\n4 6 10\n 7\t21 \n0 0\n1 1\r\n'
run_on "$lines" "$fanfold" gcd && expect 0 '6\n5\n2\n1\n2\n7\n0\n1\n'
run_on "$lines" "$fanfold" gcd --lcm
expect 0 '36\n0\n12\n5609890087656062623632860507504640000\n60\n21\n0\n1\n' # 20! (2^61-1)
run_on "$lines" "$fanfold" gcd --coprime && expect 0 'false\nfalse\nfalse\ntrue\nfalse\nfalse\nfalse\ntrue\n'

what='formats'
run_on '12 18\n9 x\n' "$fanfold" gcd --lcm --format tsv
expect 2 "index\tlcm\tstatus\ttext\n0\t36\tok\t\n1\t-\tbad input\t'x' is no number: expected an integer\n"
run_on '240 46\n' "$fanfold" gcd --extended --format ndjson
expect 0 '{"schema":"fanfold.gcd/1","index":0,"status":"ok","extended":["2","-9","47"]}\n'
run_on '6 35\n6 9\n' "$fanfold" gcd --coprime --format ndjson
expect 0 '{"schema":"fanfold.gcd/1","index":0,"status":"ok","coprime":true}
{"schema":"fanfold.gcd/1","index":1,"status":"ok","coprime":false}\n'

what='what is no pair'
run_on '5\n4 6\n' "$fanfold" gcd && expect 2 '2\n' && says '(standard input):1:1: 1 number: expected two or more'
run_on '1 2 3\n4 6\n' "$fanfold" gcd --extended && expect 2 '2 -1 1\n'
says '(standard input):1:1: 3 numbers: expected two'
run "$fanfold" gcd --lcm --coprime 4 6 && expect 2 '' && says 'lcm, extended and coprime: at most one of them'
run "$fanfold" factor --lcm 4 && expect 2 ''

what='the gcd of all'
run "$fanfold" gcd --all 12 18 27 && expect 0 '3\n'
run_on '' "$fanfold" gcd --all && expect 0 '0\n'
run_on '12 24\n36 2^70*3\n -48 0 \n' "$fanfold" gcd --all && expect 0 '12\n'
run_on '2^200*3\n2^100*9\n' "$fanfold" gcd --all --format ndjson
expect 0 '{"schema":"fanfold.gcd/1","index":0,"status":"ok","gcd":"3802951800684688204490109616128"}\n'
run_on '6 35 0' "$fanfold" gcd --all --coprime && expect 0 'true\n'
run_on '12 24\n36 x 5\n' "$fanfold" gcd --all && expect 2 '' && says "(standard input):2:4: 'x' is no number"
run_on '7 14\n-3-\n' "$fanfold" gcd --all && expect 2 '' && says "(standard input):2:4: '-3-' ends too early"
run "$fanfold" gcd --all --input "$tmp/nowhere" && expect 2 '' && says "nowhere can't be opened"
run "$fanfold" gcd --all --lcm 4 6 && expect 2 '' && says 'all goes with none of lcm, extended, shard'
seq 14 28 200000 >"$tmp/multiples"
seq 21 42 200000 >>"$tmp/multiples"
for executor in serial threads processes; do
    run "$fanfold" gcd --all --input "$tmp/multiples" --executor "$executor" && expect 0 '7\n'
done
run "$fanfold" gcd --all --input "$tmp/multiples" --output "$tmp/of-all" && expect 0 ''
[ "$(cat "$tmp/of-all")" = 7 ] || fail "$what: $(cat "$tmp/of-all") in the file"

# Pairs of any length, among them zeros, negative ones, lists and bad lines, many more than a group.
what='the same bytes'
awk 'function number(digits,  s) {
         s = int(1 + 9 * rand()) ""
         while (--digits > 0) s = s int(10 * rand())
         return s
     }
     BEGIN {
         srand(8)
         for (i = 0; i < 6000; i++) {
             k = i % 29
             if (k == 3) print number(300) " " number(280)
             else if (k == 5) print "-" number(12) " " number(30)
             else if (k == 7) print "0 " number(9)
             else if (k == 9) print number(5) " " number(5) " " number(6) "0"
             else if (k == 11) print number(19) "x " number(3)
             else if (k == 13) print number(1200) " " number(1200)
             else if (k == 15) print number(20) " " number(20)
             else if (k == 17) print "  " number(7) "\t" number(7) " "
             else print number(1 + i % 19) " " number(1 + i % 17)
         }
     }' >"$tmp/pairs"
for option in --batch=1000 --lcm --extended --coprime; do
    FANFOLD_ISA=scalar "$fanfold" gcd $option --input "$tmp/pairs" --executor serial \
        >"$tmp/scalar" 2>/dev/null
    [ "$(wc -l <"$tmp/scalar")" -gt 5000 ] || fail "$option: $(wc -l <"$tmp/scalar") results"
    for isa in avx2 avx512; do
        FANFOLD_ISA=$isa "$fanfold" gcd $option --input "$tmp/pairs" --executor serial \
            >"$tmp/vectors" 2>/dev/null
        cmp -s "$tmp/scalar" "$tmp/vectors" || fail "gcd $option: $isa is not as scalar"
    done
    for executor in threads processes; do
        "$fanfold" gcd $option --input "$tmp/pairs" --executor $executor -j 3 >"$tmp/other" 2>/dev/null
        cmp -s "$tmp/scalar" "$tmp/other" || fail "gcd $option: $executor is not as serial"
    done
    checks=$((checks + 5))
done
# Line by line as it comes, in batches of one.
"$fanfold" gcd --input "$tmp/pairs" --batch 1 --executor serial >"$tmp/other" 2>/dev/null
"$fanfold" gcd --executor serial <"$tmp/pairs" >"$tmp/all" 2>/dev/null
cmp -s "$tmp/other" "$tmp/all" || fail 'gcd: in batches of one it is not the same'
checks=$((checks + 1))

# g divides both, and a x + b y is g: read back through expressions.
what='Bezout by expressions'
paste -d' ' <(grep -v x "$tmp/pairs" | awk 'NF == 2 && $1 !~ /-/' | head -40) \
    <(grep -v x "$tmp/pairs" | awk 'NF == 2 && $1 !~ /-/' | head -40 | "$fanfold" gcd --extended) |
    awk '{ x = $4; y = $5; sub(/^-/, "", x); sub(/^-/, "", y)
           print ($4 ~ /-/ ? $2 "*" y "-" $1 "*" x : $1 "*" x "-" $2 "*" y), $3 }' >"$tmp/checks"
while read -r expression gcd; do
    [ "$("$fanfold" gcd -- "$expression" 0)" = "$gcd" ] || fail "$expression is not $gcd"
done <"$tmp/checks"
[ "$(wc -l <"$tmp/checks")" -eq 40 ] || fail "$(wc -l <"$tmp/checks") identities"
checks=$((checks + 40))

finish
