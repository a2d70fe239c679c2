#!/usr/bin/env bash
# integrate --plot: pictures by gnuplot of scans and of convergence, also of runs that were killed; what
# keeps it from drawing is told, and leaves no file.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
scan=(integrate 'exp(-p*x)' --over x=0:inf --scan)

what='without gnuplot' && mkdir empty && run env PATH="$tmp/empty" "$fanfold" "${scan[@]}" p=1:5:11 --plot a.svg
expect 2 '' && says 'Debian: gnuplot-nox'
checks=$((checks + 1)) && [ ! -e a.svg ] || fail "$what: there is a picture"

bad() { # bad CODE SAYS ARGUMENT...
    what="bad: ${*:3}" && run env PATH="$tmp/fake" "$fanfold" integrate "${@:3}" && expect "$1" '' && says "$2"
    checks=$((checks + 1)) && [ ! -e a.svg ] || fail "$what: there is a picture"
}
mkdir fake && printf '#!/bin/sh\nexit 1\n' >fake/gnuplot && chmod +x fake/gnuplot
bad 2 'not of several' x x^2 --over x=0:1 --plot a.svg
bad 2 'fixed grids' x --over x=0:1 --points 5 --plot a.svg
bad 2 'exclude' --input list --plot a.svg
bad 2 'of a grid or a table of 2' p*q --over x=0:1 --scan p=0:1:2 --scan q=0:1:2 --plot a.svg
bad 2 'a file of its own' x --over x=0:1 --plot -
bad 2 'a file of its own' x --over x=0:1 --plot a.svg --output a.svg
bad 3 'nowhere' x --over x=0:1 --plot nowhere/a.svg
printf 'p q\n1 2\n' >two && bad 2 'of a grid or a table of 2' p*q --over x=0:1 --table two --plot a.svg

# left NAMES: what stands in the folder of pictures.
mkdir pictures
left() {
    checks=$((checks + 1)) && [ "$(ls -A pictures)" = "$1" ] || fail "$what: left $(ls -A pictures)"
}
what='gnuplot fails' && printf '#!/bin/sh\ncat >/dev/null\necho "line 3: no such thing" >&2\nexit 1\n' >fake/gnuplot
run env PATH="$tmp/fake:$PATH" "$fanfold" "${scan[@]}" p=1:5:3 --plot pictures/a.svg && expect 4
says 'gnuplot exited with code 1: line 3: no such thing' && left ''
what='an older picture stays' && echo old >pictures/a.svg
run env PATH="$tmp/fake:$PATH" "$fanfold" "${scan[@]}" p=1:5:3 --plot pictures/a.svg && expect 4 && left a.svg
checks=$((checks + 1)) && [ "$(cat pictures/a.svg)" = old ] || fail "$what: $(cat pictures/a.svg)"
rm pictures/a.svg
what='half a picture' && printf '#!/bin/sh\ncat >/dev/null\necho "<svg>"\n' >fake/gnuplot
run env PATH="$tmp/fake:$PATH" "$fanfold" integrate x --over x=0:1 --plot pictures/a.svg && expect 4
says 'not whole' && left ''
what='stopped while it draws' && printf '#!/bin/sh\n: >begun\nexec sleep 100\n' >fake/gnuplot
PATH="$tmp/fake:$PATH" "$fanfold" "${scan[@]}" p=1:5:3 --plot pictures/a.svg >out 2>err &
pid=$!
for _ in $(seq 600); do [ -e begun ] && break || sleep 0.05; done
began=$(uptime_ms)
kill -TERM $pid
code=0 && wait $pid || code=$?
checks=$((checks + 1)) && [ "$code" = 75 ] || fail "$what: exit code $code: $(cat err)"
checks=$((checks + 1)) && [ $(($(uptime_ms) - began)) -lt 60000 ] || fail "$what: it went on"
left ''

if ! command -v gnuplot >/dev/null; then
    echo 'skipped: pictures; there is no gnuplot (Debian: gnuplot-nox)'
    finish
