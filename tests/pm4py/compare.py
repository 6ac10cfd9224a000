"""Compares what `menagerie mine` answers with what PM4Py answers, over made logs.

    compare.py PROGRAM [SEEDS [FIRST]]

Each seed makes a log, by playing a random process tree (loops, choices, silent steps, parallel blocks, the same activity
in several places), some with noise, some of letters by chance. Compared for each:

- the directly-follows graph: counts, beginnings, ends;
- the inductive tree without noise, equal up to order; with noise 0.2 nearly always, since PM4Py breaks ties between
  parts by the order of a hash;
- the alpha net, read back from our PNML, place by place;
- alignments with PM4Py's inductive and alpha nets of another log, by cost;
- token replay and ETC precision with alpha nets, which have no silent transitions; precision with inductive nets nearly
  always, since of several markings that a beginning can lead to each tool looks at one;
- our inductive net, read back from our PNML, and our BPMN, with which PM4Py finds the log to fit;
- every fifth time our heuristics net, as PNML and as BPMN: PM4Py's alignments cost what ours do. Its own net is not
  compared: it takes for exclusive what our splits have side by side, and connects loops of one and of two otherwise, so
  that now the one and now the other fits a log better;
- our XES against the schema, the standard's own where XES_XSD names it;
- the log as PM4Py reads it out of our XES.gz and our CSV, and its events and cases out of our OCEL in all three forms;
- every tenth time a log of objects, with attributes that change, from our OCEL into PM4Py and from PM4Py's into ours.

Prints a line of counts for each comparison and exits 1 if one differs more than it may.
"""

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ.setdefault("PM4PY_SHOW_PROGRESS_BAR", "False")

import pandas  # noqa: E402
import pm4py  # noqa: E402
from lxml import etree  # noqa: E402
from pm4py.objects.process_tree.obj import Operator  # noqa: E402

SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "xes.rng"

OPERATORS = {
    Operator.SEQUENCE: "sequence", Operator.XOR: "choice",
    Operator.PARALLEL: "parallel", Operator.LOOP: "loop",
}


