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

// RunningTime is how long an app's machines of one size ran in a month.
type RunningTime struct {
	// Guest is JSON: what they ran on, as the platform's configuration has it; null where it was not told.
	Guest string
	// Region is the platform's word for where they ran; empty where it was not told.
	Region string
	// Seconds are those of all of them together; of Unseen nobody knows whether they ran.
	Seconds, Unseen float64
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

// Running is how long the machines of a living app ran in a calendar month (UTC, 2026-11), by size: also those that are
// gone, and those that run until now. Twelve months are kept.
func Running(app, month string) []RunningTime {
	var times []RunningTime
	for _, found := range groundcrew_hook_fleet.Running(app, month) {
		times = append(times, RunningTime{found.Guest, found.Region, found.Seconds, found.Unseen})
	}
	return times
}
