# A semiprime of 95 digits, from end to end, over all cores: about a quarter of an hour of CPU time
# with vectors, in a build without optimization hours. test_hours_sieve.sh COMMAND
. "$(dirname "$0")/lib.sh"

p=31415926535897932384626433832795028841971694139
q=2718281828459045235360287471352662497757247094243
n=85397342226735670654635508695465744950348885769538826789000248225454129436978447708613703741777
what="a semiprime of 95 digits"
run "$fanfold" factor "$n"
expect 0 "$n: $p $q\n"

finish
