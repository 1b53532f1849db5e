// Package fleet is the mirror of the platform within the hook's scope; it may lag by a poll. For handlers and auditors:
// a provisioner is shown what it watches.
package fleet

import (
	"groundcrew.dev/hook"
	"groundcrew.dev/hook/internal/convert"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_fleet"
)

// Page is a part of a listing.
type Page struct {
	// Subjects are by path.
	Subjects []hook.Subject
	// Next is the cursor of the next page, or empty.
	Next string
}

// Get is one living subject, or nil if there is none within the hook's scope.
func Get(path string) *hook.Subject {
	found := groundcrew_hook_fleet.Get(path)
	if !found.IsSome() {
		return nil
	}
	subject := convert.Subject(found.Some())
	return &subject
}

// Below is living subjects directly below a path, 500 a page; the cursor is empty at the start.
func Below(path, cursor string) Page {
	found := groundcrew_hook_fleet.Below(path, convert.Option(cursor))
	page := Page{Next: convert.Text(found.Next)}
	for _, subject := range found.Subjects {
		page.Subjects = append(page.Subjects, convert.Subject(subject))
	}
	return page
}
