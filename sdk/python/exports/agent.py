class Agent(exports.Agent):
    def process(self, task):
        return _entry.agent(task)
