package main

import (
	"testing"

	"groundcrew.dev/hook"
)

// What is found is decided without the host, so the ordinary compiler tests it: `go test`.
func TestAFindingIsKnownByItsThing(t *testing.T) {
	found := finding(row{ID: "t4", Cents: 200})
	if found.Code != "thing.idle" || found.About != "thing/t4" {
		t.Errorf("it is known as %s %s", found.Code, found.About)
	}
	if found.Severity != hook.Warning || found.CostCents != 200 || string(found.Data) != `{"id":"t4"}` {
		t.Errorf("it says %+v", found)
	}
}
