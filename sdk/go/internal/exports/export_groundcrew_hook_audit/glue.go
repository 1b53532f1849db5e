// Package export_groundcrew_hook_audit is called by the generated export.
package export_groundcrew_hook_audit

import (
	"groundcrew.dev/hook"
	"groundcrew.dev/hook/internal/convert"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_audit"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_types"
	wit "groundcrew.dev/hook/internal/wit/types"
)

// Page is a part of a run's findings.
type Page struct {
	Findings []hook.Finding
	// Next is the cursor of the next page, or nothing.
	Next string
}

// Exported is the hook.
var Exported interface {
	Run(cursor string) (Page, error)
}

// Run is the export.
func Run(cursor wit.Option[string]) wit.Result[groundcrew_hook_audit.Page, groundcrew_hook_types.Failure] {
	page, err := Exported.Run(convert.Text(cursor))
	made := groundcrew_hook_audit.Page{Next: convert.Option(page.Next)}
	for _, finding := range page.Findings {
		made.Findings = append(made.Findings, convert.GeneratedFinding(finding))
	}
	return convert.Result(made, err)
}
