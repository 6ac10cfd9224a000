// Package http gives package menagerie/http the world's function.
package http

import (
	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_http"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func init() {
	bridge.HTTPSend = func(request bridge.HTTPRequest) (bridge.HTTPResponse, *bridge.Problem) {
		answer := runtime.Ask(func() wit.Result[menagerie_plugin_http.Response, menagerie_plugin_http.Problem] {
			return menagerie_plugin_http.Send(menagerie_plugin_http.Request{
				Method: request.Method, Url: request.URL, Headers: convert.Tuples(request.Headers), Body: request.Body,
			})
		})
		if answer.IsErr() {
			problem := answer.Err()
			return bridge.HTTPResponse{}, &bridge.Problem{Code: problem.Code, Message: problem.Message}
		}
		response := answer.Ok()
		return bridge.HTTPResponse{
			Status: response.Status, URL: response.Url, Headers: convert.Pairs(response.Headers), Body: response.Body,
		}, nil
	}
}
