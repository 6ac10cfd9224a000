"""Checks that a XES log is what Menagerie promises and what PM4Py reads.

    check_xes.py LOG.xes [EXPECTED.json]

- The file is valid against tests/schemas/xes.rng, and against the standard's own schema where the
  environment's XES_XSD names one.
- Each of PM4Py's readers (by blocks, by lines and by a parser) finds the same cases and
  events as an XML parser does: names, instances, transitions, resources, times to the millisecond.
- Times have three digits and an offset and do not go back within a case; transitions are those of
  the standard lifecycle; what starts ends at most once before it starts again, under the same name
  and instance, and in a case that is no longer open nothing is left running.
- EXPECTED.json, every key optional: {"cases": 1, "events": 12, "activities": {"plan": 4},
  "transitions": {"complete": 5}, "statuses": {"completed": 1}, "service_ms": {"plan": [200]}};
  `activities` counts events, `service_ms` lists the times from start to complete, ascending.

Prints one line per check that held and exits 0, or says what did not hold and exits 1.
"""

import json
import os
import re
import sys
import warnings
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path

# Both before PM4Py is imported: it reads its settings then.
warnings.filterwarnings("ignore")
os.environ.setdefault("PM4PY_SHOW_PROGRESS_BAR", "False")

import pm4py  # noqa: E402
from lxml import etree  # noqa: E402

SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "xes.rng"
READERS = ("chunk_regex", "line_by_line", "iterparse")
TRANSITIONS = {
    "schedule", "assign", "start", "suspend", "resume", "complete",
    "ate_abort", "pi_abort", "autoskip", "manualskip",
}
ENDS = {"complete", "ate_abort", "pi_abort", "autoskip", "manualskip"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
COMPARED = (
    "concept:name", "concept:instance", "lifecycle:transition", "org:resource", "time:timestamp",
)
# What a text may hold for PM4Py's two text readers to give it back: they decode no escapes.
ESCAPED = re.compile(r"""[&<>"'\x00-\x1f]|[^\x00-\x7f]""")


class Failed(Exception):
    """A check did not hold; the text says which and where."""


def require(holds, message):
    if not holds:
        raise Failed(message)


def check_schemas(document):
    schemas = [(SCHEMA.name, etree.RelaxNG(etree.parse(str(SCHEMA))))]
    original = os.environ.get("XES_XSD")
    if original:
        schemas.append((Path(original).name, etree.XMLSchema(etree.parse(original))))
    for name, schema in schemas:
        if not schema.validate(document):
            first = schema.error_log[0]
            raise Failed(f"not valid against {name}: line {first.line}: {first.message}")
    return "valid against " + " and ".join(name for name, _ in schemas)


def attributes(element):
    found = {}
    for child in element:
        if child.tag in ("event", "trace") or not isinstance(child.tag, str):
            continue
        key = child.get("key")
        require(key not in found, f"line {child.sourceline}: the key `{key}` occurs twice")
        found[key] = child.get("value")
    return found


def parse(document):
    """The log as the XML parser has it: (attributes, [(line, attributes of an event)]) per case."""
    return [
        (attributes(trace), [(e.sourceline, attributes(e)) for e in trace.iterfind("event")])
        for trace in document.getroot().iterfind("trace")
    ]


def check_rules(cases):
    for case, events in cases:
        name = case.get("concept:name")
        require(name, "a trace has no concept:name")
        running, before = {}, None
        for line, event in events:
            at = f"case {name}, line {line}"
            for key in ("concept:name", "concept:instance", "lifecycle:transition", "time:timestamp"):
                require(key in event, f"{at}: no {key}")
            transition, time = event["lifecycle:transition"], event["time:timestamp"]
            require(transition in TRANSITIONS, f"{at}: unknown transition `{transition}`")
            require(TIME.fullmatch(time), f"{at}: `{time}` has not three digits and an offset")
            now = datetime.fromisoformat(time)
            require(before is None or before <= now, f"{at}: time goes back from {before} to {now}")
            before = now
            work = event["concept:instance"]
            if transition == "start":
                require(work not in running, f"{at}: `{work}` starts while it is running")
                running[work] = event["concept:name"]
            elif transition in ENDS and work in running:
                started = running.pop(work)
                require(
                    started == event["concept:name"],
                    f"{at}: `{work}` started as `{started}` and ends as `{event['concept:name']}`",
                )
        if case.get("status", "open") != "open":
            require(not running, f"case {name} is {case['status']}, and still runs {running}")
    return "times, transitions and instances follow the rules"


def as_pm4py(key, text):
    return datetime.fromisoformat(text) if key == "time:timestamp" and text else text


def check_reader(path, reader, cases):
    log = pm4py.read_xes(str(path), variant=reader, return_legacy_log_object=True)
    require(len(log) == len(cases), f"{reader} finds {len(log)} cases instead of {len(cases)}")
    compared = 0
    for trace, (case, events) in zip(log, cases):
        name = case["concept:name"]
        require(
            trace.attributes.get("concept:name") == name or ESCAPED.search(name),
            f"{reader} finds the case {trace.attributes.get('concept:name')} instead of {name}",
        )
        require(
            len(trace) == len(events),
            f"{reader} finds {len(trace)} events instead of {len(events)} in case {name}",
        )
        for read, (line, event) in zip(trace, events):
            for key in COMPARED:
                wanted = event.get(key)
                if reader != "iterparse" and wanted and ESCAPED.search(wanted):
                    continue
                require(
                    read.get(key) == as_pm4py(key, wanted),
                    f"{reader}, line {line}: {key} is {read.get(key)!r} instead of {wanted!r}",
                )
                compared += 1
    return f"PM4Py's {reader} reads {len(log)} cases, {compared} values alike"


def check_frame(path, cases):
    """As most people load a log: into a data frame, with the default reader."""
    events = sum(len(found) for _, found in cases)
    if events == 0:
        return "no events to make a data frame of"
    frame = pm4py.read_xes(str(path))
    require(len(frame) == events, f"the data frame has {len(frame)} rows instead of {events}")
    require(str(frame["time:timestamp"].dt.tz) == "UTC", "the data frame's times are not in UTC")
    ends = pm4py.filter_event_attribute_values(
        frame, "lifecycle:transition", ["complete"], level="event"
    )
    edges = pm4py.discover_dfg(ends)[0] if len(ends) else {}
    wanted = Counter()
    for _, found in cases:
        names = [e["concept:name"] for _, e in found if e["lifecycle:transition"] == "complete"]
        wanted.update(zip(names, names[1:]))
    plain = {pair: n for pair, n in wanted.items() if not any(map(ESCAPED.search, pair))}
    require(
        all(edges.get(pair) == n for pair, n in plain.items()),
        f"PM4Py's graph {dict(edges)} is not {dict(wanted)}",
    )
    return f"a data frame of {events} rows, {len(plain)} edges between completed steps"


def service_times(cases):
    found = defaultdict(list)
    for _, events in cases:
        started = {}
        for _, event in events:
            key = event["concept:instance"]
            now = datetime.fromisoformat(event["time:timestamp"])
            if event["lifecycle:transition"] == "start":
                started[key] = now
            elif event["lifecycle:transition"] == "complete" and key in started:
                elapsed = (now - started.pop(key)) / timedelta(milliseconds=1)
                found[event["concept:name"]].append(round(elapsed))
            elif event["lifecycle:transition"] in ENDS:
                started.pop(key, None)
    return {name: sorted(times) for name, times in found.items()}


def check_expected(expected, cases):
    events = [event for _, found in cases for _, event in found]
    actual = {
        "cases": len(cases),
        "events": len(events),
        "activities": dict(Counter(e["concept:name"] for e in events)),
        "transitions": dict(Counter(e["lifecycle:transition"] for e in events)),
        "statuses": dict(Counter(case.get("status") for case, _ in cases)),
        "service_ms": service_times(cases),
    }
    for key, wanted in expected.items():
        require(key in actual, f"EXPECTED has the unknown key `{key}`; known: {', '.join(actual)}")
        require(actual[key] == wanted, f"{key} is {actual[key]} instead of {wanted}")
    return f"as expected: {', '.join(expected)}"


def main(arguments):
    path = Path(arguments[0])
    print(f"{path}: {path.stat().st_size} bytes")
    # Attributes of megabytes are legal, and libxml2 refuses them by default.
    document = etree.parse(str(path), etree.XMLParser(huge_tree=True, resolve_entities=False))
    print("ok:", check_schemas(document))
    cases = parse(document)
    print("ok:", check_rules(cases))
    for reader in READERS:
        print("ok:", check_reader(path, reader, cases))
    print("ok:", check_frame(path, cases))
    if len(arguments) > 1:
        print("ok:", check_expected(json.loads(Path(arguments[1]).read_text()), cases))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(sys.argv[1:])
    except (Failed, OSError, etree.XMLSyntaxError, json.JSONDecodeError) as problem:
        print(f"not ok: {problem}", file=sys.stderr)
        sys.exit(1)
