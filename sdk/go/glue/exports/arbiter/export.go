// Package export_menagerie_plugin_arbiter is the arbiter that the host calls.
package export_menagerie_plugin_arbiter

import (
	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_arbiter"
	"wit_component/menagerie_plugin_types"
	"wit_component/project"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func difference(given menagerie_plugin_arbiter.Difference) bridge.Difference {
	values := convert.List(given.Values, func(one wit.Tuple2[string, wit.Option[string]]) bridge.MemberValue {
		return bridge.MemberValue{Member: one.F0, Value: convert.JSON(one.F1)}
	})
	return bridge.Difference{Pointer: given.Pointer, Values: values}
}

func ruling(given bridge.Verdict) menagerie_plugin_arbiter.Ruling {
	if given.Output != nil {
		made := menagerie_plugin_arbiter.Synthesized{Output: *given.Output, Reason: given.Reason}
		return menagerie_plugin_arbiter.MakeRulingSynthesized(made)
	}
	return menagerie_plugin_arbiter.MakeRulingChosen(menagerie_plugin_arbiter.Chosen{Member: given.Chosen, Reason: given.Reason})
}

// Arbitrate makes one call.
func Arbitrate(results []menagerie_plugin_types.MemberResult, differences []menagerie_plugin_arbiter.Difference, config string) wit.Result[menagerie_plugin_arbiter.Verdict, menagerie_plugin_types.Fault] {
	var fault *bridge.Fault
	verdict := runtime.Call(func() (verdict bridge.Verdict) {
		verdict, fault = project.Plugin(convert.List(results, convert.Member), convert.List(differences, difference), config)
		return verdict
	})
	return convert.Result(fault, func() menagerie_plugin_arbiter.Verdict {
		return menagerie_plugin_arbiter.Verdict{
			Ruling: ruling(verdict), Confidence: wit.Of(verdict.Confidence), Extra: convert.Tuples(verdict.Extra),
		}
	})
}
