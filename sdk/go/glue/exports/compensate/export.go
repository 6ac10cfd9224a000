// Package export_menagerie_plugin_compensate is what undoes a step.
package export_menagerie_plugin_compensate

import (
	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_types"
	"wit_component/project"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Compensate makes one call.
func Compensate(task menagerie_plugin_types.Task, outcome menagerie_plugin_types.Outcome) wit.Result[wit.Unit, menagerie_plugin_types.Fault] {
	fault := runtime.Call(func() *bridge.Fault {
		return project.Compensation(convert.Task(task), convert.Outcome(outcome))
	})
	return convert.Result(fault, func() wit.Unit { return wit.Unit{} })
}
