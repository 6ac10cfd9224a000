package menagerie

import (
	"fmt"
	"time"

	"menagerie/bridge"
)

// View is what a strategy may see; wit/strategy.wit documents each field.
type View = bridge.View

// GroupView is what a group strategy may see; wit/group.wit documents each field.
type GroupView = bridge.GroupView

// Step is one agent (or, in a group, one pipeline) to start. Left out: the id is its name, the kind "route", the input the
// run's state.
type Step struct {
	Agent string
	// Kind is "route", "retry", "skip" or "escalate".
	Kind   string
	Reason string
	ID     string
	Input  any
	// After names agents or ids of this decision, or steps that run or ended lately.
	After []string
	Extra map[string]any
}

// Join is parallel steps whose results an aggregator joins; Members are agents or ids of this decision.
type Join struct {
	Aggregator string
	Members    []string
	Reason     string
	ID         string
	Config     any
	After      []string
	Extra      map[string]any
}

// Wake is when to ask again: the zero value when all that runs has ended.
type Wake struct {
	kind  string
	these []string
	after time.Duration
}

// AnyFinished asks again as soon as one of the running steps ends.
func AnyFinished() Wake { return Wake{kind: "any-finished"} }

// These asks again when each of these has ended.
func These(steps ...string) Wake { return Wake{kind: "these", these: steps} }

// Timer asks again after a while, or when nothing runs any more.
func Timer(after time.Duration) Wake { return Wake{kind: "timer", after: after} }

// Decision is what a strategy answers.
type Decision struct {
	Start         []Step
	Joins         []Join
	Wake          Wake
	WakeOnFailure bool
	Reason        string
	// Confidence is from 0 to 1; 1 where nothing is said.
	Confidence *float64
	// Metadata is kept with the decision.
	Metadata map[string]any
	// Aggregator joins a group's results.
	Aggregator string
	// Status is "completed" or "failed" where the run ends, and Output then its result.
	Status string
	Output any
	Extra  map[string]any
}

// Route runs agents one after the other, each seeing what the one before made.
func Route(agents ...string) Decision {
	var steps []Step
	for at, name := range agents {
		step := Step{Agent: name}
		if at > 0 {
			step.After = []string{agents[at-1]}
		}
		steps = append(steps, step)
	}
	return Decision{Start: steps}
}

// Parallel runs agents side by side.
func Parallel(agents ...string) Decision {
	var steps []Step
	for _, name := range agents {
		steps = append(steps, Step{Agent: name})
	}
	return Decision{Start: steps}
}

// JoinedBy has an aggregator make one result of all steps that the decision starts.
func (d Decision) JoinedBy(aggregator string) Decision {
	join := Join{Aggregator: aggregator}
	for _, step := range d.Start {
		join.Members = append(join.Members, step.Agent)
	}
	d.Joins = append(d.Joins, join)
	return d
}

// Retry runs an agent again, telling it what went wrong.
func Retry(agent, reason string) Decision {
	return Decision{Start: []Step{{Agent: agent, Kind: "retry", Reason: reason}}}
}

// Skip notes that an agent was left out.
func Skip(agent, reason string) Decision {
	return Decision{Start: []Step{{Agent: agent, Kind: "skip", Reason: reason}}}
}

// EscalateTo waits for an answer; the agent runs if the answer is to try again.
func EscalateTo(agent, reason string) Decision {
	return Decision{Start: []Step{{Agent: agent, Kind: "escalate", Reason: reason}}}
}

// Wait starts nothing and goes on waiting for what runs.
func Wait() Decision { return Decision{} }

// End ends the run well, with the run's state as its output.
func End() Decision { return Decision{Status: "completed"} }

// EndWith ends the run well, with an output.
func EndWith(output any) Decision { return Decision{Status: "completed", Output: output} }

// Fail ends the run as failed.
func Fail(format string, values ...any) Decision {
	return Decision{Status: "failed", Reason: fmt.Sprintf(format, values...)}
}

// StrategyPlugin is what a project of the kind "strategy" has as `var Plugin`; Strategy makes it.
type StrategyPlugin func(bridge.View) (bridge.Decision, *bridge.Fault)

// Strategy makes a function a strategy.
func Strategy(decide func(View) (Decision, error)) StrategyPlugin {
	return func(view bridge.View) (bridge.Decision, *bridge.Fault) {
		return decided(view.Decision, func() (Decision, error) { return decide(view) })
	}
}

