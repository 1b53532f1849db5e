package convert

import (
	"encoding/json"

	"groundcrew.dev/hook"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_types"
	wit "groundcrew.dev/hook/internal/wit/types"
)

// Finding of the generated one.
func Finding(finding groundcrew_hook_types.Finding) hook.Finding {
	plain := hook.Finding{
		Code: finding.Code, About: finding.About, Severity: hook.Severity(finding.Severity), Message: finding.Message,
		CostCents: finding.CostCents.SomeOr(0), Remedy: Text(finding.Remedy), Data: json.RawMessage(finding.Data),
	}
	if finding.Subject.IsSome() {
		subject := Owner(finding.Subject.Some())
		plain.Subject = &subject
	}
	return plain
}

// GeneratedFinding is the generated finding of a plain one.
func GeneratedFinding(finding hook.Finding) groundcrew_hook_types.Finding {
	made := groundcrew_hook_types.Finding{
		Code: finding.Code, About: finding.About, Severity: uint8(finding.Severity), Message: finding.Message,
		Subject: wit.None[groundcrew_hook_types.Owner](), CostCents: wit.None[uint32](),
		Remedy: Option(finding.Remedy), Data: JSON(finding.Data),
	}
	if finding.CostCents > 0 {
		made.CostCents = wit.Some(finding.CostCents)
	}
	if finding.Subject != nil {
		made.Subject = wit.Some(groundcrew_hook_types.Owner{Path: finding.Subject.Path, Id: finding.Subject.ID})
	}
	return made
}
