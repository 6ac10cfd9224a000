import menagerie
from menagerie import Fault, Outcome, Task, log


# Replace this by your own work: a task in, an output out, or a fault raised.
@menagerie.agent
def process(task: Task):
    text = task.input.get("text") if isinstance(task.input, dict) else None
    if not isinstance(text, str):
        raise Fault.invalid_input("`text` has to be a string")
    words = text.split()
    log.info(len(words), "words")
    return Outcome({"words": len(words)}, confidence=1.0)
