// Package remedy exports, beside an auditor, what mends its findings.
package remedy

import (
	"groundcrew.dev/hook"
	_ "groundcrew.dev/hook/internal/exports/remedy"

	export "groundcrew.dev/hook/internal/exports/export_groundcrew_hook_remedy"
)

// Outcome says what became of a finding.
type Outcome = export.Outcome

// The outcomes of a remedy.
const (
	Fixed Outcome = iota
	NoLongerTrue
	NotNow
)

// Hook mends. It must look again before it acts.
type Hook interface {
	Fix(finding hook.Finding) (Outcome, error)
}

// Export makes a hook the component's remedy; call it from init.
func Export(hook Hook) { export.Exported = hook }
