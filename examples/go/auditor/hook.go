// Reports things that nobody uses at a plain JSON REST API: `{config.server}/things?after=CURSOR`.
package main

import (
	"errors"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/audit"
)

// The stanza's `config`, as hook.toml describes it.
type config struct {
	Server string `json:"server"`
}

// A thing as the API shows it.
type row struct {
	ID    string `json:"id"`
	Used  bool   `json:"used"`
	Cents uint32 `json:"cents"`
}

type page struct {
	Items []row  `json:"items"`
	Next  string `json:"next"`
}

// A finding is known from day to day by Code and About; one that a run no longer reports resolves itself.
func finding(row row) hook.Finding {
	return hook.Finding{
		Code:      "thing.idle",
		About:     "thing/" + row.ID,
		Severity:  hook.Warning,
		Message:   "nobody uses it",
		CostCents: row.Cents,
		Remedy:    "delete it, if nobody misses it",
		Data:      hook.Body(map[string]string{"id": row.ID}),
	}
}

// It holds nothing: every call is a fresh instance.
type idle struct{}

// One page; the cursor is empty at the start. Reads only. An error is asked for again later.
func (idle) Run(cursor string) (audit.Page, error) {
	var config config
	if err := hook.Config(&config); err != nil {
		return audit.Page{}, err
	}
	url := config.Server + "/things"
	if cursor != "" {
		url += "?after=" + hook.Segment(cursor)
	}
	var page page
	if err := hook.JSON("GET", url, nil, &page); err != nil {
		return audit.Page{}, err
	}
	if page.Items == nil {
		return audit.Page{}, errors.New("the answer has no items")
	}
	found := audit.Page{Next: page.Next}
	for _, row := range page.Items {
		if !row.Used {
			found.Findings = append(found.Findings, finding(row))
		}
	}
	return found, nil
}

func init() { audit.Export(idle{}) }

// A hook is called by the host, not run.
func main() {}
