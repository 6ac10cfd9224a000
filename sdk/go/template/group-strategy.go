package plugin

import "menagerie"

// Plugin is what the host asks.
var Plugin = menagerie.GroupStrategy(decide)

// Replace this by your own routing: a view in, a decision out. This one runs every pipeline once, side by side.
func decide(view menagerie.GroupView) (menagerie.Decision, error) {
	var idle []string
	for _, pipeline := range view.Pipelines {
		if pipeline.Status == "idle" {
			idle = append(idle, pipeline.ID)
		}
	}
	if len(idle) == 0 {
		return menagerie.End(), nil
	}
	return menagerie.Parallel(idle...), nil
}
