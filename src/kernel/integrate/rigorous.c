/* What is to be proven, and what can't be. */
#include "rigorous.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fanfold/integrate.h"

const char *fan_rigorous_version(void)
{
    return fani_rigorous_version();
}

/* Functions that step from double to double are none of real numbers. */
static fan_status check_operators(const fani_tree *tree, fan_error *error)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        const fani_operator op = tree->nodes[i].op;
        if (op == FANI_OP_NEXTAFTER || op == FANI_OP_LOGB)
            return fani_error_set(error, FAN_E_UNSUPPORTED,
                                  "rigorous has no enclosure of %s: it is a function of doubles, "
                                  "not of real numbers",
                                  op == FANI_OP_LOGB ? "logb" : "nextafter");
    }
    return FAN_OK;
}

static fan_status add_tree(fani_proof *proof, size_t i, const char *text,
                           const fan_expression_names *names, fan_error *error)
{
    fani_tree *tree = &proof->trees[i];
    proof->texts[i] = strdup(text);
    if (!proof->texts[i])
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
    tree->exact = true;
    fan_status status = fani_expression_tree(proof->texts[i], names, tree, error);
    if (status == FAN_OK && tree->root_count != 1)
        status = fani_error_set(error, FAN_E_ARGUMENT,
                                "rigorous is for one value, not for a vector of %u: give its "
                                "components as integrals of their own",
                                tree->root_count);
    return status == FAN_OK ? check_operators(tree, error) : status;
}

fan_status fani_proof_make(const char *const texts[static FANI_PROOF_TREES],
                           const fan_expression_names *names, const double *parameters,
                           fani_proof **proof, fan_error *error)
{
    const fan_expression_names of_bounds = {.parameters = names->parameters,
                                            .parameter_count = names->parameter_count};
    fan_status status = FAN_OK;
    *proof = NULL;
    if (!fani_rigorous_version())
        return fani_error_set(error, FAN_E_UNSUPPORTED,
                              "rigorous needs the library Arb, which this build of Fanfold was "
                              "made without: install it (Debian 12: libflint-arb-dev) and build "
                              "anew");
    fani_proof *made = calloc(1, sizeof *made);
    if (!made)
        return fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
    made->parameters = calloc(names->parameter_count + 1, sizeof *made->parameters);
    if (!made->parameters)
        status = fani_error_set(error, FAN_E_MEMORY, "out of memory for an expression");
    else if (names->parameter_count)
        memcpy(made->parameters, parameters, names->parameter_count * sizeof *parameters);
    for (size_t i = 0; status == FAN_OK && i < FANI_PROOF_TREES; i++)
        status = add_tree(made, i, texts[i], i == FANI_PROOF_INTEGRAND ? names : &of_bounds, error);
    if (status == FAN_OK)
        *proof = made;
    else
        fani_proof_free(made);
    return status;
}

void fani_proof_free(fani_proof *proof)
{
    if (!proof)
        return;
    for (size_t i = 0; i < FANI_PROOF_TREES; i++) {
        fani_tree_clear(&proof->trees[i]);
        free(proof->texts[i]);
    }
    free(proof->parameters);
    free(proof);
}

fan_status fani_rigorous_check(const fani_domain *domain, fan_error *error)
{
    if (domain->dimension != 1)
        return fani_error_set(error, FAN_E_ARGUMENT, "rigorous is for one variable");
    if (domain->weight != FANI_WEIGHT_NONE)
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "rigorous has no use for a weight: write it into the integrand");
    if (!isfinite(domain->from[0].value) || !isfinite(domain->to[0].value))
        return fani_error_set(error, FAN_E_ARGUMENT,
                              "rigorous is for finite ranges: what lies beyond every point can't "
                              "be enclosed by values at points");
    return FAN_OK;
}
