class Arbiter(exports.Arbiter):
    def arbitrate(self, results, differences, config):
        from wit_world.exports import arbiter as wit

        made = _entry.arbiter(results, differences, config)
        if made.chosen is not None:
            ruling = wit.Ruling_Chosen(wit.Chosen(made.chosen, made.reason))
        else:
            ruling = wit.Ruling_Synthesized(wit.Synthesized(_entry.text(made.output, "the ruling's output"), made.reason))
        return wit.Verdict(ruling, made.confidence, _entry.extras_to(made.extra))
