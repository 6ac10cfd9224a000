// Package http sends requests to the outside, as far as the flow's grant allows it; needs the grant "http".
package http

import (
	"encoding/json"
	"slices"
	"strings"

	"menagerie/bridge"
)

// Problem is why there is no answer, by one of the codes of wit/http.wit, or "no-json".
type Problem = bridge.Problem

// Request is what is sent; the method is GET where none is given.
type Request struct {
	Method  string
	URL     string
	Headers map[string]string
	Body    []byte
}

// Response is any answer of the server, whatever its status.
type Response struct {
	Status  int
	URL     string
	Headers map[string]string
	Body    []byte
}

// JSON reads the body; a *Problem where it does not fit.
func (r Response) JSON(into any) error {
	if err := json.Unmarshal(r.Body, into); err != nil {
		return &Problem{Code: "no-json", Message: "the answer is not the JSON that was expected: " + err.Error()}
	}
	return nil
}

// Get asks for an address.
func Get(url string) (Response, error) { return Send(Request{URL: url}) }

// Send sends a request and waits for its answer; the error is a *Problem.
func Send(request Request) (Response, error) {
	raw := bridge.HTTPRequest{Method: valid(request.Method), URL: valid(request.URL), Body: request.Body}
	if raw.Method == "" {
		raw.Method = "GET"
	}
	for name, value := range request.Headers {
		raw.Headers = append(raw.Headers, [2]string{valid(name), valid(value)})
	}
	// A map has no order of its own, and a request is the same each time.
	slices.SortFunc(raw.Headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	answer, problem := bridge.HTTPSend(raw)
	if problem != nil {
		return Response{}, problem
	}
	response := Response{Status: int(answer.Status), URL: answer.URL, Headers: map[string]string{}, Body: answer.Body}
	for _, pair := range answer.Headers {
		response.Headers[pair[0]] = pair[1]
	}
	return response, nil
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
