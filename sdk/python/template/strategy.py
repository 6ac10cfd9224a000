import menagerie
from menagerie import Decision, View


# Replace this by your own routing: a view in, a decision out. This one runs every agent once, in turn.
@menagerie.strategy
def decide(view: View) -> Decision:
    failed = [step for step in view.steps if step.status == "failed"]
    if failed:
        return Decision.fail(f"step {failed[0].id} failed")
    waiting = [agent.name for agent in view.agents if agent.completed + agent.skipped == 0]
    return Decision.route(waiting[0]) if waiting else Decision.end()
