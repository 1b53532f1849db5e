package hook

import (
	"encoding/json"
	"fmt"
	"strings"
)

// EachPage is Pages with another way to ask: what reads the JSON at an address into a value.
func EachPage[Row any](url, cursor, rows, next string, ask func(url string, into any) error) ([]Row, error) {
	var all []Row
	joined := "?"
	if strings.Contains(url, "?") {
		joined = "&"
	}
	for asked, before := url, ""; ; {
		var page json.RawMessage
		if err := ask(asked, &page); err != nil {
			return nil, err
		}
		var found []Row
		if err := json.Unmarshal(at(page, rows), &found); err != nil {
			return nil, fmt.Errorf("GET %s: %s: %w", asked, rows, err)
		}
		if found == nil {
			return nil, fmt.Errorf("GET %s: a page without its list %s", asked, rows)
		}
		all = append(all, found...)
		shown := cursorOf(at(page, next))
		if shown == "" {
			return all, nil
		}
		if shown == before {
			return nil, fmt.Errorf("GET %s: page %s shows itself as the next at %s", asked, shown, next)
		}
		before, asked = shown, url+joined+Segment(cursor)+"="+Segment(shown)
	}
}

// at is what a JSON pointer shows of objects; null where there is nothing.
func at(value json.RawMessage, pointer string) json.RawMessage {
	for _, name := range strings.Split(pointer, "/")[1:] {
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil {
			return json.RawMessage("null")
		}
		value = object[strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")]
	}
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}

// cursorOf is the text of a string or a number, and "" for all else.
func cursorOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(value, &number) == nil {
		return number.String()
	}
	return ""
}
