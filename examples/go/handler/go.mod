module tell-go

go 1.24

require groundcrew.dev/hook v0.1.0

// Comes with groundcrew; `groundcrew build` unpacks it.
replace groundcrew.dev/hook => ./.groundcrew/sdk/go
