"""Judges the licences of a lock file's packages.

Input: the run's state with the answer of `lockfile`, and under `licences` what `cargo metadata` says of each package:
`{"name": …, "version": …, "license": "MIT OR Apache-2.0"}`. Output: one object under `licences`, in the place of that list.
Configuration: `allow`, the licences that may be kept; without it those that ask for no more than a notice.
"""

from collections import Counter

import menagerie
from menagerie import Fault, Problem, Task, log

import spdx

NOTICE_ONLY = [
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0",
    "Unicode-3.0", "Unlicense", "Zlib",
]


@menagerie.check
def check(config, agents):
    allow = config.get("allow", []) if isinstance(config, dict) else None
    if not isinstance(allow, list):
        return [Problem("expected a list of names of licences", "/allow")]
    return [
        Problem(f"found {name!r}, expected the name of a licence", f"/allow/{place}")
        for place, name in enumerate(allow) if not isinstance(name, str) or not name.strip()
    ]


def packages(state):
    """The packages that somebody else wrote: those of the workspace have no source."""
    lock = state.get("lockfile") if isinstance(state, dict) else None
    found = lock.get("packages") if isinstance(lock, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Fault.invalid_input("`lockfile.packages` is no list of packages; expected the answer of the agent `lockfile`")
    return [(str(one.get("name")), str(one.get("version"))) for one in found if one.get("source")]


def declared(state):
    found = state.get("licences")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Fault.invalid_input("`licences` is no list; expected name, version and license of each package")
    return {(str(one.get("name")), str(one.get("version"))): one.get("license") for one in found}


def judge(expression, allowed):
    """What stands in the way of an expression: a verdict and its reason."""
    if not isinstance(expression, str) or not expression.strip():
        return "missing", "it declares no licence"
    try:
        names = spdx.refused(spdx.read(expression), allowed)
    except spdx.Unreadable as wrong:
        return "unreadable", str(wrong)
    return ("refused", f"{', '.join(names)} is not allowed") if names else ("allowed", "")


@menagerie.agent
def process(task: Task):
    allow = task.config.get("allow", NOTICE_ONLY) if isinstance(task.config, dict) else NOTICE_ONLY
    allowed = {str(name).lower() for name in allow}
    theirs, said = packages(task.input), declared(task.input)
    verdicts, against, used = Counter(), [], Counter()
    for name, version in theirs:
        expression = said.get((name, version))
        verdict, why = judge(expression, allowed)
        verdicts[verdict] += 1
        if isinstance(expression, str):
            used[expression] += 1
        if verdict != "allowed":
            against.append({"package": f"{name} {version}", "licence": expression if isinstance(expression, str) else "", "verdict": verdict, "why": why})
    log.info(len(theirs), "packages,", len(against), "with something to look at")
    return {"licences": {
        "judged": len(theirs),
        "allowed": verdicts["allowed"],
        "against": against,
        "by_expression": dict(sorted(used.items(), key=lambda one: (-one[1], one[0]))),
    }}
