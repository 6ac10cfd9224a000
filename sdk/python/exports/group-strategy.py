class GroupStrategy(exports.GroupStrategy):
    def decide(self, view):
        from wit_world.exports import group_strategy as wit

        decision = _entry.group_strategy(view)
        names = _entry.Named(view.decision)
        steps = [(names.take(step.agent, step.id), step) for step in decision.start]
        start = [
            wit.PipelineRequest(
                id, one.agent, _entry.optional_text(one.input, "input"), one.kind, one.reason, _entry.extras_to(one.extra),
            )
            for id, one in steps
        ]
        after, wake, end, metadata = _entry.routing(decision, names, steps)
        return wit.GroupDecision(
            start, after, wake, decision.wake_on_failure, decision.aggregator, end, decision.reason, decision.confidence, metadata,
            _entry.extras_to(decision.extra),
        )
