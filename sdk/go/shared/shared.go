// Package shared has what the steps of a run share; needs the grant "shared".
package shared

import (
	"encoding/json"
	"fmt"

	"menagerie/bridge"
)

// Problem is why there is no answer, by one of the codes of wit/shared.wit.
type Problem = bridge.Problem

// Conflict is the error of a value that is not of the version that was expected: Found is the version that is there instead,
// 0 where there is none, and Value what it holds.
type Conflict struct {
	Found uint32
	Value json.RawMessage
}

func (c *Conflict) Error() string {
	if c.Found == 0 {
		return "there is no such value"
	}
	return fmt.Sprintf("the value has version %d", c.Found)
}

// Get reads a value as it is now, and answers with its version: 0 when it was never set. The error is a *Problem, or that of
// a value which does not fit.
func Get(key string, into any) (version uint32, err error) {
	found, problem := bridge.SharedGet(key)
	if problem != nil {
		return 0, problem
	}
	if found == nil {
		return 0, nil
	}
	return found.Version, json.Unmarshal([]byte(found.Value), into)
}

// CompareAndSet sets a value that is of the expected version, or not there when that is 0. It answers with its version from
// now on. The error is a *Conflict or a *Problem.
func CompareAndSet(key string, expected uint32, value any) (version uint32, err error) {
	text, err := json.Marshal(value)
	if err != nil {
		return 0, err
	}
	var of *uint32
	if expected > 0 {
		of = &expected
	}
	version, present, problem, conflict := bridge.SharedCompareAndSet(key, of, string(text))
	return version, refusal(present, problem, conflict)
}

// Delete takes a value away that is of the expected version. What is set under its key later goes on counting from there. The
// error is a *Conflict or a *Problem.
func Delete(key string, expected uint32) error {
	return refusal(bridge.SharedDelete(key, expected))
}

func refusal(present *bridge.Versioned, problem *bridge.Problem, conflict bool) error {
	switch {
	case problem != nil:
		return problem
	case conflict && present != nil:
		return &Conflict{present.Version, json.RawMessage(present.Value)}
	case conflict:
		return &Conflict{}
	}
	return nil
}
