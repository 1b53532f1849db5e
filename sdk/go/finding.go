package hook

import "encoding/json"

// Severity says how bad a finding is.
type Severity uint8

// The severities of a finding.
const (
	Info Severity = iota
	Warning
	Critical
)

// Finding is something that an audit noticed. Code and About are its identity from day to day.
type Finding struct {
	// Code says what kind of thing was noticed: `volume.unattached`.
	Code string
	// Subject is whom it concerns, or nil.
	Subject *Owner
	// About is `kind/id` of an outside thing, or the subject's path.
	About    string
	Severity Severity
	Message  string
	// CostCents is US cents a month, where known.
	CostCents uint32
	// Remedy says in words what would mend it.
	Remedy string
	// Data is evidence; handed back to a remedy.
	Data json.RawMessage
}
