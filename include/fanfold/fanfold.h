/* Everything but MPI (mpi.h, ranks.h). */
#ifndef FANFOLD_FANFOLD_H
#define FANFOLD_FANFOLD_H

#include "fanfold/executor.h"
#include "fanfold/job.h"
#include "fanfold/machine.h"
#include "fanfold/status.h"
#include "fanfold/task.h"

#endif
