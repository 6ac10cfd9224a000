// Package host gives package menagerie the functions that every world has.
package host

import (
	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_clock"
	"wit_component/menagerie_plugin_invocation"
	"wit_component/menagerie_plugin_log"
	"wit_component/menagerie_plugin_progress"
	"wit_component/menagerie_plugin_random"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func init() {
	bridge.Log = menagerie_plugin_log.Write
	bridge.NowMs = menagerie_plugin_clock.NowMs
	bridge.RandomBytes = func(count uint32) []byte {
		return runtime.Ask(func() []byte { return menagerie_plugin_random.Bytes(count) })
	}
	bridge.RandomUint32 = menagerie_plugin_random.NextU32
	bridge.RandomFloat = menagerie_plugin_random.NextF64
	bridge.Fraction = menagerie_plugin_progress.Fraction
	bridge.Note = menagerie_plugin_progress.Note
	bridge.Chunk = menagerie_plugin_progress.Chunk
	bridge.Run = func() string { return runtime.Ask(menagerie_plugin_invocation.Run) }
	bridge.Step = func() string { return runtime.Ask(menagerie_plugin_invocation.Step) }
	bridge.Name = func() string { return runtime.Ask(menagerie_plugin_invocation.Name) }
	bridge.Attempt = menagerie_plugin_invocation.Attempt
	bridge.DeadlineMs = menagerie_plugin_invocation.DeadlineMs
	bridge.FuelLeft = menagerie_plugin_invocation.FuelLeft
	bridge.LastFault = func() *bridge.Fault { return convert.Fault(runtime.Ask(menagerie_plugin_invocation.LastFault)) }
	bridge.Hints = func() [][2]string { return convert.Pairs(runtime.Ask(menagerie_plugin_invocation.Hints)) }
	bridge.ContextGet = func(key string) *string {
		found := runtime.Ask(func() wit.Option[string] { return menagerie_plugin_invocation.ContextGet(key) })
		return found.OrNil()
	}
	bridge.ContextPut = func(key, value string) string {
		refused := runtime.Ask(func() wit.Result[wit.Unit, string] { return menagerie_plugin_invocation.ContextPut(key, value) })
		if refused.IsErr() {
			return refused.Err()
		}
		return ""
	}
}
