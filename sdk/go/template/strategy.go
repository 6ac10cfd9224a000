package plugin

import "menagerie"

// Plugin is what the host asks.
var Plugin = menagerie.Strategy(decide)

// Replace this by your own routing: a view in, a decision out. This one runs every agent once, in turn.
func decide(view menagerie.View) (menagerie.Decision, error) {
	for _, step := range view.Steps {
		if step.Status == "failed" {
			return menagerie.Fail("step %s failed", step.ID), nil
		}
	}
	for _, agent := range view.Agents {
		if agent.Completed+agent.Skipped == 0 {
			return menagerie.Route(agent.Name), nil
		}
	}
	return menagerie.End(), nil
}
