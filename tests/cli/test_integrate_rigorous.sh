#!/usr/bin/env bash
# integrate --rigorous: what the command says of a proof, the same bytes on every executor, scans, runs that
# are stopped and go on; and what a build without Arb says.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
"$fanfold" --version >version
if grep -q '^Arb: not in this build' version; then
    what='without Arb' && run "$fanfold" integrate x --over x=0:1 --rigorous && expect 2 ''
    says 'this build of Fanfold was made without' && says 'libflint-arb-dev'
    what='a scan without Arb' && run "$fanfold" integrate p*x --over x=0:1 --scan p=1:2:3 --rigorous && expect 2 ''
    finish
fi
what='the version' && checks=$((checks + 1)) && { grep -q '^Arb: [0-9]' version || fail "$what: $(cat version)"; }

what='text' && run "$fanfold" integrate 'exp(-x^2)*cos(3*x)' --over x=0:1 --rigorous --rel 1e-14 && expect 0 && says_nothing
checks=$((checks + 1)) && grep -q '^0.172508296245878[67][0-9]* ± ' out || fail "$what: $(cat out)"
what='a vector' && run "$fanfold" integrate 'x, x' --over x=0:1 --rigorous && expect 2 '' && says 'not for a vector of 2'
what='several variables' && run "$fanfold" integrate 'x*y' --over x=0:1 --over y=0:1 --rigorous && expect 2 ''
says 'one variable, not for 2' && says 'cubature and nested'
what='infinite' && run "$fanfold" integrate 'exp(-x)' --over x=0:inf --rigorous && expect 2 '' && says 'finite ranges'
what='doubles' && run "$fanfold" integrate 'logb(x)' --over x=0:1 --rigorous && expect 2 '' && says 'no enclosure of logb'
what='a method' && run "$fanfold" integrate x --over x=0:1 --rigorous --method tanh-sinh && expect 2 '' && says 'exclude each other'
what='a grid' && run "$fanfold" integrate x --over x=0:1 --rigorous --points 9 && expect 2 '' && says 'fixed grids'
what='a weight' && run "$fanfold" integrate x --over x=0:1 --rigorous --weight cos:1 && expect 2 '' && says 'into the integrand'
what='syntax' && run "$fanfold" integrate 'x+' --over x=0:1 --rigorous && expect 2 ''
what='a function' && printf 'double f(void *c, const double *x) { (void)c; return *x; }\n' >f.c
if cc -shared -fPIC f.c -o f.so; then
    run "$fanfold" integrate --integrand ./f.so:f --over x=0:1 --rigorous && expect 2 '' && says 'prove nothing'
fi
what='not enclosed' && run "$fanfold" integrate '1/sqrt(x)' --over x=0:1 --rigorous --format tsv && expect 1
says 'could not be enclosed everywhere' && checks=$((checks + 1))
[ "$(tail -1 out | cut -f 1,2,4,5)" = '0	inf	rigorous	rounding' ] || fail "$what: $(cat out)"
what='near 0' && run "$fanfold" integrate 'x^3' --over x=-1:1 --rigorous && expect 1 && says 'needs abs'
run "$fanfold" integrate 'x^3' --over x=-1:1 --rigorous --abs 1e-15 && expect 0
what='the budget' && run "$fanfold" integrate 'sin(1/x)' --over x=1e-9:1 --rigorous --max-evals 1000 --format tsv && expect 1
checks=$((checks + 1)) && grep -q '	budget$' out || fail "$what: $(cat out)"

# everywhere ARGUMENT...: the same bytes as on serial.
have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }
everywhere() {
    run "$fanfold" integrate "$@" --rigorous --executor serial --format tsv
    expect 0
    cp out serial
    for executor in 'threads -j 2' 'processes -j 3' 'threads -j 3'; do
        # shellcheck disable=SC2086
        run "$fanfold" integrate "$@" --rigorous --format tsv --executor $executor
        expect 0
        checks=$((checks + 1)) && cmp -s serial out || fail "$what: on $executor $(head out), on serial $(head serial)"
    done
    [ -n "$have_mpi" ] || return 0
    run timeout 120 "${mpirun[@]}" -n 2 "$fanfold" integrate "$@" --rigorous --format tsv --executor mpi -j 1
    expect 0
    checks=$((checks + 1)) && cmp -s serial out || fail "$what: on mpi $(head out), on serial $(head serial)"
}
rough='floor(200*x)*sqrt(abs(sin(50*x)))'
what='rounds of many pieces' && everywhere "$rough" --over x=0:pi --rel 1e-8
what='a scan' && everywhere 'exp(-p*x)*q' --over x=0:p --scan p=1:3:9 --scan q=1:2:2
checks=$((checks + 1)) && [ "$(grep -c '	rigorous	reached	' serial)" = 18 ] || fail "$what: $(cat serial)"
what='a row is the single integral' && run "$fanfold" integrate 'exp(-p*x)*q' --over x=0:p --param p=2 --param q=1 --rigorous --format tsv
expect 0
checks=$((checks + 1)) && [ "$(tail -1 out)	2	1" = "$(grep '	2	1$' serial)" ] || fail "$what: $(cat out)"
what='a row without a proof' && run "$fanfold" integrate 'x^p' --over x=0:1 --scan p=-1:1:3 --rigorous --format tsv && expect 1
checks=$((checks + 1)) && [ "$(cut -f 5 out | tail -n +2 | tr '\n' ' ')" = 'rounding reached reached ' ] || fail "$what: $(cat out)"
what='a job file' && printf '[job]\ntask = integrate\nexpression = x\nover = x=0:2\nrigorous = true\nformat = tsv\n' >r.job
run "$fanfold" run r.job && expect 0 && checks=$((checks + 1)) && { grep -q '^2	.*	rigorous	reached$' out || fail "$what: $(cat out)"; }

# One that has no end soon is stopped, and goes on from there to the same bytes.
hard=('sin(1/x)*tgamma(2+x)' --over x=1e-6:1 --rel 1e-9 --max-evals 200000 --rigorous --format tsv)
what='stopped' && run "$fanfold" integrate "${hard[@]}" --executor serial --output whole && expect 1
"$fanfold" integrate "${hard[@]}" --executor serial --output cut 2>err &
pid=$!
for _ in $(seq 600); do [ -e cut.part ] && break || sleep 0.02; done
sleep 0.3
kill -TERM $pid
code=0 && wait $pid || code=$?
checks=$((checks + 1)) && [ "$code" = 75 ] || [ "$code" = 1 ] || fail "$what: exit code $code: $(cat err)"
run "$fanfold" integrate "${hard[@]}" --executor threads -j 2 --output cut --resume && expect 1
checks=$((checks + 1)) && cmp -s cut whole || fail "$what: $(cat cut), not $(cat whole)"

finish
