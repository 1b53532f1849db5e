// Package inventory exports, beside a provisioner, a listing: for orphan audits, import and recovery.
package inventory

import (
	"groundcrew.dev/hook"
	_ "groundcrew.dev/hook/internal/exports/inventory"

	export "groundcrew.dev/hook/internal/exports/export_groundcrew_hook_inventory"
)

type (
	// Listed is one thing of a listing.
	Listed = export.Listed
	// Page is a part of the listing.
	Page = export.Page
)

// Hook lists everything of its kinds at its target, ours or not. Reads only. At most 1,000 a page.
type Hook interface {
	// Scan makes one page. Kinds that live in their owner are scanned owner by owner; the others once, with nil.
	Scan(owner *hook.Owner, cursor string) (Page, error)
}

// Export makes a hook the component's inventory; call it from init.
func Export(hook Hook) { export.Exported = hook }
