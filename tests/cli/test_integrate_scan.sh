#!/usr/bin/env bash
# Parameter scans: rows against closed forms and single runs, the same bytes on every executor, grids,
# tables, what is wrong with them, and runs that are killed and go on.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }

# everywhere CODE ARGUMENT...: the same bytes as on serial, which are left in the file `serial`.
everywhere() {
    local wanted=$1
    shift
    run "$fanfold" integrate "$@" --executor serial --format tsv
    expect "$wanted"
    cp out serial
    for executor in 'threads -j 2' 'processes -j 3' 'threads -j 3'; do
        # shellcheck disable=SC2086
        run "$fanfold" integrate "$@" --format tsv --executor $executor
        expect "$wanted"
        checks=$((checks + 1))
        cmp -s serial out || fail "$what: on $executor $(head out), on serial $(head serial)"
    done
    [ -n "$have_mpi" ] || return 0
    run timeout 120 "${mpirun[@]}" -n 2 "$fanfold" integrate "$@" --format tsv --executor mpi -j 1
    expect "$wanted"
    checks=$((checks + 1))
    cmp -s serial out || fail "$what: on mpi $(head out), on serial $(head serial)"
}

# rows COUNT 'AWK': so many rows in `serial`, each reached and with |value - (AWK)| <= 1e-8 |AWK|; p and q
# are the parameters.
rows() {
    checks=$((checks + 1))
    awk -F '\t' "NR > 1 { p = \$6; q = \$7; exact = $2; d = \$1 - exact
        if (d * d > 1e-16 * exact * exact || \$5 != \"reached\") { print; bad = 1 } }
        END { exit bad || NR != $1 + 1 }" serial >wrong || fail "$what: $(wc -l <serial) lines; $(head -3 wrong)"
}

# pairs TEXT: the columns of the parameters, row by row.
pairs() {
    checks=$((checks + 1))
    [ "$(cut -f 6- serial | tail -n +2 | tr '\t\n' ', ')" = "$1 " ] || fail "$what: $(cut -f 6- serial)"
}

what='blocks' && everywhere 0 'exp(-p*x)' --over x=0:1 --scan p=0.5:4:1000 && rows 1000 '(1 - exp(-p)) / p'
checks=$((checks + 1)) && [ "$(head -1 serial)" = 'value	error	evaluations	method	status	p' ] || fail "$what: $(head -1 serial)"
what='half of a block and infinite' && everywhere 0 'exp(-p*x)' --over x=0:inf --scan p=1:2:97 && rows 97 '1 / p'
what='a constant beside it' && everywhere 0 'a*cos(p*x)' --param a=3 --over x=0:1 --scan p=1:3:130
rows 130 '3 * sin(p) / p'
what='a grid' && everywhere 0 'p + q*x' --over x=0:2 --scan p=1:2:2 --scan q=1:3:3 && rows 6 '2 * p + 2 * q'
pairs '1,1 1,2 1,3 2,1 2,2 2,3'
what='zip' && everywhere 0 'p + q*x' --over x=0:2 --scan p=1:3:3 --scan q=6:2:3 --zip && rows 3 '2 * p + 2 * q'
pairs '1,6 2,4 3,2'
what='one value' && everywhere 0 'p*x' --over x=0:2 --scan p=5:9:1 && rows 1 '2 * p' && pairs 5
what='expressions' && everywhere 0 'sin(x)+p' --over 'x=0:2*pi' --scan 'p=0+1:2^(3):2' && rows 2 '6.283185307179586 * p'
what='several variables' && everywhere 0 'p*x*y' --over x=0:1 --over y=0:1 --scan p=1:2:9 --rel 1e-9 && rows 9 'p / 4'
what='bounds' && everywhere 0 'x*q' --over x=0:p --scan p=1:2:5 --scan q=1:2:2 && rows 10 'p * p * q / 2'
what='bounds of several' && everywhere 0 'x*y' --over x=0:p --over y=0:x --scan p=1:2:4 --rel 1e-9 && rows 4 'p ^ 4 / 8'
what='an infinite bound' && everywhere 0 'exp(-x)' --over x=p:inf --scan p=0:3:7 && rows 7 'exp(-p)'
what='a method' && everywhere 0 'x^p' --over x=0:1 --scan p=-0.5:0.5:9 --method tanh-sinh && rows 9 '1 / (1 + p)'
what='a break' && everywhere 0 'abs(x-0.3)*p' --over x=0:1 --scan p=1:2:3 --break 0.3 && rows 3 'p * 0.29'
what='bounds that are none at 0' && everywhere 0 'x' --over 'x=sqrt(p-1):3' --scan p=1:2:5 && rows 5 '(9 - (p - 1)) / 2'
what='beside constants that follow from each other' && everywhere 0 'x*k*p' --over x=0:1 --scan p=1:2:5 --param k=2 --param 'm=k+1' && rows 5 p
what='a weight' && everywhere 0 'p*exp(-x)' --over x=0:inf --weight cos:2 --scan p=1:2:3 && rows 3 'p / 5'
what='peaks that move' && everywhere 0 '1/(1e-4+(x-p)^2)' --over x=0:1 --scan p=0.1:0.9:81
rows 81 '100 * (atan2(1 - p, 0.01) + atan2(p, 0.01))'

# What depends on x, on the parameters and on both, in a block: the same as alone.
what='all kinds of operands' && everywhere 0 'p^2 - x/p + (q - x)*(x - q)/(1+x*p) + max(p, q)*2' --over x=0:1 --scan p=1:2:9 --scan q=3:4:11
cp serial blocks && run "$fanfold" integrate 'p^2 - x/p + (q - x)*(x - q)/(1+x*p) + max(p, q)*2' --over x=0:1 --scan p=1:2:9 --scan q=3:4:11 --method gauss-kronrod --format tsv
expect 0 && checks=$((checks + 1))
paste blocks out | awk -F '\t' 'NR > 1 { d = $1 - $8; if (d * d > 1e-16 * $8 * $8 || $6 != $13 || $7 != $14) bad = 1 }
    END { exit bad || NR != 100 }' || fail "$what: $(paste blocks out | head -3)"
for isa in scalar avx2 avx512; do
    FANFOLD_ISA=$isa run "$fanfold" integrate 'exp(-p*x)' --over x=0:1 --scan p=0.5:4:100 --format tsv
    expect 0 && cp out serial && what="blocks by $isa" && rows 100 '(1 - exp(-p)) / p'
done

# Alone, a row has the bits of the single integral; in a block it is as near as the tolerance.
what='single runs' && everywhere 0 'exp(-p*x^2)' --over x=0:3 --scan p=1:2:3 --method gauss-kronrod
for p in 1 1.5 2; do
    run "$fanfold" integrate "exp(-p*x^2)" --param p=$p --over x=0:3 --method gauss-kronrod --format tsv
    checks=$((checks + 1)) && [ "$(tail -1 out)	$p" = "$(grep "	$p\$" serial)" ] || fail "$what: $p: $(tail -1 out)"
done
what='single in blocks' && everywhere 0 'exp(-p*x^2)/(1+x)' --over x=0:3 --scan p=1:2:65
for p in 1 1.25 2; do
    run "$fanfold" integrate "exp(-p*x^2)/(1+x)" --param p=$p --over x=0:3 --format tsv
    checks=$((checks + 1)) && awk -F '\t' -v p=$p 'FNR == NR { if ($6 == p) v = $1; next }
        FNR == 2 { exit !(v && ($1 - v) ^ 2 < 4e-16 * v * v) }' serial out || fail "$what: $p: $(tail -1 out)"
done

what='not reached' && everywhere 1 'x^p' --over x=0:1 --scan p=-2:1:13
checks=$((checks + 1)) && [ "$(grep -c divergent serial)" = 5 ] && [ "$(grep -c reached serial)" = 8 ] || fail "$what: $(cat serial)"
what='all of them told in a few lines' && run "$fanfold" integrate '1/x+p' --over x=0:1 --scan p=0:1:200
expect 1 && says 'p=0: the tolerance was not reached' && says '200 rows in all'
checks=$((checks + 1)) && [ "$(wc -l <err)" = 6 ] && [ "$(wc -l <out)" = 200 ] || fail "$what: $(wc -l <err) lines"
what='not finite' && run "$fanfold" integrate 'sqrt(x-p)' --over x=0:1 --scan p=-1:0.5:2 --format tsv && expect 1
says 'p=0.5: the integrand is ' && checks=$((checks + 1))
[ "$(tail -1 out)" = '-	-	-	-	not finite	0.5' ] || fail "$what: $(tail -1 out)"

what='a bound that is none in one row' && everywhere 1 'x' --over 'x=sqrt(p-1):3' --scan p=0:2:3
checks=$((checks + 1)) && [ "$(cut -f 1,5,6 serial | tr '\t\n' ', ')" = 'value,status,p -,failed,0 4.5,reached,1 4,reached,2 ' ] ||
    fail "$what: $(cat serial)"

what='text' && run "$fanfold" integrate 'p*q' --over x=0:1 --scan p=1:2:2 --scan q=3:3:1 && expect 0
checks=$((checks + 1)) && grep -q '^p=2 q=3: 6 ± ' out || fail "$what: $(cat out)"
what='ndjson' && run "$fanfold" integrate 'p*q' --over x=0:1 --scan p=1:2:2 --scan q=3:3:1 --format ndjson && expect 0
checks=$((checks + 1)) && grep -q '"index":1,.*"parameters":{"p":2,"q":3}}$' out || fail "$what: $(cat out)"
what='a vector' && run "$fanfold" integrate 'p, x' --over x=0:2 --scan p=1:2:2 --format tsv && expect 0
checks=$((checks + 1)) && grep -q '^4,2	' out || fail "$what: $(cat out)"
what='a job file' && printf '[job]\ntask = integrate\nexpression = p*x\nover = x=0:2\nscan = p=1:3:3\nformat = tsv\n' >scan.job
run "$fanfold" run scan.job && expect 0 && cp out serial && rows 3 '2 * p'

printf 'p\t q\n1 2\n# no row\n\n3\t4\r\n5e0  -6\n' >values
what='a table' && everywhere 0 'p+q*x' --over x=0:2 --table values && rows 3 '2 * p + 2 * q' && pairs '1,2 3,4 5,-6'
what='standard input' && run_on 'p\n1\n2\n' "$fanfold" integrate x+p --over x=0:2 --table - --format tsv && expect 0
checks=$((checks + 1)) && [ "$(cut -f 1 out | tail -n +2 | tr '\n' ' ')" = '4 6 ' ] || fail "$what: $(cat out)"
table() { # table TEXT CODE SAYS
    run_on "$1" "$fanfold" integrate p*x --over x=0:2 --table - --format tsv && expect "$2" && says "$3"
}
what='no number' && table 'p q\n1 2\n1 x\n' 2 ':3:3: expected a finite number'
what='infinite' && table 'p\ninf\n' 2 ':2:1: expected a finite number'
what='too few' && table 'p q\n1\n' 2 ':2:1: 1 values: expected one for each of 2 parameters'
what='too many' && table 'p\n1 2\n' 2 ':2:1: 2 values'
what='no name' && table 'p 2q\n1 2\n' 2 ":1:3: '2q' is no name"
what='twice' && table 'p p\n1 2\n' 2 ':1:3: the parameter p is given twice'
what='unknown name' && table 'q\n1\n' 2 'unknown name "p"; known: x, q'
what='empty' && table '' 2 'the table is empty'
what='no file' && run "$fanfold" integrate p*x --over x=0:2 --table nowhere --format tsv && expect 3 && says 'nowhere'
what='names alone' && run_on 'p\n' "$fanfold" integrate p*x --over x=0:2 --table - --format tsv
expect 0 'value\terror\tevaluations\tmethod\tstatus\tp\n'

bad() { # bad SAYS ARGUMENT...
    what="bad: ${*:2}" && run "$fanfold" integrate p*x --over x=0:1 "${@:2}" && expect 2 && says "$1"
}
bad 'expected NAME=START:STOP:COUNT' --scan p=0:1
bad 'expected NAME=START:STOP:COUNT' --scan 0:1:2
bad "not '0'" --scan p=0:1:0
bad "not '-3'" --scan p=0:1:-3
bad "'inf' is no finite number" --scan p=0:inf:3
bad 'unknown name "y"' --scan p=y:1:3
bad 'is no name' --scan 1p=0:1:3
bad 'given twice' --scan p=0:1:3 --scan p=0:1:3
bad 'given twice' --scan p=0:1:3 --param p=2
bad 'x' --scan p=0:1:3 --scan x=0:1:3
bad 'at most 2^62 rows' --scan p=0:1:1e15 --scan q=0:1:1e15
bad 'p has 2 values and q has 3' --scan p=0:1:2 --scan q=0:1:3 --zip
bad 'zip needs scan' --zip --param p=1
bad 'exclude' --scan p=0:1:2 --table values
bad 'fixed grids' --scan p=0:1:2 --points 10
bad 'which is one for all rows' --scan p=1:2:2 --param 'k=2*p'
bad 'which is one for all rows' --scan p=1:2:2 --break p/2
bad 'which is one for all rows' --scan p=1:2:2 --weight sin:p
bad 'which is one for all rows' --scan p=1:2:2 --abs p
bad 'retry-failed and scans exclude' --scan p=0:1:2 --retry-failed --output part
bad 'shard' --scan p=0:1:2 --shard 1/2 --output part
bad 'not several' --scan p=0:1:2 p*x^2

what='a crash' && cat >f.c <<'C'
#include <stdlib.h>
double f(void *context, const double *point)
{
    const double *p = context;
    if (*p == 2)
        abort();
    return *p * *point;
}
C
if cc -O1 -shared -fPIC f.c -o f.so; then
    run "$fanfold" integrate --integrand ./f.so:f --over x=0:2 --scan p=1:3:3 --executor processes -j 2 --format tsv
    expect 1 && says 'p=2: lost'
    checks=$((checks + 1)) && [ "$(cut -f 5,6 out | tail -n +2 | tr '\t\n' ', ')" = 'reached,1 lost,2 reached,3 ' ] ||
        fail "$what: $(cat out)"
fi

# A run that is killed goes on at the row where it was, to the same bytes.
long=('exp(-p*x)*cos(q*x)' --over x=0:1 --scan p=1:2:1000 --scan q=0:200:100 --format tsv)
what='killed' && run "$fanfold" integrate "${long[@]}" --executor threads -j 2 --output whole && expect 0
"$fanfold" integrate "${long[@]}" --executor threads -j 2 --output cut 2>err &
pid=$!
for _ in $(seq 600); do [ -s cut.part ] && break || sleep 0.02; done
kill -KILL $pid && wait $pid 2>/dev/null
checks=$((checks + 1)) && [ -s cut.part ] && [ ! -e cut ] || fail "$what: not in the middle: $(ls)"
run "$fanfold" integrate "${long[@]}" --executor processes -j 2 --output cut --resume && expect 0
checks=$((checks + 1)) && cmp -s cut whole || fail "$what: $(wc -l <cut) lines"
checks=$((checks + 1)) && [ "$(wc -l <whole)" = 100001 ] || fail "$what: $(wc -l <whole) lines in the whole"

finish
