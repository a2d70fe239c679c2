/* Everything but MPI (mpi.h, ranks.h). */
#ifndef FANFOLD_FANFOLD_H
#define FANFOLD_FANFOLD_H

#include "fanfold/executor.h"
#include "fanfold/factor.h"
#include "fanfold/gang.h"
#include "fanfold/gcd.h"
#include "fanfold/integrate.h"
#include "fanfold/job.h"
#include "fanfold/machine.h"
#include "fanfold/process.h"
#include "fanfold/results.h"
#include "fanfold/stage.h"
#include "fanfold/status.h"
#include "fanfold/task.h"
#include "fanfold/trace.h"
#include "fanfold/weakkeys.h"

#endif
