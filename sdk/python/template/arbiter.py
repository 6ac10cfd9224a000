import menagerie
from menagerie import Difference, Fault, Member, Verdict


# Replace this by your own judgement: results that differ in, a verdict out. This one trusts the surest.
@menagerie.arbiter
def arbitrate(members: list[Member], differences: list[Difference], config) -> Verdict:
    completed = [member for member in members if member.status == "completed"]
    if not completed:
        raise Fault.permanent("no member has completed")
    surest = max(completed, key=lambda member: member.confidence or 0.0)
    return Verdict(chosen=surest.member, reason="the surest")
