// Package tests holds what can be said of the module without a host: go test ./tests
package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"groundcrew.dev/hook"
)

func TestErrorsBecomeFailuresWithAllThatWasWrappedAroundThem(t *testing.T) {
	plain := hook.FailureOf(fmt.Errorf("no answer"))
	if plain != (hook.Failure{Message: "no answer"}) {
		t.Errorf("an ordinary error is tried again: %+v", plain)
	}
	lasting := hook.FailureOf(fmt.Errorf("zone %s: %w", "a.example", hook.Lasting("no %s", "rights")))
	if lasting != (hook.Failure{Message: "zone a.example: no rights", Lasting: true}) {
		t.Errorf("%+v", lasting)
	}
	none := hook.FailureOf(hook.NoInventory("no `%s`", "list"))
	if none != (hook.Failure{Message: "inventory.none: no `list`", Lasting: true}) {
		t.Errorf("%+v", none)
	}
	later := hook.FailureOf(fmt.Errorf("busy: %w", &hook.Failure{Message: "status 429", After: time.Minute, Status: 429}))
	if later != (hook.Failure{Message: "busy: status 429", After: time.Minute}) {
		t.Errorf("%+v", later)
	}
}

func TestOnlyAnAnswerOf404IsNotFound(t *testing.T) {
	for status, want := range map[int]bool{404: true, 410: false, 0: false} {
		err := fmt.Errorf("wrapped: %w", &hook.Failure{Status: status})
		if errors.Is(err, hook.ErrNotFound) != want {
			t.Errorf("%d: not %v", status, want)
		}
	}
}

func TestASegmentStaysOneWhateverIsInIt(t *testing.T) {
	for text, want := range map[string]string{"a b": "a%20b", "a/b?c": "a%2Fb%3Fc", "ü+": "%C3%BC%2B", "..": ".."} {
		if segment := hook.Segment(text); segment != want {
			t.Errorf("%q: %q", text, segment)
		}
	}
}

func TestEveryPageIsRead(t *testing.T) {
	for _, end := range []string{`null`, `""`} {
		var asked []string
		pages := []string{`{"data": {"rows": [0, 1]}, "next": 1}`, `{"data": {"rows": [2]}, "next": "a b"}`,
			`{"data": {"rows": []}, "next": ` + end + `}`}
		rows, err := hook.EachPage[int]("x?a=b", "from", "/data/rows", "/next", func(url string, into any) error {
			asked = append(asked, url)
			return json.Unmarshal([]byte(pages[len(asked)-1]), into)
		})
		if err != nil || !slices.Equal(rows, []int{0, 1, 2}) {
			t.Error(rows, err)
		}
		if !slices.Equal(asked, []string{"x?a=b", "x?a=b&from=1", "x?a=b&from=a%20b"}) {
			t.Error(asked)
		}
	}
}

func TestWhatIsNoPageIsAnError(t *testing.T) {
	for page, said := range map[string]string{
		`{"rows": null}`:           "GET x: a page without its list /rows",
		`{}`:                       "GET x: a page without its list /rows",
		`[1]`:                      "GET x: a page without its list /rows",
		`{"rows": [1], "next": 7}`: "GET x?from=7: page 7 shows itself as the next at /next",
		`{"rows": ["a"]}`:          "GET x: /rows: json: cannot unmarshal string into Go value of type int",
	} {
		_, err := hook.EachPage[int]("x", "from", "/rows", "/next", func(_ string, into any) error {
			return json.Unmarshal([]byte(page), into)
		})
		if err == nil || err.Error() != said {
			t.Errorf("%s: %v", page, err)
		}
	}
}

func TestABodyIsTheJSONOfAValueAndOneThatHasNonePanics(t *testing.T) {
	if body := string(hook.Body(map[string]any{"plan": "pro", "size": nil})); body != `{"plan":"pro","size":null}` {
		t.Error(body)
	}
	defer func() {
		if recover() == nil {
			t.Error("a channel has no JSON")
		}
	}()
	hook.Body(make(chan int))
}
