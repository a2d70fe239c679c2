#include "command.h"

#include <string.h>

#include "message.h"
#include "suggest.h"

static const cli_command *const commands[] = {
    &command_gcd,      &command_factor,  &command_divisors, &command_integrate,
    &command_weakkeys, &command_map,     &command_run,      &command_results,
    &command_stage,    &command_compare, &command_doctor,   &command_help,
};

const cli_command *command_at(size_t i)
{
    return i < sizeof commands / sizeof *commands ? commands[i] : NULL;
}

const cli_command *command_find(const char *name)
{
    suggestion near = suggest_begin(name);
    const cli_command *c;
    for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
        if (strcmp(c->name, name) == 0)
            return c;
        suggest_offer(&near, c->name);
    }
    if (near.nearest)
        message_error("there is no subcommand '%s'; did you mean '%s'?", name, near.nearest);
    else
        message_error("there is no subcommand '%s'; 'fanfold help' lists them", name);
    return NULL;
}
