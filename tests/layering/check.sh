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

# Includes in src/ go downward, and leave their folder only by a path from src/. One awk for all of
# them: the self-test runs this often.
downward() {
    local line
    while IFS= read -r line; do
        say "$line"
    done < <(includes src | awk '
        # The layer of a path below src/: its folder, and for exec and kernel the one below it.
        function layer(path, parts, n) {
            n = split(path, parts, "/")
            return (parts[1] == "exec" || parts[1] == "kernel") && n > 2 ? \
                parts[1] "/" parts[2] : parts[1]
        }
        function allowed(from) {
            if (from in may)
                return may[from]
            sub("/.*", "/*", from)
            return may[from]
        }
        BEGIN {
            FS = ":"
            may["task"] = may["kernel/*"] = " base "
            may["kernel/gcd"] = " base kernel/ntt "
            may["kernel/qs"] = " base kernel/factor "
            may["kernel/rsa"] = " base kernel/gcd "
            may["exec"] = may["stage"] = " base task "
            may["exec/*"] = " base task exec "
            may["job"] = " base task exec stage kernel/gcd kernel/factor kernel/qs " \
                "kernel/integrate kernel/rsa "
        }
        $3 !~ /^"/ || $3 ~ /^"fanfold\// { next }
        $3 ~ /^"(.*\/)?\.\.\// { print $0 ": leaves its folder by \"..\""; next }
        $3 !~ /\// { next } # beside the file itself
        {
            split($3, quoted, "\"")
            from = layer(substr($1, 5))
            to = layer(quoted[2])
            if (from != to && index(allowed(from), " " to " ") == 0)
                print $0 ": " from " may not include " to
        }')
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
only_in 'curl/[a-z]+\.h' '^src/stage/fetch\.c$' src/stage/fetch.c
only_in 'openssl/[a-z0-9_]+\.h' '^src/stage/keys_entry\.c$' src/stage/keys_entry.c
downward
public_headers
command_line
[ "$violations" -eq 0 ]
