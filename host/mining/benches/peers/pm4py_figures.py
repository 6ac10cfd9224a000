"""What PM4Py takes for the same work, in the form of benches/mining.rs: pm4py_figures.py LOG.xes NET.pnml…

One turn each, since some take minutes. Nets beside which PM4Py's alignments take more than a quarter of an hour are left to
whoever sets ALIGN_ALL.
"""

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
        silent = sum(1 for transition in net[0].transitions if transition.label is None)
        if silent < 15 or os.environ.get("ALIGN_ALL"):
            measure("align", lambda net=net: pm4py.fitness_alignments(log, *net))


main()
