#!/usr/bin/env bash
# check.sh ROOT: whether the sources below ROOT keep the rules of their layers. Prints each violation
# as "file:line: text" and fails when there is one.
set -uo pipefail
cd "$1" || exit 2
violations=0

say() {
    echo "$*"
    violations=$((violations + 1))
}

# All #include lines below the folders given, as "file:line:NAME" with the quotes or brackets on.
includes() {
    local folders=()
    local folder
    for folder in "$@"; do
        [ -e "$folder" ] && folders+=("$folder")
    done
    [ "${#folders[@]}" -gt 0 ] || return 0
    grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include' "${folders[@]}" |
        sed -E 's/^([^:]*:[0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*/\1:/'
}

# only_in HEADER REGEX WHERE: the header is included only in files that match the regex.
only_in() {
    local line
    while IFS= read -r line; do
        [[ ${line%%:*} =~ $2 ]] || say "$line: only $3 may include $1"
    done < <(includes src include bench | grep -E ":[<\"]$1[>\"]")
}

# The layer of a path relative to src/: its folder, and for exec and kernel the folder below it.
layer_of() {
    case $1 in
    exec/*/* | kernel/*/*) echo "$1" | cut -d/ -f1,2 ;;
    *) echo "${1%%/*}" ;;
    esac
}

# The layers that a layer may include besides itself.
allowed() {
    case $1 in
    base) echo "" ;;
    task | kernel/*) echo "base" ;;
    exec | stage) echo "base task" ;;
    exec/*) echo "base task exec" ;;
    job) echo "base task exec stage kernel/gcd kernel/factor kernel/integrate" ;;
    *) echo "" ;;
    esac
}

downward() {
    local line file name from to
    while IFS= read -r line; do
        file=${line%%:*}
        name=${line#*:*:}
        case $name in
        \"*) name=${name#\"} name=${name%%\"*} ;;
        *) continue ;;
        esac
        case $name in
        ../* | */../*) say "$line: leaves its folder by \"..\"" && continue ;;
        fanfold/* | shim.h) continue ;;
        */*) ;;
        *) continue ;; # beside the file itself
        esac
        from=$(layer_of "${file#src/}")
        to=$(layer_of "$name")
        [ "$from" = "$to" ] && continue
        [[ " $(allowed "$from") " == *" $to "* ]] || say "$line: $from may not include $to"
    done < <(includes src)
}

public_headers() {
    local line
    while IFS= read -r line; do
        say "$line: a private name in a public header"
    done < <(grep -rnw --include='*.h' -E 'fani_[a-z0-9_]*' include)
    while IFS= read -r line; do
        case ${line#*:*:} in
        \"fanfold/*) ;;
        \"*) say "$line: a public header may include only public headers" ;;
        esac
    done < <(includes include)
}

command_line() {
    local line
    while IFS= read -r line; do
        say "$line: the command uses the public interface only"
    done < <(grep -rnw --include='*.[ch]' -E 'fani_[a-z0-9_]*' src/cli)
}

only_in 'omp\.h' '^src/exec/threads/' exec/threads
only_in 'mpi\.h' '^(src/exec/mpi/|include/fanfold/mpi\.h|bench/mpi/)' exec/mpi
downward
public_headers
command_line
[ "$violations" -eq 0 ]
