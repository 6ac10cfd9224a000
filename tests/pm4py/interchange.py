"""Sends fuzzed XES logs through Menagerie and PM4Py, and compares what comes out.

    interchange.py PROGRAM [LOGS [FIRST]]

Each number makes one log: attributes of every type of XES on logs, traces and events, within one another and in lists,
texts with what XML reserves and with characters of every length, times in all zones, empty traces, empty texts. Then

- what `menagerie mine convert` makes of it is valid against the schema (the standard's own where XES_XSD names it) and
  says the same: every key, type and value in its order;
- PM4Py reads the same values out of that;
- what PM4Py writes of what it has read is read by `menagerie mine convert`, and says the same still, but for what PM4Py
  does not write: an id is a text there, and of lists it writes letters of their items.

Prints a line of counts for each comparison and exits 1 if one differs.
"""

import os
import random
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ.setdefault("PM4PY_SHOW_PROGRESS_BAR", "False")

import pm4py  # noqa: E402
from lxml import etree  # noqa: E402
from pm4py.objects.log.exporter.xes import exporter  # noqa: E402

SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "xes.rng"
TEXTS = ["", "a", " a b ", "plan", "é", "日本", "𝄞", "<&>", "\"'", "line\nline", "tab\tend", "x" * 300, "]]>", "&amp;", "0"]
TYPES = ("string", "date", "int", "float", "boolean", "id")


def text(chance):
    return chance.choice(TEXTS) + chance.choice(TEXTS) if chance.random() < 0.3 else chance.choice(TEXTS)


def value(chance, kind):
    if kind == "date":
        zone = timezone(timedelta(minutes=chance.choice([0, 60, -570, 345, 840, -720])))
        at = datetime(1971, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=chance.randrange(3 * 10**12))
        return at.astimezone(zone).isoformat(timespec="milliseconds")
    if kind == "int":
        return str(chance.choice([0, -1, 7, 2**31, -(2**63), 2**63 - 1, chance.randrange(10**6)]))
    if kind == "float":
        return repr(chance.choice([0.0, -0.5, 0.1, 1e300, 5e-324, chance.random() * 1e6]))
    if kind == "boolean":
        return chance.choice(["true", "false"])
    return text(chance)


def attributes(chance, owner, depth, fixed=()):
    for kind, key, held in fixed:
        etree.SubElement(owner, kind, key=key, value=held)
    for number in range(chance.randint(0, 4)):
        key = chance.choice(["org:resource", "cost:total", "note", "x", "a-b.c"]) + f"_{number}"
        if depth > 0 and chance.random() < 0.1:
            made = etree.SubElement(owner, "list", key=key)
            for place in range(chance.randint(0, 3)):
                kind = chance.choice(TYPES)
                etree.SubElement(made, kind, key=f"item{place}", value=value(chance, kind))
            etree.SubElement(made, "values", key="values")
            continue
        kind = chance.choice(TYPES)
        made = etree.SubElement(owner, kind, key=key, value=value(chance, kind))
        if depth > 0 and chance.random() < 0.15:
            attributes(chance, made, depth - 1)


def made_log(chance):
    log = etree.Element("log", {"xes.version": "1849.2016", "xes.features": "nested-attributes"})
    for name, prefix in (("Concept", "concept"), ("Time", "time")):
        uri = f"http://www.xes-standard.org/{prefix}.xesext"
        etree.SubElement(log, "extension", name=name, prefix=prefix, uri=uri)
    of_events = etree.SubElement(log, "global", scope="event")
    etree.SubElement(of_events, "string", key="concept:name", value="UNKNOWN")
    etree.SubElement(log, "classifier", name="Activity", scope="event", keys="concept:name")
    attributes(chance, log, 0, [("string", "concept:name", text(chance))])
    for number in range(chance.randint(0, 5)):
        trace = etree.SubElement(log, "trace")
        attributes(chance, trace, 2, [("string", "concept:name", f"{text(chance)}{number}")])
        for _ in range(chance.randint(0, 6)):
            event = etree.SubElement(trace, "event")
            fixed = [("string", "concept:name", text(chance) or "a"), ("date", "time:timestamp", value(chance, "date"))]
            attributes(chance, event, 2, fixed)
    return log


