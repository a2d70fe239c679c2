"""concurrent.futures.ProcessPoolExecutor, as it starts its workers by default."""

import sys
from concurrent.futures import ProcessPoolExecutor

import driver


def main():
    workers = int(sys.argv[2])
    with ProcessPoolExecutor(workers) as pool:

        def submit(items):
            futures = [pool.submit(driver.spin, *item) for item in items]
            return [future.result() for future in futures]

        def single(items):
            return list(pool.map(driver.spin_pair, items, chunksize=1))

        def chosen(items):
            return list(pool.map(driver.spin_pair, items, chunksize=driver.chunk(len(items), workers)))

        pids = list(pool.map(driver.place, range(driver.ASKED)))
        driver.serve({"submit": submit, "single": single, "chosen": chosen}, pids)


if __name__ == "__main__":
    main()
