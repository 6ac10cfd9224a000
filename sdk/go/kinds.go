package menagerie

import (
	"encoding/json"
	"maps"
	"slices"

	"menagerie/bridge"
)

func sorted[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// AgentPlugin is what a project of the kind "agent" has as `var Plugin`; Agent makes it.
type AgentPlugin func(bridge.Task) (bridge.Outcome, *bridge.Fault)

// Agent makes a function an agent: it answers with an output, or an Outcome, or an error.
func Agent[In, Out any](process func(Task[In]) (Out, error)) AgentPlugin {
	return func(raw bridge.Task) (bridge.Outcome, *bridge.Fault) {
		task, err := taskFrom[In](raw)
		if err != nil {
			return bridge.Outcome{}, faultTo(err)
		}
		return answered(process(task))
	}
}

func taskFrom[In any](raw bridge.Task) (Task[In], error) {
	task := Task[In]{Config: json.RawMessage(raw.Config), Attachments: raw.Attachments, Extra: raw.Extra}
	return task, read("input", []byte(raw.Input), &task.Input)
}

func answered(answer any, err error) (bridge.Outcome, *bridge.Fault) {
	if err != nil {
		return bridge.Outcome{}, faultTo(err)
	}
	outcome, err := outcomeTo(answer)
	if err != nil {
		return bridge.Outcome{}, faultTo(err)
	}
	return outcome, nil
}

// CompensatePlugin is what a project that exports "compensate" has as `var Compensation`; Compensate makes it.
type CompensatePlugin func(bridge.Task, bridge.Outcome) *bridge.Fault

// Compensate makes a function undo a step that completed, given its task and its output; an Outcome has the rest of what the
// step answered, too, its Output as a json.RawMessage.
func Compensate[In, Out any](undo func(Task[In], Out) error) CompensatePlugin {
	return func(raw bridge.Task, outcome bridge.Outcome) *bridge.Fault {
		task, err := taskFrom[In](raw)
		if err != nil {
			return faultTo(err)
		}
		var output Out
		if whole, is := any(&output).(*Outcome); is {
			*whole = outcomeFrom(outcome)
		} else if err := read("output", []byte(outcome.Output), &output); err != nil {
			return faultTo(err)
		}
		if err := undo(task, output); err != nil {
			return faultTo(err)
		}
		return nil
	}
}

// ConfigProblem is one thing that is wrong with a configuration.
type ConfigProblem = bridge.ConfigProblem

// CheckPlugin is what a project that exports "config-check" has as `var ConfigCheck`; Check makes it.
type CheckPlugin func(config string, agents []string) []bridge.ConfigProblem

// Check makes a function look at the configuration before a run, given the names of the flow's agents.
func Check[Config any](find func(config Config, agents []string) []ConfigProblem) CheckPlugin {
	return func(text string, agents []string) []bridge.ConfigProblem {
		var config Config
		if err := json.Unmarshal([]byte(text), &config); err != nil {
			return []ConfigProblem{{Message: err.Error()}}
		}
		return find(config, agents)
	}
}

// Member is one member's part in a join: Status is "completed", "failed", "skipped" or "cancelled".
type Member = bridge.Member

// AggregatorPlugin is what a project of the kind "aggregator" has as `var Plugin`; Aggregator makes it.
type AggregatorPlugin func(members []bridge.Member, config string) (bridge.Outcome, *bridge.Fault)

// Aggregator makes a function join results: it answers with an output, or an Outcome, or an error.
func Aggregator[Config, Out any](aggregate func(members []Member, config Config) (Out, error)) AggregatorPlugin {
	return func(members []bridge.Member, text string) (bridge.Outcome, *bridge.Fault) {
		var config Config
		if err := read("configuration", []byte(text), &config); err != nil {
			return bridge.Outcome{}, faultTo(err)
		}
		return answered(aggregate(members, config))
	}
}

// Difference is a place where results differ; a member without a value there has nil.
type Difference = bridge.Difference

// Verdict is an arbiter's answer: a member that stands, or an Output made out of several.
type Verdict struct {
	Chosen     string
	Output     any
	Reason     string
	Confidence *float64
	Extra      map[string]any
}

// ArbiterPlugin is what a project of the kind "arbiter" has as `var Plugin`; Arbiter makes it.
type ArbiterPlugin func(members []bridge.Member, differences []bridge.Difference, config string) (bridge.Verdict, *bridge.Fault)

// Arbiter makes a function decide between results that disagree.
func Arbiter[Config any](arbitrate func(members []Member, differences []Difference, config Config) (Verdict, error)) ArbiterPlugin {
	return func(members []bridge.Member, differences []bridge.Difference, text string) (bridge.Verdict, *bridge.Fault) {
		var config Config
		if err := read("configuration", []byte(text), &config); err != nil {
			return bridge.Verdict{}, faultTo(err)
		}
		verdict, err := arbitrate(members, differences, config)
		if err != nil {
			return bridge.Verdict{}, faultTo(err)
		}
		raw, err := verdictTo(verdict)
		if err != nil {
			return bridge.Verdict{}, faultTo(err)
		}
		return raw, nil
	}
}

func verdictTo(verdict Verdict) (bridge.Verdict, error) {
	raw := bridge.Verdict{Chosen: text(verdict.Chosen), Reason: text(verdict.Reason), Confidence: verdict.Confidence}
	var err error
	if raw.Extra, err = extras(verdict.Extra); err != nil {
		return raw, err
	}
	if verdict.Chosen == "" {
		output, err := written("output", verdict.Output)
		raw.Output = &output
		return raw, err
	}
	return raw, nil
}
