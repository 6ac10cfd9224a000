class Compensate(exports.Compensate):
    def compensate(self, task, outcome):
        _entry.compensate(task, outcome)
