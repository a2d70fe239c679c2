"""What the Python peers share: the work of an item, the clocks, the talk with dispatch.

A peer is started with the path of the library of the work and the number of workers. It answers
"ready", or "absent" and the reason. Then each line "MODE COUNT ITERATIONS" on its input makes it run
COUNT items and answer "WALL_NS CPU_NS" and every reply as a hexadecimal number, on one line. It ends
at the end of its input.
"""

import ctypes
import os
import sys
import time

MASK = (1 << 64) - 1
ASKED = 64  # items that find out where the workers are


def load(path):
    """The work as a C function; calling it lets go of the interpreter's lock."""
    function = ctypes.CDLL(path).bench_spin_call
    function.argtypes = (ctypes.c_uint64, ctypes.c_uint64)
    function.restype = ctypes.c_uint64
    return function


_spin = None


def spin(seed, iterations):
    """One item. An empty one is not made to pay for ctypes."""
    global _spin
    if not iterations:
        return seed
    if _spin is None:
        _spin = load(sys.argv[1])
    return _spin(seed, iterations)


def spin_pair(pair):
    return spin(*pair)


def spin_library(library, pair):
    """The same where a worker does not have this program's arguments."""
    if len(sys.argv) < 2 or sys.argv[1] != library:
        sys.argv = [sys.argv[0], library]
    return spin(*pair)


def place(_):
    """Which process ran this; long enough that no worker takes all of them."""
    time.sleep(0.002)
    return os.getpid()


def pairs(count, iterations):
    return [((i * 0x9E3779B97F4A7C15) & MASK | 1, iterations) for i in range(count)]


def chunk(count, workers):
    """What multiprocessing.Pool would choose."""
    return max(1, -(-count // (4 * workers)))


def cpu_ns(pids):
    """CPU time of processes, by the clock that clock_getcpuclockid(3) gives for each."""
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


def serve(modes, pids):
    """modes: functions from (pairs) to replies, by name. pids: all processes that work."""
    pids = sorted(set(pids) | {os.getpid()})
    print("ready", len(pids), flush=True)
    for line in iter(sys.stdin.readline, ""):
        mode, count, iterations = line.split()
        items = pairs(int(count), int(iterations))
        cpu, wall = cpu_ns(pids), time.perf_counter_ns()
        replies = modes[mode](items)
        wall = time.perf_counter_ns() - wall
        cpu = cpu_ns(pids) - cpu
        print(wall, cpu, *("%x" % reply for reply in replies), flush=True)


def absent(reason):
    print("absent", str(reason).replace("\n", " "), flush=True)
    sys.exit(0)
