"""mpi4py.futures, started by mpirun with one rank more than workers."""

import sys

import driver

try:
    from mpi4py.futures import MPICommExecutor
except ImportError as error:
    driver.absent(error)


def main():
    library, workers = sys.argv[1], int(sys.argv[2])
    with MPICommExecutor() as pool:
        if pool is None:
            return

        def submit(items):
            futures = [pool.submit(driver.spin_library, library, item) for item in items]
            return [future.result() for future in futures]

        def mapped(items, chunksize):
            return list(pool.map(driver.spin_library, [library] * len(items), items, chunksize=chunksize))

        pids = list(pool.map(driver.place, range(driver.ASKED)))
        driver.serve(
            {
                "submit": submit,
                "single": lambda items: mapped(items, 1),
                "chosen": lambda items: mapped(items, driver.chunk(len(items), workers)),
            },
            pids,
        )


if __name__ == "__main__":
    main()
