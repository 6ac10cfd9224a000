// Package plugin is the guest of ../cases.toml in Go.
package plugin

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"menagerie"
)

type input struct {
	Do    string          `json:"do"`
	Value json.RawMessage `json:"value"`
	Code  string          `json:"code"`
}

type config struct {
	Least json.RawMessage `json:"least"`
	Needs string          `json:"needs"`
}

// Plugin is what the host calls.
var Plugin = menagerie.Agent(process)

// Compensation undoes what it did.
var Compensation = menagerie.Compensate(undo)

// ConfigCheck looks at its configuration.
var ConfigCheck = menagerie.Check(check)

func value(value any) (any, error) { return map[string]any{"value": value}, nil }

func process(task menagerie.Task[input]) (any, error) {
	switch task.Input.Do {
	case "echo":
		// Read and written again, as a plugin would have it.
		var echoed any
		if err := json.Unmarshal(task.Input.Value, &echoed); err != nil {
			return nil, menagerie.InvalidInput("there is no `value`")
		}
		return value(echoed)
	case "config":
		return value(task.Config)
	case "sure":
		return menagerie.Outcome{Output: map[string]string{"value": "sure"}, Confidence: menagerie.Sure(0.25)}, nil
	case "fault":
		return nil, &menagerie.Fault{Code: task.Input.Code, Message: "as it was asked for"}
	case "log":
		menagerie.Info("%s", task.Input.Value)
		return value("logged")
	case "print":
		fmt.Println(string(task.Input.Value))
		return value("printed")
	case "random":
		return value(draw())
	case "time":
		return value([]any{time.Now().UnixMilli(), menagerie.Now().Format("2006-01-02T15:04:05.000Z07:00")})
	case "invocation":
		return value([]any{menagerie.RunID(), menagerie.StepID(), menagerie.Name(), menagerie.Attempt()})
	case "limits":
		before := menagerie.FuelLeft()
		return value([]bool{menagerie.Deadline() > 0, before > menagerie.FuelLeft()})
	case "progress":
		menagerie.Progress(0.5)
		menagerie.Note("half of %s", "it")
		menagerie.Chunk("a piece")
		return value("shown")
	case "hints":
		return value(menagerie.Hints())
	case "context":
		return keep()
	case "attach":
		return menagerie.Outcome{
			Output: map[string]int{"value": len(task.Attachments)}, Attachments: task.Attachments,
		}, nil
	case "extra":
		return menagerie.Outcome{
			Output: map[string]string{"value": "extra"},
			Extra:  map[string]any{"note": map[string][]int{"n": {1}}},
		}, nil
	case "later":
		fault := menagerie.Transient("not yet")
		fault.RetryAfter = 1500 * time.Millisecond
		fault.Details = map[string][]int{"place": {1, 2}}
		return nil, fault
	case "last":
		last := menagerie.LastFault()
		if last == nil {
			return nil, menagerie.InvalidInput("this is the first attempt")
		}
		return value([]any{last.Code, last.Message, menagerie.Attempt()})
	case "spin":
		for turn := 0; turn >= 0; turn = (turn + 1) % 1000 {
		}
	}
	return nil, menagerie.InvalidInput("`do` has to be one of those in cases.toml")
}

func draw() []bool {
	drawn := []float64{rand.Float64(), rand.Float64(), menagerie.RandomFloat(), float64(menagerie.RandomUint32()) / (1 << 32)}
	within, seen := true, map[float64]bool{}
	for _, n := range drawn {
		within = within && n >= 0 && n < 1
		seen[n] = true
	}
	return []bool{within, len(seen) == len(drawn), len(menagerie.RandomBytes(8)) == 8}
}

func keep() (any, error) {
	var before, now, never any
	if _, err := menagerie.Recall("before", &before); err != nil {
		return nil, err
	}
	if err := menagerie.Keep("now", map[string]int{"n": 2}); err != nil {
		return nil, err
	}
	if _, err := menagerie.Recall("now", &now); err != nil {
		return nil, err
	}
	found, err := menagerie.Recall("never", &never)
	if err != nil {
		return nil, err
	}
	return value([]any{before, now, !found})
}

func undo(task menagerie.Task[input], outcome menagerie.Outcome) error {
	var thing string
	if err := json.Unmarshal(task.Input.Value, &thing); err != nil {
		return err
	}
	var output struct{ Made *string }
	if err := json.Unmarshal(outcome.Output.(json.RawMessage), &output); err != nil || output.Made == nil {
		return menagerie.Permanent("there is nothing to undo")
	}
	sure := "unsure"
	if outcome.Confidence != nil && *outcome.Confidence == 0.25 {
		sure = "sure"
	}
	menagerie.Info("undid %s: %s, %s, %d", thing, *output.Made, sure, len(outcome.Attachments))
	return nil
}

func check(config config, agents []string) []menagerie.ConfigProblem {
	var problems []menagerie.ConfigProblem
	if len(config.Least) > 0 && config.Least[0] == '"' {
		problems = append(problems, menagerie.ConfigProblem{Pointer: "/least", Message: "expected a number"})
	}
	if config.Needs != "" && !slices.Contains(agents, config.Needs) {
		problems = append(problems, menagerie.ConfigProblem{Pointer: "/needs", Message: "expected an agent of the flow"})
	}
	return problems
}
