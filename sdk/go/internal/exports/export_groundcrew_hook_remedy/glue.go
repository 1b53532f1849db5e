// Package export_groundcrew_hook_remedy is called by the generated export.
package export_groundcrew_hook_remedy

import (
	"groundcrew.dev/hook"
	"groundcrew.dev/hook/internal/convert"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_types"
	wit "groundcrew.dev/hook/internal/wit/types"
)

// Outcome says what became of a finding.
type Outcome uint8

// Exported is the hook.
var Exported interface {
	Fix(finding hook.Finding) (Outcome, error)
}

// Fix is the export.
func Fix(finding groundcrew_hook_types.Finding) wit.Result[uint8, groundcrew_hook_types.Failure] {
	outcome, err := Exported.Fix(convert.Finding(finding))
	return convert.Result(uint8(outcome), err)
}
