// Package handler exports a hook that tells somebody that something happened.
package handler

import (
	_ "groundcrew.dev/hook/internal/exports/handler"

	export "groundcrew.dev/hook/internal/exports/export_groundcrew_hook_handler"
)

// Event is what happened, once, to one subject or to none.
type Event = export.Event

// Hook tells. At least once, per subject in order; an error is told again later, with the same id.
type Hook interface {
	Handle(event Event) error
}

// Export makes a hook the component's handler; call it from init.
func Export(hook Hook) { export.Exported = hook }
