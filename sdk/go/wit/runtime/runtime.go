// Package runtime is the memory of bindings made by wit-bindgen: what a component's host asks a guest for.
package runtime

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"unsafe"

	"menagerie/bridge"
)

// Allocate gives memory that stays where it is until the pinner lets it go.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	// Whole words of eight bytes are aligned for everything that the contract has.
	memory := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	// What is lifted out of it holds pointers only as numbers, which the pins keep alive.
	pinner.Pin(memory)
	return memory
}

// Before Go's own runtime has started nothing can be allocated by it, but the WASI adapter asks for its state by then.
var (
	early   [192 << 10]byte
	taken   uintptr
	started bool
)

func init() {
	working(false)
	started = true
}

// working lets garbage be collected, or not. It must not be while the host asks for memory: a collection looks at the clock,
// and a component that is being asked may call nobody. So it is while the author's code runs, and not while that waits for
// the host. A collection under way ends before this answers.
func working(now bool) {
	percent := -1
	if now {
		percent = 100
	}
	debug.SetGCPercent(percent)
}

// Call makes an exported function's call.
func Call[T any](author func() T) T {
	working(true)
	defer working(false)
	defer crash()
	return author()
}

// The level of the log's errors, as the contract counts them, and what of a panic's message is told.
const (
	levelError   = 4
	messageBytes = 32 << 10
)

// crash tells a panic in the log, with its stack, and ends the call. Go's own way of telling one begins with a sleep, and a
// component is ended for that before a word is out.
func crash() {
	said := recover()
	if said == nil {
		return
	}
	message := fmt.Sprint(said)
	message = message[:min(len(message), messageBytes)]
	bridge.Log(levelError, strings.ToValidUTF8(fmt.Sprintf("panic: %s\n%s", message, debug.Stack()), "\uFFFD"))
	os.Exit(2)
}

// Ask makes a call of the host's that may bring something back, and lets go what the host has written for it: what was
// made of that holds it by pointers of its own.
func Ask[T any](host func() T) T {
	working(false)
	answer := host()
	Unpin()
	working(true)
	return answer
}

var pinner runtime.Pinner

// Unpin lets go what the host has written, once values hold it.
func Unpin() { pinner.Unpin() }

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if old != nil || oldSize != 0 {
		panic("the host moves no memory of a Go guest")
	}
	if started {
		return Allocate(&pinner, size, align)
	}
	base := uintptr(unsafe.Pointer(&early))
	from := (base+taken+align-1)&^(align-1) - base
	if from+size > uintptr(len(early)) {
		return nil
	}
	taken = from + size
	return unsafe.Pointer(&early[from])
}
