package plugin

import "menagerie"

type config struct{}

// Plugin is what the host calls.
var Plugin = menagerie.Arbiter(arbitrate)

// Replace this by your own judgement: results that differ in, a verdict out. This one trusts the surest.
func arbitrate(members []menagerie.Member, _ []menagerie.Difference, _ config) (menagerie.Verdict, error) {
	chosen, most := "", -1.0
	for _, member := range members {
		sure := 0.0
		if member.Confidence != nil {
			sure = *member.Confidence
		}
		if member.Status == "completed" && sure > most {
			chosen, most = member.Name, sure
		}
	}
	if chosen == "" {
		return menagerie.Verdict{}, menagerie.Permanent("no member has completed")
	}
	return menagerie.Verdict{Chosen: chosen, Reason: "the surest"}, nil
}
