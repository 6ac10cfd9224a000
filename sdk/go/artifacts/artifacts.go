// Package artifacts makes and reads files of the run; needs the grant "artifacts".
package artifacts

import "menagerie/bridge"

// Problem is why there is no answer, by one of the codes of wit/artifacts.wit.
type Problem = bridge.Problem

// Info is what there is to say of an artifact; Version counts those of its name.
type Info = bridge.ArtifactInfo

// Put keeps a content under a name; the same name again is another version. An Outcome may attach what this answers.
// The error is a *Problem.
func Put(name, mediaType string, content []byte) (bridge.Attachment, error) {
	made, problem := bridge.ArtifactPut(name, mediaType, content)
	if problem != nil {
		return bridge.Attachment{}, problem
	}
	return made, nil
}

// Stat is what there is to say of an artifact of this run.
func Stat(id string) (Info, error) {
	info, problem := bridge.ArtifactStat(id)
	if problem != nil {
		return Info{}, problem
	}
	return info, nil
}

// Get reads at most length bytes, and at most 1 MiB, from offset; fewer only at the end.
func Get(id string, offset, length int) ([]byte, error) {
	content, problem := bridge.ArtifactGet(id, uint32(offset), uint32(length))
	if problem != nil {
		return nil, problem
	}
	return content, nil
}
