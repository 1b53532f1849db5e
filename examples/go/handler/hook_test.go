package main

import (
	"encoding/json"
	"testing"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/handler"
)

// What is told is decided without the host, so the ordinary compiler tests it: `go test`.
func TestEventsAreToldWithTheirSubject(t *testing.T) {
	event := handler.Event{ID: "e1", Kind: "app.created", Time: "2026-11-22T08:00:00Z"}
	app := &hook.Subject{Owner: hook.Owner{Path: "fly/acme/cust-7", ID: "app:1"}}
	for about, subject := range map[string]*hook.Subject{`"fly/acme/cust-7"`: app, `null`: nil} {
		event.Subject = subject
		sent, err := json.Marshal(tells(event))
		want := `{"id":"e1","kind":"app.created","time":"2026-11-22T08:00:00Z","about":` + about + `}`
		if err != nil || string(sent) != want {
			t.Errorf("%s, %v", sent, err)
		}
	}
}
