#include "panel.h"
#include "vector_pair.h"

#define PANEL_PROBE fani_panel_probe_scalar
/* Needs what stands above. */
#include "panel_probe_body.h"
