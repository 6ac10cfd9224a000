// Package menagerie is what a plugin in Go imports: functions that make a function a plugin, the words of its answers, and
// the host. `menagerie build` puts it into the component; in your editor and in `go test` a simple host stands behind it.
package menagerie

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"menagerie/bridge"
)

// Attachment is a file that a step produced, by content.
type Attachment = bridge.Attachment

// Task is what an agent is given.
type Task[In any] struct {
	Input In
	// Config is the agent's configuration from the flow file; Configure reads it.
	Config json.RawMessage
	// Attachments are files that the run was begun with or that steps before this one attached. Agents alone are given any: a
	// strategy's view has none.
	Attachments []Attachment
	Extra       map[string]json.RawMessage
}

// Configure reads the configuration into what a pointer points to. What does not fit is a fault to return.
func (t Task[In]) Configure(into any) error { return read("configuration", t.Config, into) }

// Outcome is an output with its confidence, attachments or extras; a bare output needs none of this.
type Outcome struct {
	Output any
	// Confidence is from 0 to 1; Sure makes one.
	Confidence  *float64
	Attachments []Attachment
	Extra       map[string]any
}

// Sure is a confidence.
func Sure(confidence float64) *float64 { return &confidence }

// Fault is an error that is the plugin's answer. Another error becomes a permanent one; a panic is a crash, and its message is
// in the log.
type Fault struct {
	// Code is "invalid-input", "transient", "permanent", "denied" or "escalate".
	Code    string
	Message string
	// RetryAfter is when to try a transient one again, at the earliest.
	RetryAfter time.Duration
	// Details are for programs.
	Details any
	Extra   map[string]any
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// InvalidInput says that the input is not what the agent takes; never retried.
func InvalidInput(format string, values ...any) *Fault {
	return &Fault{Code: "invalid-input", Message: fmt.Sprintf(format, values...)}
}

// Transient says that it may work later; retried.
func Transient(format string, values ...any) *Fault {
	return &Fault{Code: "transient", Message: fmt.Sprintf(format, values...)}
}

// Permanent says that it will not work; not retried.
func Permanent(format string, values ...any) *Fault {
	return &Fault{Code: "permanent", Message: fmt.Sprintf(format, values...)}
}

// Denied says that the host refused something that the plugin needs.
func Denied(format string, values ...any) *Fault {
	return &Fault{Code: "denied", Message: fmt.Sprintf(format, values...)}
}

// Escalate says that a person, or another authority, must decide.
func Escalate(format string, values ...any) *Fault {
	return &Fault{Code: "escalate", Message: fmt.Sprintf(format, values...)}
}

// Problem is why the host has no answer, by one of the codes that the contract documents.
type Problem = bridge.Problem

// --- JSON ---

func read(what string, text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return InvalidInput("the %s is not as expected: %v", what, err)
	}
	return nil
}

func written(what string, value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", Permanent("the %s cannot be written as JSON: %v", what, err)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

func optionally(what string, value any) (*string, error) {
	if value == nil {
		return nil, nil
	}
	text, err := written(what, value)
	return &text, err
}

func extras(extra map[string]any) ([][2]string, error) {
	var pairs [][2]string
	for _, name := range sorted(extra) {
		text, err := written("extra "+name, extra[name])
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, [2]string{name, text})
	}
	return pairs, nil
}

// --- faults and outcomes as the host has them ---

// text is what the host takes for text: UTF-8.
func text(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// The host takes no message of more bytes.
const messageBytes = 64 << 10

// message is text with its middle left out when it is too long for the host, which would refuse the whole fault.
func message(said string) string {
	said = text(said)
	if len(said) <= messageBytes {
		return said
	}
	leftOut := fmt.Sprintf(" … (of %d bytes) … ", len(said))
	half := (messageBytes - len(leftOut)) / 2
	// A character that is cut in two is left out.
	return strings.ToValidUTF8(said[:half], "") + leftOut + strings.ToValidUTF8(said[len(said)-half:], "")
}

func faultTo(err error) *bridge.Fault {
	var fault *Fault
	if !errors.As(err, &fault) {
		fault = Permanent("%v", err)
	}
	details, failed := optionally("details", fault.Details)
	extra, failedToo := extras(fault.Extra)
	if failed = errors.Join(failed, failedToo); failed != nil {
		return &bridge.Fault{Code: "permanent", Message: message(fault.Error() + "; " + failed.Error())}
	}
	raw := &bridge.Fault{Code: text(fault.Code), Message: message(fault.Message), Details: details, Extra: extra}
	if fault.RetryAfter > 0 {
		after := uint32(min(fault.RetryAfter.Milliseconds(), 1<<32-1))
		raw.RetryAfterMs = &after
	}
	return raw
}

func faultFrom(raw *bridge.Fault) *Fault {
	if raw == nil {
		return nil
	}
	fault := &Fault{Code: raw.Code, Message: raw.Message}
	if raw.RetryAfterMs != nil {
		fault.RetryAfter = time.Duration(*raw.RetryAfterMs) * time.Millisecond
	}
	if raw.Details != nil {
		fault.Details = json.RawMessage(*raw.Details)
	}
	for _, pair := range raw.Extra {
		if fault.Extra == nil {
			fault.Extra = map[string]any{}
		}
		fault.Extra[pair[0]] = json.RawMessage(pair[1])
	}
	return fault
}

// FaultOf reads a fault that a view or a member holds; nil where there is none.
func FaultOf(raw *bridge.Fault) *Fault { return faultFrom(raw) }

func outcomeTo(answer any) (bridge.Outcome, error) {
	var outcome Outcome
	switch known := answer.(type) {
	case Outcome:
		outcome = known
	case *Outcome:
		outcome = *known
	default:
		outcome.Output = answer
	}
	output, err := written("output", outcome.Output)
	if err != nil {
		return bridge.Outcome{}, err
	}
	extra, err := extras(outcome.Extra)
	return bridge.Outcome{Output: output, Confidence: outcome.Confidence, Attachments: outcome.Attachments, Extra: extra}, err
}

func outcomeFrom(raw bridge.Outcome) Outcome {
	outcome := Outcome{Output: json.RawMessage(raw.Output), Confidence: raw.Confidence, Attachments: raw.Attachments}
	for _, pair := range raw.Extra {
		if outcome.Extra == nil {
			outcome.Extra = map[string]any{}
		}
		outcome.Extra[pair[0]] = json.RawMessage(pair[1])
	}
	return outcome
}
