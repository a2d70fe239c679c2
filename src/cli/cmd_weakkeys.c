/* fanfold weakkeys */
#include "job_command.h"

const cli_command command_weakkeys = {
    .name = "weakkeys",
    .task = "weakkeys",
    .arguments = "[FILE...]",
    .summary = "RSA keys that share a prime with another key, or are weak by themselves",
    .details =
        "Reads keys as they are found: certificates, requests and public keys (PEM, DER),\n"
        "OpenSSH keys and known_hosts, OpenPGP keyrings, DNSKEY records, JSON objects and tables\n"
        "with a column modulus, or plain moduli, one a line; gzip and zstd files; folders of\n"
        "all these. - is standard input. Entries without an RSA key are named and left out.\n"
        "A key that shares a prime can be broken by anyone who has both public keys. Each key\n"
        "is also looked at alone: small-factor, square, close, tiny, exponent, roca.\n"
        "A scan with an --output keeps what took it more than a second beside that file, and\n"
        "--resume goes on from there.\n"
        "\n"
        "  fanfold weakkeys /etc/ssl/certs/ca-certificates.crt\n"
        "  fanfold weakkeys ~/.ssh keyring.gpg moduli.txt.zst --format tsv --output weak.tsv\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .run = job_command_run,
};
