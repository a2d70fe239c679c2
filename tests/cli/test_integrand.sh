#!/usr/bin/env bash
# Integrands: functions of shared libraries, parameters, components and bounds that depend on other
# variables, with the same bytes on every executor.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }

# everywhere ARGUMENT...: the same bytes as on serial, which are left in the file `serial`.
everywhere() {
    run "$fanfold" integrate "$@" --executor serial
    expect 0
    cp out serial
    for executor in 'threads -j 2' 'processes -j 3'; do
        # shellcheck disable=SC2086
        run "$fanfold" integrate "$@" --executor $executor
        expect 0
        checks=$((checks + 1))
        cmp -s serial out || fail "$what: on $executor $(cat out), on serial $(cat serial)"
    done
    [ -n "$have_mpi" ] || return 0
    run timeout 120 "${mpirun[@]}" -n 2 "$fanfold" integrate "$@" --executor mpi -j 1
    expect 0
    checks=$((checks + 1))
    cmp -s serial out || fail "$what: on mpi $(cat out), on serial $(cat serial)"
}

# To 13 digits: weights are rounded.
prints() {
    checks=$((checks + 1))
    awk -v wanted="$1" '{ split(wanted, w); for (i = 1; i <= NF; i++) bad += ($i - w[i])^2 > 1e-26 }
        END { exit bad || NF != split(wanted, w) || NR != 1 }' serial ||
        fail "$what: $(cat serial), not $1"
}

what='parameters' && everywhere 'a*x' --param a=2 --param b=a+1 --over x=0:b --points 30000 && prints 9
what='components' && everywhere '2*x, 3*x^2, 1' --over x=0:1 --points 30000 && prints '1 1 1'
what='components in tsv' && everywhere 'x, 1' --over x=0:2 --format tsv --rule gauss
checks=$((checks + 1))
[ "$(tail -n 1 serial)" = "$(printf '2,2\t-\t5000\tgauss-5\tok')" ] || fail "$what: $(cat serial)"
what='components in ndjson' && everywhere 'x, 1' --over x=0:2 --format ndjson --rule gauss
checks=$((checks + 1)) && grep -q '"value":\[2.0,2.0\]' serial || fail "$what: $(cat serial)"
what='bounds of other variables' && everywhere 'y' --over x=0:1 --over y=-x:2*x --points 200 && prints 0.5
what='a list' && printf 'x*k; param k=4; over x=0:1\nx, k; over x=0:1\n' >list
run "$fanfold" integrate --input list --param k=6 --rule gauss && expect 0 '2\n0.5 6\n'
what='isolated values' && run "$fanfold" integrate '1/sqrt(x)' --over x=0:1 --rule left
expect 0 && says 'passed over 1 value that is not finite, of 1000 points; the first is inf at x = 0'
what='values that persist' && run "$fanfold" integrate 'sqrt(x)' --over x=-1:1 --rule gauss
expect 1 && says 'the integrand is nan at x = -' && says 'not finite at 2500 of 5000 points'

what='a parameter without a value' && run "$fanfold" integrate a --over x=0:1 --param a
expect 2 && says "param is 'a': expected NAME=VALUE"
what='a flawed parameter' && run "$fanfold" integrate a --over x=0:1 --param a=2+
expect 2 && says 'found the end'
what='a later variable' && run "$fanfold" integrate 1 --over x=0:y --over y=0:1
expect 2 && says 'unknown name "y"; known: pi, e, inf'
what='no integrand file' && run "$fanfold" integrate --integrand ./none.so:f --over x=0:1
expect 2 && says "can't open the integrand's file './none.so': No such file or directory"
what='no symbol named' && run "$fanfold" integrate --integrand ./none.so --over x=0:1
expect 2 && says 'expected FILE:SYMBOL'

if ! command -v cc >cc.path; then
    echo 'skipped: functions of shared libraries: no cc'
    finish
fi
cat >f.c <<'END'
#include <stddef.h>
double line(void *context, const double *point) { return ((const double *)context)[1] * point[0]; }
const unsigned both_batch_components = 2;
int both_batch(void *context, const double *const *points, size_t count, double *const *values)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        values[0][i] = 2 * points[0][i];
        values[1][i] = points[1][i];
    }
    return 0;
}
END
cc -shared -fPIC f.c -o f.so || exit 1
what='a scalar function' && everywhere --integrand ./f.so:line --param a=1 --param b=6 --over x=0:1 --points 30000
prints 3
what='a batch function' && everywhere --integrand f.so:both_batch --over x=0:1 --over y=0:3 --points 200 && prints '3 4.5'
what='a job file' && mkdir -p there && cp f.so there
printf '[job]\ntask = integrate\nintegrand = f.so:line\nparam = a=0\nparam = b=2\nover = x=0:1\nrule = gauss\n' >there/j.job
run "$fanfold" run there/j.job && expect 0 '1\n'
what='no such symbol' && run "$fanfold" integrate --integrand ./f.so:none --over x=0:1
expect 2 && says 'has no symbol none'
what='no shared library' && echo text >text.so && run "$fanfold" integrate --integrand ./text.so:f --over x=0:1
expect 2 && says "can't load the integrand"
what='both' && run "$fanfold" integrate x --integrand ./f.so:line --over x=0:1
expect 2 && says 'exclude each other'

what='another file' && rm -f sums*
begin=("$fanfold" integrate --integrand ./f.so:line --param a=0 --param b=1 --over x=0:1 --output sums)
"${begin[@]}" --points 1000000000000 2>/dev/null &
pid=$!
for _ in {1..600}; do
    [ -s sums.journal ] && break
    sleep 0.05
done
kill -9 $pid && wait $pid 2>/dev/null
printf '\ndouble more(void) { return 1; }\n' >>f.c && cc -shared -fPIC f.c -o f.so
run "${begin[@]}" --points 1000000000000 --resume
expect 2 && says 'hash of the integrand'
finish
