// Package convert turns the generated types into the plain ones and back.
package convert

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_types"
	wit "groundcrew.dev/hook/internal/wit/types"
)

// Text is an option as a text that may be empty.
func Text(option wit.Option[string]) string { return option.SomeOr("") }

// Option is a text that may be empty as an option.
func Option(text string) wit.Option[string] {
	if text == "" {
		return wit.None[string]()
	}
	return wit.Some(text)
}

// Millis is a time that may be nothing, as an option: rounded up, and about fifty days at most.
func Millis(duration time.Duration) wit.Option[uint32] {
	if duration <= 0 {
		return wit.None[uint32]()
	}
	millis := (duration - 1).Milliseconds() + 1
	return wit.Some(uint32(min(millis, math.MaxUint32)))
}

// JSON is a body as text; none is `null`.
func JSON(body json.RawMessage) string {
	if len(body) == 0 {
		return "null"
	}
	return string(body)
}

// Owner of the generated one.
func Owner(owner groundcrew_hook_types.Owner) hook.Owner {
	return hook.Owner{Path: owner.Path, ID: owner.Id}
}

// Subject of the generated one.
func Subject(subject groundcrew_hook_types.Subject) hook.Subject {
	owner := hook.Owner{Path: subject.Path, ID: subject.Id}
	return hook.Subject{Owner: owner, State: subject.State, Labels: json.RawMessage(subject.Labels)}
}

var states = [...]hook.State{hook.Pending, hook.Ready, hook.Removing, hook.Failed}

// Thing of the generated one.
func Thing(thing groundcrew_hook_types.Thing) hook.Thing {
	plain := hook.Thing{
		ID: thing.Id, State: states[thing.State], Note: Text(thing.Note), Body: json.RawMessage(thing.Body),
		Mark: Text(thing.Mark), Made: Text(thing.Made),
		Poll: time.Duration(thing.PollMs.SomeOr(0)) * time.Millisecond,
	}
	for _, output := range thing.Outputs {
		plain.Outputs = append(plain.Outputs, hook.Output{Name: output.Name, Value: output.Value})
	}
	return plain
}

// Generated is the generated thing of a plain one.
func Generated(thing hook.Thing) groundcrew_hook_types.Thing {
	made := groundcrew_hook_types.Thing{
		Id: thing.ID, Note: Option(thing.Note), PollMs: Millis(thing.Poll), Body: JSON(thing.Body),
		Mark: Option(thing.Mark), Made: Option(thing.Made),
	}
	for state, plain := range states {
		if plain == thing.State {
			made.State = uint8(state)
		}
	}
	for _, output := range thing.Outputs {
		made.Outputs = append(made.Outputs, groundcrew_hook_types.Output{Name: output.Name, Value: output.Value})
	}
	return made
}

// Whole is an error, or that a thing lacks what it must have: an API may answer well and say nothing.
func Whole(thing hook.Thing, err error) error {
	if err == nil && thing.ID == "" {
		return errors.New("the hook answered a thing without an id")
	}
	return err
}

// Result is a value, or the failure that an error is.
func Result[T any](value T, err error) wit.Result[T, groundcrew_hook_types.Failure] {
	if err == nil {
		return wit.Ok[T, groundcrew_hook_types.Failure](value)
	}
	failure := hook.FailureOf(err)
	return wit.Err[T](groundcrew_hook_types.Failure{
		Message: failure.Message, Retry: !failure.Lasting, AfterMs: Millis(failure.After),
	})
}

// Error of the host's failure.
func Error(failure groundcrew_hook_types.Failure) error {
	after := time.Duration(failure.AfterMs.SomeOr(0)) * time.Millisecond
	return &hook.Failure{Message: failure.Message, Lasting: !failure.Retry, After: after}
}
