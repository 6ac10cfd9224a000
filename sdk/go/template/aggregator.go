package plugin

import (
	"encoding/json"

	"menagerie"
)

type config struct{}

type output struct {
	Outputs []json.RawMessage `json:"outputs"`
}

// Plugin is what the host calls.
var Plugin = menagerie.Aggregator(aggregate)

// Replace this by your own joining: results in, one output out. This one lists what has completed.
func aggregate(members []menagerie.Member, _ config) (output, error) {
	var outputs []json.RawMessage
	for _, member := range members {
		if member.Status == "completed" && member.Output != nil {
			outputs = append(outputs, member.Output)
		}
	}
	if len(outputs) == 0 {
		return output{}, menagerie.Permanent("no member has completed")
	}
	return output{outputs}, nil
}
