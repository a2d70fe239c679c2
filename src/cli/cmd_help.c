/* fanfold help, and the text of --help */
#include <stdio.h>
#include <string.h>

#include "fanfold/job.h"
#include "options.h"

enum { LEFT = 28, WIDTH = 98 };

/* Two columns; the text is broken between words. */
static void print_row(const char *left, const char *text)
{
    size_t column = (size_t)printf("  %-24s", left);
    if (column >= LEFT)
        column = WIDTH;
    while (*text) {
        size_t length = strcspn(text, " ");
        if (column + 1 + length > WIDTH) {
            printf("\n%*s", LEFT, "");
            column = LEFT;
        } else {
            for (; column < LEFT - 1; column++)
                putchar(' ');
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += length;
        text += length + (text[length] == ' ');
    }
    putchar('\n');
}

static void print_option(char letter, const char *name, const char *value, const char *help)
{
    char left[80];
    char short_form[8] = "    ";
    if (letter)
        snprintf(short_form, sizeof short_form, "-%c, ", letter);
    snprintf(left, sizeof left, "%s--%s%s%s", short_form, name, value ? " " : "",
             value ? value : "");
    print_row(left, help);
}

static void print_job_keys(const cli_command *c)
{
    const fan_job_key *key;
    for (size_t i = 0; (key = fan_job_key_at(i)) != NULL; i++) {
        if (!option_is_job_key(c, i) || strcmp(key->name, "task") == 0)
            continue;
        char help[512];
        if (c->task || strcmp(key->tasks, "*") == 0)
            snprintf(help, sizeof help, "%s", key->help);
        else
            snprintf(help, sizeof help, "%s (%s)", key->help, key->tasks);
        print_option(0, key->name, key->value, help);
    }
}

static void print_command(const cli_command *c)
{
    printf("Usage: fanfold %s%s%s%s\n\n%s.\n%s%s\nOptions:\n", c->name,
           c->takes == TAKES_NOTHING ? "" : " [options]", *c->arguments ? " " : "", c->arguments,
           c->summary, *c->details ? "\n" : "", c->details);
    if (c->job_keys)
        print_job_keys(c);
    option_info info;
    for (size_t i = 0; option_at(i, &info); i++)
        if ((info.takes & c->takes) && info.help)
            print_option(info.letter, info.name, info.value, info.help);
}

static void print_all(void)
{
    printf("Usage: fanfold SUBCOMMAND [options] [arguments]\n\n"
           "Fans bulk work out over one core, all cores, processes or MPI ranks, and folds the "
           "results\nback in: the same bytes wherever it ran.\n\nSubcommands:\n");
    const cli_command *c;
    for (size_t i = 0; (c = command_at(i)) != NULL; i++)
        print_row(c->name, c->summary);
    printf("\nExecutors (--executor):\n");
    const char *name, *summary;
    for (size_t i = 0; (name = fan_executor_kind_name(i, &summary)) != NULL; i++)
        print_row(name, summary);
    print_row("mpi", "the ranks that mpirun or srun started");
    printf(
        "\n'fanfold help SUBCOMMAND' has the options of each; 'fanfold --version' the version.\n"
        "FANFOLD_EXECUTOR and FANFOLD_WORKERS set the defaults of --executor and --workers.\n"
        "\nExit codes: 0 all ok; 1 some items failed; 2 bad usage or input; 3 an input or output\n"
        "error; 4 workers or ranks lost; 75 stopped by a first signal (--grace); 128+n ended at\n"
        "once by a second signal n. How a run that has ended early is resumed is said.\n");
}

void help_print(const cli_command *about)
{
    if (about)
        print_command(about);
    else
        print_all();
}

static int run(const cli_options *o)
{
    if (o->argument_count == 0) {
        help_print(NULL);
        return 0;
    }
    const cli_command *about = command_find(o->arguments[0]);
    if (!about)
        return 2;
    help_print(about);
    return 0;
}

const cli_command command_help = {
    .name = "help",
    .arguments = "[SUBCOMMAND]",
    .summary = "what there is, or the options of one subcommand",
    .details = "",
    .takes = TAKES_NOTHING,
    .run = run,
};
