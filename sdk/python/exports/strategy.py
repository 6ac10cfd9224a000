class Strategy(exports.Strategy):
    def decide(self, view):
        from wit_world.exports import strategy as wit

        decision = _entry.strategy(view)
        names = _entry.Named(view.decision)
        steps = [(names.take(step.agent, step.id), step) for step in decision.start]
        joins = [(names.take(join.aggregator, join.id), join) for join in decision.joins]
        start = [
            wit.StepRequest(id, one.agent, _entry.optional_text(one.input, "input"), one.kind, one.reason, _entry.extras_to(one.extra))
            for id, one in steps
        ]
        joined = [
            wit.Join(
                id, one.aggregator, [names.of(member) for member in one.members], _entry.optional_text(one.config, "config"),
                one.reason, _entry.extras_to(one.extra),
            )
            for id, one in joins
        ]
        after, wake, end, metadata = _entry.routing(decision, names, steps + joins)
        return wit.Decision(
            start, joined, after, wake, decision.wake_on_failure, end, decision.reason, decision.confidence, metadata,
            _entry.extras_to(decision.extra),
        )
