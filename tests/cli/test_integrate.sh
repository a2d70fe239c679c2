#!/usr/bin/env bash
# Integrals until a tolerance is reached: the same bytes on every executor, what is written where it is
# not reached, and runs that are killed and go on.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }

# everywhere ARGUMENT...: the same bytes as on serial, which are left in the file `serial`.
everywhere() {
    run "$fanfold" integrate "$@" --executor serial --format tsv
    expect 0
    cp out serial
    for executor in 'threads -j 2' 'processes -j 3'; do
        # shellcheck disable=SC2086
        run "$fanfold" integrate "$@" --format tsv --executor $executor
        expect 0
        checks=$((checks + 1))
        cmp -s serial out || fail "$what: on $executor $(cat out), on serial $(cat serial)"
    done
    [ -n "$have_mpi" ] || return 0
    run timeout 120 "${mpirun[@]}" -n 2 "$fanfold" integrate "$@" --format tsv --executor mpi -j 1
    expect 0
    checks=$((checks + 1))
    cmp -s serial out || fail "$what: on mpi $(cat out), on serial $(cat serial)"
}

# near VALUE REL: what `serial` has is, and claims no less.
near() {
    checks=$((checks + 1))
    awk -F '\t' -v v="$1" -v r="$2" 'NR == 2 { ok = ($1 - v) ^ 2 <= (r * v) ^ 2 && $2 <= r * v && $5 == "reached" }
        END { exit !(ok && NR == 2) }' serial || fail "$what: $(cat serial), not $1"
}

# Values: closed forms. sin(1)^5 stands for the product; the others are in the comments.
ball=('exp(-(x^2+y^2+z^2))' --over x=0:1 --over y=0:1 --over z=0:1) # (sqrt(pi)/2 erf(1))^3
what='gauss-kronrod' && everywhere 'log(x)*sqrt(x)' --over x=0:1 --method gauss-kronrod --abs 1e-12
checks=$((checks + 1)) && awk -F '\t' 'NR == 2 { exit !(($1 + 4 / 9) ^ 2 < 1e-20) }' serial || fail "$what: $(cat serial)"
what='tanh-sinh' && everywhere '(1-x)^(-0.9)' --over x=0:1 --method tanh-sinh && near 10 1e-8
what='auto of one' && everywhere 'exp(-x^2)' --over x=-inf:inf && near 1.7724538509055160 1e-8
what='cubature' && everywhere "${ball[@]}" --method cubature && near 0.41653838588663805 1e-5
what='cubature9' && everywhere "${ball[@]}" --method cubature9 && near 0.41653838588663805 1e-5
what='cubature11' && everywhere "${ball[@]}" --method cubature11 && near 0.41653838588663805 1e-5
what='cubature13' && everywhere 'exp(-(x^2+y^2))' --over x=0:1 --over y=0:1 --method cubature13 && near 0.55774628535103363 1e-5
what='vegas' && everywhere "${ball[@]}" --method vegas --rel 1e-3 && near 0.41653838588663805 1e-3
what='lattice' && everywhere "${ball[@]}" --method lattice && near 0.41653838588663805 1e-5
what='product' && everywhere "${ball[@]}" --method product && near 0.41653838588663805 1e-5
what='nested' && everywhere 'abs(x-y)' --over x=0:1 --over y=0:1 --method nested && near 0.33333333333333333 1e-5
what='auto of several' && everywhere 'x*exp(-x*y)' --over x=0:1 --over y=0:x && near 0.25317587671760 1e-5
what='another seed' && everywhere "${ball[@]}" --method vegas --rel 1e-3
run "$fanfold" integrate "${ball[@]}" --method vegas --rel 1e-3 --format tsv --seed 1
checks=$((checks + 1)) && ! cmp -s out serial || fail "$what: the same"

what='text' && run "$fanfold" integrate 2 --over x=0:1 && expect 0
checks=$((checks + 1)) && grep -q '^2 ± [0-9.e-]*$' out || fail "$what: $(cat out)"
what='two components' && run "$fanfold" integrate 'x, 1' --over x=0:2 --format ndjson && expect 0
checks=$((checks + 1)) && grep -q '"value":\[2.0,2.0\],"error":\[' out || fail "$what: $(cat out)"
what='a break' && run "$fanfold" integrate 'abs(x-0.3)' --over x=0:1 --break 0.3 --format tsv && expect 0
what='divergent' && run "$fanfold" integrate 1/x --over x=0:1 --format tsv && expect 1
says 'the tolerance was not reached' && says 'no finite value'
checks=$((checks + 1)) && grep -q 'divergent$' out || fail "$what: $(cat out)"
what='a small budget' && run "$fanfold" integrate "${ball[@]}" --method vegas --rel 1e-9 --max-evals 20000 --format tsv
expect 1 && says 'max-evals is used up'
checks=$((checks + 1)) && grep -q '^0\.41.*vegas	budget$' out || fail "$what: $(cat out)"
what='its time' && run timeout 240 "$fanfold" integrate "${ball[@]}" --method vegas --rel 1e-9 --max-evals 1e15 \
    --timeout 0.5 --format tsv
