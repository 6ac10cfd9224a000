// Package artifacts gives package menagerie/artifacts the world's functions.
package artifacts

import (
	"menagerie/bridge"
	"wit_component/convert"
	"wit_component/menagerie_plugin_artifacts"
	"wit_component/menagerie_plugin_types"

	"go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func problem(given menagerie_plugin_artifacts.Problem) *bridge.Problem {
	return &bridge.Problem{Code: given.Code, Message: given.Message}
}

func init() {
	bridge.ArtifactPut = func(name, mediaType string, content []byte) (bridge.Attachment, *bridge.Problem) {
		answer := runtime.Ask(func() wit.Result[menagerie_plugin_types.ArtifactRef, menagerie_plugin_artifacts.Problem] {
			return menagerie_plugin_artifacts.Put(name, mediaType, content)
		})
		if answer.IsErr() {
			return bridge.Attachment{}, problem(answer.Err())
		}
		return convert.Attachment(answer.Ok()), nil
	}
	bridge.ArtifactStat = func(id string) (bridge.ArtifactInfo, *bridge.Problem) {
		answer := runtime.Ask(func() wit.Result[menagerie_plugin_artifacts.ArtifactInfo, menagerie_plugin_artifacts.Problem] {
			return menagerie_plugin_artifacts.Stat(id)
		})
		if answer.IsErr() {
			return bridge.ArtifactInfo{}, problem(answer.Err())
		}
		info := answer.Ok()
		return bridge.ArtifactInfo{
			Artifact: convert.Attachment(info.Artifact), Name: info.Name, Version: info.Version, Size: info.Size,
		}, nil
	}
	bridge.ArtifactGet = func(id string, offset, length uint32) ([]byte, *bridge.Problem) {
		answer := runtime.Ask(func() wit.Result[[]byte, menagerie_plugin_artifacts.Problem] {
			return menagerie_plugin_artifacts.Get(id, offset, length)
		})
		if answer.IsErr() {
			return nil, problem(answer.Err())
		}
		return answer.Ok(), nil
	}
}
