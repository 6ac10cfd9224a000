import menagerie
from menagerie import Fault, Member


# Replace this by your own joining: results in, one output out. This one lists what has completed.
@menagerie.aggregator
def aggregate(members: list[Member], config):
    outputs = [member.output for member in members if member.status == "completed"]
    if not outputs:
        raise Fault.permanent("no member has completed")
    return {"outputs": outputs}
