#!/usr/bin/env bash
# The cluster itself, and one job on it as everywhere: two hosts, by srun and by mpirun over ssh.
set -u
. "$(dirname "$0")/testing.sh"
find_mpirun || { echo 'skipped: no MPI'; exit 77; }
cluster_up 2

what='two hosts'
run on fan-login srun -N2 hostname
expect 0
checks=$((checks + 1))
[ "$(sort "$tmp/out" | xargs)" = 'fan-n0 fan-n1' ] || fail "$what: $(cat "$tmp/out")"
what='each has its own folders'
on fan-n0 touch /tmp/mine /dev/shm/mine
run on fan-n1 find /tmp /dev/shm -maxdepth 1 -name mine
expect 0 ''
run "$here/left"
expect 0 'fan-n0: file /tmp/mine\nfan-n0: file /dev/shm/mine\n'
on fan-n0 rm /tmp/mine /dev/shm/mine

what='here'
seq 100000000000 100000002000 >numbers
run "$fanfold" factor --input numbers --format tsv --output here
expect 0
what='srun'
run on fan-login srun -N2 -n2 --cpus-per-task=2 --kill-on-bad-exit=1 --mpi=pmix \
    "$fanfold" factor --input numbers --format tsv --output slurm --executor mpi
expect 0
cmp here slurm || fail "$what: not the same bytes"
nothing_left
what='mpirun over ssh'
run on fan-n0 mpirun.openmpi --host fan-n0,fan-n1 --bind-to none \
    "$fanfold" factor --input numbers --format tsv --output ssh
expect 0
cmp here ssh || fail "$what: not the same bytes"
nothing_left

what='a cable'
"$here/cable" fan-n1 down
run on fan-n0 timeout 10 ssh -F "$FAN_CLUSTER/ssh/config" -o ConnectTimeout=1 fan-n1 true
expect 255
"$here/cable" fan-n1 up
run on fan-n0 timeout 60 ssh -F "$FAN_CLUSTER/ssh/config" fan-n1 hostname
expect 0 'fan-n1\n'

what='down'
on fan-n1 sh -c 'setsid sleep 1000 >/dev/null 2>&1 &'
"$here/down"
checks=$((checks + 1))
left=$(env -u FAN_CLUSTER grep -laF "FAN_CLUSTER=$FAN_CLUSTER" /proc/[0-9]*/environ 2>/dev/null)
[ -z "$left" ] || fail "$what: processes are left: $left"
run "$here/on" fan-n0 true
expect 1 ''
says 'no cluster is up'
finish
