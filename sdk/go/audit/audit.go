// Package audit exports a hook that looks, and reports what it finds.
package audit

import (
	_ "groundcrew.dev/hook/internal/exports/audit"

	export "groundcrew.dev/hook/internal/exports/export_groundcrew_hook_audit"
)

// Page is a part of a run's findings.
type Page = export.Page

// Hook looks. Reads only.
type Hook interface {
	// Run makes one page; the cursor is empty at the start of a run.
	Run(cursor string) (Page, error)
}

// Export makes a hook the component's auditor; call it from init.
func Export(hook Hook) { export.Exported = hook }
