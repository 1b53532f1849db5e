// Package export_groundcrew_hook_handler is called by the generated export.
package export_groundcrew_hook_handler

import (
	"encoding/json"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/internal/convert"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_handler"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_types"
	wit "groundcrew.dev/hook/internal/wit/types"
)

// Event is what happened, once, to one subject or to none.
type Event struct {
	// ID is the same over redelivery, restart and runner: use it as the idempotency key.
	ID, Kind string
	// Time is RFC 3339.
	Time string
	// Subject is whom it happened to, or nil.
	Subject *hook.Subject
	Data    json.RawMessage
}

// Exported is the hook.
var Exported interface{ Handle(Event) error }

// Handle is the export.
func Handle(event groundcrew_hook_handler.Event) wit.Result[wit.Unit, groundcrew_hook_types.Failure] {
	plain := Event{ID: event.Id, Kind: event.Kind, Time: event.Time, Data: json.RawMessage(event.Data)}
	if event.Subject.IsSome() {
		subject := convert.Subject(event.Subject.Some())
		plain.Subject = &subject
	}
	return convert.Result(wit.Unit{}, Exported.Handle(plain))
}
