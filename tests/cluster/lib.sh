# Sourced by the programs beside it. A cluster is a tree of namespaces: the login host, whose first
# process holds all the others, and in it the compute hosts. When that process ends the kernel ends
# all of the rest: nothing can be left on the machine but the cluster's folder.
#
# FAN_CLUSTER: the folder, build/cluster unless told. All hosts see it, where /tmp, /run and /dev/shm
# are each host's own.

cluster_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cluster=$(realpath -m "${FAN_CLUSTER:-$cluster_source/build/cluster}")
cluster_login=fan-login
cluster_net=10.99.0

# The first process of the login host, as this machine counts; empty where no cluster is up.
login_pid() {
    local pid
    pid=$(cat "$cluster/state/$cluster_login.pid" 2>/dev/null) || return 0
    # A number that was given to somebody else since is no cluster.
    if { tr '\0' '\n' <"/proc/$pid/environ"; } 2>/dev/null | grep -qxF "FAN_CLUSTER=$cluster"; then
        echo "$pid"
    fi
}

# enter PID COMMAND...: in the namespaces of a process, in the folder that this is called in.
enter() {
    local pid=$1
    shift
    # shellcheck disable=SC2016 # it is for the shell inside
    exec nsenter --target "$pid" --mount --uts --ipc --net --pid -- \
        sh -c 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"' sh "$PWD" "$@"
}

# The names of the compute hosts.
compute_hosts() {
    cat "$cluster/hosts"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
