package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/provision"
)

// What is wanted is decided without the host, so the ordinary compiler tests it: `go test`.
func TestOneThingPerAppWithItsPlan(t *testing.T) {
	for labels, value := range map[string]string{`{"plan":"pro"}`: `{"value":"pro"}`, `{}`: `{"value":null}`} {
		app := hook.Subject{Owner: hook.Owner{Path: "fly/acme/cust-7", ID: "app:1"}, Labels: json.RawMessage(labels)}
		wanted, err := things{}.Desired(provision.View{Owner: app})
		if err != nil || len(wanted) != 1 {
			t.Fatalf("%s: %v, %v", labels, wanted, err)
		}
		want := provision.Spec{Kind: "thing", Key: "cust-7", Body: json.RawMessage(value)}
		if !reflect.DeepEqual(wanted[0], want) {
			t.Errorf("%s: %s of %+v", labels, wanted[0].Body, wanted[0])
		}
	}
}
