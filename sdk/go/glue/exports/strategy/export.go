// Package export_menagerie_plugin_strategy is the strategy that the host asks.
package export_menagerie_plugin_strategy

import (
	"encoding/json"

	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_figures"
	"wit_component/menagerie_plugin_strategy"
	"wit_component/menagerie_plugin_types"
	"wit_component/project"
	"wit_component/routing"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func init() {
	bridge.FiguresAgents = func() []bridge.AgentFigures {
		return convert.List(runtime.Ask(menagerie_plugin_figures.Agents), func(one menagerie_plugin_figures.AgentFigures) bridge.AgentFigures {
			return bridge.AgentFigures{
				Name: one.Name, Completed: one.Completed, Failed: one.Failed, MeanMs: one.MeanMs.OrNil(),
				MedianMs: one.MedianMs.OrNil(), P95Ms: one.P95Ms.OrNil(), WaitingMs: one.WaitingMs.OrNil(),
				Running: one.Running, Queued: one.Queued,
			}
		})
	}
}

func agent(given menagerie_plugin_strategy.AgentState) bridge.AgentState {
	return bridge.AgentState{
		Name: given.Name, Status: given.Status, After: given.After, Priority: given.Priority,
		EstimatedMs: given.EstimatedMs.OrNil(), Skills: given.Skills, Completed: given.Completed, Failed: given.Failed,
		Skipped: given.Skipped, Retries: given.Retries, LastDurationMs: given.LastDurationMs.OrNil(),
		LastFault: convert.Fault(given.LastFault), Extra: convert.Extras(given.Extra),
	}
}

func step(given menagerie_plugin_strategy.StepState) bridge.StepState {
	return bridge.StepState{
		ID: given.Id, Agent: given.Agent, Kind: given.Kind, Status: given.Status, Attempt: given.Attempt,
		Output: convert.JSON(given.Output), Confidence: given.Confidence.OrNil(), Error: convert.Fault(given.Error),
		DurationMs: given.DurationMs.OrNil(), Extra: convert.Extras(given.Extra),
	}
}

func request(given bridge.Request) menagerie_plugin_strategy.StepRequest {
	return menagerie_plugin_strategy.StepRequest{
		Id: given.ID, Agent: given.Target, Input: wit.Of(given.Input), Kind: given.Kind, Reason: given.Reason,
		Extra: convert.Tuples(given.Extra),
	}
}

func join(given bridge.Join) menagerie_plugin_strategy.Join {
	return menagerie_plugin_strategy.Join{
		Id: given.ID, Aggregator: given.Aggregator, Members: given.Members, Config: wit.Of(given.Config),
		Reason: given.Reason, Extra: convert.Tuples(given.Extra),
	}
}

// Decide makes one call.
func Decide(view menagerie_plugin_strategy.View) wit.Result[menagerie_plugin_strategy.Decision, menagerie_plugin_types.Fault] {
	given := bridge.View{
		Decision: view.Decision, Trigger: view.Trigger, State: json.RawMessage(view.State),
		Config: json.RawMessage(view.Config), Agents: convert.List(view.Agents, agent), Steps: convert.List(view.Steps, step),
		History: convert.List(view.History, routing.Entry), CurrentStep: convert.Text(view.CurrentStep),
		StepDurationMs: view.StepDurationMs.OrNil(), RetryCount: view.RetryCount, ErrorRate: view.ErrorRate,
		StepsLeft: view.StepsLeft, Extra: convert.Extras(view.Extra),
	}
	var fault *bridge.Fault
	made := runtime.Call(func() (decision bridge.Decision) {
		decision, fault = project.Plugin(given)
		return decision
	})
	return convert.Result(fault, func() menagerie_plugin_strategy.Decision {
		return menagerie_plugin_strategy.Decision{
			Start: convert.List(made.Start, request), Joins: convert.List(made.Joins, join),
			After: convert.List(made.After, routing.Dependency), Wake: routing.Wake(made), WakeOnFailure: made.WakeOnFailure,
			End: routing.End(made), Reason: made.Reason, Confidence: made.Confidence, Metadata: made.Metadata,
			Extra: convert.Tuples(made.Extra),
		}
	})
}