expect 1 && says 'the timeout is over'
checks=$((checks + 1)) && grep -q '^0\.41.*vegas	time$' out || fail "$what: $(cat out)"
what='NaN that persists' && run "$fanfold" integrate 'sqrt(x)' --over x=-1:1 && expect 1 && says 'nan at x = -'
what='a point that is none' && run "$fanfold" integrate 'sin(x)/x' --over x=-1:1 && expect 0
what='reversed bounds' && run "$fanfold" integrate x --over x=2:0 --format tsv && expect 0
checks=$((checks + 1)) && grep -q '^-2	' out || fail "$what: $(cat out)"
what='equal bounds' && run "$fanfold" integrate 'exp(x)' --over x=3:3 --format tsv && expect 0
checks=$((checks + 1)) && grep -q '^0	0	' out || fail "$what: $(cat out)"
what='a bound that is no number' && run "$fanfold" integrate x --over x=0:0/0 && expect 2
what='a method of several' && run "$fanfold" integrate x --over x=0:1 --method vegas && expect 2 && says 'gauss-kronrod or'
what='a method and points' && run "$fanfold" integrate x --over x=0:1 --method auto --points 5 && expect 2 && says 'fixed grids'
what='no tolerance' && run "$fanfold" integrate x --over x=0:1 --rel -1 && expect 2 && says 'expected 0 or more'
what='a weight' && run "$fanfold" integrate 'x^2' --over x=0:1 --param k=500 --weight 'sin:2*k' --rel 1e-12 --format tsv && expect 0
checks=$((checks + 1)) && [ "$(tail -n 1 out | cut -f 3-)" = '128	filon	reached' ] || fail "$what: $(cat out)"
checks=$((checks + 1)) && grep -q '^-0.000560' out || fail "$what: $(cat out)"
what='a weight to infinity' && run "$fanfold" integrate '1/(1+x^2)' --over x=0:inf --weight cos:1 --format tsv && expect 0
checks=$((checks + 1)) && grep -q '^0.57786367' out || fail "$what: $(cat out)"
what='a weight on a line' && printf 'x^2; over x=0:1; param k=1000; weight sin:k\n' >weights && run "$fanfold" integrate --input weights --format tsv && expect 0
checks=$((checks + 1)) && grep -q '^-0.000560' out || fail "$what: $(cat out)"
what='a weight that is none' && run "$fanfold" integrate x --over x=0:1 --weight tan:1 && expect 2 && says 'cos:W or sin:W'
what='a weight with an unknown name' && run "$fanfold" integrate x --over x=0:1 --weight cos:q && expect 2 && says 'q'
what='a weight of two variables' && run "$fanfold" integrate 'x*y' --over x=0:1 --over y=0:1 --weight cos:1 && expect 2 && says 'one variable'
what='a weight and a method' && run "$fanfold" integrate x --over x=0:1 --weight cos:1 --method tanh-sinh && expect 2 && says 'takes filon'
what='a weight and points' && run "$fanfold" integrate x --over x=0:1 --weight cos:1 --points 5 && expect 2 && says 'takes filon'
what='a weight of no frequency' && run "$fanfold" integrate 'exp(-x)' --over x=0:inf --weight cos:0 && expect 2 && says "can't be 0"
what='a list' && printf 'x; over x=0:2\n1/x; over x=0:1\nx*y; over x=0:1; over y=0:1; rel 1e-9\n' >list
run "$fanfold" integrate --input list --format tsv && expect 1
checks=$((checks + 1)) && [ "$(cut -f 5 out | tr '\n' ' ')" = 'status reached divergent reached ' ] || fail "$what: $(cat out)"

# A run that is killed goes on from its last kept round, to the same bytes.
long=('1/(0.001+(x-0.3)^2+(y-0.7)^2+(z-0.2)^2)' --over x=0:1 --over y=0:1 --over z=0:1 --method vegas
    --rel 1e-9 --max-evals 3e8 --format tsv)
what='killed' && run "$fanfold" integrate "${long[@]}" --executor threads -j 2 --output whole
expect 1
"$fanfold" integrate "${long[@]}" --executor threads -j 2 --output cut 2>err &
pid=$!
for _ in $(seq 600); do [ -e cut.integral ] && break || sleep 0.1; done
checks=$((checks + 1))
kill -KILL $pid && wait $pid 2>/dev/null
[ -e cut.integral ] || fail "$what: nothing was kept"
run "$fanfold" integrate "${long[@]}" --executor processes -j 2 --output cut --resume
expect 1
checks=$((checks + 1)) && cmp -s cut whole || fail "$what: $(cat cut), not $(cat whole)"
checks=$((checks + 1)) && [ ! -e cut.integral ] || fail "$what: what was kept stays"

finish
