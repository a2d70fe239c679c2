/* fanfold weakkeys */
#include "job_command.h"

const cli_command command_weakkeys = {
    .name = "weakkeys",
    .task = "weakkeys",
    .arguments = "[FILE...]",
    .summary = "RSA keys that share a prime with another key",
    .details =
        "Files hold certificates, certificate requests or public keys (PEM or DER), or plain\n"
        "moduli, one a line; - is standard input. Keys of other kinds are named and left out.\n"
        "A key that shares a prime can be broken by anyone who has both public keys.\n"
        "A scan with an --output keeps what took it more than a second beside that file, and\n"
        "--resume goes on from there.\n"
        "\n"
        "  fanfold weakkeys /etc/ssl/certs/ca-certificates.crt\n"
        "  fanfold weakkeys moduli.txt more-keys.pem --output weak.txt\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .run = job_command_run,
};
