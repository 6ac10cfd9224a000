// Package export_menagerie_plugin_group_strategy is the group strategy that the host asks.
package export_menagerie_plugin_group_strategy

import (
	"encoding/json"

	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_group_strategy"
	"wit_component/menagerie_plugin_types"
	"wit_component/project"
	"wit_component/routing"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func pipeline(given menagerie_plugin_group_strategy.PipelineState) bridge.PipelineState {
	return bridge.PipelineState{
		ID: given.PipelineId, Role: given.Role, Status: given.Status, Progress: given.Progress,
		CurrentStep: convert.Text(given.CurrentStep), ErrorCount: given.ErrorCount, Load: given.Load,
		LastUpdateMs: given.LastUpdateMs, Output: convert.JSON(given.Output), Error: convert.Fault(given.Error),
		Extra: convert.Extras(given.Extra),
	}
}

func escalation(given menagerie_plugin_group_strategy.Escalation) bridge.Escalation {
	return bridge.Escalation{
		SourceTeamID: given.SourceTeamId, SourceAgentID: convert.Text(given.SourceAgentId), Kind: given.Kind,
		Reason: given.Reason, Priority: given.Priority, Error: convert.Fault(given.Error),
		SuggestedAction: convert.Text(given.SuggestedAction), Context: json.RawMessage(given.Context),
		Extra: convert.Extras(given.Extra),
	}
}

func request(given bridge.Request) menagerie_plugin_group_strategy.PipelineRequest {
	return menagerie_plugin_group_strategy.PipelineRequest{
		Id: given.ID, Pipeline: given.Target, Input: wit.Of(given.Input), Kind: given.Kind, Reason: given.Reason,
		Extra: convert.Tuples(given.Extra),
	}
}

// Decide makes one call.
func Decide(view menagerie_plugin_group_strategy.GroupView) wit.Result[menagerie_plugin_group_strategy.GroupDecision, menagerie_plugin_types.Fault] {
	given := bridge.GroupView{
		Decision: view.Decision, Trigger: view.Trigger, Input: json.RawMessage(view.Input),
		Config: json.RawMessage(view.Config), Pipelines: convert.List(view.Pipelines, pipeline),
		Escalations: convert.List(view.Escalations, escalation), History: convert.List(view.History, routing.Entry),
		IterationsLeft: view.IterationsLeft, Extra: convert.Extras(view.Extra),
	}
	var fault *bridge.Fault
	made := runtime.Call(func() (decision bridge.Decision) {
		decision, fault = project.Plugin(given)
		return decision
	})
	return convert.Result(fault, func() menagerie_plugin_group_strategy.GroupDecision {
		return menagerie_plugin_group_strategy.GroupDecision{
			Start: convert.List(made.Start, request), After: convert.List(made.After, routing.Dependency),
			Wake: routing.Wake(made), WakeOnFailure: made.WakeOnFailure, Aggregator: wit.Of(made.Aggregator),
			End: routing.End(made), Reason: made.Reason, Confidence: made.Confidence, Metadata: made.Metadata,
			Extra: convert.Tuples(made.Extra),
		}
	})
}
