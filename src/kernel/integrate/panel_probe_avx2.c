#include "panel.h"
#include "vector_avx2.h"

#define PANEL_PROBE fani_panel_probe_avx2
/* Needs what stands above. */
#include "panel_probe_body.h"
