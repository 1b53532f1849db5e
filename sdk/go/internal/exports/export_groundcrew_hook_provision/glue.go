// Package export_groundcrew_hook_provision is called by the generated export.
package export_groundcrew_hook_provision

import (
	"encoding/json"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/internal/convert"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_provision"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_types"
	wit "groundcrew.dev/hook/internal/wit/types"
)

type failure = groundcrew_hook_types.Failure

// View is filled only with what the manifest `watches`; the rest is empty.
type View struct {
	Owner hook.Subject
	// App is a machine's app, or nil.
	App     *hook.Subject
	Members []hook.Subject
	Inputs  []Input
}

// Input is one output of one thing.
type Input struct {
	Owner, Hook, Kind, Key string
	Output                 hook.Output
}

// Spec is one thing that should exist.
type Spec struct {
	// Kind is one of the manifest's kinds.
	Kind string
	// Key is its name in the outside world, unique per (target, kind).
	Key string
	// Body is how it should be, by the kind's schema. Tokens, never secret values.
	Body json.RawMessage
	// After holds `kind/key` of things that must be ready before, and removed after, this one.
	After []string
}

// Want is a spec handed back with what the host knows. Same for every repetition of one creation.
type Want struct {
	Owner     hook.Owner
	Kind, Key string
	Body      json.RawMessage
	// Name is one that nobody else chooses, 26 characters of [a-z0-9].
	Name string
	// Once is for an `Idempotency-Key` header.
	Once string
	// Mark is to be put on the thing, in the same request as the thing itself.
	Mark string
	// ID is the thing's id, once known.
	ID string
}

// Exported is the hook.
var Exported interface {
	Desired(View) ([]Spec, error)
	Find(Want) ([]hook.Thing, error)
	Create(Want) (hook.Thing, error)
	Update(Want, hook.Thing) (hook.Thing, error)
	Remove(Want, hook.Thing) (*hook.Thing, error)
}

// Desired is the export.
func Desired(view groundcrew_hook_provision.View) wit.Result[[]groundcrew_hook_provision.Spec, failure] {
	plain := View{Owner: convert.Subject(view.Owner)}
	if view.App.IsSome() {
		app := convert.Subject(view.App.Some())
		plain.App = &app
	}
	for _, member := range view.Members {
		plain.Members = append(plain.Members, convert.Subject(member))
	}
	for _, input := range view.Inputs {
		output := hook.Output{Name: input.Output.Name, Value: input.Output.Value}
		plain.Inputs = append(plain.Inputs, Input{input.Owner, input.Hook, input.Kind, input.Key, output})
	}
	specs, err := Exported.Desired(plain)
	var made []groundcrew_hook_provision.Spec
	for _, spec := range specs {
		body := convert.JSON(spec.Body)
		made = append(made, groundcrew_hook_provision.Spec{Kind: spec.Kind, Key: spec.Key, Body: body, After: spec.After})
	}
	return convert.Result(made, err)
}

// Find is the export.
func Find(want groundcrew_hook_provision.Want) wit.Result[[]groundcrew_hook_types.Thing, failure] {
	things, err := Exported.Find(plain(want))
	var made []groundcrew_hook_types.Thing
	for _, thing := range things {
		err = convert.Whole(thing, err)
		made = append(made, convert.Generated(thing))
	}
	return convert.Result(made, err)
}

// Create is the export.
func Create(want groundcrew_hook_provision.Want) wit.Result[groundcrew_hook_types.Thing, failure] {
	thing, err := Exported.Create(plain(want))
	return convert.Result(convert.Generated(thing), convert.Whole(thing, err))
}

// Update is the export.
func Update(want groundcrew_hook_provision.Want, now groundcrew_hook_types.Thing) wit.Result[groundcrew_hook_types.Thing, failure] {
	thing, err := Exported.Update(plain(want), convert.Thing(now))
	return convert.Result(convert.Generated(thing), convert.Whole(thing, err))
}

// Remove is the export.
func Remove(want groundcrew_hook_provision.Want, now groundcrew_hook_types.Thing) wit.Result[wit.Option[groundcrew_hook_types.Thing], failure] {
	thing, err := Exported.Remove(plain(want), convert.Thing(now))
	if thing == nil {
		return convert.Result(wit.None[groundcrew_hook_types.Thing](), err)
	}
	return convert.Result(wit.Some(convert.Generated(*thing)), convert.Whole(*thing, err))
}

func plain(want groundcrew_hook_provision.Want) Want {
	return Want{
		Owner: convert.Owner(want.Owner), Kind: want.Kind, Key: want.Key, Body: json.RawMessage(want.Body),
		Name: want.Name, Once: want.Once, Mark: want.Mark, ID: convert.Text(want.Id),
	}
}
