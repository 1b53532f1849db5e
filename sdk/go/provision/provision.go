// Package provision exports a hook that makes what should exist outside, and removes it again.
package provision

import (
	"groundcrew.dev/hook"
	_ "groundcrew.dev/hook/internal/exports/provision"

	export "groundcrew.dev/hook/internal/exports/export_groundcrew_hook_provision"
)

type (
	// View is filled only with what the manifest `watches`; the rest is empty.
	View = export.View
	// Input is one output of one thing.
	Input = export.Input
	// Spec is one thing that should exist.
	Spec = export.Spec
	// Want is a spec handed back with what the host knows. Same for every repetition of one creation.
	Want = export.Want
)

// Hook makes. Any call may be repeated at any time.
type Hook interface {
	// Desired says what should exist for one owner. Pure: no HTTP. An error changes nothing; no specs mean nothing.
	Desired(view View) ([]Spec, error)
	// Find reads only. With want.ID: that thing or none. Without: everything that could be it, whoever's it is.
	Find(want Want) ([]hook.Thing, error)
	// Create makes one. If it fails after a write has left, the host calls Find and decides.
	Create(want Want) (hook.Thing, error)
	// Update changes one; now was found moments ago.
	Update(want Want, now hook.Thing) (hook.Thing, error)
	// Remove removes one. Nil: it is gone, also when it was gone before.
	Remove(want Want, now hook.Thing) (*hook.Thing, error)
}

// Export makes a hook the component's provisioner; call it from init.
func Export(hook Hook) { export.Exported = hook }