fi
if command -v xmllint >/dev/null; then
    whole() { xmllint --nonet --noout "$1"; }
else
    echo 'skipped: whether pictures are well-formed; there is no xmllint (Debian: libxml2-utils)'
    whole() { grep -q '</svg>' "$1"; }
fi

# draws FILE ARGUMENT...: well-formed; then TEXTs that stand in it.
draws() {
    run "$fanfold" integrate "${@:2}" --plot "$1"
    checks=$((checks + 1)) && whole "$1" 2>why || fail "$what: $(head -3 why)"
}
has() {
    checks=$((checks + 1)) && grep -qF -- "$2" "$1" || fail "$what: no '$2' in $1"
}
# points FILE K COUNT: so many points in data set K, but for the one of the key.
points() {
    checks=$((checks + 1))
    local found
    found=$(awk -v k="gnuplot_plot_$2\"" '/id="gnuplot_plot_/ { in_it = index($0, k) } in_it' "$1" |
        grep -c '<use ')
    [ "$found" = $(($3 + 1)) ] || fail "$what: $found points in set $2 of $1, not $3 and the key's"
}

what='a scan' && draws a.svg 'exp(-p*x)' --over x=0:inf --scan p=1:5:11 && expect 0 && points a.svg 2 11
has a.svg '<text>exp(-p*x) over x=0:inf</text>' && has a.svg '<text>p</text>' && has a.svg '<text>value</text>'
has a.svg '<text>error</text>'
checks=$((checks + 1)) && ! grep -q 'not reached' a.svg || fail "$what: marks that are none"
what='words that mean something to gnuplot or XML'
draws b.svg "a_1 < 2 && x > 0 ? 1 : 2" --over x=0:1 --scan a_1=1:3:4 && expect 0
has b.svg '<text>a_1 &lt; 2 &amp;&amp; x > 0 ? 1 : 2 over x=0:1</text>' && has b.svg '<text>a_1</text>'
what='marks' && draws c.svg 'x^p' --over x=0:1 --scan p=-2:1:13 && expect 1 && points c.svg 2 13 && points c.svg 3 5
has c.svg '<text>tolerance not reached: 5</text>' && has c.svg '<text>1e+20</text>'
what='no values' && draws d.svg 'sqrt(x-p)' --over x=0:1 --scan p=-1:0.5:4 && expect 1 && points d.svg 2 3 && points d.svg 3 1
has d.svg '<text>no value: 1</text>'
what='none at all' && draws e.svg 'sqrt(x-2+0*p)' --over x=0:1 --scan p=1:2:3 && expect 1
has e.svg '<text>no value: 3</text>'
what='decades' && draws f.svg 'exp(-p*x)' --over x=0:1 --scan p=1e-3:10:30 && expect 0 && has f.svg '<text>0.001</text>'
has f.svg '<text>0.1</text>'
what='a band' && draws g.svg 'cos(p*x)' --over x=0:1 --scan p=-5:5:200 && expect 0
checks=$((checks + 1)) && [ "$(grep -c '<use .* color=' g.svg)" = 0 ] || fail "$what: points"
has g.svg 'fill' && has g.svg '<text>-4</text>'
what='one row' && draws h.svg 'p*x' --over x=0:1 --scan p=3:3:1 && expect 0 && points h.svg 2 1
what='no rows' && printf 'p\n' >none && draws i.svg 'p*x' --over x=0:1 --table none && expect 0
what='a table that is not sorted' && printf 'p\n3\n1\n2\n' >three
draws j.svg 'p*x' --over x=0:2 --table three && expect 0 && points j.svg 2 3
draws k.svg 'p*x' --over x=0:2 --scan p=1:3:3 && expect 0
checks=$((checks + 1)) && cmp -s j.svg k.svg || fail "$what: another picture than of the sorted one"
what='zip' && draws l.svg 'p*x+q' --over x=0:2 --scan p=1:3:3 --scan q=1:2:3 --zip && expect 0 && points l.svg 2 3
what='more rows than there is room for' && draws m.svg 'exp(-p*x)' --over x=0:1 --scan p=1e-2:5:20001 && expect 0
has m.svg '20001 rows of exp(-p*x) over x=0:1' && has m.svg 'least to greatest'
checks=$((checks + 1)) && [ "$(wc -c <m.svg)" -lt 300000 ] || fail "$what: $(wc -c <m.svg) bytes"
what='a job file' && mkdir jobs
printf '[job]\ntask = integrate\nexpression = p*x\nover = x=0:2\nscan = p=1:3:3\nplot = a.svg\n' >jobs/scan.job
run "$fanfold" run jobs/scan.job && expect 0 && points jobs/a.svg 2 3

