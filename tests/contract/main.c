/* The contract suite over every built-in executor. This program is its own worker image. */
#include <locale.h>

#include "contract.h"

static fan_status open_built_in(const contract_target *target, fan_executor_options options,
                                size_t count, fan_executor *executors[], fan_error *error)
{
    options.kind = target->name;
    for (size_t i = 0; i < count; i++) {
        fan_status status = fan_executor_open(&options, &executors[i], error);
        if (status != FAN_OK)
            return status;
    }
    return FAN_OK;
}

int main(int argc, char **argv)
{
    static contract_target targets[16];
    int code;
    setlocale(LC_ALL, ""); /* the environment's: nothing here may depend on it */
    if (fan_start(&argc, &argv, contract_tasks, &code))
        return code;
    const char *name;
    for (size_t i = 0; (name = fan_executor_kind_name(i, NULL)) && i < 16; i++) {
        targets[i] = (contract_target){.name = name, .any_thread = true, .open = open_built_in};
        contract_register(&targets[i]);
    }
    return shim_main(argc, argv);
}
