"""concurrent.futures.ThreadPoolExecutor."""

import sys
from concurrent.futures import ThreadPoolExecutor

import driver


def main():
    with ThreadPoolExecutor(int(sys.argv[2])) as pool:

        def submit(items):
            futures = [pool.submit(driver.spin, *item) for item in items]
            return [future.result() for future in futures]

        driver.serve({"submit": submit}, [])


if __name__ == "__main__":
    main()
