// Package export_menagerie_plugin_config_check looks at a configuration before a run.
package export_menagerie_plugin_config_check

import (
	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_config_check"
	"wit_component/project"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Check makes one call.
func Check(config string, agents []string) []menagerie_plugin_config_check.ConfigProblem {
	problems := runtime.Call(func() []bridge.ConfigProblem { return project.ConfigCheck(config, agents) })
	return convert.List(problems, func(one bridge.ConfigProblem) menagerie_plugin_config_check.ConfigProblem {
		return menagerie_plugin_config_check.ConfigProblem{
			Pointer: one.Pointer, Offset: wit.Of(one.Offset), Message: one.Message,
		}
	})
}
