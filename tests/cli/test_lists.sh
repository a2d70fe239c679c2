#!/usr/bin/env bash
# Lists of numbers: what is accepted, what is refused with its place, and that the rest is done.
set -u
. "$(dirname "$0")/lib.sh"

what='gcd of negatives' && run "$fanfold" gcd -12 18 && expect 0 '6\n' && says_nothing
what='gcd of two negatives' && run "$fanfold" gcd -12 -18 && expect 0 '6\n'
what='gcd of one list' && run "$fanfold" gcd 12 18 27 && expect 0 '3\n'
what='gcd with zero' && run "$fanfold" gcd 0 5 && expect 0 '5\n'
what='gcd of zeros' && run "$fanfold" gcd 0 0 && expect 0 '0\n'
what='gcd after --' && run "$fanfold" gcd -j 1 -- -12 18 && expect 0 '6\n'
what='gcd of lines' && run_on '12 18\n-5 15 20\n7 0\n' "$fanfold" gcd && expect 0 '6\n5\n7\n'
what='gcd of large numbers'
run "$fanfold" gcd 170141183460469231731687303715884105727000 340282366920938463463374607431768211454
expect 0 '340282366920938463463374607431768211454\n'

what='CRLF' && run_on '12\r\n13\r\n' "$fanfold" factor && expect 0 '12: 2 2 3\n13: 13\n'
what='BOM' && run_on '\xef\xbb\xbf12\n' "$fanfold" factor && expect 0 '12: 2 2 3\n'
what='no final newline' && run_on '12\n13' "$fanfold" factor && expect 0 '12: 2 2 3\n13: 13\n'
what='blank lines' && run_on '\n\n12\n\n' "$fanfold" factor && expect 0 '12: 2 2 3\n'
for task in gcd factor divisors; do
    what="empty input of $task" && run_on '' "$fanfold" "$task" && expect 0 '' && says_nothing
done
what='standard input by name' && run_on '12\n' "$fanfold" factor - && expect 0 '12: 2 2 3\n'
what='--input -' && run_on '12\n' "$fanfold" factor --input - && expect 0 '12: 2 2 3\n'
printf '12\n13\n' >"$tmp/numbers"
what='--input FILE' && run "$fanfold" factor --input "$tmp/numbers" && expect 0 '12: 2 2 3\n13: 13\n'

what='a bad token' && run_on '12\n12abc 15\n' "$fanfold" factor && expect 2 '12: 2 2 3\n15: 3 5\n'
says ':2:3: '
what='a minus for factor' && run_on '12 -5 15\n' "$fanfold" factor && expect 2 '12: 2 2 3\n15: 3 5\n'
says ':1:4: '
what='NUL bytes' && run_on '12\n1\x003\n15\n' "$fanfold" factor && expect 2 '12: 2 2 3\n15: 3 5\n'
says ':2:'
what='a minus as argument' && run "$fanfold" factor 12 -5 15 && expect 2 '12: 2 2 3\n15: 3 5\n'
what='words as arguments' && run "$fanfold" factor 12 twelve && expect 2 '12: 2 2 3\n' && says twelve
what='one number for gcd' && run_on '12\n4 6\n' "$fanfold" gcd && expect 2 '2\n'

what='more than 10000 digits: divided by small primes alone'
run_on "$(printf '12%010009d156' 0)\n6\n" "$fanfold" factor && expect 1 && says 'not completely factored'
grep -Eqx '120+156: 2 2 3 19 29 27763 [?][0-9]{9990,}' "$tmp/out" || fail "$what: $(cut -c 10000-10060 "$tmp/out")"
grep -qx '6: 2 3' "$tmp/out" || fail "$what: the next one"
checks=$((checks + 2))

what='--max-digits' && run_on '1234\n12345\n6\n' "$fanfold" factor --max-digits 4
expect 2 '1234: 2 617\n6: 2 3\n' && says ':2:1: '
what='--max-digits and an expression' && run "$fanfold" factor --max-digits 3 100-99
expect 2 '' && says 'more than 3 digits, or characters of an expression'
what='a token of a million and one digits'
head -c 1000001 /dev/zero | tr '\0' 7 >"$tmp/long"
printf '\n15\n' >>"$tmp/long"
run "$fanfold" factor --input "$tmp/long" && expect 2 '15: 3 5\n' && says ':1:1: '
what='a token of 400 MB is not held in memory'
code=0
{ head -c 400000000 /dev/zero | tr '\0' 7; printf ' 15\n'; } |
    (ulimit -v 300000 && exec "$fanfold" factor --executor serial) >"$tmp/out" 2>"$tmp/err" || code=$?
expect 2 '15: 3 5\n'

what='a file that is not there' && run "$fanfold" factor --input "$tmp/none" && expect 2 '' && says "$tmp/none"
what='a folder' && run "$fanfold" factor --input "$tmp"
checks=$((checks + 1))
[ "$code" -eq 2 ] || [ "$code" -eq 3 ] || fail "$what: exit code $code"

what='divisors' && run "$fanfold" divisors 12 && expect 0 && grep -q '1 2 3 4 6 12' "$tmp/out" ||
    fail "divisors of 12: $(cat "$tmp/out")"
for locale in C.UTF-8 de_DE.UTF-8; do
    locale -a 2>/dev/null | grep -qix "$(tr -d - <<<"$locale")\|$locale" || { echo "skipped: no locale $locale"; continue; }
    what="LC_ALL=$locale" && run env LC_ALL=$locale "$fanfold" integrate 'x*0.5' --over x=0:1.5 --rule left --points 10
    cp "$tmp/out" "$tmp/localized"
    run "$fanfold" integrate 'x*0.5' --over x=0:1.5 --rule left --points 10 && expect 0
    cmp -s "$tmp/out" "$tmp/localized" || fail "$what: $(cat "$tmp/localized")"
done
finish
