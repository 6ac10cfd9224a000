// Package convert makes the words of package menagerie of the contract's records, and the other way round.
package convert

import (
	"encoding/json"

	"menagerie/bridge"
	"wit_component/menagerie_plugin_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// List makes a list of another.
func List[A, B any](given []A, one func(A) B) []B {
	made := make([]B, 0, len(given))
	for _, item := range given {
		made = append(made, one(item))
	}
	return made
}

// Extras are named values, unread.
func Extras(given []wit.Tuple2[string, string]) map[string]json.RawMessage {
	made := make(map[string]json.RawMessage, len(given))
	for _, pair := range given {
		made[pair.F0] = json.RawMessage(pair.F1)
	}
	return made
}

// Pairs are two texts each.
func Pairs(given []wit.Tuple2[string, string]) [][2]string {
	return List(given, func(pair wit.Tuple2[string, string]) [2]string { return [2]string{pair.F0, pair.F1} })
}

// Tuples are two texts each, for the host.
func Tuples(given [][2]string) []wit.Tuple2[string, string] {
	return List(given, func(pair [2]string) wit.Tuple2[string, string] {
		return wit.Tuple2[string, string]{F0: pair[0], F1: pair[1]}
	})
}

// JSON is a document that may be there.
func JSON(given wit.Option[string]) json.RawMessage {
	if text := given.OrNil(); text != nil {
		return json.RawMessage(*text)
	}
	return nil
}

// Text is a text that may be there.
func Text(given wit.Option[string]) string {
	if text := given.OrNil(); text != nil {
		return *text
	}
	return ""
}

// Attachment of the host's.
func Attachment(given menagerie_plugin_types.ArtifactRef) bridge.Attachment {
	return bridge.Attachment{ID: given.Id, MediaType: given.MediaType, Digest: given.Digest}
}

// ToAttachment is for the host.
func ToAttachment(given bridge.Attachment) menagerie_plugin_types.ArtifactRef {
	return menagerie_plugin_types.ArtifactRef{Id: given.ID, MediaType: given.MediaType, Digest: given.Digest}
}

// Task of the host's.
func Task(given menagerie_plugin_types.Task) bridge.Task {
	return bridge.Task{
		Input: given.Input, Config: given.Config, Attachments: List(given.Attachments, Attachment), Extra: Extras(given.Extra),
	}
}

// Outcome of the host's.
func Outcome(given menagerie_plugin_types.Outcome) bridge.Outcome {
	return bridge.Outcome{
		Output: given.Output, Confidence: given.Confidence.OrNil(), Attachments: List(given.Attachments, Attachment),
		Extra: Pairs(given.Extra),
	}
}

// Answer is an outcome or a fault, for the host.
func Answer(outcome bridge.Outcome, fault *bridge.Fault) wit.Result[menagerie_plugin_types.Outcome, menagerie_plugin_types.Fault] {
	return Result(fault, func() menagerie_plugin_types.Outcome {
		return menagerie_plugin_types.Outcome{
			Output: outcome.Output, Confidence: wit.Of(outcome.Confidence),
			Attachments: List(outcome.Attachments, ToAttachment), Extra: Tuples(outcome.Extra),
		}
	})
}

// Result is a value or a fault, for the host.
func Result[T any](fault *bridge.Fault, value func() T) wit.Result[T, menagerie_plugin_types.Fault] {
	if fault == nil {
		return wit.Ok[T, menagerie_plugin_types.Fault](value())
	}
	return wit.Err[T](menagerie_plugin_types.Fault{
		Code: fault.Code, Message: fault.Message, RetryAfterMs: wit.Of(fault.RetryAfterMs), Details: wit.Of(fault.Details),
		Extra: Tuples(fault.Extra),
	})
}

// Fault of the host's, if there is one.
func Fault(given wit.Option[menagerie_plugin_types.Fault]) *bridge.Fault {
	fault := given.OrNil()
	if fault == nil {
		return nil
	}
	return &bridge.Fault{
		Code: fault.Code, Message: fault.Message, RetryAfterMs: fault.RetryAfterMs.OrNil(), Details: fault.Details.OrNil(),
		Extra: Pairs(fault.Extra),
	}
}

// Member of the host's.
func Member(given menagerie_plugin_types.MemberResult) bridge.Member {
	return bridge.Member{
		Name: given.Member, Status: given.Status, Output: JSON(given.Output), Confidence: given.Confidence.OrNil(),
		Error: Fault(given.Error), Extra: Extras(given.Extra),
	}
}
