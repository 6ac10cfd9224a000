// Package bridge lies between the contract's records and package menagerie. What `menagerie build` writes fills it in;
// a plugin imports package menagerie, which has the same types.
package bridge

import "encoding/json"

// Attachment is a file that a step produced, by content.
type Attachment struct {
	ID        string
	MediaType string
	Digest    string
}

// Task is what an agent is given, its JSON unread.
type Task struct {
	Input       string
	Config      string
	Attachments []Attachment
	Extra       map[string]json.RawMessage
}

// Outcome is what an agent answers, its JSON written.
type Outcome struct {
	Output      string
	Confidence  *float64
	Attachments []Attachment
	Extra       [][2]string
}

// Fault is the answer of what did not succeed, its JSON written.
type Fault struct {
	Code         string
	Message      string
	RetryAfterMs *uint32
	Details      *string
	Extra        [][2]string
}

// Member is one member's part in a join.
type Member struct {
	Name       string
	Status     string
	Output     json.RawMessage
	Confidence *float64
	Error      *Fault
	Extra      map[string]json.RawMessage
}

// Difference is a place where results differ; a member without a value there has nil.
type Difference struct {
	Pointer string
	Values  []MemberValue
}

// MemberValue is what one member has at a place.
type MemberValue struct {
	Member string
	Value  json.RawMessage
}

// Verdict is an arbiter's answer: a member, or an output.
type Verdict struct {
	Chosen     string
	Output     *string
	Reason     string
	Confidence *float64
	Extra      [][2]string
}

// ConfigProblem is one thing that is wrong with a configuration.
type ConfigProblem struct {
	// Pointer is an RFC 6901 JSON pointer, such as "/least".
	Pointer string
	// Offset is where within the text at Pointer, in bytes, when that is known.
	Offset  *uint32
	Message string
}

// HistoryEntry is one line of what happened.
type HistoryEntry struct {
	ID     uint32
	Step   string
	Agent  string
	Kind   string
	Status string
	Reason string
	AtMs   float64
}

// AgentState is one agent of the pipeline and how it has fared in this run.
type AgentState struct {
	Name string
	// Status is "idle", "running", "error" or "failed".
	Status         string
	After          []string
	Priority       int32
	EstimatedMs    *uint32
	Skills         []string
	Completed      uint32
	Failed         uint32
	Skipped        uint32
	Retries        uint32
	LastDurationMs *float64
	LastFault      *Fault
	Extra          map[string]json.RawMessage
}

// StepState is one step that runs, waits, or ended since the last decision.
type StepState struct {
	ID    string
	Agent string
	Kind  string
	// Status is "pending", "running", "waiting", "completed", "skipped", "failed" or "cancelled".
	Status     string
	Attempt    uint32
	Output     json.RawMessage
	Confidence *float64
	Error      *Fault
	DurationMs *float64
	Extra      map[string]json.RawMessage
}

// View is what a strategy may see; wit/strategy.wit documents each field.
type View struct {
	Decision       uint32
	Trigger        string
	State          json.RawMessage
	Config         json.RawMessage
	Agents         []AgentState
	Steps          []StepState
	History        []HistoryEntry
	CurrentStep    string
	StepDurationMs *float64
	RetryCount     uint32
	ErrorRate      float64
	StepsLeft      uint32
	Extra          map[string]json.RawMessage
}

// PipelineState is one pipeline of a group.
type PipelineState struct {
	ID           string
	Role         string
	Status       string
	Progress     float64
	CurrentStep  string
	ErrorCount   uint32
	Load         uint32
	LastUpdateMs float64
	Output       json.RawMessage
	Error        *Fault
	Extra        map[string]json.RawMessage
}

// Escalation is a request to run a team.
type Escalation struct {
	SourceTeamID    string
	SourceAgentID   string
	Kind            string
	Reason          string
	Priority        string
	Error           *Fault
	SuggestedAction string
	Context         json.RawMessage
	Extra           map[string]json.RawMessage
}

// GroupView is what a group strategy may see; wit/group.wit documents each field.
type GroupView struct {
	Decision       uint32
	Trigger        string
	Input          json.RawMessage
	Config         json.RawMessage
	Pipelines      []PipelineState
	Escalations    []Escalation
	History        []HistoryEntry
	IterationsLeft uint32
	Extra          map[string]json.RawMessage
}

// Request is one step or pipeline to start, with its id.
type Request struct {
	ID     string
	Target string
	Input  *string
	Kind   string
	Reason string
	Extra  [][2]string
}

// Join is parallel steps whose results an aggregator joins.
type Join struct {
	ID         string
	Aggregator string
	Members    []string
	Config     *string
	Reason     string
	Extra      [][2]string
}

// Dependency is a step that starts when others have ended.
type Dependency struct {
	Step  string
	After []string
}

// Decision is what a strategy or group strategy answers, its JSON written.
type Decision struct {
	Start []Request
	Joins []Join
	After []Dependency
	// Wake is "all-finished", "any-finished", "these" or "timer".
	Wake          string
	These         []string
	TimerMs       uint32
	WakeOnFailure bool
	Aggregator    *string
	// Status is "completed" or "failed" where the run ends.
	Status     string
	Output     *string
	Reason     string
	Confidence float64
	Metadata   string
	Extra      [][2]string
}
