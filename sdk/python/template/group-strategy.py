import menagerie
from menagerie import Decision, GroupView


# Replace this by your own routing: a view in, a decision out. This one runs every pipeline once, side by side.
@menagerie.group_strategy
def decide(view: GroupView) -> Decision:
    idle = [pipeline.pipeline_id for pipeline in view.pipelines if pipeline.status == "idle"]
    return Decision.parallel(*idle) if idle else Decision.end()
