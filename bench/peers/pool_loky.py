"""joblib over loky."""

import sys

import driver

try:
    from joblib import Parallel, delayed
    from joblib.externals.loky import ProcessPoolExecutor
except ImportError as error:
    driver.absent(error)


def main():
    library, workers = sys.argv[1], int(sys.argv[2])

    def parallel(batch_size):
        def run(items):
            with Parallel(n_jobs=workers, backend="loky", batch_size=batch_size) as pool:
                return pool(delayed(driver.spin_library)(library, item) for item in items)

        return run

    with ProcessPoolExecutor(workers) as loky:  # its own: joblib replaces the one it shares

        def submit(items):
            futures = [loky.submit(driver.spin_library, library, item) for item in items]
            return [future.result() for future in futures]

        with Parallel(n_jobs=workers, backend="loky") as pool:
            pids = pool(delayed(driver.place)(i) for i in range(driver.ASKED))
        pids += loky.map(driver.place, range(driver.ASKED))
        driver.serve({"submit": submit, "single": parallel(1), "chosen": parallel("auto")}, pids)


if __name__ == "__main__":
    main()
