class Aggregator(exports.Aggregator):
    def aggregate(self, results, config):
        return _entry.aggregator(results, config)
