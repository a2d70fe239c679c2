/* fanfold weakkeys */
#include "job_command.h"

const cli_command command_weakkeys = {
    .name = "weakkeys",
    .task = "weakkeys",
    .arguments = "[FILE...]",
    .summary = "RSA keys that share a prime with another key",
    .details = "Files hold keys; - is standard input. A key that shares a prime can be broken by\n"
               "anyone who has both public keys.\n"
               "\n"
               "  fanfold weakkeys /etc/ssl/certs/ca-certificates.crt\n"
               "  fanfold weakkeys moduli.txt more-keys.pem --output weak.txt\n",
    .takes = TAKES_JOB,
    .job_keys = true,
    .run = job_command_run,
};
