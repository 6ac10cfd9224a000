package plugin

import (
	"strings"

	"menagerie"
)

type input struct {
	Text *string `json:"text"`
}

type output struct {
	Words int `json:"words"`
}

// Plugin is what the host calls.
var Plugin = menagerie.Agent(process)

// Replace this by your own work: a task in, an output or an error out. This one counts words.
func process(task menagerie.Task[input]) (output, error) {
	if task.Input.Text == nil {
		return output{}, menagerie.InvalidInput("`text` has to be a string")
	}
	words := strings.Fields(*task.Input.Text)
	menagerie.Info("%d words", len(words))
	return output{len(words)}, nil
}