what='convergence' && draws n.svg 'sqrt(abs(x-0.3))' --over x=0:1 --rel 1e-12 && expect 0
has n.svg '<text>evaluations</text>' && has n.svg '<text>error estimate</text>' && has n.svg '<text>1e-10</text>'
checks=$((checks + 1)) && [ "$(grep -c '<use .* color=' n.svg)" -gt 20 ] || fail "$what: too few points"
what='one round' && draws o.svg 'x' --over x=0:1 && expect 0 && points o.svg 2a 1
what='an error of 0' && draws p.svg '0*x' --over x=0:1 && expect 0
what='a full disk' && run "$fanfold" "${scan[@]}" p=1:5:11 --plot /dev/full && expect 3 && says '/dev/full'

# A run that is killed and gone on with draws all rows.
long=(integrate 'exp(-p*x)*cos(100*x)' --over x=0:1 --scan p=1:2:400000 --format tsv -j 2)
what='killed' && run "$fanfold" "${long[@]}" --output whole --plot whole.svg && expect 0
checks=$((checks + 1)) && [ ! -e whole.plot ] || fail "$what: the points stay"
killed_at_work cut 0.1 "$fanfold" "${long[@]}" --output cut --plot cut.svg --resume
checks=$((checks + 1)) && [ -s cut.plot ] && [ ! -e cut.svg ] || fail "$what: not in the middle: $(ls)"
cp cut.plot kept
run "$fanfold" "${long[@]}" --output cut --plot cut.svg --resume && expect 0
checks=$((checks + 1)) && cmp -s cut whole && cmp -s cut.svg whole.svg || fail "$what: another picture"
checks=$((checks + 1)) && [ ! -e cut.plot ] || fail "$what: the points stay"
what='gone on with when it was complete' && run "$fanfold" "${long[@]}" --output cut --plot cut.svg --resume && expect 0
rm cut.svg && run "$fanfold" "${long[@]}" --output cut --plot cut.svg --resume && expect 2 && says '--restart'
what='points that are not there' && rm -f cut cut.*
killed_at_work cut 0.1 "$fanfold" "${long[@]}" --output cut --resume
run "$fanfold" "${long[@]}" --output cut --plot cut.svg --resume && expect 3 && says 'begun without plot'
checks=$((checks + 1)) && [ ! -e cut.svg ] || fail "$what: a picture of some rows"

# What gnuplot kept from ending well is made up for without doing the rows again.
what='drawn later' && printf '#!/bin/sh\nexit 1\n' >fake/gnuplot
run env PATH="$tmp/fake:$PATH" "$fanfold" "${scan[@]}" p=1:5:11 --output later --plot later.svg && expect 4
run "$fanfold" "${scan[@]}" p=1:5:11 --output later --plot later.svg --resume && expect 0
checks=$((checks + 1)) && cmp -s later.svg a.svg || fail "$what: another picture"
run env PATH="$tmp/fake:$PATH" "$fanfold" integrate 'sqrt(abs(x-0.3))' --over x=0:1 --rel 1e-12 --output one --plot one.svg
expect 4
run "$fanfold" integrate 'sqrt(abs(x-0.3))' --over x=0:1 --rel 1e-12 --output one --plot one.svg --resume && expect 0
checks=$((checks + 1)) && cmp -s one.svg n.svg || fail "$what: another picture of the convergence"

finish
