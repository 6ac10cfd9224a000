// Package export_menagerie_plugin_agent is the agent that the host calls.
package export_menagerie_plugin_agent

import (
	"wit_component/convert"
	"wit_component/menagerie_plugin_types"
	"wit_component/project"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Process makes one call.
func Process(task menagerie_plugin_types.Task) wit.Result[menagerie_plugin_types.Outcome, menagerie_plugin_types.Fault] {
	return runtime.Call(func() wit.Result[menagerie_plugin_types.Outcome, menagerie_plugin_types.Fault] {
		return convert.Answer(project.Plugin(convert.Task(task)))
	})
}
