// Package export_groundcrew_hook_inventory is called by the generated export.
package export_groundcrew_hook_inventory

import (
	"groundcrew.dev/hook"
	"groundcrew.dev/hook/internal/convert"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_inventory"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_types"
	wit "groundcrew.dev/hook/internal/wit/types"
)

// Listed is one thing of a listing.
type Listed struct {
	Kind string
	// Key is its key, where the thing shows one.
	Key   string
	Thing hook.Thing
}

// Page is a part of the listing.
type Page struct {
	Things []Listed
	// Next is the cursor of the next page, or nothing.
	Next string
}

// Exported is the hook.
var Exported interface {
	Scan(owner *hook.Owner, cursor string) (Page, error)
}

// Scan is the export.
func Scan(owner wit.Option[groundcrew_hook_types.Owner], cursor wit.Option[string]) wit.Result[groundcrew_hook_inventory.Page, groundcrew_hook_types.Failure] {
	var of *hook.Owner
	if owner.IsSome() {
		plain := convert.Owner(owner.Some())
		of = &plain
	}
	page, err := Exported.Scan(of, convert.Text(cursor))
	made := groundcrew_hook_inventory.Page{Next: convert.Option(page.Next)}
	for _, listed := range page.Things {
		err = convert.Whole(listed.Thing, err)
		thing := convert.Generated(listed.Thing)
		key := convert.Option(listed.Key)
		made.Things = append(made.Things, groundcrew_hook_inventory.Listed{Kind: listed.Kind, Key: key, Thing: thing})
	}
	return convert.Result(made, err)
}
