#include "panel.h"
#include "vector_avx512.h"

#define PANEL_PROBE fani_panel_probe_avx512
/* Needs what stands above. */
#include "panel_probe_body.h"
