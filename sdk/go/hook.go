// Package hook is what a Groundcrew hook in Go needs: the words of the WIT as plain Go, the host's functions, and
// errors that become failures.
//
// A hook is a value with the methods of one of the packages handler, provision or audit, and one line that exports it:
//
//	func init() { provision.Export(zones{}) }
//	func main() {}
//
// Every call of a hook is a fresh instance: nothing is remembered in variables from one call to the next.
package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Owner says whom a thing is for.
type Owner struct {
	// Path is `fly/{org}/{app}` or `fly/{org}/{app}/{machine}`. An address: it may be reused.
	Path string
	// ID is the platform's id of this incarnation. Never reused.
	ID string
}

// Subject is an app or a machine as last seen.
type Subject struct {
	Owner
	// State is the platform's own word; `gone` once its end is confirmed.
	State string
	// Labels is one object: `region`, `image`, `metadata.*`, and what the operator's label sources add.
	Labels json.RawMessage
}

// Output is a value that the owner's other things, or hooks that read this one, may use.
type Output struct{ Name, Value string }

// State says how a thing is.
type State uint8

// The states of a thing; Ready is the zero value.
const (
	Ready State = iota
	Pending
	Removing
	Failed
)

// Thing is what exists outside, as found.
type Thing struct {
	// ID is the API's own id, enough to find it again.
	ID    string
	State State
	// Note says for people why it has failed, or what it waits for.
	Note string
	// Poll says when to look again at one that is pending or removing.
	Poll time.Duration
	// Body is as observed, in the shape of the spec's body.
	Body json.RawMessage
	// Mark is the mark found on it, or nothing. The host decides whether that is ours.
	Mark    string
	Outputs []Output
	// Made is when the API says it was made, RFC 3339. Needed for kinds of class `anonymous`.
	Made string
}

// Failure is an error that says whether another try may help. Every other error is tried again.
type Failure struct {
	Message string
	// Lasting: only a person can mend it.
	Lasting bool
	// After says how long to wait at least.
	After time.Duration
	// Status is that of the HTTP answer which is the reason, or nothing.
	Status int
}

func (failure *Failure) Error() string { return failure.Message }

// Is says that an answer of 404 is ErrNotFound.
func (failure *Failure) Is(target error) bool { return target == ErrNotFound && failure.Status == 404 }

// Lasting is an error that only a person can mend.
func Lasting(format string, values ...any) error {
	return &Failure{Message: fmt.Sprintf(format, values...), Lasting: true}
}

// NoInventory is what Scan answers, as it is, where the configuration names nothing to list by: the host takes the hook
// as one without an inventory then.
func NoInventory(format string, values ...any) error {
	return Lasting("inventory.none: %s", fmt.Sprintf(format, values...))
}

// FailureOf says what the host is told of an error.
func FailureOf(err error) Failure {
	var failure *Failure
	if !errors.As(err, &failure) {
		return Failure{Message: err.Error()}
	}
	// What was wrapped around it belongs to the text.
	return Failure{Message: err.Error(), Lasting: failure.Lasting, After: failure.After}
}

// Body is the JSON of a value that has one; it panics at what has none, such as a channel.
func Body(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
