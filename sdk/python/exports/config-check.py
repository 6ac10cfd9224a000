class ConfigCheck(exports.ConfigCheck):
    def check(self, config, agents):
        from wit_world.exports.config_check import ConfigProblem

        return [ConfigProblem(one.pointer, one.offset, one.message) for one in _entry.config_check(config, agents)]
