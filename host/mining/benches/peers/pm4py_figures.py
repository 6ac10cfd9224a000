"""What PM4Py takes for the same work, in the form of benches/mining.rs: pm4py_figures.py LOG.xes NET.pnml…

One turn each, since some take minutes. Alignments are given up after as many seconds as ALIGN_SECONDS says, a minute unless
it is set: beside a net with many silent transitions they take a quarter of an hour.
"""

import multiprocessing
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("PM4PY_SHOW_PROGRESS_BAR", "False")

import pm4py  # noqa: E402


def measure(name, work):
    began = time.perf_counter()
    made = work()
    print(f"{name:32} {(time.perf_counter() - began) * 1e3:10.3f} ms", flush=True)
    return made


def align(log, net):
    """In a process of its own, which can be ended."""
    most = float(os.environ.get("ALIGN_SECONDS", "60"))
    work = multiprocessing.get_context("fork").Process(target=lambda: measure("align", lambda: pm4py.fitness_alignments(log, *net)))
    work.start()
    work.join(most)
    if work.is_alive():
        work.terminate()
        work.join()
        print(f"alignments are given up after {most:.0f} s; ALIGN_SECONDS sets how many", flush=True)


def main():
    path, nets = sys.argv[1], sys.argv[2:]
    written = path + ".written.xes"
    log = measure("read XES", lambda: pm4py.read_xes(path))
    measure("write XES", lambda: pm4py.write_xes(log, written))
    os.unlink(written)
    measure("graph without times", lambda: pm4py.discover_dfg(log))
    measure("graph with times", lambda: pm4py.discover_performance_dfg(log))
    measure("alpha", lambda: pm4py.discover_petri_net_alpha(log))
    measure("heuristics", lambda: pm4py.discover_heuristics_net(log))
    measure("inductive", lambda: pm4py.discover_process_tree_inductive(log))
    measure("inductive, noise 0.2", lambda: pm4py.discover_process_tree_inductive(log, noise_threshold=0.2))
    for path in nets:
        net = pm4py.read_pnml(path)
        print(f"{path}: {len(net[0].places)} places, {len(net[0].transitions)} transitions")
        measure("token replay", lambda net=net: pm4py.fitness_token_based_replay(log, *net))
        measure("ETC precision", lambda net=net: pm4py.precision_token_based_replay(log, *net))
        align(log, net)


main()
