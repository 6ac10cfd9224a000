// Package routing converts what decisions of pipelines and of groups share.
package routing

import (
	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_history"
	"wit_component/menagerie_plugin_routing"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func init() {
	bridge.HistoryBefore = func(id, count uint32) []bridge.HistoryEntry {
		entries := runtime.Ask(func() []menagerie_plugin_routing.HistoryEntry { return menagerie_plugin_history.Before(id, count) })
		return convert.List(entries, Entry)
	}
}

// Entry of the host's history.
func Entry(given menagerie_plugin_routing.HistoryEntry) bridge.HistoryEntry {
	return bridge.HistoryEntry{
		ID: given.Id, Step: given.Step, Agent: given.Agent, Kind: given.Kind, Status: given.Status, Reason: given.Reason,
		AtMs: given.AtMs,
	}
}

// Dependency is for the host.
func Dependency(given bridge.Dependency) menagerie_plugin_routing.Dependency {
	return menagerie_plugin_routing.Dependency{Step: given.Step, After: given.After}
}

// Wake is for the host.
func Wake(given bridge.Decision) menagerie_plugin_routing.Wake {
	switch given.Wake {
	case "any-finished":
		return menagerie_plugin_routing.MakeWakeAnyFinished()
	case "these":
		return menagerie_plugin_routing.MakeWakeThese(given.These)
	case "timer":
		return menagerie_plugin_routing.MakeWakeTimer(given.TimerMs)
	default:
		return menagerie_plugin_routing.MakeWakeAllFinished()
	}
}

// End is for the host: how the run ends, if it does.
func End(given bridge.Decision) wit.Option[menagerie_plugin_routing.Ending] {
	if given.Status == "" {
		return wit.None[menagerie_plugin_routing.Ending]()
	}
	return wit.Some(menagerie_plugin_routing.Ending{
		Status: given.Status, Reason: given.Reason, Output: wit.Of(given.Output),
	})
}
