// Package figures has how the flow's agents have fared of late, in all its runs; for strategies.
package figures

import "menagerie/bridge"

// Agents are every agent of the flow, in its order.
func Agents() []bridge.AgentFigures { return bridge.FiguresAgents() }
