#!/usr/bin/env bash
# What a scan of weak keys as a ring costs, by the formula of docs/weakkeys-scaling.md.
#   ring-cost.sh [NAME=VALUE...]
#     keys=1e6,1e7,1e8  members=1,2,4,...,256  bits=2048
#     products=FILE     lines "LIMBS NS": CPU time of a product of two numbers of so many limbs, by
#                       limb of one, as `bench/ntt --isa NAME` prints it (AVX-512 here, kept plan)
#     network=1e9       bytes a second from one member to the next, both ways at once
#     up=1.28 lowest_up=124 down=1.09 lowest_down=236 first=3.7 step=1.27 root=3.1 roots=6.1 alone=3.8
#                       the factors of the formula
#   ring-cost.sh check=FILE   beside what `bench/ring` has printed into FILE, which is in brackets
# Prints for each a row: the time of a member, how much of it is communication, memory, bytes sent,
# the efficiency against one member.
set -u
export LC_ALL=C
products=
settings=()
for setting; do
    case $setting in
    products=*) products=${setting#*=} ;;
    *=*) settings+=(-v "$setting") ;;
    *)
        echo "ring-cost.sh: expected NAME=VALUE, not $setting" >&2
        exit 2
        ;;
    esac
done
if [ -n "$products" ]; then
    table=$(cat "$products") || exit 2
else
    table='1024 21
4096 25
16384 28
65536 47
262144 52
1048576 64
4194304 66'
fi
awk -v table="$table" -v keys=1e6,1e7,1e8 -v members=1,2,4,8,16,32,64,128,256 -v bits=2048 \
    -v network=1e9 -v up=1.28 -v lowest_up=124 -v down=1.09 -v lowest_down=236 -v first=3.7 \
    -v step=1.27 -v root=3.1 -v roots=6.1 -v alone=3.8 -v check= ${settings[@]+"${settings[@]}"} '
# ns a limb, between the lengths of the table by the logarithm, beyond them as between the last two.
function m(limbs,    i) {
    if (limbs <= at[1])
        return ns[1]
    for (i = 2; i < count && at[i] < limbs; i++)
        ;
    return ns[i - 1] + (ns[i] - ns[i - 1]) * log(limbs / at[i - 1]) / log(at[i] / at[i - 1])
}
# The levels whose nodes are products by transforms: of children of 256 limbs or more.
function levels(n,    sum, size) {
    for (size = n; size >= 512; size /= 2)
        sum += m(size / 2)
    return sum
}
# Seconds of CPU time of one member with n limbs of moduli.
function phases(n, k) {
    t_up = n * (up * levels(n) + lowest_up) / 1e9
    t_down = n * (down * 5 / 6 * levels(n) + lowest_down) / 1e9
    t_steps = k > 2 ? n * m(n) * (first + step * 2 * (k - 2)) / 1e9 : 0
    t_root = n * m(n) * (k > 2 ? root : k > 1 ? roots : alone) / 1e9
    return t_up + t_down + t_steps + t_root
}
# Bytes: the tree, and the most that is held beside it, which are transforms. Without the moduli.
function memory(n, k) {
    return 8 * n * (log(n * 64 / bits) / log(2) + 1 + (k > 2 ? 44 : 33))
}
function row(all, k,    n, cpu, sent, way) {
    n = all / k
    cpu = phases(n, k)
    sent = 8 * n * (k - 1)
    way = 2 * sent / network # every other member sends while the others receive
    printf "%9.4g %8d %11.4g %11.3g %10.1f %10.1f %10.2f\n", all * 64 / bits, k, cpu + way,
        way, memory(n, k) / 1e9, sent / 1e9, phases(all, 1) / (k * (cpu + way))
}
BEGIN {
    lines = split(table, line, "\n")
    for (i = 1; i <= lines; i++)
        if (split(line[i], word, " ") == 2) {
            at[++count] = word[1]
            ns[count] = word[2]
        }
    if (count < 2) {
        print "ring-cost.sh: products has fewer than two lines of limbs and ns" >"/dev/stderr"
        exit 2
    }
    if (check) {
        printf "%8s %8s %17s %17s %17s %17s %17s\n", "keys", "members", "all", "up", "steps", "root",
            "down"
        while ((getline text < check) > 0) {
            fields = split(text, word, " ")
            if (match(text, /over [0-9]+ moduli of [0-9]+/))
                split(substr(text, RSTART, RLENGTH), name, " ")
            if (fields != 10 || word[1] !~ /^[0-9]+$/)
                continue
            k = word[1]
            t = phases(name[2] * name[5] / 64 / k, k)
            printf "%8d %8d %7.3f (%7.3f) %7.3f (%7.3f) %7.3f (%7.3f) %7.3f (%7.3f) %7.3f (%7.3f)\n",
                name[2], k, k * t, word[2], k * t_up, word[3], k * t_steps, word[4], k * t_root,
                word[5], k * t_down, word[6]
        }
        exit
    }
    printf "%9s %8s %11s %11s %10s %10s %10s\n", "keys", "members", "seconds", "of them way",
        "GB each", "GB sent", "efficiency"
    sizes = split(keys, size, ",")
    many = split(members, each, ",")
    for (i = 1; i <= sizes; i++)
        for (j = 1; j <= many; j++)
            row(size[i] * bits / 64, each[j])
}'
