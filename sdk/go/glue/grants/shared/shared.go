// Package shared gives package menagerie/shared the world's functions.
package shared

import (
	"menagerie/bridge"
	"wit_component/menagerie_plugin_shared"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func versioned(given wit.Option[menagerie_plugin_shared.Versioned]) *bridge.Versioned {
	if found := given.OrNil(); found != nil {
		return &bridge.Versioned{Version: found.Version, Value: found.Value}
	}
	return nil
}

func problem(given menagerie_plugin_shared.Problem) *bridge.Problem {
	return &bridge.Problem{Code: given.Code, Message: given.Message}
}

// refusal tells by its last answer that the value is of another version, which comes with it.
func refusal(given menagerie_plugin_shared.Refusal) (*bridge.Versioned, *bridge.Problem, bool) {
	if given.Tag() == menagerie_plugin_shared.RefusalConflict {
		return versioned(given.Conflict()), nil, true
	}
	return nil, problem(given.Problem()), false
}

func init() {
	bridge.SharedGet = func(key string) (*bridge.Versioned, *bridge.Problem) {
		answer := runtime.Ask(func() wit.Result[wit.Option[menagerie_plugin_shared.Versioned], menagerie_plugin_shared.Problem] {
			return menagerie_plugin_shared.Get(key)
		})
		if answer.IsErr() {
			return nil, problem(answer.Err())
		}
		return versioned(answer.Ok()), nil
	}
	bridge.SharedCompareAndSet = func(key string, expected *uint32, value string) (uint32, *bridge.Versioned, *bridge.Problem, bool) {
		answer := runtime.Ask(func() wit.Result[uint32, menagerie_plugin_shared.Refusal] {
			return menagerie_plugin_shared.CompareAndSet(key, wit.Of(expected), value)
		})
		if !answer.IsErr() {
			return answer.Ok(), nil, nil, false
		}
		present, problem, conflict := refusal(answer.Err())
		return 0, present, problem, conflict
	}
	bridge.SharedDelete = func(key string, expected uint32) (*bridge.Versioned, *bridge.Problem, bool) {
		answer := runtime.Ask(func() wit.Result[wit.Unit, menagerie_plugin_shared.Refusal] {
			return menagerie_plugin_shared.Delete(key, expected)
		})
		if !answer.IsErr() {
			return nil, nil, false
		}
		return refusal(answer.Err())
	}
}
