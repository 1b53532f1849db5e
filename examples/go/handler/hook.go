// Posts every event as JSON to `{config.server}/events`, with the event's id as idempotency key.
package main

import (
	"groundcrew.dev/hook"
	"groundcrew.dev/hook/handler"
)

// The stanza's `config`, as hook.toml describes it.
type config struct {
	Server string `json:"server"`
}

type told struct {
	ID    string  `json:"id"`
	Kind  string  `json:"kind"`
	Time  string  `json:"time"`
	About *string `json:"about"`
}

// What is told of an event.
func tells(event handler.Event) told {
	body := told{ID: event.ID, Kind: event.Kind, Time: event.Time}
	if event.Subject != nil {
		body.About = &event.Subject.Path
	}
	return body
}

// It holds nothing: every call is a fresh instance.
type tell struct{}

// Told at least once, in order for each app and machine. An error is told again later, with the same id.
func (tell) Handle(event handler.Event) error {
	var config config
	if err := hook.Config(&config); err != nil {
		return err
	}
	// Whoever is told twice can know it by the key.
	return hook.JSON("POST", config.Server+"/events", tells(event), nil, [2]string{"idempotency-key", event.ID})
}

func init() { handler.Export(tell{}) }

// A hook is called by the host, not run.
func main() {}