def typed(kind, held):
    if kind == "date":
        return datetime.fromisoformat(held)
    if kind == "int":
        return int(held)
    if kind == "float":
        return float(held)
    return held == "true" if kind == "boolean" else held


def content(owner, exactly=True):
    """The attributes of an element in their order: key, type, value, and those within; or no more than PM4Py writes."""
    found = []
    for child in owner:
        if child.tag == "values":
            found += content(child, exactly)
        elif child.tag == "list":
            found.append((child.get("key"), "list", None, content(child) if exactly else []))
        elif child.tag in TYPES:
            kind = child.tag if exactly or child.tag != "id" else "string"
            found.append((child.get("key"), kind, typed(child.tag, child.get("value")), content(child, exactly)))
    return found


def whole(log, exactly=True):
    traces = [(content(trace, exactly), [content(event, exactly) for event in trace.iterfind("event")]) for trace in log.iterfind("trace")]
    return content(log, exactly), traces


def values(attributes):
    """What remains of content where types are Python's."""
    return {key: values(within) if kind == "list" else (held, values(within)) if within else held for key, kind, held, within in attributes}


def in_pm4py(found):
    """The same of attributes as PM4Py has them."""
    made = {}
    for key, held in found.items():
        if isinstance(held, dict):
            children = held["children"]
            children = in_pm4py(dict(children) if isinstance(children, list) else children)
            made[key] = children if held["value"] is None else (held["value"], children)
        else:
            made[key] = held
    return made


class Interchange:
    def __init__(self, program, folder):
        self.program, self.folder = program, Path(folder)
        self.same, self.different = Counter(), Counter()
        self.schema = etree.RelaxNG(etree.parse(str(SCHEMA)))
        if "XES_XSD" in os.environ:
            self.schema = etree.XMLSchema(etree.parse(os.environ["XES_XSD"]))

    def convert(self, source, target):
        command = [self.program, "mine", "convert", str(source), str(target)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        return ended.returncode == 0 or ended.stderr

    def compare(self, what, number, found, expected):
        self.same[what] += found == expected
        self.different[what] += found != expected
        if found != expected and self.different[what] <= 3:
            print(f"log {number}, {what}:\n  found     {found}\n  expected  {expected}", flush=True)

    def log(self, number):
        made = made_log(random.Random(number))
        source, ours = self.folder / "source.xes", self.folder / "ours.xes"
        theirs, back = self.folder / "theirs.xes", self.folder / "back.xes"
        source.write_bytes(etree.tostring(made, xml_declaration=True, encoding="UTF-8"))
        if not self.schema.validate(made):
            raise SystemExit(f"log {number} is not valid itself: {self.schema.error_log[0]}")
        self.compare("read", number, self.convert(source, ours), True)
        parsed = etree.parse(str(ours), etree.XMLParser(huge_tree=True))
        self.compare("valid", number, self.schema.validate(parsed), True)
        self.compare("lossless", number, whole(parsed.getroot()), whole(made))
        read = pm4py.read_xes(str(ours), variant="iterparse", return_legacy_log_object=True)
        found = [(in_pm4py(trace.attributes), [in_pm4py(dict(event)) for event in trace]) for trace in read]
        expected = [(values(trace), [values(event) for event in events]) for trace, events in whole(made)[1]]
        self.compare("lossless into PM4Py", number, found, expected)
        exporter.apply(read, str(theirs))
        self.compare("PM4Py's is read", number, self.convert(theirs, back), True)
        self.compare("lossless out of PM4Py", number, whole(etree.parse(str(back)).getroot(), False)[1], whole(made, False)[1])


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    with tempfile.TemporaryDirectory() as folder:
        interchange = Interchange(program, folder)
        for number in range(first, first + count):
            interchange.log(number)
    for what in interchange.same | interchange.different:
        same, different = interchange.same[what], interchange.different[what]
        print(f"{what}: {same} of {same + different}")
    sys.exit(1 if interchange.different.total() else 0)


main()
