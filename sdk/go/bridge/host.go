package bridge

// The host's functions. In a component these are those of its world; outside of one, in unit tests, simple ones.
var (
	Log          = func(level uint8, message string) { Logged = append(Logged, message) }
	NowMs        = func() float64 { return 0 }
	RandomBytes  = func(count uint32) []byte { return make([]byte, count) }
	RandomUint32 = func() uint32 { return 1 << 31 }
	RandomFloat  = func() float64 { return 0.5 }
	Fraction     = func(done float64) {}
	Note         = func(text string) {}
	Chunk        = func(text string) {}
	Run          = func() string { return "test" }
	Step         = func() string { return "test" }
	Name         = func() string { return "test" }
	Attempt      = func() uint32 { return 1 }
	DeadlineMs   = func() uint32 { return 0 }
	FuelLeft     = func() float64 { return 0 }
	LastFault    = func() *Fault { return nil }
	Hints        = func() [][2]string { return nil }
	ContextGet   = func(key string) *string {
		value, found := kept[key]
		if !found {
			return nil
		}
		return &value
	}
	// ContextPut answers with why it is refused, or with nothing.
	ContextPut = func(key, value string) string { kept[key] = value; return "" }
)

// Logged is what was logged outside of a component.
var Logged []string

var kept = map[string]string{}

// Problem is why the host has no answer.
type Problem struct {
	// Code is one of the tokens that the contract documents.
	Code    string
	Message string
}

func (p *Problem) Error() string { return p.Code + ": " + p.Message }

func absent(grant string) *Problem {
	return &Problem{"denied", "the project does not ask for `" + grant + "` (grants in menagerie.toml)"}
}

// HTTPRequest is a request to the outside.
type HTTPRequest struct {
	Method  string
	URL     string
	Headers [][2]string
	Body    []byte
}

// HTTPResponse is any answer of the server.
type HTTPResponse struct {
	Status  uint32
	URL     string
	Headers [][2]string
	Body    []byte
}

// Versioned is a shared value, unread.
type Versioned struct {
	Version uint32
	Value   string
}

// ArtifactInfo is what there is to say of an artifact.
type ArtifactInfo struct {
	Artifact Attachment
	Name     string
	Version  uint32
	Size     uint32
}

// AgentFigures is how an agent has fared of late, in all runs of the flow.
type AgentFigures struct {
	Name      string
	Completed uint32
	Failed    uint32
	MeanMs    *float64
	MedianMs  *float64
	P95Ms     *float64
	WaitingMs *float64
	Running   uint32
	Queued    uint32
}

// The host's functions that a project asks for, or that strategies alone have.
var (
	HTTPSend  = func(HTTPRequest) (HTTPResponse, *Problem) { return HTTPResponse{}, absent("http") }
	SharedGet = func(string) (*Versioned, *Problem) { return nil, absent("shared") }
	// SharedCompareAndSet tells by its last answer that the value is of another version, which comes with it.
	SharedCompareAndSet = func(string, *uint32, string) (uint32, *Versioned, *Problem, bool) {
		return 0, nil, absent("shared"), false
	}
	// SharedDelete answers likewise.
	SharedDelete  = func(string, uint32) (*Versioned, *Problem, bool) { return nil, absent("shared"), false }
	ArtifactPut   = func(string, string, []byte) (Attachment, *Problem) { return Attachment{}, absent("artifacts") }
	ArtifactStat  = func(string) (ArtifactInfo, *Problem) { return ArtifactInfo{}, absent("artifacts") }
	ArtifactGet   = func(string, uint32, uint32) ([]byte, *Problem) { return nil, absent("artifacts") }
	HistoryBefore = func(uint32, uint32) []HistoryEntry { return nil }
	FiguresAgents = func() []AgentFigures { return nil }
)
