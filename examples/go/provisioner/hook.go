// One thing per app at a plain JSON REST API: `{config.server}/things`, things with names and marks.
package main

import (
	"encoding/json"
	"errors"
	"strings"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/inventory"
	"groundcrew.dev/hook/provision"
)

// How a thing should be: what hook.toml's schema of the kind says.
type body struct {
	Value *string `json:"value"`
}

// A thing as the API takes and shows it.
type row struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Mark string `json:"mark,omitempty"`
	body
}

type page struct {
	Items []row  `json:"items"`
	Next  string `json:"next"`
}

func url(rest string) (string, error) {
	// The stanza's `config`, as hook.toml describes it.
	var config struct {
		Server string `json:"server"`
	}
	err := hook.Config(&config)
	return config.Server + "/things" + rest, err
}

// call sends one request below `/things`.
func call(method, rest string, sent, into any) error {
	url, err := url(rest)
	if err != nil {
		return err
	}
	return hook.JSON(method, url, sent, into)
}

// list asks for one page of what there is. Nothing is found only where the API says so.
func list(query string) (page, error) {
	var page page
	err := call("GET", query, nil, &page)
	if err == nil && page.Items == nil {
		err = errors.New("the answer has no items")
	}
	return page, err
}

func shown(row row) hook.Thing {
	return hook.Thing{ID: row.ID, Body: hook.Body(row.body), Mark: row.Mark}
}

// It holds nothing: every call is a fresh instance and may be repeated at any time. An error is tried again later.
type things struct{}

// What should exist for one app. Pure: no HTTP here. No specs say that nothing should.
func (things) Desired(view provision.View) ([]provision.Spec, error) {
	var labels struct {
		Plan *string `json:"plan"`
	}
	if err := json.Unmarshal(view.Owner.Labels, &labels); err != nil {
		return nil, err
	}
	app := strings.Split(view.Owner.Path, "/")[2]
	return []provision.Spec{{Kind: "thing", Key: app, Body: hook.Body(body{Value: labels.Plan})}}, nil
}

// Everything that could be it, whoever's it is: the host judges. Never filter by mark here.
func (things) Find(want provision.Want) ([]hook.Thing, error) {
	address, err := url("?name=" + hook.Segment(want.Key))
	if err != nil {
		return nil, err
	}
	// Page by page, as ours may be on the last one.
	rows, err := hook.Pages[row](address, "after", "/items", "/next")
	var found []hook.Thing
	for _, row := range rows {
		// With an id: that thing or none.
		if want.ID == "" || want.ID == row.ID {
			found = append(found, shown(row))
		}
	}
	return found, err
}

// The mark goes into the same request as the thing. If this fails, the host calls Find and decides.
func (things) Create(want provision.Want) (hook.Thing, error) {
	return write("POST", "", row{Name: want.Key, Mark: want.Mark}, want)
}

// now was found moments ago.
func (things) Update(want provision.Want, now hook.Thing) (hook.Thing, error) {
	return write("PUT", "/"+hook.Segment(now.ID), row{Mark: want.Mark}, want)
}

func write(method, rest string, sent row, want provision.Want) (hook.Thing, error) {
	if err := json.Unmarshal(want.Body, &sent.body); err != nil {
		return hook.Thing{}, err
	}
	var made row
	err := call(method, rest, sent, &made)
	return shown(made), err
}

// Nil says that it is gone, also when it was gone before.
func (things) Remove(want provision.Want, now hook.Thing) (*hook.Thing, error) {
	err := call("DELETE", "/"+hook.Segment(now.ID), nil, nil)
	if errors.Is(err, hook.ErrNotFound) {
		return nil, nil
	}
	return nil, err
}

// Optional: with it, orphans are found, and a lost ledger can be recovered.
func (things) Scan(owner *hook.Owner, cursor string) (inventory.Page, error) {
	rest := ""
	if cursor != "" {
		rest = "?after=" + hook.Segment(cursor)
	}
	page, err := list(rest)
	if err != nil {
		return inventory.Page{}, err
	}
	listed := inventory.Page{Next: page.Next}
	for _, row := range page.Items {
		listed.Things = append(listed.Things, inventory.Listed{Kind: "thing", Key: row.Name, Thing: shown(row)})
	}
	return listed, nil
}

func init() {
	provision.Export(things{})
	inventory.Export(things{})
}

// A hook is called by the host, not run.
func main() {}
