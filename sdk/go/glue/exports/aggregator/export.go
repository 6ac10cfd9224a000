// Package export_menagerie_plugin_aggregator is the aggregator that the host calls.
package export_menagerie_plugin_aggregator

import (
	"wit_component/convert"
	"wit_component/menagerie_plugin_types"
	"wit_component/project"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Aggregate makes one call.
func Aggregate(results []menagerie_plugin_types.MemberResult, config string) wit.Result[menagerie_plugin_types.Outcome, menagerie_plugin_types.Fault] {
	return runtime.Call(func() wit.Result[menagerie_plugin_types.Outcome, menagerie_plugin_types.Fault] {
		return convert.Answer(project.Plugin(convert.List(results, convert.Member), config))
	})
}