// GroupStrategyPlugin is what a project of the kind "group-strategy" has as `var Plugin`; GroupStrategy makes it.
type GroupStrategyPlugin func(bridge.GroupView) (bridge.Decision, *bridge.Fault)

// GroupStrategy makes a function a group strategy; the steps of its Decision name pipelines.
func GroupStrategy(decide func(GroupView) (Decision, error)) GroupStrategyPlugin {
	return func(view bridge.GroupView) (bridge.Decision, *bridge.Fault) {
		return decided(view.Decision, func() (Decision, error) { return decide(view) })
	}
}

func decided(number uint32, decide func() (Decision, error)) (bridge.Decision, *bridge.Fault) {
	decision, err := decide()
	if err != nil {
		return bridge.Decision{}, faultTo(err)
	}
	raw, err := decisionTo(number, decision)
	if err != nil {
		return bridge.Decision{}, faultTo(err)
	}
	return raw, nil
}

// names are the ids of a decision's steps and joins, and what others call them.
type names struct {
	number uint32
	taken  map[string]bool
	ids    map[string]string
}

func (n *names) take(name, chosen string) string {
	free := chosen
	if chosen == "" {
		usual := name
		if n.number > 1 {
			usual = fmt.Sprintf("%s#%d", name, n.number)
		}
		free = usual
		for copy := 2; n.taken[free]; copy++ {
			free = fmt.Sprintf("%s.%d", usual, copy)
		}
	}
	n.taken[free] = true
	if _, known := n.ids[name]; !known {
		n.ids[name] = free
	}
	return text(free)
}

func (n *names) of(given []string) []string {
	var ids []string
	for _, name := range given {
		if id, known := n.ids[name]; known {
			name = id
		}
		ids = append(ids, text(name))
	}
	return ids
}

func decisionTo(number uint32, decision Decision) (bridge.Decision, error) {
	raw := bridge.Decision{
		Wake: "all-finished", WakeOnFailure: decision.WakeOnFailure, Status: text(decision.Status),
		Reason: text(decision.Reason), Confidence: 1, Metadata: "{}",
	}
	named := &names{number, map[string]bool{}, map[string]string{}}
	if err := start(&raw, decision, named); err != nil {
		return raw, err
	}
	if decision.Wake.kind != "" {
		raw.Wake = decision.Wake.kind
		raw.These = named.of(decision.Wake.these)
		raw.TimerMs = uint32(min(max(decision.Wake.after.Milliseconds(), 0), 1<<32-1))
	}
	if decision.Confidence != nil {
		raw.Confidence = *decision.Confidence
	}
	if decision.Aggregator != "" {
		raw.Aggregator = &decision.Aggregator
	}
	var err error
	if decision.Metadata != nil {
		if raw.Metadata, err = written("metadata", decision.Metadata); err != nil {
			return raw, err
		}
	}
	if raw.Output, err = optionally("run's output", decision.Output); err != nil {
		return raw, err
	}
	raw.Extra, err = extras(decision.Extra)
	return raw, err
}

// start writes the steps and joins of a decision; each has its id before another is said to wait for it.
func start(raw *bridge.Decision, decision Decision, named *names) error {
	var after []bridge.Dependency
	for _, step := range decision.Start {
		kind := step.Kind
		if kind == "" {
			kind = "route"
		}
		request := bridge.Request{
			ID: named.take(step.Agent, step.ID), Target: text(step.Agent), Kind: text(kind), Reason: text(step.Reason),
		}
		var err error
		if request.Input, err = optionally("input of "+step.Agent, step.Input); err != nil {
			return err
		}
		if request.Extra, err = extras(step.Extra); err != nil {
			return err
		}
		raw.Start = append(raw.Start, request)
		after = append(after, bridge.Dependency{Step: request.ID, After: step.After})
	}
	for _, one := range decision.Joins {
		join := bridge.Join{
			ID: named.take(one.Aggregator, one.ID), Aggregator: text(one.Aggregator), Members: named.of(one.Members),
			Reason: text(one.Reason),
		}
		var err error
		if join.Config, err = optionally("configuration of "+one.Aggregator, one.Config); err != nil {
			return err
		}
		if join.Extra, err = extras(one.Extra); err != nil {
			return err
		}
		raw.Joins = append(raw.Joins, join)
		after = append(after, bridge.Dependency{Step: join.ID, After: one.After})
	}
	for _, one := range after {
		if len(one.After) > 0 {
			raw.After = append(raw.After, bridge.Dependency{Step: one.Step, After: named.of(one.After)})
		}
	}
	return nil
}