def random_tree(chance, activities, depth):
    if depth == 0 or len(activities) == 1:
        return chance.choice(activities)
    operator = chance.choice(["sequence", "sequence", "choice", "parallel", "loop"])
    parts = chance.randint(2, 3)
    # Parts may share activities: then one activity has several places.
    pools = [chance.sample(activities, max(1, len(activities) // parts)) for _ in range(parts)]
    children = [random_tree(chance, pool, depth - 1) for pool in pools]
    if chance.random() < 0.2:
        children[-1] = None
    return operator, children


def play(chance, tree):
    if tree is None:
        return []
    if isinstance(tree, str):
        return [tree]
    operator, children = tree
    if operator == "choice":
        return play(chance, chance.choice(children))
    if operator == "sequence":
        return [step for child in children for step in play(chance, child)]
    if operator == "parallel":
        queues = [queue for queue in (play(chance, child) for child in children) if queue]
        steps = []
        while queues:
            queue = chance.choice(queues)
            steps.append(queue.pop(0))
            queues = [queue for queue in queues if queue]
        return steps
    steps = play(chance, children[0])
    while chance.random() < 0.35 and len(steps) < 25:
        steps += play(chance, chance.choice(children[1:])) + play(chance, children[0])
    return steps


def made_log(seed):
    chance = random.Random(seed)
    activities = [chr(ord("a") + number) for number in range(chance.randint(1, 7))]
    if seed % 4 == 0:
        return [[chance.choice(activities) for _ in range(chance.randint(1, 6))] for _ in range(chance.randint(1, 25))]
    tree = random_tree(chance, activities, 3)
    traces = [play(chance, tree) for _ in range(chance.randint(1, 40))]
    if seed % 4 == 3:
        for trace in traces:
            if trace and chance.random() < 0.2:
                trace.insert(chance.randrange(len(trace) + 1), chance.choice(activities))
    return [trace for trace in traces if trace] or [["a"]]


def disturbed(traces, chance):
    """Some of the traces, with events lost, added and exchanged."""
    others = [list(trace) for trace in traces[:6]]
    for trace in others:
        for _ in range(chance.randint(0, 3)):
            place = chance.randrange(len(trace) + 1)
            if trace and chance.random() < 0.5:
                trace.pop(min(place, len(trace) - 1))
            else:
                trace.insert(place, chr(ord("a") + chance.randint(0, 8)))
    return [trace for trace in others if trace] or [["a"]]


def frame(traces):
    start = pandas.Timestamp("2026-01-01", tz="UTC")
    rows = [
        {"case:concept:name": f"c{case:04}", "concept:name": activity,
         "time:timestamp": start + pandas.Timedelta(seconds=1000 * case + second)}
        for case, trace in enumerate(traces) for second, activity in enumerate(trace)
    ]
    return pandas.DataFrame(rows)


def normal(tree):
    """A tree with nested operators joined and unordered parts sorted."""
    if "silent" in tree:
        return ("silent",)
    if "activity" in tree:
        return ("activity", tree["activity"])
    operator = tree["operator"]
    children = [normal(child) for child in tree["children"]]
    if operator == "loop":
        body, redo = children[0], []
        for child in children[1:]:
            redo += child[1] if child[0] == "choice" else [child]
        redo = sorted(set(redo))
        silent = redo == [("silent",)]
        if silent and (body == ("silent",) or (body[0] == "loop" and body[2] == (("silent",),))):
            return body
        return ("loop", body, tuple(redo))
    parts = []
    for child in children:
        parts += child[1] if child[0] == operator else [child]
    visible = [part for part in parts if part != ("silent",)]
    if operator == "choice" and len(visible) < len(parts):
        visible.append(("silent",))
    if len(visible) < 2:
        return visible[0] if visible else ("silent",)
    return (operator, tuple(visible if operator == "sequence" else sorted(visible)))


def pm4py_tree(tree):
    if tree.operator is None:
        return {"activity": tree.label} if tree.label is not None else {"silent": True}
    return {"operator": OPERATORS[tree.operator], "children": [pm4py_tree(child) for child in tree.children]}


def places(net):
    return {
        (tuple(sorted(arc.source.label for arc in place.in_arcs)), tuple(sorted(arc.target.label for arc in place.out_arcs)))
        for place in net.places
    }


def made_objects(chance):
    """An object-centric log of what PM4Py keeps: it has texts and floats, whole seconds in JSON, a pair once."""
    first, second = "1970-01-01T00:00:00Z", (lambda: f"2026-03-{chance.randint(1, 28):02}T{chance.randint(0, 23):02}:00:00Z")
    value = {"string": lambda: chance.choice(["a", "b & c", "<d>", "é"]), "float": lambda: chance.randint(0, 999) / 8}
    attributes = [{"name": "note", "type": "string"}, {"name": "price", "type": "float"}]
    objects = []
    for number in range(chance.randint(1, 6)):
        kind = chance.choice(["order line", "item"])
        held = [{"name": one["name"], "time": first, "value": value[one["type"]]()} for one in attributes]
        if chance.random() < 0.5:
            held.append({"name": "price", "time": second(), "value": value["float"]()})
        objects.append({"id": f"o{number}", "type": kind, "attributes": held, "relationships": []})
    for one in objects:
        others = chance.sample(objects, chance.randint(0, min(2, len(objects))))
        one["relationships"] = [{"objectId": other["id"], "qualifier": chance.choice(["has", "is"])} for other in others]
    events = []
    # PM4Py leaves out objects that no event is about: each has one.
    for number in range(len(objects) + chance.randint(0, 6)):
        about = chance.sample(objects, chance.randint(1, min(3, len(objects))))
        if number < len(objects) and objects[number] not in about:
            about.append(objects[number])
        events.append({
            "id": f"e{number}", "type": chance.choice(["place it", "send"]), "time": second(),
            "attributes": [{"name": one["name"], "value": value[one["type"]]()} for one in attributes],
            "relationships": [{"objectId": other["id"], "qualifier": chance.choice(["x", "y"])} for other in about],
        })
    types = lambda of: [{"name": name, "attributes": attributes} for name in sorted({one["type"] for one in of})]  # noqa: E731
    return {"objectTypes": types(objects), "eventTypes": types(events), "objects": objects, "events": events}


def moment(text):
    return pandas.Timestamp(text).tz_convert("UTC").isoformat()


def content(log):
    """What an OCEL in JSON says, whatever its order."""
    events = {(one["id"], one["type"], moment(one["time"])) for one in log["events"]}
    valued = {(one["id"], a["name"], a["value"]) for one in log["events"] for a in one.get("attributes", [])}
    states = {
        (one["id"], one["type"], a["name"], moment(a["time"]), a["value"])
        for one in log["objects"] for a in one.get("attributes", [])
    }
    related = {
        (one["id"], about["objectId"], about["qualifier"])
        for one in log["events"] + log["objects"] for about in one.get("relationships", [])
    }
    return events, valued, states, related


def content_in_pm4py(ocel):
    """The same of a log that PM4Py has read."""
    events = {(e["ocel:eid"], e["ocel:activity"], moment(e["ocel:timestamp"])) for _, e in ocel.events.iterrows()}
    valued = {(e["ocel:eid"], name, e[name]) for _, e in ocel.events.iterrows() for name in ("note", "price")}
    states = {
        (o["ocel:oid"], o["ocel:type"], name, moment("1970-01-01T00:00:00Z"), o[name])
        for _, o in ocel.objects.iterrows() for name in ("note", "price")
    }
    for _, change in ocel.object_changes.iterrows():
        name = change["ocel:field"]
        states.add((change["ocel:oid"], change["ocel:type"], name, moment(change["ocel:timestamp"]), change[name]))
    related = {(r["ocel:eid"], r["ocel:oid"], r["ocel:qualifier"]) for _, r in ocel.relations.iterrows()}
    related |= {(r["ocel:oid"], r["ocel:oid_2"], r["ocel:qualifier"]) for _, r in ocel.o2o.iterrows()}
    return events, valued, states, related


class Comparison:
    def __init__(self, program, folder):
        self.program, self.folder = program, Path(folder)
        self.same, self.different, self.shown = Counter(), Counter(), Counter()
        self.schemas = [etree.RelaxNG(etree.parse(str(SCHEMA)))]
        if "XES_XSD" in os.environ:
            self.schemas = [etree.XMLSchema(etree.parse(os.environ["XES_XSD"]))]

    def mine(self, *arguments):
        command = [self.program, "mine", *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr}")
        return ended.stdout

    def compare(self, what, seed, ours, theirs):
        if ours == theirs:
            self.same[what] += 1
            return
        self.different[what] += 1
        self.shown[what] += 1
        if self.shown[what] <= 3:
            print(f"seed {seed}, {what}:\n  ours   {ours}\n  PM4Py  {theirs}")

    def seed(self, seed):
        traces = made_log(seed)
        log = frame(traces)
        file = self.folder / "log.xes"
        pm4py.write_xes(log, str(file))
        self.discovery(seed, log, file)
        if seed % 5 == 0:
            self.heuristics(seed, log, file)
        self.interchange(seed, log, file)
        self.conformance(seed, log, disturbed(traces, random.Random(seed)))

    def discovery(self, seed, log, file):
        ours = json.loads(self.mine("discover", file, "--json"))
        edges, start, end = pm4py.discover_dfg(log)
        found = (
            {(edge["from"], edge["to"]): edge["count"] for edge in ours["edges"]},
            {one["name"]: one["count"] for one in ours["start"]},
            {one["name"]: one["count"] for one in ours["end"]},
        )
        self.compare("directly-follows graph", seed, found, (dict(edges), dict(start), dict(end)))
        for noise, what in ((0.0, "inductive tree"), (0.2, "inductive tree with noise")):
            ours = json.loads(self.mine("discover", file, "--algorithm", "inductive", "--noise", noise, "--json"))
            theirs = pm4py.discover_process_tree_inductive(log, noise_threshold=noise)
            self.compare(what, seed, normal(ours["tree"]), normal(pm4py_tree(theirs)))
        net = self.folder / "alpha.pnml"
        self.mine("discover", file, "--algorithm", "alpha", "-o", net)
        self.compare("alpha net", seed, places(pm4py.read_pnml(str(net))[0]), places(pm4py.discover_petri_net_alpha(log)[0]))

    def heuristics(self, seed, log, file):
        costs = []
        for name, read in (("heuristics.pnml", pm4py.read_pnml), ("heuristics.bpmn", pm4py.read_bpmn)):
            path = self.folder / name
            self.mine("discover", file, "--algorithm", "heuristics", "-o", path)
            net = read(str(path))
            net = net if isinstance(net, tuple) else pm4py.convert_to_petri_net(net)
            try:
                aligned = pm4py.conformance_diagnostics_alignments(log, *net)
                costs.append(sum(one["cost"] // 10_000 for one in aligned))
            except Exception:  # noqa: BLE001 - a net that cannot end; heuristics nets may be so
                return
        path = self.folder / "heuristics.pnml"
        ours = json.loads(self.mine("conform", file, "--model", path, "--json"))["total_cost"]
        self.compare("our heuristics net", seed, [ours, ours], costs)

    def interchange(self, seed, log, file):
        expected = pm4py.get_variants(log)
        for name in ("log.xes.gz", "log.csv"):
            path = self.folder / name
            self.mine("convert", file, path)
            if name.endswith(".csv"):
                read = pm4py.format_dataframe(pandas.read_csv(path))
            else:
                read = pm4py.read_xes(str(path))
            self.compare(f"our {name.split('.', 1)[1]} read back", seed, pm4py.get_variants(read), expected)
        with gzip.open(self.folder / "log.xes.gz") as written:
            valid = all(schema.validate(etree.parse(written)) for schema in self.schemas)
        self.compare("our XES is valid", seed, valid, True)
        # Every tenth is enough: the forms do not depend on control flow.
        for name in ("log.ocel.json", "log.ocel.xml", "log.sqlite") if seed % 10 == 0 else ():
            path = self.folder / name
            self.mine("convert", file, path)
            read = pm4py.read_ocel2(str(path))
            flat = pm4py.ocel_flattening(read, "case")
            counts = (len(read.events), flat["case:concept:name"].nunique())
            self.compare(f"our {name.split('.', 1)[1]} read back", seed, counts, (len(log), log["case:concept:name"].nunique()))
        if seed % 10 == 0:
            self.objects(seed)
        net = self.folder / "inductive.pnml"
        self.mine("discover", file, "--algorithm", "inductive", "-o", net)
        fitness = pm4py.fitness_alignments(log, *pm4py.read_pnml(str(net)))
        self.compare("our inductive net fits", seed, fitness["percentage_of_fitting_traces"], 100.0)
        diagram = self.folder / "inductive.bpmn"
        self.mine("discover", file, "--algorithm", "inductive", "-o", diagram)
        converted = pm4py.convert_to_petri_net(pm4py.read_bpmn(str(diagram)))
        fitness = pm4py.fitness_alignments(log, *converted)
        self.compare("our BPMN fits", seed, fitness["percentage_of_fitting_traces"], 100.0)

    def objects(self, seed):
        made = made_objects(random.Random(seed))
        file, ours, theirs = self.folder / "made.json", self.folder / "ours", self.folder / "theirs"
        file.write_text(json.dumps(made))
        expected = content(made)
        for ending in (".json", ".xml", ".sqlite"):
            written, read, back = ours.with_suffix(ending), theirs.with_suffix(ending), self.folder / "back.jsonocel"
            form = {".json": ".jsonocel", ".xml": ".xmlocel"}.get(ending, ending)
            self.mine("convert", file, ours.with_suffix(form))
            ours.with_suffix(form).rename(written)
            ocel = pm4py.read_ocel2(str(written))
            self.compare(f"our objects in {ending[1:]}", seed, content_in_pm4py(ocel), expected)
            read.unlink(missing_ok=True)
            pm4py.write_ocel2(ocel, str(read))
            self.mine("convert", read, back)
            self.compare(f"PM4Py's objects in {ending[1:]}", seed, content(json.loads(back.read_text())), expected)

    def conformance(self, seed, log, traces):
        other = frame(traces)
        file, path = self.folder / "other.xes", self.folder / "net.pnml"
        pm4py.write_xes(other, str(file))
        alpha = pm4py.discover_petri_net_alpha(log)
        inductive = pm4py.discover_petri_net_inductive(log, noise_threshold=0.2)
        for name, net in (("alpha", alpha), ("inductive", inductive)):
            pm4py.write_pnml(*net, str(path))
            try:
                aligned = pm4py.conformance_diagnostics_alignments(other, *net)
            except Exception:  # noqa: BLE001 - a net that cannot end; what is raised depends on the net
                continue
            ours = json.loads(self.mine("conform", file, "--model", path, "--json"))
            cost = sum(one["cost"] // 10_000 for one in aligned)
            self.compare(f"alignments with {name} nets", seed, ours["total_cost"], cost)
        pm4py.write_pnml(*alpha, str(path))
        ours = json.loads(self.mine("conform", file, "--model", path, "--method", "replay", "--precision", "--json"))
        replayed = pm4py.conformance_diagnostics_token_based_replay(other, *alpha)
        names = ("missing", "consumed", "remaining", "produced")
        tokens = tuple(sum(one[f"{name}_tokens"] for one in replayed) for name in names)
        self.compare("token replay with alpha nets", seed, tuple(ours[name] for name in names), tokens)
        precision = pm4py.precision_token_based_replay(other, *alpha)
        self.compare("precision of alpha nets", seed, round(ours["precision"], 9), round(precision, 9))
        pm4py.write_pnml(*inductive, str(path))
        ours = json.loads(self.mine("conform", file, "--model", path, "--method", "replay", "--precision", "--json"))
        precision = pm4py.precision_token_based_replay(other, *inductive)
        self.compare("precision of inductive nets", seed, round(ours["precision"], 9), round(precision, 9))


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(program, folder)
        for seed in range(first, first + count):
            comparison.seed(seed)
    failed = False
    for what in sorted(comparison.same | comparison.different):
        same, different = comparison.same[what], comparison.different[what]
        print(f"{what}: {same} of {same + different} equal")
        # Ties: see above.
        # And where several markings can be meant, one of them is looked at.
        several = what.endswith("with noise") or what == "precision of inductive nets"
        allowed = 0.05 * (same + different) if several else 0
        failed = failed or different > allowed
    sys.exit(1 if failed else 0)


main()
