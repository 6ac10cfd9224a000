package menagerie

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"menagerie/bridge"
)

// Levels of the log, as the contract counts them.
const (
	levelTrace = iota
	levelDebug
	levelInfo
	levelWarn
	levelError
)

func log(level uint8, format string, values []any) {
	bridge.Log(level, text(fmt.Sprintf(format, values...)))
}

// Trace writes a line to the log, as do Debug, Info, Warn and Error. What is printed is logged, too.
func Trace(format string, values ...any) { log(levelTrace, format, values) }

// Debug writes a line to the log.
func Debug(format string, values ...any) { log(levelDebug, format, values) }

// Info writes a line to the log.
func Info(format string, values ...any) { log(levelInfo, format, values) }

// Warn writes a line to the log.
func Warn(format string, values ...any) { log(levelWarn, format, values) }

// Error writes a line to the log.
func Error(format string, values ...any) { log(levelError, format, values) }

// Now is the call's logical time, which stands still while it runs. time.Now tells the same.
func Now() time.Time { return time.UnixMilli(int64(bridge.NowMs())).UTC() }

// RandomBytes are drawn from the call's own seed, at most 65 536 at a time. math/rand and crypto/rand are seeded by it, too.
func RandomBytes(count int) []byte { return bridge.RandomBytes(uint32(count)) }

// RandomUint32 is drawn from the call's own seed.
func RandomUint32() uint32 { return bridge.RandomUint32() }

// RandomFloat is from 0 inclusive to 1 exclusive, drawn from the call's own seed.
func RandomFloat() float64 { return bridge.RandomFloat() }

// Progress shows how much is done, from 0 to 1.
func Progress(done float64) { bridge.Fraction(done) }

// Note shows what is being done now, in a few words.
func Note(format string, values ...any) { bridge.Note(text(fmt.Sprintf(format, values...))) }

// Chunk shows a piece of the answer before it is whole.
func Chunk(piece string) { bridge.Chunk(text(piece)) }

// RunID is the run's id. Knowing it gives no right to anything.
func RunID() string { return bridge.Run() }

// StepID is the step's id.
func StepID() string { return bridge.Step() }

// Name is that of the plugin in the flow file.
func Name() string { return bridge.Name() }

// Attempt counts from 1: 2 is the first retry.
func Attempt() int { return int(bridge.Attempt()) }

// Deadline is the limit on this call's own running time.
func Deadline() time.Duration { return time.Duration(bridge.DeadlineMs()) * time.Millisecond }

// FuelLeft is the fuel that is left.
func FuelLeft() uint64 { return uint64(bridge.FuelLeft()) }

// LastFault is the fault that ended the attempt before this one, or nil.
func LastFault() *Fault { return faultFrom(bridge.LastFault()) }

// Hints are what the host or an answering person wants this attempt to know, by name.
func Hints() map[string]json.RawMessage {
	hints := map[string]json.RawMessage{}
	for _, pair := range bridge.Hints() {
		hints[pair[0]] = json.RawMessage(pair[1])
	}
	return hints
}

// Recall reads what this agent kept in an earlier step of the run, and tells whether there is any.
func Recall(key string, into any) (bool, error) {
	found := bridge.ContextGet(text(key))
	if found == nil {
		return false, nil
	}
	return true, json.Unmarshal([]byte(*found), into)
}

// Keep keeps a value for this agent's later steps, if this step completes.
func Keep(key string, value any) error {
	document, err := written("value of "+key, value)
	if err != nil {
		return err
	}
	if refused := bridge.ContextPut(text(key), document); refused != "" {
		return errors.New(refused)
	}
	return nil
}
